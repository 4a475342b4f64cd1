import { afterEach, describe, expect, test, vi } from "vitest";
import type { Environment } from "../../src/core/environment.ts";
import { resolveSettings } from "../../src/core/settings.ts";
import { isDurableError, type RuntimeOptions, withDurableExecution } from "../../src/index.ts";
import { runOurs } from "../support/service.ts";

/** The error with which a handler is refused when it is made, before anything runs. */
function refusal(runtime: unknown): { code: string; message: string } {
  try {
    withDurableExecution(async () => 1, { runtime: runtime as RuntimeOptions });
  } catch (error) {
    if (isDurableError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("It was accepted.");
}

interface Rule {
  readonly path: string;
  readonly variable: string;
  readonly allowed: string;
  readonly bad: readonly unknown[];
  readonly good: readonly unknown[];
}

const wholeNumber = (min: number, max: number) => `a whole number from ${min} to ${max}`;

const rules: Rule[] = [
  {
    path: "concurrency",
    variable: "DURABLE_FANOUT_CONCURRENCY",
    allowed: `${wholeNumber(1, 1_000_000)}, or Infinity ("unlimited")`,
    bad: [0, -1, 1.5, 1_000_001, Number.NaN, "10", null, Number.NEGATIVE_INFINITY],
    good: [1, 1_000_000, Number.POSITIVE_INFINITY, "unlimited"],
  },
  {
    path: "tickMs",
    variable: "DURABLE_FANOUT_TICK_MS",
    allowed: `${wholeNumber(0, 60_000)}, or Infinity ("unlimited")`,
    bad: [-1, 1.5, 60_001, "16 ms"],
    good: [0, 60_000, Number.POSITIVE_INFINITY, "unlimited"],
  },
  {
    path: "turnMs",
    variable: "DURABLE_FANOUT_TURN_MS",
    allowed: `${wholeNumber(0, 60_000)}, or Infinity ("unlimited")`,
    bad: [-1, 1.5, 60_001, "16 ms"],
    good: [0, 60_000, Number.POSITIVE_INFINITY, "unlimited"],
  },
  {
    path: "checkpoint.maxBytes",
    variable: "DURABLE_FANOUT_CHECKPOINT_MAX_BYTES",
    allowed: wholeNumber(1_024, 6_291_456),
    bad: [1_023, 6_291_457, Number.POSITIVE_INFINITY, "unlimited"],
    good: [1_024, 6_291_456],
  },
  {
    path: "checkpoint.maxUpdates",
    variable: "DURABLE_FANOUT_CHECKPOINT_MAX_UPDATES",
    allowed: wholeNumber(1, 1_000),
    bad: [0, 1_001],
    good: [1, 1_000],
  },
  {
    path: "checkpoint.maxUnacknowledged",
    variable: "DURABLE_FANOUT_CHECKPOINT_MAX_UNACKNOWLEDGED",
    allowed: wholeNumber(0, 100_000),
    bad: [-1, 100_001, 1.5],
    good: [0, 100_000],
  },
  {
    path: "quotas.payloadBytes",
    variable: "DURABLE_FANOUT_QUOTA_PAYLOAD_BYTES",
    allowed: wholeNumber(1_024, 6_291_456),
    bad: [1_023, 6_291_457],
    good: [1_024, 6_291_456],
  },
  {
    path: "quotas.operations",
    variable: "DURABLE_FANOUT_QUOTA_OPERATIONS",
    allowed: `${wholeNumber(1, 1_000_000_000)}, or Infinity ("unlimited")`,
    bad: [0, 1.5, 1_000_000_001, "3000"],
    good: [1, 1_000_000_000, Number.POSITIVE_INFINITY, "unlimited"],
  },
  {
    path: "quotas.dataBytes",
    variable: "DURABLE_FANOUT_QUOTA_DATA_BYTES",
    allowed: `${wholeNumber(1, 1_000_000_000_000)}, or Infinity ("unlimited")`,
    bad: [0, 1_000_000_000_001, "100MB"],
    good: [1, 1_000_000_000_000, Number.POSITIVE_INFINITY, "unlimited"],
  },
  {
    path: "quotas.onExceed",
    variable: "DURABLE_FANOUT_QUOTA_ON_EXCEED",
    allowed: "error, warn, off",
    bad: ["fail", 1, true],
    good: ["error", "warn", "off"],
  },
  {
    path: "checkpoint.elideStarts",
    variable: "DURABLE_FANOUT_CHECKPOINT_ELIDE_STARTS",
    allowed: "true, false",
    bad: ["yes", 1],
    good: [true, false],
  },
  {
    path: "checkpoint.maxDelayMs",
    variable: "DURABLE_FANOUT_CHECKPOINT_MAX_DELAY_MS",
    allowed: wholeNumber(0, 10_000),
    bad: [-1, 1.5, 10_001],
    good: [0, 10_000],
  },
  {
    path: "logUsage",
    variable: "DURABLE_FANOUT_LOG_USAGE",
    allowed: "true, false",
    bad: ["yes", 1],
    good: [true, false],
  },
  {
    path: "suspension.graceMs",
    variable: "DURABLE_FANOUT_SUSPENSION_GRACE_MS",
    allowed: wholeNumber(0, 10_000),
    bad: [-1, 10_001, 0.5],
    good: [0, 10_000],
  },
  {
    path: "suspension.reserveMs",
    variable: "DURABLE_FANOUT_SUSPENSION_RESERVE_MS",
    allowed: wholeNumber(0, 900_000),
    bad: [-1, 900_001, 0.5],
    good: [0, 900_000],
  },
  {
    path: "codec",
    variable: "DURABLE_FANOUT_CODEC",
    allowed: "json, compact, typed",
    bad: ["JSON", "msgpack", 1],
    good: ["json", "compact", "typed"],
  },
  {
    path: "packFromBytes",
    variable: "DURABLE_FANOUT_PACK_FROM_BYTES",
    allowed: `${wholeNumber(0, 6_291_456)}, or Infinity ("unlimited")`,
    bad: [-1, 0.5, 6_291_457, Number.NaN],
    good: [0, 1, 6_291_456, Number.POSITIVE_INFINITY],
  },
];

/** `{ a: { b: value } }` for `a.b`. */
function options(path: string, value: unknown): unknown {
  return path.split(".").reduceRight((inner, key) => ({ [key]: inner }), value);
}

const shown = (value: unknown) => (typeof value === "string" ? JSON.stringify(value) : String(value));

afterEach(() => vi.unstubAllEnvs());

describe.each(rules)("runtime.$path", ({ path, variable, allowed, bad, good }) => {
  test("refuses what is not allowed, naming itself, the value and its range", () => {
    for (const value of bad) {
      expect(refusal(options(path, value))).toEqual({
        code: "ERR_SETTING_INVALID",
        message: `runtime.${path} is ${shown(value)}; allowed: ${allowed}.`,
      });
    }
  });

  test("refuses the same from its environment variable, naming that", () => {
    for (const value of [...bad.filter((value) => typeof value === "number"), "much"]) {
      if (value === Number.NEGATIVE_INFINITY) continue;
      vi.stubEnv(variable, String(value));
      expect(refusal(undefined)).toEqual({
        code: "ERR_SETTING_INVALID",
        message: `Environment variable ${variable} is ${JSON.stringify(String(value))}; allowed: ${allowed}.`,
      });
    }
  });

  test("takes the ends of its range, from the options as from the environment", () => {
    for (const value of good) {
      expect(() =>
        withDurableExecution(async () => 1, { runtime: options(path, value) as RuntimeOptions }),
      ).not.toThrow();
      if (value === Number.POSITIVE_INFINITY) continue;
      vi.stubEnv(variable, String(value));
      expect(() => withDurableExecution(async () => 1)).not.toThrow();
      vi.unstubAllEnvs();
    }
  });

  test("lets the environment win, and an empty variable count as none", () => {
    vi.stubEnv(variable, String(good[0]));
    expect(() =>
      withDurableExecution(async () => 1, { runtime: options(path, bad[0]) as RuntimeOptions }),
    ).not.toThrow();
    vi.stubEnv(variable, "");
    expect(refusal(options(path, bad[0])).message).toContain(`runtime.${path} is `);
  });
});

// Number(" ") is 0.
test("a blank environment variable is refused, even where 0 is allowed", () => {
  vi.stubEnv("DURABLE_FANOUT_SUSPENSION_GRACE_MS", " ");
  expect(refusal(undefined).code).toBe("ERR_SETTING_INVALID");
});

test("DURABLE_FANOUT_BATCH is a number, JSON of both limits, or false; what is refused is shown as it was given", () => {
  for (const text of ["10", '{"maxItems":10}', '{ "maxItems": 10, "maxBytes": 65536 }', "false"]) {
    vi.stubEnv("DURABLE_FANOUT_BATCH", text);
    expect(() => withDurableExecution(async () => 1)).not.toThrow();
  }
  for (const [text, shown] of [
    ["abc", '"abc"'],
    ["{ maxItems: 10 }", '"{ maxItems: 10 }"'],
    ["0.5", "0.5"],
    [" ", '" "'],
  ] as const) {
    vi.stubEnv("DURABLE_FANOUT_BATCH", text);
    expect(refusal(undefined)).toEqual({
      code: "ERR_BATCH_INVALID",
      message: expect.stringMatching(
        /^Environment variable DURABLE_FANOUT_BATCH(\.maxItems)? is (.*); it must be .*, \{"maxItems":100\}, or false/,
      ),
    });
    expect(refusal(undefined).message).toContain(` is ${shown}; `);
  }
});

test.each([
  [
    { concurency: 5 },
    'runtime has no setting "concurency"; it has concurrency, batch, tickMs, turnMs, checkpoint, codec, packFromBytes, quotas, logUsage, suspension',
  ],
  [
    { checkpoint: { maxByte: 5 } },
    'runtime.checkpoint has no setting "maxByte"; it has maxBytes, maxUpdates, maxUnacknowledged, maxUnrecordedMs, elideStarts, maxDelayMs.',
  ],
  [
    { quotas: { operation: 5 } },
    'runtime.quotas has no setting "operation"; it has payloadBytes, operations, dataBytes, onExceed',
  ],
  [{ suspension: { grace: 5 } }, 'runtime.suspension has no setting "grace"; it has graceMs'],
])("an unknown setting %o is refused, and the known ones are named", (runtime, message) => {
  expect(refusal(runtime)).toEqual({ code: "ERR_SETTING_UNKNOWN", message: expect.stringContaining(message) });
});

test.each([["text"], [5], [null]])("settings that are %o are refused", (runtime) => {
  expect(refusal(runtime === null ? { checkpoint: null } : runtime).code).toBe("ERR_SETTING_INVALID");
});

describe("a setting has its effect:", () => {
  const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

  // C4
  test("checkpoint.maxUpdates bounds the updates of a request", async () => {
    const run = await runOurs(
      async (_, context) => {
        await context.map(upTo(20), (inner) => inner.step(async () => 1));
      },
      { runtime: { checkpoint: { maxUpdates: 7 } } },
    );
    const sizes = run.invocations[0]?.requests.map((request) => request.length) ?? [];
    expect(Math.max(...sizes)).toBe(7);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(82);
  });

  // C4
  test("checkpoint.maxBytes bounds a request, but one update always goes", async () => {
    const run = await runOurs(
      async (_, context) => {
        await context.map(upTo(10), (inner) => inner.step(async () => "x".repeat(2_000)), { nesting: "FLAT" });
      },
      { runtime: { checkpoint: { maxBytes: 5_000 } } },
    );
    const bytes = run.invocations[0]?.requests.map((request) => Buffer.byteLength(JSON.stringify(request))) ?? [];
    const large = bytes.filter((size) => size > 5_000);
    // The map's own result holds ten texts and goes alone.
    expect(large).toHaveLength(1);
    expect(run.invocations[0]?.requests.at(-1)).toHaveLength(1);
  });

  test("the defaults are 250 updates and 768,000 bytes", async () => {
    const run = await runOurs(
      async (_, context) => {
        await context.map(upTo(400), async () => 1, { maxConcurrency: 400 });
      },
      { engine: { quotas: { operations: Number.POSITIVE_INFINITY } } },
    );
    expect(run.invocations[0]?.requests.map((request) => request.length)).toEqual([250, 250, 250, 52]);
    const bytes = await runOurs(async (_, context) => {
      await context.map(upTo(8), async () => "x".repeat(200_000));
    });
    const sizes = bytes.invocations[0]?.requests.map((request) => Buffer.byteLength(JSON.stringify(request))) ?? [];
    expect(Math.max(...sizes)).toBeLessThanOrEqual(768_000);
    expect(sizes.filter((size) => size > 500_000)).toHaveLength(2);
  });

  test.each([undefined, 500, 2_000, Number.POSITIVE_INFINITY])(
    "payloads are packed from %s bytes on, and those of batches from a quarter of it",
    async (packFromBytes) => {
      const rows = (count: number) => upTo(count).map((id) => ({ id, name: `item-${id}`, ok: id % 3 === 0 }));
      const { updates } = await runOurs(
        async (_, context) => {
          for (const count of [30, 300]) await context.step(async () => rows(count));
          await context.map([6, 6, 6], async (item, count) => item.step(async () => rows(count)), { batch: 3 });
        },
        { runtime: packFromBytes === undefined ? { codec: "compact" } : { codec: "compact", packFromBytes } },
      );
      const payloads = updates.flatMap(({ Type, Payload }) => (Type === "STEP" && Payload ? [Payload] : []));
      const from = packFromBytes ?? 4_096;
      const [few = 0, many = 0, items = 0] = [rows(30), rows(300), rows(6)].map(
        (value) => JSON.stringify(value).length,
      );
      const packed = [from <= few, from <= many, from / 4 <= items * 3];
      expect(payloads.map((payload) => payload.startsWith("~1"))).toEqual(packed);
    },
  );

  test("the environment is read when the handler is made", async () => {
    vi.stubEnv("DURABLE_FANOUT_CODEC", "json");
    const run = await runOurs(
      async (_, context) => {
        vi.stubEnv("DURABLE_FANOUT_CODEC", "typed");
        await context.step(async () => new Date(0));
      },
      { runtime: { codec: "typed" } },
    );
    expect(run.updates.at(-1)?.Payload).toBe('"1970-01-01T00:00:00.000Z"');
  });
});

test("turnMs and its variable, the old names of tickMs, count while tickMs has its default", () => {
  const tickMs = (options: RuntimeOptions, variables: Environment = {}) => resolveSettings(options, variables).tickMs;
  const [tick, turn] = [{ DURABLE_FANOUT_TICK_MS: "1" }, { DURABLE_FANOUT_TURN_MS: "2" }];
  expect(tickMs({})).toBe(32);
  expect(tickMs({ turnMs: 4 })).toBe(4);
  expect(tickMs({ tickMs: 3, turnMs: 4 })).toBe(3);
  expect(tickMs({ turnMs: 4 }, turn)).toBe(2);
  expect(tickMs({ turnMs: 4 }, { ...turn, ...tick })).toBe(1);
});
