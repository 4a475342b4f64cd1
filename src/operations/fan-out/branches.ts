import type { BatchSize } from "../../core/batch-size.ts";
import type { Serdes } from "../../core/serdes.ts";
import type { Scope } from "../../execution/scope.ts";
import type { Collect } from "./collector.ts";
import type { CompletionConfig } from "./completion.ts";
import type { BatchResult } from "./map-result.ts";
import type { ItemSource } from "./source.ts";

/** Whether each branch is a context of its own in the history. */
export const NestingType = {
  /** It is, at the price of one operation and one copy of its result. The default. */
  NESTED: "NESTED",
  /** It is not: its operations belong to the map or parallel itself. Without meaning where items share an operation. */
  FLAT: "FLAT",
} as const;
export type NestingType = (typeof NestingType)[keyof typeof NestingType];

/** What `map` and `parallel` have in common. */
export interface FanOutConfig<TResult> {
  /**
   * Branches that are open at once: from the call of a branch's function until that settles, whatever it waits for. Size
   * pools and locks by it. A fraction is rounded up. Default: no bound but `concurrency`.
   */
  maxConcurrency?: number;
  /**
   * Branches at work at once, 1 or more: one that only waits (for a wait, a callback, another attempt) gives its place to
   * the next one, and has one again before its code goes on. Default: `runtime.concurrency`; with `maxConcurrency` that
   * bound alone.
   */
  concurrency?: number;
  serdes?: Serdes<BatchResult<TResult>>;
  itemSerdes?: Serdes<TResult>;
  completionConfig?: CompletionConfig;
  /** Adds a text to the summary that is kept when the result is over the limit. */
  summaryGenerator?: (result: BatchResult<TResult>) => string;
  nesting?: NestingType;
}

/** Branches to run; they are asked for one by one, when their turn comes. */
export interface Branches {
  readonly kind: "map" | "parallel";
  readonly source: ItemSource;
  /** Names of their own, where the user gives them; an empty one stands for none. */
  readonly nameOf: ((index: number, value: unknown) => string | undefined) | undefined;
  readonly run: (index: number, value: unknown, scope: Scope) => Promise<unknown>;
  /** How many items share an operation; undefined where each has its own. */
  readonly batch?: BatchSize | undefined;
  readonly collect?: Collect | undefined;
}
