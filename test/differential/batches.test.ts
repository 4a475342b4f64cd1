import { describe, test } from "vitest";
import type { BatchResult, DurableContext, MapConfig } from "../../src/index.ts";
import { type Case, describeError, expectSame } from "../support/differential.ts";

const seconds = (count: number) => ({ seconds: count });
const never = () => ({ shouldRetry: false });

const describeBatch = (batch: BatchResult<unknown>) => ({
  all: batch.all.map((item) => ({ ...item, error: item.error && describeError(item.error) })),
  counts: [batch.successCount, batch.failureCount, batch.startedCount, batch.totalCount],
  reason: batch.completionReason,
  status: batch.status,
  results: batch.getResults(),
  errors: batch.getErrors().map((error) => error.message),
  json: JSON.stringify(batch).length,
});

/** Maps over items, and looks at the result. */
const mappingOnce =
  <T>(items: T[], body: (context: DurableContext, item: T) => Promise<unknown>, config?: MapConfig<T, unknown>) =>
  () =>
  async (_: unknown, context: DurableContext) =>
    describeBatch(await context.map("m", items, body, config));

/** The same, with a wait after it, so that the result is the one of a replay. */
const mapping =
  <T>(items: T[], body: (context: DurableContext, item: T) => Promise<unknown>, config?: MapConfig<T, unknown>) =>
  () =>
  async (_: unknown, context: DurableContext) => {
    const batch = await context.map("m", items, body, config);
    await context.wait("after", seconds(1));
    return describeBatch(batch);
  };

const stepOf = (context: DurableContext, item: unknown) => context.step(`s${item}`, async () => `<${item}>`);

const turns = new Map<string, Promise<void>>();

/** Runs a step that ends only after those begun before it: which of two ends first in one turn is nobody's promise. */
async function stepInTurn<T>(context: DurableContext, name: string, body: () => T): Promise<T> {
  const { durableExecutionArn } = context.executionContext;
  const turn = turns.get(durableExecutionArn);
  let done = (): void => {};
  turns.set(
    durableExecutionArn,
    new Promise((resolve) => {
      done = resolve;
    }),
  );
  try {
    const step = async () => {
      await turn;
      return body();
    };
    return await context.step(name, step, { retryStrategy: never });
  } finally {
    setTimeout(done, 1);
  }
}

const failOn =
  (...bad: unknown[]) =>
  (context: DurableContext, item: unknown) =>
    stepInTurn(context, `s${item}`, () => {
      if (bad.includes(item)) throw new RangeError(`bad ${item}`);
      return item;
    });

const waitThenStep = async (context: DurableContext, item: number) => {
  await context.wait("w", seconds(item));
  return stepOf(context, item);
};

// By default ours starts an item before those before it are acknowledged: differences.test.ts.
const holdingPlaces = () => ({ runtime: { checkpoint: { maxUnacknowledged: 0 } } });

const nestings = ["NESTED", "FLAT"] as const;
const policies: [string, MapConfig<number, unknown>["completionConfig"]][] = [
  ["no policy", undefined],
  ["an empty policy", {}],
  ["minSuccessful 2", { minSuccessful: 2 }],
  ["toleratedFailureCount 1", { toleratedFailureCount: 1 }],
  ["toleratedFailurePercentage 50", { toleratedFailurePercentage: 50 }],
  ["minSuccessful 3 and toleratedFailureCount 0", { minSuccessful: 3, toleratedFailureCount: 0 }],
  ["a predicate", { shouldComplete: ({ completedCount }) => ({ complete: completedCount >= 2 }) as never }],
  [
    "a predicate that fails the batch",
    {
      shouldComplete: ({ failureCount }) =>
        failureCount > 0 ? { complete: true, outcome: "FAILED" } : { complete: false },
    },
  ],
  ["a predicate that is satisfied at once", { shouldComplete: () => ({ complete: true }) }],
];

const cases: Case[] = [
  ...nestings.flatMap((nesting): Case[] => [
    { name: `a map, ${nesting}`, make: mapping([1, 2, 3], stepOf, { nesting }) },
    { name: `an empty map, ${nesting}`, make: mapping([], stepOf, { nesting }) },
    { name: `a map with concurrency 1, ${nesting}`, make: mapping([1, 2, 3], stepOf, { nesting, maxConcurrency: 1 }) },
    {
      name: `a map with concurrency 2, ${nesting}`,
      make: mapping([1, 2, 3], stepOf, { nesting, maxConcurrency: 2 }),
      options: holdingPlaces,
    },
    { name: `a map of waits, ${nesting}`, make: mapping([1, 2, 3], waitThenStep, { nesting }) },
    {
      name: `a map of waits with concurrency 1, ${nesting}`,
      make: mapping([1, 2, 3], waitThenStep, { nesting, maxConcurrency: 1 }),
    },
    {
      name: `a map of waits with concurrency 2, ${nesting}`,
      make: mapping([3, 1, 2], waitThenStep, { nesting, maxConcurrency: 2 }),
      options: holdingPlaces,
    },
    {
      name: `a map without operations inside, ${nesting}`,
      make: mapping([1, 2, 3], async (_, item) => item * 2, { nesting }),
    },
    {
      name: `a map whose items give nothing, ${nesting}`,
      make: mapping([1, 2], async () => undefined, { nesting }),
    },
    {
      name: `a map with retries, ${nesting}`,
      make: mapping(
        [1, 2],
        (context, item) =>
          context.step(
            `s${item}`,
            async ({ attempt }) => {
              if (attempt <= item) throw new Error(`attempt ${attempt}`);
              return attempt;
            },
            { retryStrategy: () => ({ shouldRetry: true, delay: seconds(1) }) },
          ),
        { nesting, ...(nesting === "FLAT" ? { maxConcurrency: 1 } : {}) },
      ),
    },
    {
      name: `a large map, ${nesting}`,
      make: mapping([1, 2, 3], (context, item) => context.step(`s${item}`, async () => `${item}`.repeat(100_000)), {
        nesting,
      }),
    },
    {
      name: `a large map with a summary and a failure, ${nesting}`,
      make: mapping(
        [1, 2, 3, 4],
        (context, item) =>
          stepInTurn(context, `s${item}`, () => {
            if (item === 2) throw new Error("two");
            return `${item}`.repeat(100_000);
          }),
        {
          nesting,
          completionConfig: { toleratedFailureCount: 2 },
          summaryGenerator: (batch) => `${batch.successCount} of ${batch.totalCount}`,
        },
      ),
    },
    {
      name: `a map inside a map, ${nesting}`,
      make: mapping(
        [1, 2],
        async (context, item) => {
          const inner = await context.map(`inner${item}`, ["a", "b"], stepOf, { nesting });
          return inner.getResults();
        },
        { nesting },
      ),
    },
    ...policies.flatMap(([policy, completionConfig]) =>
      [1, undefined].map(
        (maxConcurrency): Case => ({
          name: `a map with ${policy}, ${nesting}, concurrency ${maxConcurrency ?? "unlimited"}, one failure`,
          // After an early end the official SDK never suspends again while a step is left behind.
          make: (maxConcurrency === 1 ? mapping : mappingOnce)([1, 2, 3, 4], failOn(2), {
            nesting,
            ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
            ...(completionConfig === undefined ? {} : { completionConfig }),
          }),
        }),
      ),
    ),
  ]),
  {
    name: "a map with an item namer",
    make: mapping([1, 2], stepOf, { itemNamer: (item, index) => (index === 0 ? `item ${item}` : "") }),
  },
  {
    name: "an item namer that throws",
    make: () => async (_, context) =>
      context
        .map("m", [1], stepOf, {
          itemNamer: () => {
            throw new Error("no name");
          },
        })
        .catch(describeError),
  },
  {
    name: "an item serdes",
    make: mapping([1, 2], async (_, item) => ({ item }), {
      itemSerdes: {
        serialize: async (value) => `<${JSON.stringify(value)}>`,
        deserialize: async (text) => text && JSON.parse(text.slice(1, -1)),
      },
    }),
  },
  {
    name: "a serdes for the batch",
    make: mapping([1, 2], stepOf, {
      serdes: {
        serialize: async (batch) => `!${JSON.stringify(batch)}`,
        deserialize: async (text) => text && JSON.parse(text.slice(1)),
      },
    }),
  },
  {
    name: "items that are dates and classes",
    make: mapping([1], async () => ({ at: new Date(0), map: new Map([[1, 2]]), nothing: undefined })),
  },
  {
    name: "the index and the array that a map's function is given",
    make: () => async (_, context) => {
      const items = ["a", "b"];
      const batch = await context.map(items, async (_inner, item, index, array) => [item, index, array === items]);
      return batch.getResults();
    },
  },
  {
    name: "a parallel of functions and named branches",
    make: () => async (_, context) => {
      const batch = await context.parallel("p", [
        (inner) => inner.step("a", async () => 1),
        { name: "named", func: (inner) => inner.step("b", async () => 2) },
        { func: async () => 3 },
      ]);
      await context.wait(seconds(1));
      return describeBatch(batch);
    },
  },
  {
    name: "an unnamed parallel",
    make: () => async (_, context) => {
      const batch = await context.parallel([async () => 1, async () => 2], { maxConcurrency: 1 });
      return describeBatch(batch);
    },
  },
  {
    name: "a parallel that fails fast while a step runs",
    make: () => async (_, context) => {
      const batch = await context.parallel("p", [
        { name: "b-one", func: (inner) => inner.step("quick", async () => 1) },
        async () => {
          throw new Error("bad");
        },
      ]);
      return describeBatch(batch);
    },
  },
  {
    name: "a parallel that ends early while others wait",
    make: () => async (_, context) => {
      const batch = await context.parallel(
        "p",
        [
          async (inner) => inner.wait("long", seconds(100)),
          async (inner) => {
            await inner.wait("short", seconds(1));
            return "first";
          },
        ],
        { completionConfig: { minSuccessful: 1 } },
      );
      await context.wait("after", seconds(1));
      return describeBatch(batch);
    },
  },
  {
    name: "a large parallel",
    make: () => async (_, context) => {
      const branch = (letter: string) => (inner: DurableContext) =>
        inner.step(letter, async () => letter.repeat(150_000));
      const batch = await context.parallel("p", [branch("a"), branch("b")]);
      await context.wait("after", seconds(1));
      return describeBatch(batch);
    },
  },
  {
    name: "the errors of a batch, live and replayed",
    make: () => async (_, context) => {
      const run = await context.map("m", [1, 2], failOn(1, 2), { completionConfig: { toleratedFailureCount: 2 } });
      await context.wait(seconds(1));
      const thrown = await (async () => run.throwIfError())().catch(describeError);
      return [run.getErrors().map(describeError), thrown];
    },
  },
  {
    name: "a batch that a predicate failed, thrown",
    make: () => async (_, context) => {
      const batch = await context.map("m", [1], async () => 1, {
        completionConfig: {
          shouldComplete: ({ completedCount }) => ({ complete: completedCount > 0, outcome: "FAILED" }) as never,
        },
      });
      batch.throwIfError();
    },
  },
  {
    name: "a predicate that throws before the first item",
    make: () => async (_, context) =>
      context
        .map("m", [1], async () => 1, {
          completionConfig: {
            shouldComplete: () => {
              throw new RangeError("undecided");
            },
          },
        })
        .catch(describeError),
  },
  {
    name: "a summary generator that throws",
    make: () => async (_, context) =>
      context
        .map("m", [1, 2], async () => "x".repeat(200_000), {
          summaryGenerator: () => {
            throw new RangeError("no summary");
          },
        })
        .catch(describeError),
  },
  ...[
    ["no function", (context: DurableContext) => context.map("m", [1], undefined as never)],
    ["branches that are no array", (context: DurableContext) => context.parallel("p", "branches" as never)],
    ["a branch that is no function", (context: DurableContext) => context.parallel("p", [5 as never])],
  ].map(
    ([what, call]): Case => ({
      name: `${what}`,
      make: () => async (_, context) =>
        (call as (context: DurableContext) => Promise<unknown>)(context).catch(describeError),
    }),
  ),
];

describe("both SDKs do the same for", () => {
  for (const testCase of cases) test(testCase.name, () => expectSame(testCase));
});
