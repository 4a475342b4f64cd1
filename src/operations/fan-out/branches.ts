import type { BatchSize } from "../../core/batch-size.ts";
import type { Serdes } from "../../core/serdes.ts";
import type { Scope } from "../../execution/scope.ts";
import type { Collect } from "./collector.ts";
import type { CompletionConfig } from "./completion.ts";
import type { BatchResult } from "./map-result.ts";
import type { ItemSource } from "./source.ts";

/** Whether each branch is a context with an operation of its own. */
export const NestingType = {
  /** Each branch is a context, which costs one operation and records the result of the branch. The default. */
  NESTED: "NESTED",
  /** Branches have no operations of their own. FLAT has no effect on a map with batches. */
  FLAT: "FLAT",
} as const;
export type NestingType = (typeof NestingType)[keyof typeof NestingType];

/** The options that `map` and `parallel` have in common. */
export interface FanOutConfig<TResult> {
  /**
   * The greatest number of open branches: a whole number of at least 1. A branch is open from the call of its function
   * until the function settles, even while the branch waits. If branches share a pool, this number should be at most
   * the size of the pool. Default: only `concurrency` limits the branches.
   */
  maxConcurrency?: number;
  /**
   * The greatest number of working branches, 1 or more. A branch that only waits (for a wait, a callback, another
   * attempt) lends its permit to the next branch, and regains a permit before its code continues. Default:
   * `runtime.concurrency`. If `maxConcurrency` is set, the default is no further limit.
   */
  concurrency?: number;
  serdes?: Serdes<BatchResult<TResult>>;
  itemSerdes?: Serdes<TResult>;
  completionConfig?: CompletionConfig;
  /** Makes a text that is added to the summary of a result over the size limit. The history shows the summary. */
  summaryGenerator?: (result: BatchResult<TResult>) => string;
  nesting?: NestingType;
}

export interface Branches {
  readonly kind: "map" | "parallel";
  readonly source: ItemSource;
  /** The user's names for the branches, if there are any. An empty name counts as no name. */
  readonly nameOf: ((index: number, value: unknown) => string | undefined) | undefined;
  readonly run: (index: number, value: unknown, scope: Scope) => Promise<unknown>;
  /** The size of the batches. Undefined for no batches. */
  readonly batch?: BatchSize | undefined;
  readonly collect?: Collect | undefined;
}
