import { describe, expect, test } from "vitest";
import {
  createLinearRetryStrategy,
  createRetryStrategy,
  createWaitStrategy,
  isDurableError,
  withRetry,
} from "../../src/index.ts";
import { runOurs } from "../support/service.ts";
import { warningsWith } from "../support/warnings.ts";

const shouldContinuePolling = () => true;
const factories: [string, (config: object) => (error: never, attempt: number) => unknown][] = [
  ["createRetryStrategy", createRetryStrategy as never],
  ["createLinearRetryStrategy", createLinearRetryStrategy as never],
  ["createWaitStrategy", (config) => createWaitStrategy({ shouldContinuePolling, ...config })],
];
const warnings = warningsWith("DURABLE_FANOUT_UNKNOWN_OPTION");

function refusal(make: () => unknown): unknown {
  try {
    make();
    return "not refused";
  } catch (error) {
    return isDurableError(error) ? `${error.code}: ${error.message}` : error;
  }
}

const DURATION = "it must be a duration of zero or more, such as { seconds: 30 }.";
const COUNT = "it must be a whole number of at least 0.";

describe.each(factories)("%s refuses, when it is called,", (factory, make) => {
  test.each<[object, string, string, string]>([
    ...[{ initialDelay: 5 }, { maxDelay: 5 }].map((config): [object, string, string, string] => [
      ...([config, "ERR_DURATION_INVALID", Object.keys(config)[0] as string, `5; ${DURATION}`] as const),
    ]),
    [{ initialDelay: { second: 1 } }, "ERR_DURATION_INVALID", "initialDelay", `{ second: 1 }; ${DURATION}`],
    [{ initialDelay: { seconds: -1 } }, "ERR_DURATION_INVALID", "initialDelay", `{ seconds: -1 }; ${DURATION}`],
    [{ maxDelay: { seconds: 5n } }, "ERR_DURATION_INVALID", "maxDelay", `{ seconds: 5n }; ${DURATION}`],
    [{ maxDelay: {} }, "ERR_DURATION_INVALID", "maxDelay", `{  }; ${DURATION}`],
    [{ maxAttempts: "x" }, "ERR_ARGUMENT_INVALID", "maxAttempts", `"x"; ${COUNT}`],
    [{ maxAttempts: Number.NaN }, "ERR_ARGUMENT_INVALID", "maxAttempts", `NaN; ${COUNT}`],
    [{ maxAttempts: 1.5 }, "ERR_ARGUMENT_INVALID", "maxAttempts", `1.5; ${COUNT}`],
    [{ maxAttempts: -1 }, "ERR_ARGUMENT_INVALID", "maxAttempts", `-1; ${COUNT}`],
    [{ jitter: "none" }, "ERR_ARGUMENT_INVALID", "jitter", '"none"; it must be "NONE" or "FULL" or "HALF".'],
  ])("%o", (config, code, field, message) => {
    expect(refusal(() => make(config))).toBe(`${code}: The ${field} of ${factory} is ${message}`);
  });
});

test.each([createRetryStrategy, createWaitStrategy])("%o refuses a rate that is none", (make) => {
  for (const backoffRate of [-1, Number.NaN, Number.POSITIVE_INFINITY, "2"]) {
    expect(refusal(() => make({ shouldContinuePolling, backoffRate } as never))).toMatch(
      /^ERR_ARGUMENT_INVALID: The backoffRate of create\w+ is .*; it must be a number of at least 0\.$/,
    );
  }
});

test.each<[string, () => unknown, string]>([
  [
    "an increment",
    () => createLinearRetryStrategy({ increment: { sec: 1 } as never }),
    "ERR_DURATION_INVALID: The increment of createLinearRetryStrategy is { sec: 1 };",
  ],
  [
    "errors that are no list",
    () => createRetryStrategy({ retryableErrors: "busy" as never }),
    'ERR_ARGUMENT_INVALID: The retryableErrors of createRetryStrategy is "busy"; it must be an array of texts and',
  ],
  [
    "errors that are no texts",
    () => createRetryStrategy({ retryableErrors: [5] as never }),
    "ERR_ARGUMENT_INVALID: The retryableErrors of createRetryStrategy is an array;",
  ],
  [
    "types of errors that are no classes",
    () => createLinearRetryStrategy({ retryableErrorTypes: ["TypeError"] as never }),
    "ERR_ARGUMENT_INVALID: The retryableErrorTypes of createLinearRetryStrategy is an array; it must be an array of classes",
  ],
  [
    "polling without a predicate",
    () => createWaitStrategy({} as never),
    "ERR_ARGUMENT_INVALID: The shouldContinuePolling of createWaitStrategy is undefined; it must be a function.",
  ],
  [
    "settings that are none",
    () => createRetryStrategy(5 as never),
    "ERR_ARGUMENT_INVALID: The configuration of createRetryStrategy is 5; it must be an object.",
  ],
])("%s is refused", (_what, make, message) => {
  expect(refusal(make)).toEqual(expect.stringContaining(message));
});

test.each(factories)("%s warns of names that nothing reads, and works", async (factory, make) => {
  const suffix = factory[6];
  const strategy = make({ [`maxAttempt${suffix}`]: 2, initialDelay: { hours: 1, [`minute${suffix}`]: 5 } });
  expect(strategy(new Error("x") as never, 1)).toMatchObject({ delay: { seconds: expect.any(Number) } });
  expect(await warnings()).toEqual([
    `Nothing reads the unit minute${suffix} of the initialDelay of ${factory}. The nearest unit that is read is minutes.`,
    `Nothing reads the option maxAttempt${suffix} of ${factory}. The nearest option that is read is maxAttempts.`,
  ]);
});

test.each(factories)(
  "%s takes what is undefined for what is not given, and all names of the official types",
  async (factory, make) => {
    const names = ["maxAttempts", "initialDelay", "maxDelay", "jitter"];
    const own = factory === "createLinearRetryStrategy" ? ["increment"] : ["backoffRate"];
    const unset = Object.fromEntries([...names, ...own, "timeoutSeconds"].map((name) => [name, undefined]));
    const retrying = factory === "createWaitStrategy" ? { timeoutSeconds: 5 } : { retryableErrors: undefined };
    expect(make({ ...unset, ...retrying })(new Error("x") as never, 1)).toMatchObject({ delay: {} });
    expect(await warnings()).toEqual([]);
  },
);

test("withRetry without a strategy is refused before its function runs", async () => {
  let runs = 0;
  const run = await runOurs(async (_, context) =>
    withRetry(context, "charge", async () => ++runs, {} as never).catch((error: Error) => error.message),
  );
  expect(run.result).toBe('The retryStrategy of withRetry "charge" is undefined; it must be a function.');
  expect([runs, run.updates]).toEqual([0, []]);
});
