import { describe, expect, test } from "vitest";
import type { DurableContext, DurableError } from "../../src/index.ts";
import { type Case, describeError, runOn } from "../support/differential.ts";
import { captureLogs } from "../support/output.ts";
import type { Run } from "../support/service.ts";

const seconds = (count: number) => ({ seconds: count });
const never = () => ({ shouldRetry: false });
const asError = (thrown: unknown) => thrown as Error;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What an execution comes to; `hangs` when its invocation never ends. */
const HANGS = "hangs";

interface Difference extends Omit<Case, "options"> {
  /** Why it is so. */
  readonly why: string;
  readonly official: unknown;
  readonly ours: unknown;
  /** What of the run is compared; default: its result, or its error. */
  readonly look?: (run: Run) => unknown;
}

const outcome = ({ outcome, result }: Run): unknown =>
  outcome.status === "SUCCEEDED"
    ? result
    : { [outcome.status]: outcome.error?.ErrorType ?? outcome.error?.ErrorMessage };
const updateCount = ({ updates }: Run) => updates.length;

/** Every deliberate difference from the official SDK 2.4.0 that a handler can see, with both sides. */
const differences: Difference[] = [
  {
    name: "a batch that ends early while a step runs, and then a wait",
    why: "The official step counts as running for ever, so nothing suspends until Lambda's time-out.",
    make: () => async (_, context) => {
      const batch = await context.parallel("p", [(inner) => inner.step("slow", () => pause(20)), async () => "quick"], {
        completionConfig: { minSuccessful: 1 },
      });
      await context.wait(seconds(1));
      return batch.completionReason;
    },
    official: HANGS,
    ours: "MIN_SUCCESSFUL_REACHED",
  },
  {
    name: "a retry strategy that throws, and then a wait",
    why: "The official step stays open and blocks every later suspension; ours fails with the strategy's error.",
    make: () => async (_, context) => {
      const strategy = () => {
        throw new RangeError("undecided");
      };
      const error = await context
        .step(
          "s",
          async () => {
            throw new Error("failed");
          },
          { retryStrategy: strategy },
        )
        .catch(describeError);
      await context.wait(seconds(1));
      return (error as { class: string }).class;
    },
    official: HANGS,
    ours: "StepError",
  },
  {
    name: "items that are no list",
    why: "Ours takes what can be iterated, but no text; what it does not take is named.",
    make: () => async (_, context) =>
      context.map("m", "abc" as never, async () => 1).catch((error) => (error as Error).message),
    official: "Map operation requires an array of items",
    ours:
      'Map operation requires an array of items. The list of map "m" is "abc"; it must be an array, or an iterable or ' +
      "async iterable object.",
  },
  {
    name: "a step result over 256 KiB",
    why: "The service refuses it, which ends the execution; ours fails the step with an error that can be caught.",
    make: () => async (_, context) =>
      context
        .step("s", async () => "x".repeat(300_000), { retryStrategy: never })
        .catch((error) => ((error as Error).cause as Error).name),
    official: { FAILED: "CheckpointUnrecoverableExecutionError" },
    ours: "PayloadTooLargeError",
  },
  {
    name: "an error over 32 KiB",
    why: "The service refuses it, which ends the execution; ours cuts its message, and fails its step alone.",
    make: () => async (_, context) => {
      const strategy = (_error: Error, attempt: number) => ({ shouldRetry: attempt < 2 });
      const fail = async (): Promise<never> => {
        throw new RangeError("ä".repeat(50_000));
      };
      const step = await context.step("s", fail, { retryStrategy: strategy }).catch((error: Error) => error);
      const child = await context.runInChildContext("c", fail).catch((error: Error) => error);
      return [step, child].map((error) => {
        const { message, cause } = error as Error & { cause: Error };
        return [cause.name, /^ä{15000,}ä* … \(50,000 characters, cut\)$/.test(message), message === cause.message];
      });
    },
    official: { FAILED: "CheckpointUnrecoverableExecutionError" },
    ours: [
      ["RangeError", true, true],
      ["StepError", true, true],
    ],
  },
  {
    name: "a wait of no time",
    why: "The service refuses it, which ends the execution; ours says so before anything is written.",
    make: () => async (_, context) => context.wait(seconds(0)).catch((error) => (error as DurableError).code),
    official: { FAILED: "CheckpointUnrecoverableExecutionError" },
    ours: "ERR_DURATION_INVALID",
  },
  {
    name: "a retry strategy that asks for a delay of no time",
    why: "The service refuses it, which ends the execution; ours waits for a second.",
    make: () => async (_, context) =>
      context.step("s", ({ attempt }) => (attempt === 1 ? Promise.reject(new Error("once")) : pause(0)), {
        retryStrategy: () => ({ shouldRetry: true, delay: seconds(0) }),
      }),
    official: { FAILED: "CheckpointUnrecoverableExecutionError" },
    ours: undefined,
  },
  {
    name: "a wait strategy that asks for a delay of no time",
    why: "The service refuses it, which ends the execution; ours waits for a second.",
    make: () => async (_, context) =>
      context.waitForCondition("c", async (checks) => checks + 1, {
        initialState: 0,
        waitStrategy: (checks) =>
          checks < 2 ? { shouldContinue: true, delay: seconds(0) } : { shouldContinue: false },
      }),
    official: { FAILED: "CheckpointUnrecoverableExecutionError" },
    ours: 2,
  },
  {
    name: "a retry strategy that asks for a delay without a unit that exists",
    why: "The official SDK takes it for no time, and the service ends the execution; ours fails the step.",
    make: () => async (_, context) =>
      context
        .step("s", () => Promise.reject(new Error("no")), {
          retryStrategy: () => ({ shouldRetry: true, delay: { second: 5 } as never }),
        })
        .catch(({ message }: Error) => message.slice(0, 69)),
    official: { FAILED: "CheckpointUnrecoverableExecutionError" },
    ours: 'The delay of the retry strategy of step "s" is { second: 5 }; it must',
  },
  {
    name: "maxConcurrency 0",
    why: "The official SDK ends the execution; ours fails the map with an error that can be caught.",
    make: () => async (_, context) =>
      context.map("m", [1], async () => 1, { maxConcurrency: 0 }).catch(({ message }: Error) => message.slice(0, 25)),
    official: { FAILED: "Error" },
    ours: "Invalid maxConcurrency: 0",
  },
  {
    name: "a maxConcurrency that is no whole number",
    why: "The official SDK takes NaN for no limit; ours refuses what is no limit that anybody meant.",
    make: () => async (_, context) =>
      context
        .map("m", [1], async () => 1, { maxConcurrency: Number.NaN })
        .then(
          ({ successCount }) => successCount,
          (error: DurableError) => error.code,
        ),
    official: 1,
    ours: "ERR_ARGUMENT_INVALID",
  },
  {
    name: "a predicate together with a threshold",
    why: "The official SDK ends the execution; ours fails the map with an error that can be caught and names the map.",
    make: () => async (_, context) =>
      context
        .map("m", [1], async () => 1, {
          completionConfig: { shouldComplete: () => ({ complete: false }), minSuccessful: 1 } as never,
        })
        .then(
          ({ successCount }) => successCount,
          (error: DurableError) => error.code,
        ),
    official: { FAILED: "Error" },
    ours: "ERR_ARGUMENT_INVALID",
  },
  {
    name: "a wait without a duration",
    why: "The official call throws at once, past the promise's own catch.",
    make: () => async (_, context) => context.wait(undefined as never).catch((error) => (error as DurableError).code),
    official: { FAILED: "TypeError" },
    ours: "ERR_DURATION_INVALID",
  },
  {
    name: "a handler that is no async function",
    why: "The official SDK takes its result for a promise and fails; ours takes the result.",
    make: () => (() => "at once") as never,
    official: { FAILED: "TypeError" },
    ours: "at once",
  },
  {
    name: "how often a predicate is asked about 10 items",
    why: "The official one is asked up to three times an item; ours once before the first item and once after each.",
    make: () => {
      let asked = 0;
      return async (_, context) => {
        const items = Array.from({ length: 10 }, (_value, index) => index);
        await context.map("m", items, async () => 1, {
          maxConcurrency: 1,
          completionConfig: {
            shouldComplete: () => {
              asked++;
              return { complete: false };
            },
          },
        });
        return asked;
      };
    },
    official: 29,
    ours: 11,
  },
  {
    name: "the items of a large batch that were still running, after a replay",
    why: "The official rebuild leaves them out, so that counts change from one invocation to the next.",
    make: () => async (_, context) => {
      const batch = await context.map(
        "m",
        [1, 2],
        async (inner: DurableContext, item) => {
          if (item === 2) await inner.wait(seconds(100));
          return "x".repeat(300_000);
        },
        { completionConfig: { minSuccessful: 1 } },
      );
      await context.wait(seconds(1));
      return batch.totalCount;
    },
    official: 1,
    ours: 2,
  },
  {
    name: "the updates of a map over 1,000 items of which one has to succeed",
    why: "The official map starts all items at once; ours has 256 at work and pulls the next one when there is room.",
    make: () => async (_, context) => {
      const items = Array.from({ length: 1_000 }, (_value, index) => index);
      await context.map(
        "m",
        items,
        (inner, item) => inner.step(() => (item === 0 ? pause(0) : new Promise(() => {}))),
        {
          completionConfig: { minSuccessful: 1 },
        },
      );
    },
    look: updateCount,
    official: 2_004,
    ours: 516,
  },
  {
    name: "a text that a step throws",
    why: "The official error says that it is unknown; ours says what was thrown, to the retry strategy too.",
    make: () => async (_, context) => {
      let seen: unknown;
      const strategy = (error: Error) => {
        seen = error.message;
        return { shouldRetry: false };
      };
      const error = await context
        .step("s", () => Promise.reject("out of stock"), { retryStrategy: strategy })
        .catch(asError);
      return [seen, error.name, error.message];
    },
    official: ["Unknown Error", "StepError", "Unknown error"],
    ours: ["out of stock", "StepError", "out of stock"],
  },
  {
    name: "a plain object that a child context throws",
    why: "The official error says that it is unknown; ours has its JSON.",
    make: () => async (_, context) =>
      context.runInChildContext(() => Promise.reject({ code: 1 })).catch((error: Error) => error.message),
    official: "Unknown error",
    ours: '{"code":1}',
  },
  {
    name: "a plain object with a message among the reasons of promise.allSettled",
    why: "The official SDK makes an error of it, without its other members; ours keeps it.",
    make: () => async (_, context) => {
      const rejected = Promise.reject({ message: "m", code: 1 });
      rejected.catch(() => {});
      const [settled] = await context.promise.allSettled([rejected as never]);
      return (settled as PromiseRejectedResult).reason;
    },
    official: { name: "Error" },
    ours: { message: "m", code: 1 },
  },
  {
    name: "a step that returns a BigInt",
    why: "The official step runs in each of the invocations that the service tries; ours fails once, and can be caught.",
    make: () => {
      let runs = 0;
      return async (_, context) => {
        const failed = await context.step("s", async () => [++runs, 1n]).catch((error: Error) => error.cause);
        return [runs, (failed as Error).name];
      };
    },
    official: { FAILED: "SerdesFailedError" },
    ours: [1, "PayloadUnwritableError"],
  },
  {
    name: "an invoke whose input has a toJSON that throws",
    why: "The official invocation fails again and again; ours fails the invoke with an error that can be caught.",
    make: () => async (_, context) => {
      const toJSON = () => {
        throw new RangeError("not today");
      };
      return context
        .invoke("i", "target", { toJSON })
        .catch((error: Error) => [error.name, (error.cause as Error).name]);
    },
    official: { FAILED: "SerdesFailedError" },
    ours: ["InvokeError", "PayloadUnwritableError"],
  },
  {
    name: "what the first check of a condition is given for a Date in the initial state, and further ones",
    why: "The official first check has the state as it is, further ones as JSON has it; ours has it so from the first.",
    make: () => {
      const seen: string[] = [];
      const check = async (state: { at: unknown }) => {
        seen.push(typeof state.at);
        return state;
      };
      return async (_, context) => {
        await context.waitForCondition(check, {
          initialState: { at: new Date(0) as unknown },
          waitStrategy: (_state, attempt) =>
            attempt < 2 ? { shouldContinue: true, delay: seconds(1) } : { shouldContinue: false },
        });
        return seen;
      };
    },
    official: ["object", "string"],
    ours: ["string", "string"],
  },
  {
    name: "a strategy that changes the state that it is given",
    why: "The official live result has the change, a replayed one has not; ours never has it.",
    make: () => async (_, context) =>
      context.waitForCondition(async () => ({ count: 1 }), {
        initialState: { count: 0 },
        waitStrategy: (state) => {
          state.count = 100;
          return { shouldContinue: false };
        },
      }),
    official: { count: 100 },
    ours: { count: 1 },
  },
  {
    name: "an error of a map that has a serdes",
    why: "The official error comes back as what JSON leaves of it; ours has its class and message.",
    make: (sdk) => async (_, context) => {
      const fail = () => Promise.reject(new RangeError("none left"));
      const batch = await context.map([1], fail, { serdes: sdk.defaultSerdes });
      return batch.getErrors().map((error) => [error instanceof sdk.ChildContextError, error.message]);
    },
    official: [[false, ""]],
    ours: [[true, "none left"]],
  },
  {
    name: "an invoke with an input over 256 KiB",
    why: "The service refuses it, which ends the execution; ours fails the invoke with an error that can be caught.",
    make: () => async (_, context) =>
      context
        .invoke<string, unknown>("i", "target", "x".repeat(300_000))
        .catch((error: Error) => [error.name, (error.cause as Error).name]),
    official: { FAILED: "CheckpointUnrecoverableExecutionError" },
    ours: ["InvokeError", "PayloadTooLargeError"],
  },
  {
    name: "the invocations of a handler whose own error is larger than a response",
    why: "The official answer is refused, and the service tries again and again; ours is cut.",
    make: () => () => Promise.reject(new Error("x".repeat(7_000_000))),
    look: ({ invocations }) => invocations.length,
    official: 5,
    ours: 1,
  },
  {
    name: "the name of a step that the service refuses",
    why: "The service refuses the official update, which ends the execution; ours has a name that is taken.",
    make: () => async (_, context) => context.step("José", async () => 1),
    look: ({ outcome, updates }) => [outcome.status, updates[0]?.Name],
    official: ["FAILED", "José"],
    ours: ["SUCCEEDED", "Jos?"],
  },
  {
    name: "an empty name",
    why: "The service refuses it, which ends the official execution; for ours it is no name.",
    make: () => async (_, context) => context.step("", async () => 1),
    official: { FAILED: "CheckpointUnrecoverableExecutionError" },
    ours: 1,
  },
];

/** Resolves with the outcome, or with `HANGS` when a clock that is far ahead of every delay here has run out. */
async function observe(sdk: "official" | "ours", { look = outcome, ...testCase }: Difference): Promise<unknown> {
  // Whoever is expected to end may take long, on a busy machine.
  const patienceMs = testCase[sdk] === HANGS ? 2_000 : 20_000;
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<typeof HANGS>((resolve) => {
    timer = setTimeout(() => resolve(HANGS), patienceMs);
  });
  const ended = await Promise.race([runOn(sdk, testCase), patience]);
  clearTimeout(timer);
  return ended === HANGS ? HANGS : look(ended);
}

describe("the SDKs differ, on purpose, in", () => {
  for (const difference of differences) {
    test(`${difference.name}: ${difference.why}`, async () => {
      const [official, ours] = await Promise.all([observe("official", difference), observe("ours", difference)]);
      expect({ official, ours }).toEqual({ official: difference.official, ours: difference.ours });
    }, 30_000);
  }
});

/** The messages of all lines. */
async function messages(sdk: "official" | "ours", testCase: Case): Promise<unknown[]> {
  const { out } = await captureLogs(() => runOn(sdk, testCase));
  return out.map(({ message }) => message);
}

describe("a line is logged once, and by the official SDK again in each invocation, in", () => {
  const logging: (Case & { official: unknown[]; ours: unknown[] })[] = [
    {
      name: "a child that is open over two waits",
      make: () => async (_, context) => {
        await context.runInChildContext("c", async (inner) => {
          inner.logger.info("before");
          await inner.wait(seconds(1));
          inner.logger.info("between");
          await inner.wait(seconds(1));
          inner.logger.info("after");
        });
        context.logger.info("end");
      },
      official: ["before", "before", "between", "before", "between", "after", "end"],
      ours: ["before", "between", "after", "end"],
    },
    {
      name: "a virtual child that has ended",
      make: () => async (_, context) => {
        const body = async (inner: DurableContext) => {
          inner.logger.info("virtual");
          await inner.step("s", async ({ logger }) => logger.info("step"));
        };
        await context.runInChildContext("v", body, { virtualContext: true });
        await context.wait(seconds(1));
        context.logger.info("end");
      },
      official: ["virtual", "step", "virtual", "end"],
      ours: ["virtual", "step", "end"],
    },
  ];
  test.each(logging)("$name", async ({ official, ours, ...testCase }) => {
    expect(await messages("official", testCase)).toEqual(official);
    expect(await messages("ours", testCase)).toEqual(ours);
  });
});
