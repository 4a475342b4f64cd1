import type { CompletionConfig, DurableContext, RuntimeOptions } from "../src/index.ts";
import { BareService } from "./service.ts";
import type { BenchHandler, Subject } from "./subjects.ts";

/** One piece of work that every subject does, with a check of its result. */
export interface Scenario {
  readonly name: string;
  /** Items (or steps) that the cost is divided by. */
  readonly items: number;
  /** Settings of ours; the official SDK has none. */
  readonly settings?: RuntimeOptions;
  /** Does what the measured run needs first, and returns the service that it starts from. */
  readonly prepare: (subject: Subject, options: { countBytes: boolean }) => Promise<BareService>;
  readonly handler: BenchHandler;
}

interface Input {
  readonly count: number;
}

const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);

interface Shape {
  readonly nesting: "NESTED" | "FLAT";
  /** What each item's step returns. */
  readonly result: (index: number) => unknown;
  readonly maxConcurrency?: number;
  /** Our own option; the official SDK ignores it. */
  readonly batch?: number;
}

function mapHandler({ nesting, result, ...options }: Shape): BenchHandler {
  return (async ({ count }: Input, context: DurableContext) => {
    const batch = await context.map(
      "map",
      indexes(count),
      async (item, value) => item.step("step", async () => result(value)),
      { nesting, ...options },
    );
    if (batch.successCount !== count) throw new Error(`${batch.successCount} of ${count} items succeeded.`);
    if (JSON.stringify(batch.all[count - 1]?.result) !== JSON.stringify(result(count - 1))) {
      throw new Error("The last item has another item's result.");
    }
    return count;
  }) as BenchHandler;
}

function fresh(count: number, latencyMs = 0) {
  return async (_: Subject, options: { countBytes: boolean }) => new BareService({ count }, { ...options, latencyMs });
}

/** Items that cost nothing: what is left is the SDK's own work for each of them. */
function bareItems(name: string, count: number, completionConfig?: CompletionConfig): Scenario {
  const handler = async (input: Input, context: DurableContext) => {
    const config = completionConfig === undefined ? {} : { completionConfig };
    const batch = await context.map("map", indexes(input.count), async (_, value) => value, config);
    if (batch.successCount < 1) throw new Error("No item succeeded.");
    return batch.successCount;
  };
  return { name, items: count, handler: handler as BenchHandler, prepare: fresh(count) };
}

function sequence(name: string, count: number): Scenario {
  const handler = async (input: Input, context: DurableContext) => {
    let sum = 0;
    for (let at = 0; at < input.count; at++) sum += await context.step("step", async () => at);
    if (sum !== (input.count * (input.count - 1)) / 2) throw new Error("A step has another step's result.");
    return sum;
  };
  return { name, items: count, handler: handler as BenchHandler, prepare: fresh(count) };
}

function map(name: string, count: number, shape: Shape, settings?: RuntimeOptions): Scenario {
  return {
    name,
    items: count,
    handler: mapHandler(shape),
    prepare: fresh(count),
    ...(settings === undefined ? {} : { settings }),
  };
}

/** The finished map is replayed from its children: its results are over the payload limit. */
function replay(name: string, count: number, shape: Shape): Scenario {
  const handler = mapHandler(shape);
  return {
    name,
    items: count,
    handler,
    settings: { codec: "json" },
    async prepare(subject, options) {
      const first = new BareService({ count });
      await subject(handler, first, { codec: "json" });
      const again = new BareService({ count }, options);
      for (const operation of first.recorded()) again.operations.set(operation.Id as string, operation);
      return again;
    },
  };
}

const number = (index: number) => index * 2;
const row = (index: number) => ({ id: index, name: `city ${index}`, near: [index + 1, index + 2], km: index / 7 });
const rows = (index: number) => Array.from({ length: 100 }, (_, at) => row(index + at));

export const scenarios: readonly Scenario[] = [
  map("map of 100, nested", 100, { nesting: "NESTED", result: number }),
  map("map of 1,000, nested", 1_000, { nesting: "NESTED", result: number }),
  map("map of 10,000, nested", 10_000, { nesting: "NESTED", result: number }),
  map("map of 1,000, flat", 1_000, { nesting: "FLAT", result: number }),
  map("map of 10,000, flat", 10_000, { nesting: "FLAT", result: number }),
  map("map of 10,000, batch of 100", 10_000, { nesting: "FLAT", result: number, batch: 100 }),
  map("map of 10,000, flat, 10 at once", 10_000, { nesting: "FLAT", result: number, maxConcurrency: 10 }),
  map("map of 1,000, nested, 100 rows each", 1_000, { nesting: "NESTED", result: rows }),
  bareItems("10,000 items without a step", 10_000),
  bareItems("4,000 items, minSuccessful 1", 4_000, { minSuccessful: 1 }),
  bareItems("4,000 items, a predicate", 4_000, {
    shouldComplete: ({ completedCount, totalCount }) => ({ complete: completedCount === totalCount }),
  }),
  sequence("2,000 steps in a row", 2_000),
  {
    ...map("map of 1,000, nested, 10 ms a request", 1_000, { nesting: "NESTED", result: number }),
    prepare: fresh(1_000, 10),
  },
  {
    ...map("map of 1,000, nested, 10 at once, 10 ms a request", 1_000, {
      nesting: "NESTED",
      result: number,
      maxConcurrency: 10,
    }),
    prepare: fresh(1_000, 10),
  },
  replay("replay of 1,000, nested", 1_000, { nesting: "NESTED", result: (index) => "x".repeat(300) + index }),
  replay("replay of 10,000, nested", 10_000, { nesting: "NESTED", result: row }),
  replay("replay of 10,000, flat", 10_000, { nesting: "FLAT", result: row }),
];

/** Pairs whose cost should grow no faster than their size. */
export const growthPairs: readonly (readonly [string, string])[] = [
  ["map of 1,000, nested", "map of 10,000, nested"],
  ["map of 1,000, flat", "map of 10,000, flat"],
];
