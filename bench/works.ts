import type { BatchResult, DurableContext, RuntimeOptions } from "../src/index.ts";

/** A handler that uses only the API of both packages. Its result must be equal with both packages. */
export type BenchHandler = (input: { readonly count: number }, context: DurableContext) => Promise<unknown>;

export type Subject = "official" | "ours";
export const SUBJECTS: readonly Subject[] = ["official", "ours"];

/** Cold: the first execution of its process. Warm: an execution of `WARM_ITEMS` items has run before. */
export type State = "cold" | "warm";
export const STATES: readonly State[] = ["cold", "warm"];
export const WARM_ITEMS = 50;

export interface Work {
  readonly name: string;
  /** The number of items or steps. The processor time is divided by this number. */
  readonly items: number;
  readonly handler: BenchHandler;
  /** Settings of this package. The official SDK has no settings. */
  readonly settings?: RuntimeOptions;
  /** The service answers a request after so many milliseconds. Default 0. */
  readonly latencyMs?: number;
  /** True: the handler suspends, so the service must keep the records for further invocations. */
  readonly suspends?: true;
  /** True: the measured execution is a replay. Another process has recorded it. */
  readonly replays?: true;
  /** True: the work runs on the embedded engine. The official SDK cannot run on it. */
  readonly onEngine?: true;
  /** False: only this package is measured. Default true. */
  readonly official?: false;
  /** How often each package runs in each state. Default 5. */
  readonly runs?: number;
}

interface Shape {
  readonly nesting?: "NESTED" | "FLAT";
  readonly maxConcurrency?: number;
  /** An option of this package. The official SDK ignores it. */
  readonly batch?: number;
}

const indexes = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const double = (index: number): number => index * 2;

/** Returns the part of a map result that must be equal with both packages. Throws unless all items succeeded. */
function summary(batch: BatchResult<unknown>, count: number): unknown {
  if (batch.successCount !== count) throw new Error(`${batch.successCount} of ${count} items succeeded.`);
  return [count, batch.all[0]?.result, batch.all[count - 1]?.result];
}

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

/** The items that have failed once. The set is needed because the official SDK does not tell a step its attempt. */
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

/** Makes small rows, each with about 70 bytes of JSON. */
const rows = (length: number) => (index: number) =>
  Array.from({ length }, (_, at) => {
    const id = index + at;
    return { id, name: `city ${id}`, near: [id + 1, id + 2], km: id / 7 };
  });

/** Short work runs more often, because other programs of the machine change its milliseconds much. */
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
  // Only the bytes of this work have a target. They are equal in all samples, so one sample is enough.
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
