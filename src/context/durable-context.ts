import type { BatchSize } from "../core/batch-size.ts";
import type { LambdaContext } from "../core/lambda-context.ts";
import type { SerdesConfig } from "../core/serdes.ts";
import type { Duration } from "../core/time.ts";
import type { DurableContextLogger, DurableLogger, LoggerConfig } from "../execution/logger.ts";
import type { CreateCallbackConfig, CreateCallbackResult } from "../operations/callback.ts";
import type { ChildConfig } from "../operations/child.ts";
import type { WaitForConditionCheckFunc, WaitForConditionConfig } from "../operations/condition.ts";
import type { DurablePromise } from "../operations/durable-promise.ts";
import type { FanOutConfig } from "../operations/fan-out/branches.ts";
import type { Collect, ReduceCollect } from "../operations/fan-out/collector.ts";
import type { BatchItem, BatchResult, ReducedBatchResult } from "../operations/fan-out/map-result.ts";
import type { ItemStream } from "../operations/fan-out/source.ts";
import type { InvokeConfig } from "../operations/invoke.ts";
import type { StepConfig } from "../operations/step.ts";
import type { StepFunc } from "../operations/step-run.ts";
import type { WaitForCallbackConfig, WaitForCallbackSubmitterFunc } from "../operations/wait-for-callback.ts";

export type ChildFunc<T, Logger extends DurableLogger = DurableLogger> = (
  context: DurableContext<Logger>,
) => Promise<T>;

export type MapFunc<TInput, TOutput, Logger extends DurableLogger = DurableLogger> = (
  context: DurableContext<Logger>,
  item: TInput,
  index: number,
  array: TInput[],
) => Promise<TOutput>;

export interface MapConfig<TItem, TResult> extends FanOutConfig<TResult> {
  /** Names the item's context in the history. Default `map-item-<index>`. */
  itemNamer?: (item: TItem, index: number) => string;
  /**
   * How many items share one operation: 1 to 10,000, or `{ maxItems, maxBytes }`; false for none. What such an item does
   * is the same as without; a callback and a chained invoke in it have operations of their own. Default: the handler's
   * `runtime.batch`; where items are read one after the other, or not all results are collected, 100.
   */
  batch?: number | false | BatchSize;
  /**
   * What the result holds: `"all"` items (the default), only the `"failures"`, or one value made of all results by
   * `{ reduce, initial }`. What is not collected is neither kept in memory nor written twice.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the overloads of `map` know what is reduced to what.
  collect?: Collect<TResult, any>;
}

/** A map's function whose items are read one after the other: there is no array of them. */
export type StreamMapFunc<TInput, TOutput, Logger extends DurableLogger = DurableLogger> = (
  context: DurableContext<Logger>,
  item: TInput,
  index: number,
) => Promise<TOutput>;

/** The configuration of a map that folds its results into one value. */
export interface ReducingMapConfig<TItem, TResult, TReduced> extends Omit<MapConfig<TItem, TResult>, "collect"> {
  collect: ReduceCollect<TResult, TReduced>;
}

export type ParallelFunc<TResult, Logger extends DurableLogger = DurableLogger> = (
  context: DurableContext<Logger>,
) => Promise<TResult>;

export interface NamedParallelBranch<TResult, Logger extends DurableLogger = DurableLogger> {
  /** Default `parallel-branch-<index>`. */
  name?: string;
  func: ParallelFunc<TResult, Logger>;
}

export type ParallelConfig<TResult> = FanOutConfig<TResult>;

/** One item of a fan-out; kept for code that names the official package's types. */
export interface ConcurrentExecutionItem<T> {
  id: string;
  data: T;
  index: number;
  name?: string;
}

/** Runs one item of a fan-out; kept for code that names the official package's types. */
export type ConcurrentExecutor<TItem, TResult, Logger extends DurableLogger> = (
  item: ConcurrentExecutionItem<TItem>,
  childContext: DurableContext<Logger>,
) => Promise<TResult>;

/** What fan-outs have in common; kept for code that names the official package's types. */
export interface ConcurrencyConfig<TResult> extends FanOutConfig<TResult> {
  topLevelSubType?: string;
  iterationSubType?: string;
}

/** The result type of a branch. */
type BranchResult<Branch, Logger extends DurableLogger> =
  Branch extends ParallelFunc<infer Result, Logger>
    ? Result
    : Branch extends NamedParallelBranch<infer Result, Logger>
      ? Result
      : never;

// biome-ignore lint/suspicious/noExplicitAny: whatever the branch returns.
type AnyBranch<Logger extends DurableLogger> = ParallelFunc<any, Logger> | NamedParallelBranch<any, Logger>;

/** The result of branches that are a tuple. */
export type TupleBatchResult<TBranches extends readonly unknown[], Logger extends DurableLogger = DurableLogger> = Omit<
  BatchResult<BranchResult<TBranches[number], Logger>>,
  "all"
> & {
  all: { -readonly [Index in keyof TBranches]: BatchItem<BranchResult<TBranches[Index], Logger>> };
};

/** The result of branches that have names. A branch that was never started has no item. */
export type NamedBatchResult<
  TBranches extends Readonly<Record<string, unknown>>,
  Logger extends DurableLogger = DurableLogger,
> = BatchResult<BranchResult<TBranches[keyof TBranches], Logger>> & {
  readonly byName: { readonly [Name in keyof TBranches]: BatchItem<BranchResult<TBranches[Name], Logger>> | undefined };
};

/**
 * What a durable handler works with. Every operation begins when its method is called and is recorded; on a replay
 * it gives what was recorded. Each method can be called without its name.
 */
export interface DurableContext<TLogger extends DurableLogger = DurableLogger> {
  lambdaContext: LambdaContext;
  /** Silent while the handler replays what it did before. */
  logger: DurableContextLogger<TLogger>;
  readonly executionContext: { readonly durableExecutionArn: string };
  /**
   * Aborted when a batch around this context ends early, and shortly before the invocation is cut off. Not recorded: a
   * replay may see it otherwise, so use it to stop work, not to decide on operations.
   */
  readonly signal: AbortSignal;

  /**
   * Runs code once and keeps its result.
   * @throws StepError when its retries are used up; `cause` has the original name and message.
   */
  step<TOutput>(
    name: string | undefined,
    fn: StepFunc<TOutput, TLogger>,
    config?: StepConfig<TOutput>,
  ): DurablePromise<TOutput>;
  step<TOutput>(fn: StepFunc<TOutput, TLogger>, config?: StepConfig<TOutput>): DurablePromise<TOutput>;

  /**
   * Groups operations in a context of their own, which must be used inside the function.
   * @throws ChildContextError around what the function threw.
   */
  runInChildContext<TOutput>(
    name: string | undefined,
    fn: ChildFunc<TOutput, TLogger>,
    config?: ChildConfig<TOutput>,
  ): DurablePromise<TOutput>;
  runInChildContext<TOutput>(fn: ChildFunc<TOutput, TLogger>, config?: ChildConfig<TOutput>): DurablePromise<TOutput>;

  /** Waits at the service: whole seconds, 1 second to 1 year. The function does not run meanwhile. */
  wait(name: string, duration: Duration): DurablePromise<void>;
  wait(duration: Duration): DurablePromise<void>;

  /** As below, and folds the results into one value, in the order of their items: `reduced` of what it gives. */
  map<TInput, TOutput, TReduced>(
    name: string | undefined,
    items: TInput[] | ItemStream<TInput>,
    mapFunc: StreamMapFunc<TInput, TOutput, TLogger>,
    config: ReducingMapConfig<TInput, TOutput, TReduced>,
  ): DurablePromise<ReducedBatchResult<TOutput, TReduced>>;
  map<TInput, TOutput, TReduced>(
    items: TInput[] | ItemStream<TInput>,
    mapFunc: StreamMapFunc<TInput, TOutput, TLogger>,
    config: ReducingMapConfig<TInput, TOutput, TReduced>,
  ): DurablePromise<ReducedBatchResult<TOutput, TReduced>>;
  /** Runs a function over every item; failures are in the result, by default the first one ends the batch. */
  map<TInput, TOutput>(
    name: string | undefined,
    items: TInput[],
    mapFunc: MapFunc<TInput, TOutput, TLogger>,
    config?: MapConfig<TInput, TOutput>,
  ): DurablePromise<BatchResult<TOutput>>;
  map<TInput, TOutput>(
    items: TInput[],
    mapFunc: MapFunc<TInput, TOutput, TLogger>,
    config?: MapConfig<TInput, TOutput>,
  ): DurablePromise<BatchResult<TOutput>>;

  /**
   * Runs a function over items that are read as they are needed: from a generator, a file's lines, a paged interface.
   * When the handler runs again they are read again, and must be the same in the same order.
   */
  map<TInput, TOutput>(
    name: string | undefined,
    items: ItemStream<TInput>,
    mapFunc: StreamMapFunc<TInput, TOutput, TLogger>,
    config?: MapConfig<TInput, TOutput>,
  ): DurablePromise<BatchResult<TOutput>>;
  map<TInput, TOutput>(
    items: ItemStream<TInput>,
    mapFunc: StreamMapFunc<TInput, TOutput, TLogger>,
    config?: MapConfig<TInput, TOutput>,
  ): DurablePromise<BatchResult<TOutput>>;

  /** Runs branches side by side; failures are in the result, by default the first one ends the batch. */
  parallel<TOutput>(
    name: string | undefined,
    branches: (ParallelFunc<TOutput, TLogger> | NamedParallelBranch<TOutput, TLogger>)[],
    config?: ParallelConfig<TOutput>,
  ): DurablePromise<BatchResult<TOutput>>;
  parallel<TOutput>(
    branches: (ParallelFunc<TOutput, TLogger> | NamedParallelBranch<TOutput, TLogger>)[],
    config?: ParallelConfig<TOutput>,
  ): DurablePromise<BatchResult<TOutput>>;
  /** Branches of different results: `all` has each one's own type, as long as every branch was started. */
  parallel<const TBranches extends readonly AnyBranch<TLogger>[]>(
    name: string | undefined,
    branches: TBranches,
    config?: ParallelConfig<BranchResult<TBranches[number], TLogger>>,
  ): DurablePromise<TupleBatchResult<TBranches, TLogger>>;
  parallel<const TBranches extends readonly AnyBranch<TLogger>[]>(
    branches: TBranches,
    config?: ParallelConfig<BranchResult<TBranches[number], TLogger>>,
  ): DurablePromise<TupleBatchResult<TBranches, TLogger>>;
  /** Branches by name, in the order of the keys (keys like whole numbers come first); `byName` has each one's item. */
  parallel<TBranches extends Readonly<Record<string, AnyBranch<TLogger>>>>(
    name: string | undefined,
    branches: TBranches,
    config?: ParallelConfig<BranchResult<TBranches[keyof TBranches], TLogger>>,
  ): DurablePromise<NamedBatchResult<TBranches, TLogger>>;
  parallel<TBranches extends Readonly<Record<string, AnyBranch<TLogger>>>>(
    branches: TBranches,
    config?: ParallelConfig<BranchResult<TBranches[keyof TBranches], TLogger>>,
  ): DurablePromise<NamedBatchResult<TBranches, TLogger>>;

  /**
   * Runs another Lambda function, durable or not, and waits for its result.
   * @throws InvokeError when it failed, timed out or was stopped.
   */
  invoke<TInput, TOutput>(
    name: string,
    funcId: string,
    input?: TInput,
    config?: InvokeConfig<TInput, TOutput>,
  ): DurablePromise<TOutput>;
  invoke<TInput, TOutput>(
    funcId: string,
    input?: TInput,
    config?: InvokeConfig<TInput, TOutput>,
  ): DurablePromise<TOutput>;

  /**
   * Checks again and again, with waits between, until the strategy is content; gives the last state.
   * @throws StepError with what the check or the strategy threw.
   */
  waitForCondition<TOutput>(
    name: string | undefined,
    checkFunc: WaitForConditionCheckFunc<TOutput, TLogger>,
    config: WaitForConditionConfig<TOutput>,
  ): DurablePromise<TOutput>;
  waitForCondition<TOutput>(
    checkFunc: WaitForConditionCheckFunc<TOutput, TLogger>,
    config: WaitForConditionConfig<TOutput>,
  ): DurablePromise<TOutput>;

  /** Makes an id by which somebody outside completes the promise beside it; the promise rejects with CallbackError. */
  createCallback<TOutput = string>(
    name: string | undefined,
    config?: CreateCallbackConfig<TOutput>,
  ): DurablePromise<CreateCallbackResult<TOutput>>;
  createCallback<TOutput = string>(
    config?: CreateCallbackConfig<TOutput>,
  ): DurablePromise<CreateCallbackResult<TOutput>>;

  /**
   * Submits a callback's id and waits until somebody completes it.
   * @throws CallbackSubmitterError, CallbackExternalError or CallbackTimeoutError
   */
  waitForCallback<TOutput = string>(
    name: string | undefined,
    submitter: WaitForCallbackSubmitterFunc<TLogger>,
    config?: WaitForCallbackConfig<TOutput>,
  ): DurablePromise<TOutput>;
  waitForCallback<TOutput = string>(
    submitter: WaitForCallbackSubmitterFunc<TLogger>,
    config?: WaitForCallbackConfig<TOutput>,
  ): DurablePromise<TOutput>;

  /**
   * Combine promises so that a replay gives the same outcome. They begin, and take their id, when they are awaited.
   * Each rejects with PromiseCombinatorError.
   */
  promise: {
    all<TOutput>(name: string | undefined, promises: DurablePromise<TOutput>[]): DurablePromise<TOutput[]>;
    all<TOutput>(promises: DurablePromise<TOutput>[]): DurablePromise<TOutput[]>;
    allSettled<TOutput>(
      name: string | undefined,
      promises: DurablePromise<TOutput>[],
    ): DurablePromise<PromiseSettledResult<TOutput>[]>;
    allSettled<TOutput>(promises: DurablePromise<TOutput>[]): DurablePromise<PromiseSettledResult<TOutput>[]>;
    any<TOutput>(name: string | undefined, promises: DurablePromise<TOutput>[]): DurablePromise<TOutput>;
    any<TOutput>(promises: DurablePromise<TOutput>[]): DurablePromise<TOutput>;
    race<TOutput>(name: string | undefined, promises: DurablePromise<TOutput>[]): DurablePromise<TOutput>;
    race<TOutput>(promises: DurablePromise<TOutput>[]): DurablePromise<TOutput>;
  };

  /** Sets the logger of this context and of those created in it afterwards. */
  configureLogger(config: LoggerConfig<TLogger>): void;
  /** Sets the serdes of operations created afterwards in this context and below. */
  configureSerdes(config: SerdesConfig): void;
}
