import { BatchCompletionError, type ChildContextError } from "../../core/errors.ts";
import type { BatchItemStatus, CompletionReason } from "./completion.ts";

/** One started item of a map or parallel. */
export interface BatchItem<TResult> {
  result?: TResult;
  error?: ChildContextError;
  index: number;
  status: BatchItemStatus;
}

/**
 * The result of a `map` or `parallel`. By default `all` has all started items, in the order of their index. An item
 * that never started is not in `all`, and `totalCount` does not count it.
 */
export interface BatchResult<TResult> {
  all: Array<BatchItem<TResult>>;
  /** The succeeded items in `all` whose result is not undefined. `successCount` counts each succeeded item. */
  succeeded(): Array<BatchItem<TResult> & { result: TResult }>;
  failed(): Array<BatchItem<TResult> & { error: ChildContextError }>;
  /** Items that had not ended when the map ended. */
  started(): Array<BatchItem<TResult> & { status: "STARTED" }>;
  status: "SUCCEEDED" | "FAILED";
  completionReason: CompletionReason;
  hasFailure: boolean;
  /**
   * Throws the error of the failed item with the lowest index, even if the failure was tolerated. If no item failed and
   * a custom policy ended the map as failed, throws a `BatchCompletionError`. Otherwise does nothing.
   */
  throwIfError(): void;
  getResults(): Array<TResult>;
  getErrors(): Array<ChildContextError>;
  successCount: number;
  failureCount: number;
  startedCount: number;
  totalCount: number;
}

/** The map result with `collect: { reduce, initial }`. `all` has only the started items that did not succeed. */
export interface ReducedBatchResult<TResult, TReduced> extends BatchResult<TResult> {
  reduced: TReduced;
}

/** `uncollected` is the number of succeeded items that are not in `all`. `reduced` is the value that `reduce` made. */
export interface Uncollected {
  readonly uncollected: number;
  readonly reduced?: unknown;
}

/**
 * JSON contains `all`, `completionReason`, `uncollected` and `reduced`. The getters compute all other values from them.
 */
export class MapResult<TResult> implements BatchResult<TResult> {
  all: BatchItem<TResult>[];
  completionReason: CompletionReason;
  /** Absent if the map collects all items. */
  declare uncollected?: number;
  declare reduced?: unknown;

  constructor(all: BatchItem<TResult>[], completionReason: CompletionReason, rest?: Uncollected) {
    this.all = all;
    this.completionReason = completionReason;
    if (rest === undefined) return;
    this.uncollected = rest.uncollected;
    if (rest.reduced !== undefined) this.reduced = rest.reduced;
  }

  succeeded(): (BatchItem<TResult> & { result: TResult })[] {
    return this.all.filter(
      (item): item is BatchItem<TResult> & { result: TResult } =>
        item.status === "SUCCEEDED" && item.result !== undefined,
    );
  }

  failed(): (BatchItem<TResult> & { error: ChildContextError })[] {
    return this.all.filter(
      (item): item is BatchItem<TResult> & { error: ChildContextError } =>
        item.status === "FAILED" && item.error !== undefined,
    );
  }

  started(): (BatchItem<TResult> & { status: "STARTED" })[] {
    return this.all.filter((item): item is BatchItem<TResult> & { status: "STARTED" } => item.status === "STARTED");
  }

  get status(): "SUCCEEDED" | "FAILED" {
    if (this.completionReason === "CUSTOM_COMPLETION_FAILED") return "FAILED";
    if (this.completionReason === "CUSTOM_COMPLETION_SUCCEEDED") return "SUCCEEDED";
    return this.hasFailure ? "FAILED" : "SUCCEEDED";
  }

  get hasFailure(): boolean {
    return this.all.some((item) => item.status === "FAILED");
  }

  throwIfError(): void {
    const failed = this.all.find((item) => item.status === "FAILED" && item.error !== undefined);
    if (failed?.error !== undefined) throw failed.error;
    if (this.status === "FAILED") throw new BatchCompletionError(this.completionReason);
  }

  getResults(): TResult[] {
    return this.succeeded().map((item) => item.result);
  }

  getErrors(): ChildContextError[] {
    return this.failed().map((item) => item.error);
  }

  get successCount(): number {
    return count(this, "SUCCEEDED") + (this.uncollected ?? 0);
  }

  get failureCount(): number {
    return count(this, "FAILED");
  }

  get startedCount(): number {
    return count(this, "STARTED");
  }

  get totalCount(): number {
    return this.all.length + (this.uncollected ?? 0);
  }
}

// This function is no private method, because users wrap map results in a `Proxy` or with `Object.create`. A wrapper
// has no private members.
function count({ all }: MapResult<unknown>, status: BatchItemStatus): number {
  let found = 0;
  for (const item of all) if (item.status === status) found++;
  return found;
}
