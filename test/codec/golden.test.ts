import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readOutcomes, readStoredBatch } from "../../src/codec/batch-outcomes.ts";
import { createCodec } from "../../src/codec/codec.ts";

/**
 * Payloads as releases have written them. None may ever be changed or removed: executions that wrote them go on.
 * Add new ones when the format gets new words.
 */
const rows = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ id, name: `item-${id}`, ok: id % 3 === 0 }));

const hash = (text: unknown) => createHash("sha256").update(String(text)).digest("hex");
const stackOf = <E extends Error>(error: E, stack: string): E => Object.assign(error, { stack });

/** A batch as the first version kept it, with items that came to each of the ends there were. */
const firstVersion = (count: number) => {
  const at = (ends: readonly number[]) =>
    Array.from({ length: count }, (_, n) => n).filter((n) => ends.includes(n % 10));
  return {
    batch: 1,
    statuses: Array.from({ length: count }, (_, n) => "SSSFSUSKS."[n % 10]).join(""),
    results: at([0, 1, 2, 4, 6, 8]).map((id) => ({ id, total: id * 1.5 })),
    ...(count > 3 ? { errors: at([3]).map((n) => ({ ErrorType: "Error", ErrorMessage: `no ${n}` })) } : {}),
    ...(count > 7
      ? {
          kept: at([7]).map((n) => [
            { step: "1", result: { charged: n } },
            { step: "2", attempts: 2, leftMs: 500 },
          ]),
        }
      : {}),
    parts: 2,
    fingerprint: "ffffffff",
  };
};
const typedFirstVersion = {
  batch: 1,
  statuses: "S".repeat(12),
  results: Array.from({ length: 12 }, (_, n) => ({ at: new Date(1.7e12 + n * 1000), big: BigInt(n) })),
};

const GOLDEN: [what: string, payload: string, value: unknown][] = [
  ["JSON", '{"a":[1,"~1z",null]}', { a: [1, "~1z", null] }],
  ["small records", "~1mk9RyQJKhYaFi0wAAAAAAAAABoXgDQNMAAAAAAAAAAqF5", [{ a: 1n, b: "x" }, 3, { a: 2n, b: "y" }]],
  [
    "rows",
    "~1dnczLCcJQEEbhG6xHSOaRB9xmBLMIEt3YQGrQCoJoH0kbtxgXcyrIMHBW_7dU79c6XT_3yzyuj9tyKimn6viVlL_Tc5zPdaSJSEQjFvFIG-kifWT4xbymDRWq1KjTlna0p3iCJ3iCJ3iCJ3iCJ3iCJ3iKp3iKp3iKp3iKp3iKp3iGZ3iGZ3iGZ3iGZ3iGZ3iO53iO53iO53iO53iO50NJed-2w_8H",
    rows(60),
  ],
  [
    "many rows, with zstd",
    "~1zKLUv_WAEM80cADpVOAofkCvLAf8bjN74PZs0FsfbbV3y_7WSlCmllMxmpjnQbKwAgACZAJIkSZIkSZIkSZIkSZIkSZIkSZIkSZIkSZIkSZIkSZIkSR9xOcXhH3E5xWE-4nKKg3zE5RQHf8TlFId-xOUUB37E5RSHfcTlFAd9xOUUh_iIyykOh6DwEZdTHP4Rl1Mc5iMupzjIR1xOcfBHXE5x6EdcTnHgR1xOcdhHXE5x0EdcTnGICR9xOcVhQAIDDA5IsNCQIQAACw0ZBDRAsACCgQQEFEQocACCgwcBGgS2bdu2bdu2bdu27bZt27Zt27Zt27Zt27Zt27Zt27Zt27Zt27Zt27Zt27Zt27Zt27YlSZIkSZIkSZIkSZIkSZIkSZIkSZIkSZIkSZIkSZIkSZIkSZIkyW3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm2TJEmSpP__________________________________z8zMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMyIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiNi2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu27RcuYLDQkOH_____xMTExMTExMTEhISEhISEhISEhITD4XA4HA6Hw9FoNBqNRqPRaDAYDAaDwWAwGIvFYrFYLBaLhUKhUCgUCoVCEREREREREREREXGIQxziEIc4xCEOcYhD_P___yMupzjMR1xOcZCPuJzi4I-4nOLQj7ic4sCPuJzisI-4nOKgj7ic4hAfcTnF4XCICv_______________wGEsagjIK6lNOwb4y-0GxOQQAFFuu___98BqthOtmQnL_UqrqOwLsV0FNahWI_COhLro5iOxToU11FYl2I5SutIrEcxHYt1KK6jpw3qoMYeNaiRGmPToAoqq7IzO9nGyZbsPK2vBWmcTYM0qK_KTuzkGydbsvO0vhbU1PgrHR0AWSQzySSZSCbRhCyRhWSSTCSTZCKayBKySCaRSTKJTKKJWCKLyCSZRCbJJDSRJWKx5_BAL--eN__sd9_2uS77sjA3NA2UQ9q1HWYqD7GrNOOQdm2wwFQeYtdrxiHt2nCBqTzErteMQ9prwwWm8hC7XjMOadeOgluAAYMxjuM4hh8jNKprlS7grg",
    rows(1_200),
  ],
  ["text, with zstd", "~1zKLUv_WBzFr0AAHjaF3Bsb3JlbSBpcHN1bSABAGH3vtQB", "lorem ipsum ".repeat(500)],
  [
    "decimals and differences",
    "~1dm9zIMolpypnas4xxZ5lf_G9kvsOgcNqp8uDhLgcGhrOvEmiHGlkmMYKtM2LEDwA",
    [
      [1.25, 3.5, 10, -0.01],
      Array.from({ length: 32 }, (_, i) => 1.77e12 + i * 60_000),
      Array.from({ length: 32 }, (_, i) => 5 + i / 10),
    ],
  ],
  [
    "awkward keys and text",
    "~1dm9TIOmnyyvj4gqL8kvz4-Ea2I0wMN1bEx2enVhbHx09mZGJuZDvK-I3hTgXDKBxpIQAA",
    [JSON.parse('{"__proto__":1,"\\ud800":2,"__keys__":3}'), `\udc00${"x".repeat(250)}`],
  ],
  [
    "bytes and numbers",
    "~1du1LkMHlpUmVJavGytJz8xJLi5XmluUmpRcXHWUsYGRj__T_OWsLOwHDAvpHpSMNSS6lTzyNlqpi3tHt29AmYTJGXFHBYcmhCoXOmxYVn9_2DmiXXLOJR3L3wwbulzvyOK7w-Sy4WtZGpe3asqfKFWQ2rpqHkWbO7h7apGO3_qCjH3rPUQvI3-yzFCAGNLvUvZz96Xjl_8sih_Xt2bt-6edOG9WvX2KMBAA",
    {
      bytes: new Uint8Array([0, 1, 254, 255]),
      floats: new Float32Array([1.5]),
      numbers: Array.from({ length: 16 }, (_, i) => 1 / (i + 3.1)),
    },
  ],
  [
    "each type",
    "~1dbY-xTgJBEIb3aFCsfIPtLQwtlWJ4AbW0Ge7mjg2wR3YXLmdD9g1kibW5u70QLWxt6SwovRAfQzu7MycgFv7F5E_-b_7MFOLsIR9zD_2MA88Y9y2vxi2KMOuywHqgcMH4BAbMy4YwyiSqVGCOQoTCijCSdsCkshOGUUHIavpFfrSafmxNuTW6vnxvlxstNxkh6xKvPklRlvrAmEKczxJwkr5Zl1VYEKIP507SnNX0kcnh5Oa0mwZMN8zTJfAAO9UNhWjfWw5DXAxRSggwlwrcfu7CWKJ1Qw__wCkPX_arLcrDBqWUgqK-bpjH63i0K72Y_1O6B7KoFz__4i0a9eK009SOmSVg3rbPOTtTu3utqeP6Nw",
    {
      undef: undefined,
      nan: Number.NaN,
      inf: Number.POSITIVE_INFINITY,
      ninf: Number.NEGATIVE_INFINITY,
      zero: -0,
      big: -(2n ** 70n),
      date: new Date(1.7e12),
      invalid: new Date(Number.NaN),
      map: new Map<unknown, unknown>([
        [{ a: 1 }, new Date(0)],
        ["k", undefined],
      ]),
      set: new Set([1, "1", [2]]),
      re: /a+\/b/gi,
      error: Object.assign(new RangeError("no", { cause: new TypeError("why") }), { code: "E1" }),
      rows: [{ a: 1n }, { a: 2n }],
      list: [],
      view: new DataView(new Uint8Array([7]).buffer),
    },
  ],
  [
    "rows, deflated by zlib",
    "~1d7dPNqRxnGERhD47H0F1V3184BmkhjKSNE1AMdgTCSA7hrqU0bjAGT50gBGoG6l0dmmaeT4-___r87s0_H35___bzxz8-_fr6ePnl8fP5Eb_A6-Ply7s_377_7XrO_Rw9x8_Jc8Zz5nPWc_Zzztf_K_fVvbvqupvu6M7u6u5ue2pP7ak9taf21J7aU3tqT-25Pbfn9tye23N7bs_tuT23l_bSXtpLe2kv7aW9tJf20t5ob7Q32hvtjfZGe6O90d5ob7Q325vtzfZme7O92d5sb7Y325vtrfZWe6u91d5qb7W32lvtrfZWe7u93d5ub7e329vt7fZ2e7u93d5p77R32jvtnfZOe6e9095p75x_-3--OG4OcZgjHINjciyOzUH5pnxTvinflG_KN-Wb8k35pnxTFmVRFmVRFmVRFmVRFmVRNmVTNmVTNmVTNmVTNmVTDuVQDuVQDuVQDuVQDuVQHpQH5UF5UB6UB-VBeVAelAflSXlSnpQn5Ul5Up6UJ-VJeVJelBflRXlRXpQX5UV5UV6UF-VNeVPelDflTXlT3pQ35U15Uz6UD-VD-VA-lA_lQ_lQPpQxqKtlXS3rallXy7pa1tWyrpZ1tayrZV19Z2FQGBQGhUFhUBgUBoVBYVAYFAaFQWFQGBQGhUFhUBgUBoVBYVAYFAaFQWFQGBQGhUFhUBgUBoVBYVAYFAaFQWFQGBQGhUFhUBgUBoVBYVAYFAaFQWFQGBQGhUFhUBgUBoVBYVAYFAaFQWFQGBQGhUFhUBgUBoVBYVAYFAaFQWFQGBQGhUFhUBgUBoVBYVAYFAaFQWFQGBQGhUFhUBg0Bo1BY9AYNAaNQWPQGDQGjUFj0Bg0Bo1BY9AYNAaNQWPQGDQGjUFj0Bg0Bo1BY9AYNAaNQWPQGDQGjUFj0Bg0Bo1BY9AYNAaNQWPQGDQGjUFj0Bg0Bo1BY9AYNAaNQWPQGDQGjUFj0Bg0Bo1BY9AYNAaNQWPQGDQGjUFj0Bg0Bo1BY9AYNAaNQWPQGDQGjUFj0Bg0Bo1BY9AYNAaNQWPQGDQGjUFj0Bg0Bo1BY9AYDAaDwWAwGAwGg8FgMBgMBoPBYDAYDAaDwWAwGAwGg8FgMBgMBoPBYDAYDAaDwWAwGAwGg8FgMBgMBoPBYDAYDAaDwWAwPq-Pl-_fvv38_YBf4D8",
    rows(440),
  ],
  [
    "a dictionary of many members",
    "~1d7dC7DcJQDEbhGyF2SYOU-M9zHCRSRCjQsMBdAZggQrBHWOMOQ-EzQOhjWTqVv8Jxf08hf4-3YToUntJjHnkqT-1pPK2n8_QfPy9oSY2KVrSmDW1pR_EMz_AMz_AMz_AMz_AMz_CEJzzhCU94whOe8ISnPmbPxzyeXpfjNMzXc9ylkIds3WxP9_799BTy77Ks2h8",
    Object.fromEntries(rows(40).map((row) => [row.name, row])),
  ],
  ["text that repeats itself, deflated with the fixed code", "~1du1LkMHFh4i1GnaRRQDQAAA", { a: "b".repeat(300) }],
  [
    "msgpack that nothing would make shorter",
    "~1dFdFLqNdVEMDx-xcqSFwGQgQVbiqKc-acM3PO5lq_PxURuXATYYVnzsyUBGI3IegBFQTVoigh2uVdKL6Woi4E3QjKUREV5Iob3wvxhSiKz5-zGobPdzUn597-Z7Os-UK_WT-_9vSimWTalBHNWkYLWUoCythQsGCj0kC4QSgiUYvniARFKFQg40RakDMyUDAL0Zr6IuPFRTVLNViiSFVq1FoBzEsszXlNIMKUKXFkiRSShgqY1KOqurEq5DMXTuKC82NCkhlb8lac1FARR9h8qBxSVEfR5YTAKjwy19Sl5kWbaajikQkguIIk6rxhdEwaCQrHYk0jA9A4EkW8NfQNLedoMWP04oCjePASTALkxi5zSmGEtUlly1UNRkCigbhE4FrFoY9JU2TX0JfqDSAAMShzM9ZG2VLCWE1DESXD5rwnQs3C1CQExyl6iiaERuLAI6OHkKkms2acvaK54gvmQMUBlsIaoeWaNaIxc0zOE2DypE_fAy1h9bkYIaSKUmNx2TPE5M_MLO3DlS-n7zy-8WIfru058O6u-TV9ePTJ__teX7KuD5c-pMnvV1f34eK3fy0sXf5an05e-Hnlq7-d6NOZvzdOlreVfbj5wQ9HXv5vUx8WPt3z0nMXD_Xh8J2HF756sHas8uzZH2lcLvXvFi_5fDTXtm77WNqpPpyb3X9nw47dfbj1zLbP7u9d1Kcz63atvzu_pQ_3Vr1_8ggu7sP5_bfmnp2sGvNftl_4acPqPtxetvPYR7NzfTr58-uDv7pX-nD9sK1YId_34Sa8-cd7byz04fLxt_5d9vzRJw",
    {
      digest: Array.from({ length: 8 }, (_, i) => hash(i)).join(""),
      n: Array.from({ length: 24 }, (_, i) => Number.parseInt(hash(i).slice(0, 13), 16) / 7),
    },
  ],
  [
    "tables in tables, with text of every kind",
    "~1dZc1LisJAFIXhqjwq73d6IU3TNC4nTUsjggMN4tC4hKOCM4lkIrgIQZeRkStwCWpmntTs-6HOreR2cxj9NZNhMW3K4n_WlMNFWemtyIXsv2eG1KDp0A0YJkwFZcGyYTtwXLgePB9-gCBEGCGKESdIUqQZshz5x_N7Jdeox_UcdVH_QpzfLckaWScbZJOsyBbZJjtkl-yRfXJADskROSYn5JScnVuRHy_H2-p03--Wlboaov0UXL565btXfnpl8F7Ua5m2u0brXaP9rtGFrg3EAw",
    Array.from({ length: 20 }, (_, i) => ({
      id: i,
      near: [i + 1, i + 2],
      tags: [
        { k: "a", v: i },
        { k: "b", v: null },
      ],
      text: i % 2 ? `\udc00${i}` : "é€😀",
    })),
  ],
  [
    "a table of typed cells",
    "~1da2ScOmVRYsnipMz0pbmJlUmpi_MS8-4waFz7nxr8kQFM2oDJCjC5BUx-AJGfdMBkBphcAiYfgMjPMmAyAkxOAZMXQOQXHjDpASZbwOQBMPkHRH61AJMlYHIDmHwDIr-BXfItBUwuAJN3QOR3CTAZAiYngMkzIPIHB5h0AZMNYHIPmPwBIn-agMkCMLkGTL4Akb9U7jBoXGaAghtOUAZr9vE43WQBJBGu6317oo4pIIkIOIdJdWgaIImIrpet2NrjgCQiLfXk2qP3AUgiCm1rTAWCEpBEVD8VT7bdWoAkoh1n9TFbogFJxOAUk_-M6glIImamJ9cevbcAScR64UTuz44bkEQceSOyFJYcQBJxq5Q_4cd-AUnE-8lzteqsB0gigQHrWlac_YAkEran9NE1QyADLhKjYevIPAU5fBKnsMw3-I4cPmn_T_-Ni0IOn5zsydHde5HDp_B61M6dCsjhU-6sJP6sGTl8ata9LBN-hhw-TVIbrjh6IodPe1uFUd4a5PDp-WQ_YQ4_cvhMimN7d7IIOXymnzzn8-0qcvjMNZ26WsUCOXwWLYzlDJyNHD4reFXS6_4hh8_aitdH1yQBGXCRTU82K988ihw-OwKqmtg1kMNn7x7HBybdyOFzWIPTLvEdcvicmHxhTn8gcvic_T_9154tyOFzOTs-4pV4AQPDHQaNRvYDVxgY6E_eYdBgPF3_A-IgOGNECAEA",
    Array.from({ length: 40 }, (_, i) => ({
      at: new Date(1.7e12 + i * 60000),
      big: BigInt(i) * 10n ** 20n,
      maybe: i % 2 ? undefined : -0,
      nan: i % 3 ? Number.NaN : 1,
    })),
  ],
  [
    "each kind of view, and several errors",
    "~1dbUxLDoIwFKxFjbDyCFxBJcS48ZN4kGIKEj8kpT2AV0A36s4C7tzoxhNwAY6j1ld1oYmTvPcmM2-mZIP9IexK0Z3IsOVKARN22lLA-K4jPddJPeE6uSd8nzJJ5vMCc6RgYbMwuPFQsKsYFTVeuyul4NYNhFBh8sZuq3HtAzdv4GkAt6rga0CyWcErK8nGjEWsZMNNuiQLelzQOCYBzWJOJrOcajM-DYOA0YBw-npOvYhPL79az9Zi8lU4Wv8pfJsyWtLzJwbUsgGE2z5-Ag",
    {
      i8: new Int8Array([-1]),
      u8c: new Uint8ClampedArray([9]),
      i16: new Int16Array([-2]),
      u16: new Uint16Array([2]),
      i32: new Int32Array([-3]),
      u32: new Uint32Array([3]),
      f64: new Float64Array([0.1]),
      b64: new BigInt64Array([-4n]),
      bu64: new BigUint64Array([4n]),
      buffer: new Uint8Array([1, 2]).buffer,
      all: stackOf(
        new AggregateError([stackOf(new Error("one"), "Error: one\n    at f"), 2], "both"),
        "AggregateError: both",
      ),
    },
  ],
  [
    "a batch",
    '{"batch":1,"statuses":"SSS","results":[{"id":0,"total":0},{"id":1,"total":1.5},{"id":2,"total":3}],"parts":2,"fingerprint":"ffffffff"}',
    firstVersion(3),
  ],
  [
    "a batch, packed",
    "~1du1LkMH1pUmJJcsaK4pLEktLi1OLlRanFpTklxctSi4ryi4qXZKcWlCwtSCwqKV6dlpmXnlpUUJSZV8K4Lzg42C04NNg7WA8bq5Fx8qRFmSlLS_JLEnMame8wCDEwMjIBARLZyDKJESLFzy8HBEgkSPtKV5ADQioLUteAWb6pxcWJ6amTl4J5yOTkJXn5CsZLgYQhmDQynjzpSpHjpCXFJakFyyD-WWh4pchp4vLkjMSi9NQU9itFzpPB0isSS0pScwtKipflpKaV-BYvNGI6y_hlkuNCQydBZySONJTDtCINCgA",
    firstVersion(30),
  ],
  [
    "a batch of typed results",
    "~1dTcbLCYNQFEVRn_9PU-nBCp7hkQQy8l4LSAtx6ihBdGA3in1YgcLBA-7BZi31re0rq_fnKGq1ESdD7aR5q5ipvPQx7fdn9V-9Ht26u3LzcIP7eICHeITHeIKneIbneNHN3hlhCJ8IiJCIiJhIiJTIiJwoDg",
    typedFirstVersion,
  ],
];

describe.each(["json", "compact", "typed"] as const)("the %s codec still reads", (name) => {
  test.each(GOLDEN)("%s", (_, payload, value) => {
    expect(createCodec(name).decode(payload)).toStrictEqual(value);
  });
});

test("a batch of the first version is read in the newest form", () => {
  const payload = GOLDEN.find(([what]) => what === "a batch, packed")?.[1];
  const stored = readStoredBatch(createCodec("compact").decode(payload));
  expect(stored).toMatchObject({
    batch: 2,
    parts: 2,
    fingerprint: "ffffffff",
    due: [
      [7, "2", 500],
      [17, "2", 500],
      [27, "2", 500],
    ],
  });
  const outcomes = stored === undefined ? [] : readOutcomes(stored);
  expect(outcomes.map((outcome) => outcome?.mark ?? ".").join("")).toBe("SSSFSUSKS.".repeat(3));
  expect(outcomes[0]).toEqual({ mark: "S", result: { id: 0, total: 0 } });
  expect(outcomes[3]).toEqual({ mark: "F", error: { ErrorType: "Error", ErrorMessage: "no 3" } });
  expect(outcomes[7]).toEqual({
    mark: "K",
    records: [
      { path: "1", isFirstVersion: true, status: "SUCCEEDED", result: { charged: 7 } },
      { path: "2", isFirstVersion: true, status: "PENDING", attempts: 2 },
    ],
  });
});

test("a recorded error keeps its stack and cause", () => {
  const payload = GOLDEN.find(([what]) => what === "each type")?.[1];
  const { error } = createCodec("json").decode(payload) as { error: RangeError };
  expect(error.stack).toBe("RangeError: no\n    at f");
  expect(error.cause).toMatchObject({ name: "TypeError", message: "why", stack: "TypeError: why" });
});
