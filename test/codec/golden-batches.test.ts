import { describe, expect, test } from "vitest";
import {
  lastOutcomes,
  type Outcome,
  readOutcomes,
  readStoredBatch,
  type WrittenOutcome,
  writeBatch,
} from "../../src/codec/batch-outcomes.ts";
import { createCodec } from "../../src/codec/codec.ts";
import type { StoredBatch } from "../../src/codec/stored-batch.ts";

/**
 * What batches have written, by the version of the form. None may ever be changed or removed: executions that wrote them go
 * on. Add new ones when the form gets new words.
 */
interface Golden {
  readonly what: string;
  /** The text as it was written, before the codec packs it. */
  readonly text: string;
  readonly outcomes: readonly (Outcome | undefined)[];
  readonly members?: Partial<StoredBatch>;
  /** What is written so. */
  readonly written?: readonly [outcomes: readonly (WrittenOutcome | undefined)[], members: object];
}

const error = { ErrorType: "RangeError", ErrorMessage: "no", ErrorData: "d", StackTrace: ["at f"] };

const SECOND: readonly Golden[] = [
  {
    what: "results: JSON, text, undefined",
    text: '{"batch":2,"statuses":"STUS","results":[{"a":[1]},"~1zKLU",null]}',
    outcomes: [
      { mark: "S", result: { a: [1] } },
      { mark: "T", result: "~1zKLU" },
      { mark: "U" },
      { mark: "S", result: null },
    ],
    written: [
      [
        { mark: "S", payload: '{"a":[1]}' },
        { mark: "T", payload: "~1zKLU" },
        { mark: "U" },
        { mark: "S", payload: "null" },
      ],
      {},
    ],
  },
  {
    what: "failures, items left behind, and items of which nothing is said",
    text: `{"batch":2,"statuses":".F-..F","results":[],"errors":[${JSON.stringify(error)},{}]}`,
    outcomes: [undefined, { mark: "F", error }, { mark: "-" }, undefined, undefined, { mark: "F", error: {} }],
    written: [[undefined, { mark: "F", error }, { mark: "-" }, undefined, undefined, { mark: "F", error: {} }], {}],
  },
  {
    what: "an item whose result is made again",
    text: '{"batch":2,"statuses":"R","results":[],"kept":[[{"path":"1","status":"SUCCEEDED","name":"s","result":1}]]}',
    outcomes: [{ mark: "R", records: [{ path: "1", status: "SUCCEEDED", name: "s", result: 1 }] }],
    written: [[{ mark: "R", records: [{ path: "1", status: "SUCCEEDED", name: "s", payload: "1" }] }], {}],
  },
  {
    what: "records of an item under way: steps, contexts, waits, conditions, packed results",
    text:
      '{"batch":2,"statuses":"K","results":[],"kept":[[' +
      '{"path":"1","status":"SUCCEEDED"},' +
      '{"path":"2","status":"FAILED","attempts":3,"error":{"ErrorMessage":"no"}},' +
      '{"path":"3","type":"CONTEXT","subType":"Map","name":"inner","status":"STARTED"},' +
      '{"path":"3-1","status":"READY","attempts":1,"result":{"state":1}},' +
      '{"path":"4","type":"CONTEXT","status":"SUCCEEDED","replayChildren":true,"text":"{}"},' +
      '{"path":"5","type":"WAIT","status":"STARTED"},' +
      '{"path":"6","status":"SUCCEEDED","text":"~1zKLU"}]]}',
    outcomes: [
      {
        mark: "K",
        records: [
          { path: "1", status: "SUCCEEDED" },
          { path: "2", status: "FAILED", attempts: 3, error: { ErrorMessage: "no" } },
          { path: "3", type: "CONTEXT", subType: "Map", name: "inner", status: "STARTED" },
          { path: "3-1", status: "READY", attempts: 1, result: { state: 1 } },
          { path: "4", type: "CONTEXT", status: "SUCCEEDED", replayChildren: true, text: "{}" },
          { path: "5", type: "WAIT", status: "STARTED" },
          { path: "6", status: "SUCCEEDED", text: "~1zKLU" },
        ],
      },
    ],
    written: [
      [
        {
          mark: "K",
          records: [
            { path: "1", status: "SUCCEEDED" },
            { path: "2", status: "FAILED", attempts: 3, error: { ErrorMessage: "no" } },
            { path: "3", type: "CONTEXT", subType: "Map", name: "inner", status: "STARTED" },
            { path: "3-1", status: "READY", attempts: 1, payload: '{"state":1}' },
            { path: "4", type: "CONTEXT", status: "SUCCEEDED", replayChildren: true, payload: "{}" },
            { path: "5", type: "WAIT", status: "STARTED" },
            { path: "6", status: "SUCCEEDED", payload: "~1zKLU" },
          ],
        },
      ],
      {},
    ],
  },
  {
    what: "the batch's own operation: parts, what waits, what the items are",
    text:
      '{"batch":2,"statuses":"K","results":[],"kept":[[{"path":"1","status":"PENDING","attempts":1}]],"parts":2,' +
      '"due":[[0,"1",500],[3,"2-1",0,61000]],"fingerprint":"0123456789abcdef","names":"fedcba9876543210"}',
    outcomes: [{ mark: "K", records: [{ path: "1", status: "PENDING", attempts: 1 }] }],
    members: {
      ...{ parts: 2, fingerprint: "0123456789abcdef", names: "fedcba9876543210" },
      due: [
        [0, "1", 500],
        [3, "2-1", 0, 61_000],
      ],
    },
    written: [
      [{ mark: "K", records: [{ path: "1", status: "PENDING", attempts: 1 }] }],
      {
        parts: 2,
        due: [
          [0, "1", 500],
          [3, "2-1", 0, 61_000],
        ],
        ...{ fingerprint: "0123456789abcdef", names: "fedcba9876543210" },
      },
    ],
  },
  {
    what: "a part: times of the clock, and that it is the last one",
    text: '{"batch":2,"statuses":"","results":[],"due":[[1,"1",2000]],"atMs":1700000000000,"isLast":true}',
    outcomes: [],
    members: { due: [[1, "1", 2_000]], atMs: 1_700_000_000_000, isLast: true },
    written: [[], { due: [[1, "1", 2_000]], atMs: 1_700_000_000_000, isLast: true }],
  },
  {
    what: "an item that the first version had begun",
    text: '{"batch":2,"statuses":"K","results":[],"kept":[[{"path":"1","status":"SUCCEEDED","isFirstVersion":true,"result":1}]]}',
    outcomes: [{ mark: "K", records: [{ path: "1", status: "SUCCEEDED", isFirstVersion: true, result: 1 }] }],
    written: [[{ mark: "K", records: [{ path: "1", status: "SUCCEEDED", isFirstVersion: true, payload: "1" }] }], {}],
  },
];

const FIRST: readonly Golden[] = [
  {
    what: "outcomes",
    text: '{"batch":1,"statuses":"SUF-.","results":[5],"errors":[{"ErrorMessage":"no"}],"fingerprint":"0123456789abcdef"}',
    outcomes: [
      { mark: "S", result: 5 },
      { mark: "U" },
      { mark: "F", error: { ErrorMessage: "no" } },
      { mark: "-" },
      undefined,
    ],
    members: { fingerprint: "0123456789abcdef" },
  },
  {
    what: "steps of an item under way",
    text:
      '{"batch":1,"statuses":"SK","results":[1],"kept":[[{"step":"1","result":2},{"step":"2","error":{"ErrorMessage":"no"}},' +
      '{"step":"3","attempts":1,"leftMs":500}]],"parts":1}',
    outcomes: [
      { mark: "S", result: 1 },
      {
        mark: "K",
        records: [
          { path: "1", isFirstVersion: true, status: "SUCCEEDED", result: 2 },
          { path: "2", isFirstVersion: true, status: "FAILED", error: { ErrorMessage: "no" } },
          { path: "3", isFirstVersion: true, status: "PENDING", attempts: 1 },
        ],
      },
    ],
    members: { parts: 1, due: [[1, "3", 500]] },
  },
];

describe.each([
  ["second", SECOND],
  ["first", FIRST],
])("what batches of the %s form have kept is still read:", (_version, golden) => {
  test.each(golden)("$what", ({ text, outcomes, members = {} }) => {
    const stored = readStoredBatch(JSON.parse(text));
    expect(stored && readOutcomes(stored)).toEqual(outcomes);
    expect(stored).toMatchObject({ batch: 2, ...members });
  });
});

describe("what is written now is what was written then:", () => {
  test.each(SECOND)("$what", ({ text, written = [[], {}] }) => {
    expect(writeBatch(...(written as Parameters<typeof writeBatch>))).toBe(text);
  });
});

/** Sixty items as codecs have packed them. */
const PACKED: readonly (readonly [what: string, payload: string])[] = [
  [
    "by zlib",
    "~1dxdQ9SyNBHMfxSXLK6enh8_NDik1v5iFROTgFFbawOfUFjHF8wNtVdtfCMi_BubyBC5p4Yp30B_YiNrJWFjY2xyHCIYIk8xMvkkYb_813d2f4zFR77k3lDpZlkFk_9AMZ7PjKL3rK3_ke-AXleVueH734svDmWZrLRnI_8hsr-650VH7TycYuySSJvHUuyWRhI1BOfMwkaUJNmAk3ESYpk7TJuMlEsaokx9AkSlGGclSgKTSNjqPwKDwKj8Kj8Cg8Co_Co_AoPAqPwWPwGDwGj8Fj8Bg8Bo_BY_A4PA6Pw-PwODwOj8Pj8Dg8Dk_AE_AEPAFPwBPwBDyRzkZPIqdE61CXQ6ITZTt0ia3DhFt-SsJ2K2t1o4lllSynRCzb0aWQaKtkh85TbB1W1urGIrbtVPZiFUBd54Vave3zYbV8rVP79j63_X0WXl3f_Pl7e_fv_oFEorEPDY0fm5o_tbR-bmtrb-_o6Ozq6u7u6ent6-vvHxgYHBoaHh4ZGY3Hydf_Z-oVs3fuTed-zVZ-G4u72-q4-jSvfF-uKfN5RgbyaCGQmc1FT2bU0Tfprqnqtry79XNlb18G8dVH",
  ],
  [
    "by zstd",
    "~1zKLUv_WCUA90MAMQT1HJAlKViYXRjaKhzdGF0dXNlc6dyZXN1bHRzpmVycm9ycwLZPFNVRoEBlJOiaWSkbmFtZaJrbYED3AA6AAHcADqmaXRlbSAwMTIzNDU2Nzg5pzEwMTIzNDU2Nzg5MjAxMjM0NTY3ODkzMDEyMzQ1Njc4OTQwMTIzNDU2Nzg5NTAxMjM0NTY3gQLFAdAAkpLbkrfbAJIlt0nbbgBJktslbrclSW6St9uSACQktiRttgAkSW2SttsAkiS2SdttSZLbJG22JABJSW1JwtLb4ubr8PL09vn7_QABAgMEBQYICQoLDA0OEBARERISExQUFRUWFhcYGBkZGhobHBwdHR4eHyAgAD9AkdRyQZSpRXJyb3JUeXBlrE1lc3NhZ2VEYXRhqlN0YWNrVHJhY2WqUmFuZ2Wibm-hZJGkYXQgZlCokbiWZJSUU5AWxqCDJh0SyHBJUzAz8RHlfxaaA5vgK_legWSnWP7YGcsmRRggpA5Y3pihD1IDIXUA7Xk9xcToWa5NZPyxSzyMxDeSkJe4rjuTq8Hj8ogOf_sw1A",
  ],
];

describe.each(["json", "compact", "typed"] as const)("the %s codec still reads a batch of 60 packed", (name) => {
  test.each(PACKED)("%s", (_, payload) => {
    const stored = readStoredBatch(createCodec(name).decode(payload));
    expect(stored?.statuses).toBe(`${"S".repeat(58)}UF`);
    expect(stored?.results[57]).toEqual({ id: 57, name: "item 57", km: 57 / 7 });
    expect(stored?.errors).toEqual([error]);
  });
});

describe("later operations of a batch win over earlier ones:", () => {
  const logOf = (statuses: string, rest: Partial<StoredBatch> = {}): StoredBatch => ({
    batch: 2,
    statuses,
    results: [],
    ...rest,
  });
  const record = (path: string, status: "PENDING" | "SUCCEEDED") => ({ path, status });

  test("record by record, until the item has ended", () => {
    const logs = [
      logOf("KK", { kept: [[record("1", "PENDING"), record("2", "SUCCEEDED")], [record("1", "PENDING")]] }),
      logOf("K.", { kept: [[record("1", "SUCCEEDED")]] }),
      logOf(".U"),
    ];
    expect(lastOutcomes(logs)).toEqual([
      { mark: "K", records: [record("2", "SUCCEEDED"), record("1", "SUCCEEDED")] },
      { mark: "U" },
    ]);
  });

  test("records that come after the end of an item do not undo that", () => {
    const logs = [
      logOf("R", { kept: [[record("2", "SUCCEEDED")]] }),
      logOf("K", { kept: [[record("1", "SUCCEEDED")]] }),
    ];
    expect(lastOutcomes(logs)).toEqual([{ mark: "R", records: [record("2", "SUCCEEDED"), record("1", "SUCCEEDED")] }]);
  });
});
