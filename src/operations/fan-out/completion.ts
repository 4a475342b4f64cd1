import type { CompletionReason } from "../../core/errors.ts";
import { checkCount, checkFunction, invalid, isThenable } from "../checks.ts";

export type { CompletionReason };

/** The status of one item of a map or parallel. */
export const BatchItemStatus = { SUCCEEDED: "SUCCEEDED", FAILED: "FAILED", STARTED: "STARTED" } as const;
export type BatchItemStatus = (typeof BatchItemStatus)[keyof typeof BatchItemStatus];

/** The outcome with which a custom policy ends a map or parallel. */
export const CompletionOutcome = { SUCCEEDED: "SUCCEEDED", FAILED: "FAILED" } as const;
export type CompletionOutcome = (typeof CompletionOutcome)[keyof typeof CompletionOutcome];

export type CompletionDecision = { complete: false } | { complete: true; outcome?: CompletionOutcome };

/** A custom policy's answer: continue. */
export const continueBatch = (): CompletionDecision => ({ complete: false });

/** A custom policy's answer: end the map or parallel. */
export const completeBatch = (outcome: CompletionOutcome = "SUCCEEDED"): CompletionDecision => ({
  complete: true,
  outcome,
});

export interface CompletionItemStatus {
  index: number;
  name?: string;
  /** Absent until the item starts. */
  status?: BatchItemStatus;
}

/** The state from which a custom policy decides. `totalCount` counts all items, started or not. */
export interface CompletionStatus {
  successCount: number;
  failureCount: number;
  completedCount: number;
  totalCount: number;
  items: readonly CompletionItemStatus[];
}

export interface ThresholdCompletionConfig {
  /** End as soon as this number of items has succeeded. */
  minSuccessful?: number;
  /** End when more items than this failed. */
  toleratedFailureCount?: number;
  /** End when more than this share of all items failed, 0 to 100. */
  toleratedFailurePercentage?: number;
  shouldComplete?: never;
}

export interface CustomCompletionConfig {
  /** Called before the first item and after each item that ends. The function must decide from its argument alone. */
  shouldComplete: (status: CompletionStatus) => CompletionDecision;
  minSuccessful?: never;
  toleratedFailureCount?: never;
  toleratedFailurePercentage?: never;
}

/** When a map or parallel ends early. Without any member the first failure ends it. */
export type CompletionConfig = ThresholdCompletionConfig | CustomCompletionConfig;

/** @throws DurableError `ERR_ARGUMENT_INVALID` for counts that are no counts, and shares outside of 0 to 100 */
export function checkCompletion(operation: () => string, config: CompletionConfig | undefined): void {
  if (config === undefined || config === null) return;
  if (typeof config !== "object" || Array.isArray(config)) {
    throw invalid(operation, "completionConfig", config, "an object");
  }
  const { minSuccessful, toleratedFailureCount, toleratedFailurePercentage: share, shouldComplete } = config;
  checkCount(operation, "completionConfig.minSuccessful", minSuccessful);
  checkCount(operation, "completionConfig.toleratedFailureCount", toleratedFailureCount);
  checkFunction(operation, "completionConfig.shouldComplete", shouldComplete);
  if (share === undefined || share === null || (share >= 0 && share <= 100)) return;
  throw invalid(operation, "completionConfig.toleratedFailurePercentage", share, "a number from 0 to 100");
}

/** What is wrong with the config: the two families of settings cannot be combined. */
export function completionConfigFault(config: CompletionConfig | undefined): Error | undefined {
  if (config?.shouldComplete === undefined) return undefined;
  const { minSuccessful, toleratedFailureCount, toleratedFailurePercentage } = config;
  if ((minSuccessful ?? toleratedFailureCount ?? toleratedFailurePercentage) === undefined) return undefined;
  return new Error(
    "completionConfig.shouldComplete is mutually exclusive with minSuccessful, toleratedFailureCount, and " +
      "toleratedFailurePercentage",
  );
}

/**
 * Follows a map or parallel, and decides when no further item starts, when the map is over, and why. The cost of each
 * event does not depend on the number of items.
 */
export class Completion {
  #total: number;
  #isTotalKnown = true;
  readonly #operation: () => string;
  readonly #config: CompletionConfig;
  readonly #names: ((index: number) => string) | undefined;
  #items: CompletionItemStatus[] | undefined;
  #custom: CompletionDecision = { complete: false };
  #succeeded = 0;
  #failed = 0;
  #mayBegin = Number.POSITIVE_INFINITY;

  /**
   * `total` is undefined while the number is unknown. Then `grow` gives the number of items so far. `names` is called
   * only for a custom policy, which sees all items.
   */
  constructor(
    operation: () => string,
    total: number | undefined,
    config: CompletionConfig | undefined,
    names?: (index: number) => string,
  ) {
    this.#operation = operation;
    this.#total = total ?? 0;
    this.#isTotalKnown = total !== undefined;
    this.#config = config ?? {};
    this.#names = names;
  }

  /** No more than `items` items begin, and the map does not end sooner. */
  bound(items: number): void {
    this.#mayBegin = items;
  }

  /** The number of items that may be under way. */
  get room(): number {
    return this.#mayBegin - this.#succeeded - this.#failed;
  }

  /** Notes the number of items so far, or (`isEnd`) in total. */
  grow(total: number, isEnd: boolean): void {
    this.#total = total;
    this.#isTotalKnown = isEnd;
  }

  get total(): number {
    return this.#total;
  }

  get isTotalKnown(): boolean {
    return this.#isTotalKnown;
  }

  /** Called before the first item. Throws the error of a custom policy. */
  begin(): void {
    this.#ask();
  }

  started(index: number): void {
    if (this.#config.shouldComplete !== undefined) this.#setStatus(index, "STARTED");
  }

  /** Throws the error of a custom policy. */
  ended(index: number, status: "SUCCEEDED" | "FAILED"): void {
    if (status === "SUCCEEDED") this.#succeeded++;
    else this.#failed++;
    if (this.#config.shouldComplete === undefined) return;
    this.#setStatus(index, status);
    this.#ask();
  }

  get succeeded(): number {
    return this.#succeeded;
  }

  get failed(): number {
    return this.#failed;
  }

  /** Whether nothing more is started or awaited. */
  get isOver(): boolean {
    const { minSuccessful, shouldComplete } = this.#config;
    return (
      (this.#isTotalKnown && this.#succeeded + this.#failed === this.#total) ||
      this.#custom.complete ||
      (shouldComplete === undefined && this.#toleranceExceeded) ||
      // Checked only after an item has ended, so that a threshold of 0 lets the first item start.
      (minSuccessful !== undefined && this.#succeeded + this.#failed > 0 && this.#succeeded >= minSuccessful)
    );
  }

  get reason(): CompletionReason {
    const { minSuccessful, shouldComplete } = this.#config;
    if (shouldComplete !== undefined) {
      if (!this.#custom.complete) return "ALL_COMPLETED";
      return this.#custom.outcome === "FAILED" ? "CUSTOM_COMPLETION_FAILED" : "CUSTOM_COMPLETION_SUCCEEDED";
    }
    if (this.#toleranceExceeded) return "FAILURE_TOLERANCE_EXCEEDED";
    if (this.#succeeded + this.#failed === this.#total) return "ALL_COMPLETED";
    if (minSuccessful !== undefined && this.#succeeded >= minSuccessful) return "MIN_SUCCESSFUL_REACHED";
    return "ALL_COMPLETED";
  }

  get #toleranceExceeded(): boolean {
    const failed = this.#failed;
    const { minSuccessful, toleratedFailureCount, toleratedFailurePercentage } = this.#config;
    if (toleratedFailureCount === undefined && toleratedFailurePercentage === undefined) {
      return minSuccessful === undefined && failed > 0;
    }
    if (toleratedFailureCount !== undefined && failed > toleratedFailureCount) return true;
    // While the total is unknown, no share can be exceeded.
    if (toleratedFailurePercentage === undefined || !this.#isTotalKnown) return false;
    return (100 * failed) / this.#total > toleratedFailurePercentage;
  }

  #ask(): void {
    const { shouldComplete } = this.#config;
    if (shouldComplete === undefined) return;
    const decision: unknown = shouldComplete({
      successCount: this.#succeeded,
      failureCount: this.#failed,
      completedCount: this.#succeeded + this.#failed,
      totalCount: this.#total,
      items: this.#allItems(),
    });
    if (typeof decision !== "object" || decision === null || isThenable(decision)) {
      throw invalid(this.#operation, "answer of completionConfig.shouldComplete", decision, "{ complete, outcome }");
    }
    this.#custom = decision as CompletionDecision;
  }

  #setStatus(index: number, status: BatchItemStatus): void {
    const items = this.#allItems();
    const item = items[index];
    // A new object, because a policy may have kept the old one.
    if (item !== undefined) items[index] = { ...item, status };
  }

  #allItems(): CompletionItemStatus[] {
    this.#items ??= [];
    for (let index = this.#items.length; index < this.#total; index++) {
      const name = this.#names?.(index);
      this.#items.push(name === undefined ? { index } : { index, name });
    }
    return this.#items;
  }
}
