import type { BatchSize } from "../../core/batch-size.ts";
import type { Serdes } from "../../core/serdes.ts";
import type { Scope } from "../../execution/scope.ts";
import type { Collect } from "./collector.ts";
import type { CompletionConfig } from "./completion.ts";
import type { BatchResult } from "./map-result.ts";
import type { ItemSource } from "./source.ts";

/** Whether each branch has an operation. Without effect on a map with batches, whose items share operations. */
export const NestingType = {
  /** Each branch has an operation, which records the outcome of the branch. The default. */
  NESTED: "NESTED",
  /** A branch has no operation. Until the map has ended, each replay calls the function of the branch again. */
  FLAT: "FLAT",
} as const;
export type NestingType = (typeof NestingType)[keyof typeof NestingType];

/** The options that `map` and `parallel` have in common. */
export interface FanOutConfig<TResult> {
  /**
   * The greatest number of open branches: a whole number of at least 1, or Infinity. A branch is open from the call of
   * its function until the function settles, even while the branch waits. If the branches use a pool of connections,
   * this number should be at most the size of the pool. Default: only `concurrency` limits the branches.
   */
  maxConcurrency?: number;
  /**
   * The greatest number of working branches: a whole number of at least 1, or Infinity. A branch that only waits (for a
   * wait, a callback, another attempt) lends its permit to the next branch, and regains a permit before its code
   * continues. When no operation executes any more, such branches continue without a permit, because the working
   * branches may wait for them. Default: `runtime.concurrency`. If only `maxConcurrency` is set, there is no further
   * limit, and no branch lends its permit.
   */
  concurrency?: number;
  serdes?: Serdes<BatchResult<TResult>>;
  itemSerdes?: Serdes<TResult>;
  completionConfig?: CompletionConfig;
  /**
   * Makes a text that is added to the recorded summary of a result over the size limit. If the summary is over the
   * limit too, the map fails.
   */
  summaryGenerator?: (result: BatchResult<TResult>) => string;
  nesting?: NestingType;
}

export interface Branches {
  readonly kind: "map" | "parallel";
  readonly source: ItemSource;
  /** The user's names for the branches. An empty name counts as no name. */
  readonly nameOf: ((index: number, value: unknown) => string | undefined) | undefined;
  readonly run: (index: number, value: unknown, scope: Scope) => Promise<unknown>;
  /** The size of new batches. Undefined: the map has no batches, unless an earlier invocation has recorded one. */
  readonly batch?: BatchSize | undefined;
  readonly collect?: Collect | undefined;
}
