import type { BatchSize } from "../../core/batch-size.ts";
import type { Serdes } from "../../core/serdes.ts";
import type { Scope } from "../../execution/scope.ts";
import type { Collect } from "./collector.ts";
import type { CompletionConfig } from "./completion.ts";
import type { BatchResult } from "./map-result.ts";
import type { ItemSource } from "./source.ts";

/** Whether the history shows each branch as a context of its own. */
export const NestingType = {
  /** Each branch is a context, which costs one operation and one copy of the branch's result. The default. */
  NESTED: "NESTED",
  /**
   * No branch is a context. The operations of a branch belong to the map or parallel itself. Has no effect on a batch.
   */
  FLAT: "FLAT",
} as const;
export type NestingType = (typeof NestingType)[keyof typeof NestingType];

/** The options that `map` and `parallel` have in common. */
export interface FanOutConfig<TResult> {
  /**
   * The greatest number of open branches. A branch is open from the call of its function until the function settles,
   * even while the branch waits. Choose the sizes of pools and locks by this number. A fraction is rounded up. Default:
   * no limit except `concurrency`.
   */
  maxConcurrency?: number;
  /**
   * The greatest number of working branches, 1 or more. A branch that only waits (for a wait, a callback, another
   * attempt) lends its permit to the next branch, and regains a permit before its code continues. Default:
   * `runtime.concurrency`. With `maxConcurrency` the default is no further limit.
   */
  concurrency?: number;
  serdes?: Serdes<BatchResult<TResult>>;
  itemSerdes?: Serdes<TResult>;
  completionConfig?: CompletionConfig;
  /** Makes a text that is added to the summary of a result over the limit. */
  summaryGenerator?: (result: BatchResult<TResult>) => string;
  nesting?: NestingType;
}

/** The branches to run. They are read one by one, when they may start. */
export interface Branches {
  readonly kind: "map" | "parallel";
  readonly source: ItemSource;
  /** The user's names for the branches, where given. An empty name counts as no name. */
  readonly nameOf: ((index: number, value: unknown) => string | undefined) | undefined;
  readonly run: (index: number, value: unknown, scope: Scope) => Promise<unknown>;
  /** The number of items that share an operation; undefined where each item has its own. */
  readonly batch?: BatchSize | undefined;
  readonly collect?: Collect | undefined;
}
