import type { BatchResult, DurableContext, RuntimeOptions } from "../src/index.ts";

/** A handler written against the API that both packages have. What it returns must be the same on both. */
export type BenchHandler = (input: { readonly count: number }, context: DurableContext) => Promise<unknown>;

export type Subject = "official" | "ours";
export const SUBJECTS: readonly Subject[] = ["official", "ours"];

/** Cold: the first execution of its process. Warm: an execution of `WARM_ITEMS` items has run before. */
export type State = "cold" | "warm";
export const STATES: readonly State[] = ["cold", "warm"];
export const WARM_ITEMS = 50;

/** One piece of work that both packages do. */
export interface Work {
  readonly name: string;
  /** Items, or steps, that the processor time is divided by. */
  readonly items: number;
  readonly handler: BenchHandler;
  /** Settings of ours; the official SDK has none. */
  readonly settings?: RuntimeOptions;
  /** Milliseconds until the service answers a checkpoint. Default 0. */
  readonly latencyMs?: number;
  /** Whether the handler suspends, so that further invocations must know what was recorded. */
  readonly suspends?: true;
  /** Whether what is measured is the replay of an execution that another process has recorded. */
  readonly replays?: true;
  /** Whether it runs on the embedded engine, of which the official SDK has none. */
  readonly onEngine?: true;
  /** Whether the official SDK takes part. Default true. */
  readonly official?: false;
  /** Runs of each package in each state. Default 5. */
  readonly runs?: number;
}

interface Shape {
  readonly nesting?: "NESTED" | "FLAT";
  readonly maxConcurrency?: number;
  /** Our own option; the official SDK ignores it. */
  readonly batch?: number;
}

const indexes = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const double = (index: number): number => index * 2;

/** Throws unless all items succeeded; returns what both packages must agree upon. */
function summary(batch: BatchResult<unknown>, count: number): unknown {
  if (batch.successCount !== count) throw new Error(`${batch.successCount} of ${count} items succeeded.`);
  return [count, batch.all[0]?.result, batch.all[count - 1]?.result];
}

/** A map with one step in each item. */
const mapOfSteps =
  (shape: Shape = {}, result: (index: number) => unknown = double): BenchHandler =>
  async ({ count }, context) =>
    summary(
      await context.map("map", indexes(count), async (item, at) => item.step("step", async () => result(at)), shape),
      count,
    );

const mapOfValues: BenchHandler = async ({ count }, context) =>
  summary(await context.map("map", indexes(count), async (_, value) => value), count);

const stepWaitStep: BenchHandler = async ({ count }, context) => {
  const batch = await context.map("map", indexes(count), async (item, value) => {
    const first = await item.step("before", async () => value);
    await item.wait("pause", { hours: 1 });
    return item.step("after", async () => first + value);
  });
  return summary(batch, count);
};

/** Items that have failed and not been tried again: the official SDK does not tell a step which attempt it is. */
const failed = new Set<number>();

const eachFailsOnce: BenchHandler = async ({ count }, context) => {
  const retryStrategy = (_: Error, attempt: number) => ({ shouldRetry: attempt < 3, delay: { minutes: 1 } });
  const run = (item: DurableContext, value: number) =>
    item.step(
      "step",
      async () => {
        if (failed.delete(value)) return double(value);
        failed.add(value);
        throw new Error("busy");
      },
      { retryStrategy },
    );
  return summary(await context.map("map", indexes(count), run), count);
};

const stepsInARow: BenchHandler = async ({ count }, context) => {
  let sum = 0;
  for (let at = 0; at < count; at++) sum += await context.step("step", async () => at);
  if (sum !== (count * (count - 1)) / 2) throw new Error("A step has another step's result.");
  return sum;
};

/** So many small rows, about 70 bytes of JSON each. */
const rows = (length: number) => (index: number) =>
  Array.from({ length }, (_, at) => {
    const id = index + at;
    return { id, name: `city ${id}`, near: [id + 1, id + 2], km: id / 7 };
  });

/** Short work is done more often, for it is over in milliseconds, so that any other program of the machine shows. */
const SHORT = { runs: 21 };

export const works: readonly Work[] = [
  { name: "map of 10", items: 10, handler: mapOfSteps(), ...SHORT },
  { name: "map of 100", items: 100, handler: mapOfSteps(), ...SHORT },
  { name: "map of 1,000", items: 1_000, handler: mapOfSteps(), runs: 11 },
  { name: "NESTED map of 10,000", items: 10_000, handler: mapOfSteps({ nesting: "NESTED" }) },
  { name: "FLAT map of 10,000", items: 10_000, handler: mapOfSteps({ nesting: "FLAT" }) },
  { name: "batch: 100, 10,000", items: 10_000, handler: mapOfSteps({ nesting: "FLAT", batch: 100 }) },
  { name: "batch: 100, 100,000", items: 100_000, handler: mapOfSteps({ nesting: "FLAT", batch: 100 }) },
  {
    name: "batch: 100, 1,000,000",
    items: 1_000_000,
    handler: mapOfSteps({ nesting: "FLAT", batch: 100 }),
    official: false,
    runs: 3,
  },
  { name: "items without a step, 10,000", items: 10_000, handler: mapOfValues },
  { name: "step, wait, step x 10,000", items: 10_000, handler: stepWaitStep, suspends: true },
  { name: "each of 10,000 fails once", items: 10_000, handler: eachFailsOnce, suspends: true },
  { name: "replay of FLAT 10,000", items: 10_000, handler: mapOfSteps({ nesting: "FLAT" }), replays: true },
  { name: "1,000 items, 10 ms", items: 1_000, handler: mapOfSteps(), latencyMs: 10 },
  { name: "1,000 items, 10 ms, batch: 100", items: 1_000, handler: mapOfSteps({ batch: 100 }), latencyMs: 10 },
  {
    name: "1,000 items, 10 at once, 10 ms, batch: 100",
    items: 1_000,
    handler: mapOfSteps({ maxConcurrency: 10, batch: 100 }),
    latencyMs: 10,
  },
  // Only its bytes have a target, and they are the same in every run.
  { name: "10,000 x 100 rows", items: 10_000, handler: mapOfSteps({}, rows(100)), runs: 1 },
  { name: "20,000 steps in a row", items: 20_000, handler: stepsInARow },
  { name: "engine, 10,000 items", items: 10_000, handler: mapOfSteps({ nesting: "FLAT" }), onEngine: true },
  { name: "engine, 100,000 items, batch: 100", items: 100_000, handler: mapOfSteps({ batch: 100 }), onEngine: true },
];

export function workNamed(name: string): Work {
  const work = works.find((one) => one.name === name);
  if (work === undefined)
    throw new Error(`There is no work "${name}"; there is:\n${works.map((one) => `  ${one.name}`).join("\n")}`);
  return work;
}
