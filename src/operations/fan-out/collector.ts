import { invalid } from "../../core/arguments.ts";
import { isThenable } from "../checks.ts";
import type { CompletionReason } from "./completion.ts";
import { type BatchItem, MapResult } from "./map-result.ts";

const INVALID = "ERR_COLLECT_INVALID";

export type EndedItem<T> = BatchItem<T> & { status: "SUCCEEDED" | "FAILED" };

/** Makes one value from the results of a map, in the order of the items' indexes. */
export interface ReduceCollect<TResult, TReduced> {
  /**
   * Called for each item that succeeded before the map ended, in the order of the indexes. A replay may call the
   * function again for the same items, so it must be pure. If it throws, or returns a promise, the map fails.
   */
  reduce: (accumulator: TReduced, result: TResult, index: number) => TReduced;
  initial: TReduced;
}

/**
 * What a map result contains.
 * - `all`: every started item. The default.
 * - `failures`: the failed items, the started items that had not ended when the map ended, and the number of succeeded
 *   items.
 * - `{ reduce, initial }`: the same as `failures`, and one value that `reduce` makes from the results of the succeeded
 *   items.
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

  /** Throws if the user's `reduce` throws or returns a promise. */
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
