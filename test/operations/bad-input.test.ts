import { describe, expect, test } from "vitest";
import { type DurableContext, isDurableError, withDurableExecution, withRetry } from "../../src/index.ts";
import { operationLabel } from "../../src/operations/checks.ts";
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
  [{ seconds: -1 }, /is \{ seconds: -1 \};/],
  [{ hours: 1, minutes: -10 }, /is \{ hours: 1, minutes: -10 \};/],
  [{ seconds: 1.5 }, /is \{ seconds: 1\.5 \};/],
  [{ seconds: Number.NaN }, /is \{ seconds: NaN \};/],
  [{ seconds: Number.POSITIVE_INFINITY }, /is \{ seconds: Infinity \};/],
  [{ seconds: 5n }, /is \{ seconds: 5n \};/],
  [{ seconds: "5" }, /is \{ seconds: "5" \};/],
  [{ days: 367 }, /is \{ days: 367 \};/],
  [{ hour: 1 }, /is \{ hour: 1 \};/],
  [{}, /is \{ {2}\};/],
  [[5], /is an array;/],
  ["5s", /is "5s";/],
  [5, /is 5;/],
  [null, /is null;/],
];

const mistakes: Mistake[] = [
  ["a step's name that is null", (c) => c.step(null as never, work), "step requires a function to run, not null"],
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
      `a wait of ${shown.source}`,
      (c) => c.wait("w", duration as never),
      new RegExp(`^The duration of wait "w" .*${shown.source}`),
    ],
    [
      `a callback's time-out of ${shown.source}`,
      (c) => c.createCallback("cb", { timeout: duration as never }),
      new RegExp(`^The timeout of callback "cb" .*${shown.source}`),
    ],
    [
      `a heartbeat of ${shown.source}`,
      (c) => c.createCallback("cb", { heartbeatTimeout: duration as never }),
      new RegExp(`^The heartbeatTimeout of callback "cb" .*${shown.source}`),
    ],
    [
      `a waitForCallback's time-out of ${shown.source}`,
      (c) => c.waitForCallback("approve", work as never, { timeout: duration as never }),
      new RegExp(`^The timeout of waitForCallback "approve" .*${shown.source}`),
    ],
    [
      `a waitForCallback's heartbeat of ${shown.source}`,
      (c) => c.waitForCallback("approve", work as never, { heartbeatTimeout: duration as never }),
      new RegExp(`^The heartbeatTimeout of waitForCallback "approve" .*${shown.source}`),
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
  [
    "items that are a text",
    (c) => c.map("m", "abc" as never, work, { batch: 2 }),
    'array of items. The list of map "m" is "abc"; it must be an array, or an iterable or async iterable object.',
  ],
  ["items that nobody has awaited", (c) => c.map("m", Promise.resolve([1]) as never, work), "is a Promise; it must be"],
  ...["many", {}, [1, 2], () => 1, 1.5, 0.5, "2", "", Number.NaN, 2n, true, 0, -3, Number.NEGATIVE_INFINITY].map(
    (value): Mistake => [
      `maxConcurrency ${String(value)}`,
      (c) => map(c, { maxConcurrency: value, batch: 2 }),
      /^Invalid maxConcurrency: (.*)\. The maxConcurrency of map "score" is \1; it must be a whole number of at least 1\.$/,
    ],
  ),
  ...[5, "all", [], true].flatMap((value): Mistake[] => {
    const mistakeOf = (kind: string, make: (context: DurableContext) => PromiseLike<unknown>): Mistake => {
      const owner = operationLabel(kind, "n");
      return [
        `a configuration of a ${kind} that is ${JSON.stringify(value)}`,
        make,
        new RegExp(`^The configuration of ${owner} is (5|"all"|an array|true); it must be an object\\.$`),
      ];
    };
    const given = value as never;
    return [
      mistakeOf("map", (c) => c.map("n", [1, 2], work, given)),
      mistakeOf("parallel", (c) => c.parallel("n", [work], given)),
      mistakeOf("step", (c) => c.step("n", work, given)),
      mistakeOf("child context", (c) => c.runInChildContext("n", work, given)),
      mistakeOf("callback", (c) => c.createCallback("n", given)),
      mistakeOf("waitForCallback", (c) => c.waitForCallback("n", work as never, given)),
      mistakeOf("invoke", (c) => c.invoke("n", "other", {}, given)),
    ];
  }),
  [
    "a function's name that is a number",
    (c) => c.invoke("n", 5 as never, "in"),
    'The function name of invoke "n" is 5',
  ],
  [
    "thresholds beside a predicate",
    (c) => map(c, { completionConfig: { minSuccessful: 1, shouldComplete: () => ({ complete: false }) } }),
    "completionConfig.shouldComplete is mutually exclusive with minSuccessful, toleratedFailureCount, and " +
      'toleratedFailurePercentage; map "score" has both.',
  ],
  ...["4", 1.5, 0, []].map(
    (value): Mistake => [
      `concurrency ${JSON.stringify(value)}`,
      (c) => map(c, { concurrency: value, batch: 2 }),
      /^The concurrency of map "score" is .*; it must be a whole number of at least 1\.$/,
    ],
  ),
  ...["all", 5, []].map(
    (value): Mistake => [
      `a completion config ${JSON.stringify(value)}`,
      (c) => map(c, { completionConfig: value }),
      /^The completionConfig of map "score" is .*; it must be an object\.$/,
    ],
  ),
  [
    "a batch that is a list",
    (c) => map(c, { batch: [] }),
    'The batch of map "score" is an array; it must be a whole number of items from 1 to 10000, {"maxItems":100}',
  ],
  [
    "a batch with room for more than an operation",
    (c) => map(c, { batch: { maxBytes: 300_000 } }),
    'The batch.maxBytes of map "score" is 300000; it must be a whole number of bytes from 1024 to 262144 (quotas.payloadBytes).',
  ],
  ["a way to collect", (c) => map(c, { collect: "none" }), 'The collect of map "score" is "none"; it must be "all",'],
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

/** Runs two items, one of which gets as far as to be counted, and gives what the handler catches. */
async function caughtLiveAndAgain(config: object) {
  const seen: unknown[] = [];
  const run = await runOurs(async (_, context) => {
    const error = await map(context, { maxConcurrency: 1, ...config }).then(
      () => "not refused",
      (thrown: Error & { code?: string }) => thrown,
    );
    seen.push(error instanceof Error ? [error.message, isDurableError(error) && error.code] : error);
    await context.wait({ seconds: 1 });
  });
  expect(run.outcome.status).toBe("SUCCEEDED");
  expect(seen).toHaveLength(2);
  expect(seen[1]).toEqual(seen[0]);
  return seen[0];
}

describe.each([[{}], [{ batch: 2 }]])("of a map with %j", (batching) => {
  test.each([
    [true, "true"],
    [undefined, "undefined"],
    [Promise.resolve({ complete: true }), "a Promise"],
  ])("a predicate that answers %s is named before an item runs", async (answer, shown) => {
    const config = { ...batching, completionConfig: { shouldComplete: () => answer } };
    expect(await caughtLiveAndAgain(config)).toEqual([
      `The answer of completionConfig.shouldComplete of map "score" is ${shown}; it must be { complete, outcome }.`,
      "ERR_ARGUMENT_INVALID",
    ]);
  });

  test("a reduction that gives a promise is named", async () => {
    const collect = { reduce: async (sum: number) => sum, initial: 0 };
    expect(await caughtLiveAndAgain({ ...batching, collect })).toEqual([
      'The answer of collect.reduce of map "score" is a Promise; it must be a value, not a promise.',
      "ERR_COLLECT_INVALID",
    ]);
  });
});

test("a map that an earlier invocation began goes on with a maxConcurrency that is refused today", async () => {
  let maxConcurrency: unknown = 1;
  const run = await runOurs(async (_, context) => {
    const config = { maxConcurrency } as never;
    maxConcurrency = Number.NaN;
    const wait = async (item: DurableContext) => item.wait({ seconds: 1 });
    return (await context.map([1, 2], wait, config)).successCount;
  });
  expect(run.result).toBe(2);
});

describe.each([[{}], [{ batch: 1 }]])("delays that strategies ask for, in a map with %j:", (batching) => {
  const refused = durations.filter(([delay]) => delay !== null);
  const caughtInItem = async (make: (context: DurableContext) => Promise<unknown>) => {
    const body = (item: DurableContext) => make(item).catch(({ message, cause }: Error) => [message, String(cause)]);
    const run = await runOurs(async (_, c) => (await c.map([1], body, batching)).getResults()[0]);
    return run.result as [message: string, cause: string];
  };

  test.each(refused)("a retry after %o fails the step, which says why", async (delay, shown) => {
    const strategy = () => ({ shouldRetry: true, delay: delay as never });
    const [message] = await caughtInItem((c) =>
      c.step("charge", () => Promise.reject(new Error("no")), { retryStrategy: strategy }),
    );
    expect(message).toMatch(new RegExp(`^The delay of the retry strategy of step "charge" ${shown.source}`));
    expect(message).toContain("a whole number of seconds from 1 to 31622400");
  });

  test.each(refused)("a condition after %o fails, and says why", async (delay, shown) => {
    const [message] = await caughtInItem(
      (c) => condition(c, { waitStrategy: () => ({ shouldContinue: true, delay }) }) as Promise<unknown>,
    );
    expect(message).toMatch(new RegExp(`^The delay of the wait strategy of condition "poll" ${shown.source}`));
    expect(message).toContain("a whole number of seconds from 1 to 31622400");
  });

  test("none becomes a second, of a step, a condition and withRetry", async () => {
    const delay = { seconds: 0 };
    const twice = (count: number) => ({ shouldRetry: count < 2, shouldContinue: count < 2, delay });
    const run = await runOurs(async (_, context) => {
      const body = async (item: DurableContext) => {
        let tries = 0;
        const second = async () => {
          if (++tries % 2 === 1) throw new Error("no");
          return tries;
        };
        const retryStrategy = (_error: Error, attempt: number) => twice(attempt);
        await item.step("s", ({ attempt }) => (attempt === 1 ? Promise.reject(new Error("no")) : work()), {
          retryStrategy,
        });
        await condition(item, { waitStrategy: (_state: unknown, attempt: number) => twice(attempt) });
        return withRetry(item, "w", () => second(), { retryStrategy });
      };
      return (await context.map([1], body, batching)).successCount;
    });
    expect(run.result).toBe(1);
    const asked = run.updates.flatMap(({ StepOptions, WaitOptions }) => [
      ...(StepOptions ? [StepOptions.NextAttemptDelaySeconds] : []),
      ...(WaitOptions ? [WaitOptions.WaitSeconds] : []),
    ]);
    expect(new Set(asked)).toEqual(new Set([1]));
  });
});

test.each([
  [{ minSuccessful: null }, "FAILURE_TOLERANCE_EXCEEDED 2"],
  [{ minSuccessful: null, toleratedFailureCount: 1 }, "ALL_COMPLETED 3"],
  [{ toleratedFailureCount: null }, "FAILURE_TOLERANCE_EXCEEDED 2"],
  [{ toleratedFailurePercentage: null, toleratedFailureCount: 1 }, "ALL_COMPLETED 3"],
  [{ shouldComplete: null }, "FAILURE_TOLERANCE_EXCEEDED 2"],
])("a completion setting that is null counts as not given: %j", async (completionConfig, end) => {
  const run = await runOurs(async (_, context) => {
    const body = async (_item: unknown, n: number) => {
      if (n === 1) throw new Error("no 1");
    };
    const map = await context.map("m", [0, 1, 2], body, { maxConcurrency: 1, completionConfig } as object);
    return `${map.completionReason} ${map.totalCount}`;
  });
  expect(run.outcome).toMatchObject({ status: "SUCCEEDED" });
  expect(run.result).toBe(end);
});

test("a completion policy may be an object of a class", async () => {
  class Policy {
    shouldComplete({ completedCount }: { completedCount: number }) {
      return { complete: completedCount === 2 };
    }
  }
  const run = await runOurs(async (_, context) => {
    const config = { maxConcurrency: 1, completionConfig: new Policy() } as object;
    return (await context.map("m", [0, 1, 2], async (_item, n) => n, config)).getResults();
  });
  expect(run.result).toEqual([0, 1]);
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
