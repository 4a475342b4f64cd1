import { describe, expect, test } from "vitest";
import { type DurableContext, isDurableError, withDurableExecution } from "../../src/index.ts";
import { runOurs } from "../support/service.ts";

const work = async () => 1;
const nothing = {} as never;
const condition = (c: DurableContext, config: object) =>
  c.waitForCondition("poll", work, {
    initialState: 0,
    waitStrategy: () => ({ shouldContinue: false }),
    ...config,
  } as never);
const map = (c: DurableContext, config: object) => c.map("score", [1, 2], work, config as never);

type Mistake = [what: string, make: (context: DurableContext) => PromiseLike<unknown>, message: string | RegExp];

const durations: [unknown, RegExp][] = [
  [{ seconds: -1 }, /-1 seconds/],
  [{ seconds: 1.5 }, /1\.5 seconds/],
  [{ seconds: Number.NaN }, /NaN seconds/],
  [{ seconds: Number.POSITIVE_INFINITY }, /Infinity seconds/],
  [{ days: 367 }, /31708800 seconds/],
  [5, /is 5;/],
  [null, /is null;/],
];

const mistakes: Mistake[] = [
  ["a step's name that is a number", (c) => c.step(5 as never, work), "step requires a function"],
  ["a step's name that is null", (c) => c.step(null as never, work), "step requires a function"],
  ["a step without a function", (c) => c.step("s", nothing), 'step "s" requires a function'],
  [
    "a retry strategy that is none",
    (c) => c.step("s", work, { retryStrategy: 3 as never }),
    'The retryStrategy of step "s" is 3; it must be a function.',
  ],
  [
    "semantics that do not exist",
    (c) => c.step(work, { semantics: "ONCE" as never }),
    'The semantics of a step is "ONCE"; it must be "AT_MOST_ONCE_PER_RETRY" or',
  ],
  [
    "a serdes that cannot write",
    (c) => c.step("s", work, { serdes: { deserialize: work } as never }),
    'The serdes of step "s" is an object with deserialize; it must be an object with serialize and deserialize.',
  ],
  [
    "a child context without a function",
    (c) => c.runInChildContext("k", nothing),
    'runInChildContext "k" requires a function',
  ],
  [
    "a child context's serdes",
    (c) => c.runInChildContext("k", work, { serdes: {} as never }),
    'The serdes of child context "k"',
  ],
  [
    "a child context's error mapper",
    (c) => c.runInChildContext("k", work, { errorMapper: "x" as never }),
    'The errorMapper of child context "k"',
  ],
  ...durations.flatMap(([duration, shown]): Mistake[] => [
    [
      `a wait of ${JSON.stringify(duration)}`,
      (c) => c.wait("w", duration as never),
      new RegExp(`^The duration of wait "w" .*${shown.source}`),
    ],
    [
      `a callback's time-out of ${JSON.stringify(duration)}`,
      (c) => c.createCallback("cb", { timeout: duration as never }),
      new RegExp(`^The timeout of callback "cb" .*${shown.source}`),
    ],
    [
      `a heartbeat of ${JSON.stringify(duration)}`,
      (c) => c.createCallback("cb", { heartbeatTimeout: duration as never }),
      new RegExp(`^The heartbeatTimeout of callback "cb" .*${shown.source}`),
    ],
  ]),
  ["a wait of nothing", (c) => c.wait("w", { seconds: 0 }), /^The duration of wait "w" .*from 1 to 31622400/],
  [
    "a callback's serdes",
    (c) => c.createCallback("cb", { serdes: {} as never }),
    'The serdes of callback "cb" is an object with nothing in it',
  ],
  [
    "waitForCallback without a submitter",
    (c) => c.waitForCallback(nothing),
    "waitForCallback requires a submitter function",
  ],
  [
    "waitForCallback with a name only",
    (c) => c.waitForCallback("wf", nothing),
    "waitForCallback requires a submitter function when name is provided",
  ],
  [
    "a condition without a check",
    (c) => c.waitForCondition("poll", nothing, { initialState: 0, waitStrategy: () => ({ shouldContinue: false }) }),
    'condition "poll" requires a function',
  ],
  ["a condition's strategy", (c) => condition(c, { waitStrategy: 5 }), 'The waitStrategy of condition "poll" is 5'],
  ["a condition's serdes", (c) => condition(c, { serdes: [] }), 'The serdes of condition "poll" is an array'],
  ["an invoke of no function", (c) => c.invoke("call", "", {}), 'The function name of invoke "call" is ""'],
  ["an invoke of a number", (c) => c.invoke(5 as never, {}), "The function name of an invoke is 5"],
  [
    "an invoke's serdes",
    (c) => c.invoke("call", "f", {}, { payloadSerdes: {} as never }),
    'The payloadSerdes of invoke "call"',
  ],
  ["items that are no list", (c) => c.map("m", 5 as never, work), "Map operation requires an array of items"],
  ["a map without a function", (c) => c.map("m", [1], nothing), "Map operation requires a function to process items"],
  [
    "branches that are no list",
    (c) => c.parallel("p", 5 as never),
    "Parallel operation requires an array of branch functions",
  ],
  [
    "a branch that is no function",
    (c) => c.parallel("p", [5] as never),
    "All branches must be functions or NamedParallelBranch objects",
  ],
  ["an item namer that is none", (c) => map(c, { itemNamer: "x" }), 'The itemNamer of map "score" is "x"'],
  [
    "a nesting that does not exist",
    (c) => map(c, { nesting: "DEEP" }),
    'The nesting of map "score" is "DEEP"; it must be "NESTED" or "FLAT".',
  ],
  ["an item serdes", (c) => map(c, { itemSerdes: {} }), 'The itemSerdes of map "score"'],
  ...[-1, 101, Number.NaN].map(
    (share): Mistake => [
      `a share of ${share}`,
      (c) => map(c, { completionConfig: { toleratedFailurePercentage: share } }),
      `The completionConfig.toleratedFailurePercentage of map "score" is ${share}; it must be a number from 0 to 100.`,
    ],
  ),
  ...[-1, 1.5, Number.NaN].flatMap((count): Mistake[] => [
    [
      `minSuccessful ${count}`,
      (c) => map(c, { completionConfig: { minSuccessful: count } }),
      `The completionConfig.minSuccessful of map "score" is ${count}`,
    ],
    [
      `toleratedFailureCount ${count}`,
      (c) => c.parallel("p", [work], { completionConfig: { toleratedFailureCount: count } }),
      `The completionConfig.toleratedFailureCount of parallel "p" is ${count}`,
    ],
  ]),
  [
    "a predicate that is none",
    (c) => map(c, { completionConfig: { shouldComplete: true } }),
    "The completionConfig.shouldComplete of",
  ],
];

describe("a mistake is named before anything is written, can be caught, and loses nothing:", () => {
  test.each(mistakes)("%s", async (_what, make, message) => {
    const run = await runOurs(async (_, context) => {
      const before = await context.step("before", work);
      const caught = await Promise.resolve(make(context)).then(
        () => "not refused",
        (error: Error) => error.message,
      );
      return [before, caught, await context.step("after", work)];
    });
    expect(run.result).toEqual([1, expect.stringMatching(message instanceof RegExp ? message : escaped(message)), 1]);
    expect(run.updates.map(({ Name }) => Name)).toEqual(["before", "before", "after", "after"]);
  });
});

const escaped = (text: string) => new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));

describe("what cannot be caught ends the execution, and writes nothing:", () => {
  test.each([
    [
      "maxConcurrency 0",
      { maxConcurrency: 0 },
      "Invalid maxConcurrency: 0. Must be a positive number or undefined for unlimited concurrency.",
    ],
    ["a negative maxConcurrency", { maxConcurrency: -3 }, "Invalid maxConcurrency: -3."],
    [
      "thresholds beside a predicate",
      { completionConfig: { minSuccessful: 1, shouldComplete: () => ({ complete: false }) } },
      "completionConfig.shouldComplete is mutually exclusive with minSuccessful, toleratedFailureCount, and toleratedFailurePercentage",
    ],
  ])("%s", async (_what, config, message) => {
    let isReached = false;
    const run = await runOurs(async (_, context) => {
      await Promise.resolve(map(context, config)).catch(() => {});
      isReached = true;
    });
    expect(run.outcome).toMatchObject({ status: "FAILED", error: { ErrorMessage: expect.stringContaining(message) } });
    expect([run.updates, isReached]).toEqual([[], false]);
  });
});

describe("delays that strategies ask for:", () => {
  test.each(durations.slice(0, 5))("a retry after %j fails the step, which says why", async (delay, shown) => {
    const run = await runOurs(async (_, context) =>
      context
        .step("s", () => Promise.reject(new Error("no")), {
          retryStrategy: () => ({ shouldRetry: true, delay: delay as never }),
        })
        .catch((error: Error) => error.message),
    );
    expect(run.result).toMatch(new RegExp(`^The delay that the retry strategy asks for .*${shown.source}`));
  });

  test.each(durations.slice(0, 5))("a condition after %j fails, and says why", async (delay, shown) => {
    const run = await runOurs(async (_, context) =>
      condition(context, { waitStrategy: () => ({ shouldContinue: true, delay }) }).catch(
        (error: Error) => error.message,
      ),
    );
    expect(run.result).toMatch(new RegExp(`^The delay that the wait strategy asks for .*${shown.source}`));
  });
});

describe("withDurableExecution", () => {
  test.each([
    ["no handler", () => withDurableExecution(undefined as never), "ERR_HANDLER_INVALID"],
    ["a handler that is none", () => withDurableExecution({} as never), "ERR_HANDLER_INVALID"],
    ["a client that is none", () => withDurableExecution(work, { client: {} as never }), "ERR_CLIENT_INVALID"],
    [
      "a transport without its methods",
      () => withDurableExecution(work, { durableExecutionClient: {} as never }),
      "ERR_CLIENT_INVALID",
    ],
  ])("refuses %s when it is called", (_what, make, code) => {
    let thrown: unknown;
    try {
      make();
    } catch (error) {
      thrown = error;
    }
    expect(isDurableError(thrown) && thrown.code).toBe(code);
  });
});
