import { invalid } from "../../core/arguments.ts";
import { isThenable } from "../checks.ts";
import type { CompletionReason } from "./completion.ts";
import { type BatchItem, MapResult } from "./map-result.ts";

const INVALID = "ERR_COLLECT_INVALID";

export type EndedItem<T> = BatchItem<T> & { status: "SUCCEEDED" | "FAILED" };

/** Makes one value from the results of a map, in the order of the items' indexes. */
export interface ReduceCollect<TResult, TReduced> {
  /** Called once for each item that succeeded. The function must be pure, because a replay may call it again. */
  reduce: (accumulator: TReduced, result: TResult, index: number) => TReduced;
  initial: TReduced;
}

/**
 * What a map result contains.
 * - `all`: every started item. The default.
 * - `failures`: the failed items, the items that had not ended when the map ended, and the number of succeeded items.
 * - `{ reduce, initial }`: the same as `failures`, and one value that `reduce` makes from all results.
 */
export type Collect<TResult = unknown, TReduced = unknown> = "all" | "failures" | ReduceCollect<TResult, TReduced>;

export function checkCollect(operation: () => string, collect: unknown): void {
  if (collect === undefined || collect === "all" || collect === "failures") return;
  if (typeof collect === "object" && collect !== null) {
    const { reduce } = collect as Partial<ReduceCollect<unknown, unknown>>;
    if (typeof reduce === "function" && "initial" in collect) return;
  }
  const allowed = '"all", "failures" or { reduce, initial } with a function and a first value';
  throw invalid(operation, "collect", collect, allowed, INVALID);
}

/** Collects the content of a map result. An item that `collect` does not ask for is dropped at once, to save memory. */
export class Collector<T> {
  readonly #operation: () => string;
  readonly #collect: Collect;
  readonly #kept: (BatchItem<T> | undefined)[] = [];
  /** The indexes of items that have started and not ended. */
  readonly #started = new Set<number>();
  /** Outcomes for `reduce` that wait until all items with lower indexes have ended. Undefined for a failed item. */
  readonly #early = new Map<number, { value: T } | undefined>();
  #next = 0;
  #reduced: unknown;
  #succeeded = 0;

  constructor(operation: () => string, collect: Collect = "all") {
    this.#operation = operation;
    this.#collect = collect;
    if (typeof collect === "object") this.#reduced = collect.initial;
  }

  started(index: number): void {
    this.#started.add(index);
    if (this.#collect === "all") this.#kept[index] = { index, status: "STARTED" };
  }

  /** Throws the error of the user's `reduce`. */
  ended(item: EndedItem<T>): void {
    const { index, status } = item;
    this.#started.delete(index);
    if (status === "SUCCEEDED") this.#succeeded++;
    if (this.#collect === "all") this.#kept[index] = item;
    else if (status === "FAILED") this.#kept.push(item);
    if (typeof this.#collect !== "object") return;
    this.#early.set(index, status === "SUCCEEDED" ? { value: item.result as T } : undefined);
    while (this.#early.has(this.#next)) this.#reduceNext(this.#next++);
  }

  #reduceNext(index: number): void {
    const result = this.#early.get(index);
    this.#early.delete(index);
    if (result !== undefined && typeof this.#collect === "object") {
      const reduced = this.#collect.reduce(this.#reduced, result.value, index);
      if (isThenable(reduced)) {
        throw invalid(this.#operation, "answer of collect.reduce", reduced, "a value, not a promise", INVALID);
      }
      this.#reduced = reduced;
    }
  }

  /** Makes the map result after `reduce` has got all results. Throws the error of `reduce`. */
  result(reason: CompletionReason): MapResult<T> {
    if (this.#collect === "all") {
      const kept = this.#kept.filter((item) => item !== undefined);
      return new MapResult(kept, reason);
    }
    for (const index of [...this.#early.keys()].sort(ascending)) this.#reduceNext(index);
    const open = [...this.#started].map((index): BatchItem<T> => ({ index, status: "STARTED" }));
    const kept = [...this.#kept.filter((item) => item !== undefined), ...open].sort((a, b) => a.index - b.index);
    return new MapResult(kept, reason, { uncollected: this.#succeeded, reduced: this.#reduced });
  }
}

const ascending = (a: number, b: number): number => a - b;
