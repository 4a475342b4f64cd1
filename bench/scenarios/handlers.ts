import type { BatchResult, CompletionConfig } from "../../src/index.ts";
import type { BenchHandler } from "../scenario.ts";

export const indexes = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** `10,000`, without the time that it takes to load a locale: that would be part of every process. */
export const grouped = (count: number): string => `${count}`.replace(/\B(?=(\d{3})+$)/g, ",");

export const double = (index: number): number => index * 2;

/** Throws unless all items succeeded and the last one has its own result. */
export function check(batch: BatchResult<unknown>, count: number, last: unknown): void {
  if (batch.successCount !== count) throw new Error(`${batch.successCount} of ${count} items succeeded.`);
  if (JSON.stringify(batch.all[count - 1]?.result) !== JSON.stringify(last)) {
    throw new Error("The last item has another item's result.");
  }
}

export interface MapShape {
  readonly nesting?: "NESTED" | "FLAT";
  /** What each item's step returns. Default: twice its index. */
  readonly result?: (index: number) => unknown;
  readonly maxConcurrency?: number;
  /** Our own option; the official SDK ignores it. */
  readonly batch?: number | false;
}

/** A map with one step in each item. */
export function mapOfSteps({ result = double, ...options }: MapShape = {}): BenchHandler {
  return async ({ count }, context) => {
    const batch = await context.map(
      "map",
      indexes(count),
      async (item, value) => item.step("step", async () => result(value)),
      options,
    );
    check(batch, count, result(count - 1));
    return count;
  };
}

/** A map whose steps keep the thread for so many milliseconds each. */
export function mapOfComputingSteps(ms: number): BenchHandler {
  return mapOfSteps({
    result(index) {
      const endMs = performance.now() + ms;
      while (performance.now() < endMs);
      return double(index);
    },
  });
}

/** A map whose items have no operation of their own. */
export function mapOfValues(completionConfig?: CompletionConfig, wanted?: number): BenchHandler {
  return async ({ count }, context) => {
    const config = completionConfig === undefined ? {} : { completionConfig };
    const batch = await context.map("map", indexes(count), async (_, value) => value, config);
    const least = wanted ?? count;
    if (batch.successCount < least) throw new Error(`${batch.successCount} items succeeded, not ${least}.`);
    return batch.successCount;
  };
}

export function stepsInARow(): BenchHandler {
  return async ({ count }, context) => {
    let sum = 0;
    for (let at = 0; at < count; at++) sum += await context.step("step", async () => at);
    if (sum !== (count * (count - 1)) / 2) throw new Error("A step has another step's result.");
    return sum;
  };
}

/** A map over a generator, whose results are folded into one sum: only ours has it. */
export function reducedMap(batch: number): BenchHandler {
  return async ({ count }, context) => {
    function* numbers() {
      for (let at = 0; at < count; at++) yield at;
    }
    const { reduced } = await context.map("map", numbers(), (item, value) => item.step("step", async () => value), {
      batch,
      collect: { reduce: (sum, value: number) => sum + value, initial: 0 },
    });
    if (reduced !== (count * (count - 1)) / 2) throw new Error(`The sum is ${reduced}.`);
    return reduced;
  };
}

const city = (index: number) => ({ id: index, name: `city ${index}`, near: [index + 1, index + 2], km: index / 7 });

/** So many small rows, about 70 bytes of JSON each. */
export const rows =
  (length: number) =>
  (index: number): unknown =>
    Array.from({ length }, (_, at) => city(index + at));
