import { checkCount, checkFunction, invalid } from "../../core/arguments.ts";
import { type CompletionReason, DurableError } from "../../core/errors.ts";
import { isThenable } from "../checks.ts";

export type { CompletionReason };

/** The status of one item of a map or parallel. STARTED means that the item has started and not ended. */
export const BatchItemStatus = { SUCCEEDED: "SUCCEEDED", FAILED: "FAILED", STARTED: "STARTED" } as const;
export type BatchItemStatus = (typeof BatchItemStatus)[keyof typeof BatchItemStatus];

/** The status that a custom policy gives to the map or parallel that the policy ends. */
export const CompletionOutcome = { SUCCEEDED: "SUCCEEDED", FAILED: "FAILED" } as const;
export type CompletionOutcome = (typeof CompletionOutcome)[keyof typeof CompletionOutcome];

export type CompletionDecision = { complete: false } | { complete: true; outcome?: CompletionOutcome };

/** The answer with which a custom policy lets a map or parallel continue. */
export const continueBatch = (): CompletionDecision => ({ complete: false });

/** The answer with which a custom policy ends a map or parallel. */
export const completeBatch = (outcome: CompletionOutcome = "SUCCEEDED"): CompletionDecision => ({
  complete: true,
  outcome,
});

export interface CompletionItemStatus {
  index: number;
  name?: string;
  /** Undefined until the item starts. */
  status?: BatchItemStatus;
}

/**
 * The argument of a custom policy. `totalCount` and `items` include items that have not started. For a stream, they
 * include only the items that have been read so far.
 */
export interface CompletionStatus {
  successCount: number;
  failureCount: number;
  completedCount: number;
  totalCount: number;
  items: readonly CompletionItemStatus[];
}

export interface ThresholdCompletionConfig {
  /**
   * The map ends as soon as this number of items has succeeded; with 0, when its first item has ended. If neither
   * tolerance is set, failures do not end the map.
   */
  minSuccessful?: number;
  /** The map ends when more items than this number have failed. */
  toleratedFailureCount?: number;
  /**
   * The map ends when more than this percentage of all items has failed: a number from 0 to 100. For a stream, this has
   * no effect until the stream has been read to its end.
   */
  toleratedFailurePercentage?: number;
  shouldComplete?: never;
}

export interface CustomCompletionConfig {
  /**
   * Called when the map begins to run, again in each invocation, and after each item that ends. The answer must depend
   * only on `status`. If the function throws, or does not return an object, the map fails. A promise is not allowed.
   * Failures of items alone do not end the map.
   */
  shouldComplete: (status: CompletionStatus) => CompletionDecision;
  minSuccessful?: never;
  toleratedFailureCount?: never;
  toleratedFailurePercentage?: never;
}

interface Policy {
  readonly minSuccessful: number | undefined;
  readonly toleratedFailureCount: number | undefined;
  readonly toleratedFailurePercentage: number | undefined;
  readonly shouldComplete: CustomCompletionConfig["shouldComplete"] | undefined;
}

/** Says when a map or parallel ends before all items have ended. If nothing is set, the first failure ends it. */
export type CompletionConfig = ThresholdCompletionConfig | CustomCompletionConfig;

export const COMPLETION_OPTIONS = "minSuccessful,toleratedFailureCount,toleratedFailurePercentage,shouldComplete".split(
  ",",
);

export function checkCompletion(operation: () => string, config: CompletionConfig | undefined): void {
  if (config === undefined || config === null) return;
  if (typeof config !== "object" || Array.isArray(config)) {
    throw invalid(operation, "completionConfig", config, "an object");
  }
  const { minSuccessful, toleratedFailureCount, toleratedFailurePercentage: share, shouldComplete } = config;
  checkCount(operation, "completionConfig.minSuccessful", minSuccessful);
  checkCount(operation, "completionConfig.toleratedFailureCount", toleratedFailureCount);
  checkFunction(operation, "completionConfig.shouldComplete", shouldComplete);
  if (share !== undefined && share !== null && !(share >= 0 && share <= 100)) {
    throw invalid(operation, "completionConfig.toleratedFailurePercentage", share, "a number from 0 to 100");
  }
  if (shouldComplete === undefined || (minSuccessful ?? toleratedFailureCount ?? share) === undefined) return;
  throw new DurableError(
    "ERR_ARGUMENT_INVALID",
    "completionConfig.shouldComplete is mutually exclusive with minSuccessful, toleratedFailureCount, and " +
      `toleratedFailurePercentage; ${operation()} has both.`,
  );
}

export class Completion {
  #total: number;
  #isTotalKnown = true;
  readonly #operation: () => string;
  readonly #config: Policy;
  readonly #names: ((index: number) => string) | undefined;
  #items: CompletionItemStatus[] | undefined;
  #custom: CompletionDecision = { complete: false };
  #succeeded = 0;
  #failed = 0;
  #mayBegin = Number.POSITIVE_INFINITY;

  /** `total` is undefined while the number of items is unknown. The caller must then call `grow`. */
  constructor(
    operation: () => string,
    total: number | undefined,
    config: CompletionConfig | undefined,
    names?: (index: number) => string,
  ) {
    this.#operation = operation;
    this.#total = total ?? 0;
    this.#isTotalKnown = total !== undefined;
    const { minSuccessful, toleratedFailureCount, toleratedFailurePercentage, shouldComplete } = config ?? {};
    // A threshold or policy that is null counts as not given.
    this.#config = {
      minSuccessful: minSuccessful ?? undefined,
      toleratedFailureCount: toleratedFailureCount ?? undefined,
      toleratedFailurePercentage: toleratedFailurePercentage ?? undefined,
      shouldComplete: shouldComplete ?? undefined,
    };
    this.#names = names;
  }

  /** Lets at most `items` items begin. Further items never begin. */
  bound(items: number): void {
    this.#mayBegin = items;
  }

  /** The number of items that may be open at once, so that no more items begin than `bound` allows. */
  get room(): number {
    return this.#mayBegin - this.#succeeded - this.#failed;
  }

  /** `total` is the number of all items if `isEnd` is true. Otherwise more items may follow. */
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

  begin(): void {
    this.#ask();
  }

  started(index: number): void {
    if (this.#config.shouldComplete !== undefined) this.#setStatus(index, "STARTED");
  }

  /** Throws if a custom policy throws or gives no valid answer. */
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

  get isOver(): boolean {
    const { minSuccessful, shouldComplete } = this.#config;
    return (
      (this.#isTotalKnown && this.#succeeded + this.#failed === this.#total) ||
      this.#custom.complete ||
      (shouldComplete === undefined && this.#toleranceExceeded) ||
      // A threshold of 0 must not end the map before its first item has ended.
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
    // While the number of all items is unknown, the percentage is unknown too, so the limit has no effect.
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
    // The item is replaced and not changed, because a custom policy may have kept the old object.
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
