import { describe, expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";

/**
 * Payloads as releases have written them. None may ever be changed or removed: executions that wrote them go on.
 * Add new ones when the format gets new words.
 */
const rows = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ id, name: `item-${id}`, ok: id % 3 === 0 }));

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
];

describe.each(["json", "compact", "typed"] as const)("the %s codec still reads", (name) => {
  test.each(GOLDEN)("%s", (_, payload, value) => {
    expect(createCodec(name).decode(payload)).toStrictEqual(value);
  });
});

test("a recorded error keeps its stack and cause", () => {
  const payload = GOLDEN.find(([what]) => what === "each type")?.[1];
  const { error } = createCodec("json").decode(payload) as { error: RangeError };
  expect(error.stack).toBe("RangeError: no\n    at f");
  expect(error.cause).toMatchObject({ name: "TypeError", message: "why", stack: "TypeError: why" });
});
