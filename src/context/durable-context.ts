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
  /**
   * Makes the name of an item, which must be the same in each replay. Plugins get the name, and the history shows it if
   * the item has an operation. An empty text, null or undefined gives the default: `map-item-<index>`. An error of the
   * function rejects the promise of the map.
   */
  itemNamer?: (item: TItem, index: number) => string;
  /**
   * The number of items that share one operation: 1 to 10,000, or `{ maxItems, maxBytes }`, or false for no batches.
   * Callbacks and chained invokes in an item have operations of their own. A map in an item of a batch has no batches.
   * Default: the handler's `runtime.batch`. Without `runtime.batch`, a map has batches of 100 items if it gets a stream
   * or does not collect all results. Otherwise it has no batches.
   *
   * A value out of range rejects the promise of the map with `ERR_BATCH_INVALID`.
   */
  batch?: number | false | BatchSize;
  /**
   * The content of the result: see `Collect`. Default `"all"`. A succeeded item that is not collected is not repeated
   * in the record of the map. A wrong value rejects the promise of the map with `ERR_COLLECT_INVALID`.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the overloads of `map` have the exact types.
  collect?: Collect<TResult, any>;
}

/** A map's function without the array: for streams, and for maps that fold their results into one value. */
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
  /** The name in the history. Default, also for an empty name: the key, or `parallel-branch-<index>` in an array. */
  name?: string;
  func: ParallelFunc<TResult, Logger>;
}

export type ParallelConfig<TResult> = FanOutConfig<TResult>;

/** One item of a map or parallel. Exists for code that names the types of the official package. */
export interface ConcurrentExecutionItem<T> {
  id: string;
  data: T;
  index: number;
  name?: string;
}

/** Runs one item of a map or parallel. Exists for code that names the types of the official package. */
export type ConcurrentExecutor<TItem, TResult, Logger extends DurableLogger> = (
  item: ConcurrentExecutionItem<TItem>,
  childContext: DurableContext<Logger>,
) => Promise<TResult>;

/** The common options of map and parallel. Exists for code that names the types of the official package. */
export interface ConcurrencyConfig<TResult> extends FanOutConfig<TResult> {
  topLevelSubType?: string;
  iterationSubType?: string;
}

type BranchResult<Branch, Logger extends DurableLogger> =
  Branch extends ParallelFunc<infer Result, Logger>
    ? Result
    : Branch extends NamedParallelBranch<infer Result, Logger>
      ? Result
      : never;

// biome-ignore lint/suspicious/noExplicitAny: whatever the branch returns.
type AnyBranch<Logger extends DurableLogger> = ParallelFunc<any, Logger> | NamedParallelBranch<any, Logger>;

/**
 * The result of branches that are given as a tuple. An entry of `all` has the result type of the branch at its
 * position.
 */
export type TupleBatchResult<TBranches extends readonly unknown[], Logger extends DurableLogger = DurableLogger> = Omit<
  BatchResult<BranchResult<TBranches[number], Logger>>,
  "all"
> & {
  all: { -readonly [Index in keyof TBranches]: BatchItem<BranchResult<TBranches[Index], Logger>> };
};

/**
 * The result of branches with names. In `byName`, a branch that never started is undefined. JSON leaves out `byName`.
 */
export type NamedBatchResult<
  TBranches extends Readonly<Record<string, unknown>>,
  Logger extends DurableLogger = DurableLogger,
> = BatchResult<BranchResult<TBranches[keyof TBranches], Logger>> & {
  readonly byName: { readonly [Name in keyof TBranches]: BatchItem<BranchResult<TBranches[Name], Logger>> | undefined };
};

/**
 * The context of a durable handler or of a child context. An operation begins when its method is called. A combinator
 * begins when its promise is first awaited. An operation that has ended returns its recorded outcome in a replay. The
 * name of an operation can be left out.
 *
 * A wrong argument rejects the promise of the operation, for example with the code `ERR_ARGUMENT_INVALID` or
 * `ERR_DURATION_INVALID`. Only `waitForCondition` may throw instead. The embedded engine also rejects unknown options
 * (`ERR_OPTION_UNKNOWN`). A promise never settles if the invocation ends before the operation. If a function uses
 * another context than the context that it got, the execution fails.
 */
export interface DurableContext<TLogger extends DurableLogger = DurableLogger> {
  lambdaContext: LambdaContext;
  /** By default the logger writes nothing while the context replays. */
  logger: DurableContextLogger<TLogger>;
  readonly executionContext: { readonly durableExecutionArn: string };
  /**
   * This signal is aborted if a context (except a virtual one), map or parallel around this context ends first, or
   * about 2 seconds before the platform stops the invocation. The signal is not recorded, and may differ on a replay.
   * Use the signal to stop work, and not to decide which operations run.
   */
  readonly signal: AbortSignal;

  /**
   * Runs code, with retries, and records the result. A replay returns the recorded result and does not run the code.
   * @throws StepError when the last attempt has failed, or when the result cannot be stored. `cause` has the original
   * name and message. An `InvokeError`, `CallbackError` or `ChildContextError` of the code keeps its class.
   */
  step<TOutput>(
    name: string | undefined,
    fn: StepFunc<TOutput, TLogger>,
    config?: StepConfig<TOutput>,
  ): DurablePromise<TOutput>;
  step<TOutput>(fn: StepFunc<TOutput, TLogger>, config?: StepConfig<TOutput>): DurablePromise<TOutput>;

  /**
   * Runs a function in a child context, which groups the operations of this function. The function must use the context
   * that it gets as its argument.
   * @throws ChildContextError around the error of the function, unless `errorMapper` makes another error
   */
  runInChildContext<TOutput>(
    name: string | undefined,
    fn: ChildFunc<TOutput, TLogger>,
    config?: ChildConfig<TOutput>,
  ): DurablePromise<TOutput>;
  runInChildContext<TOutput>(fn: ChildFunc<TOutput, TLogger>, config?: ChildConfig<TOutput>): DurablePromise<TOutput>;

  /**
   * Waits for a whole number of seconds, from 1 to 31,622,400 (366 days). The invocation may end during the wait.
   * @throws DurableError `ERR_DURATION_INVALID`
   */
  wait(name: string, duration: Duration): DurablePromise<void>;
  wait(duration: Duration): DurablePromise<void>;

  /**
   * Runs a function for every item, and folds the results of the succeeded items into one value, `reduced`, in the
   * order of the items.
   */
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
  /**
   * Runs a function for every item. By default the first failure ends the map: no further item starts, and the result
   * does not wait for running items. A failure of an item is in the result and does not reject the promise.
   * @throws ChildContextError around an error of a completion policy, of `reduce`, of a stream or of a stream's
   * `itemNamer`
   */
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
   * Runs a function for items that are read when they are needed: from a generator, the lines of a file, a paged API.
   * Until the map has ended, each invocation reads the items again, and must get the same items in the same order. If a
   * batch gets other items than before, the execution fails. `JSON.stringify` must accept the items.
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

  /**
   * Runs branches side by side. A failure of a branch is in the result and does not reject the promise. By default the
   * first failure ends the parallel: no further branch starts, and the result does not wait for running branches.
   */
  parallel<TOutput>(
    name: string | undefined,
    branches: (ParallelFunc<TOutput, TLogger> | NamedParallelBranch<TOutput, TLogger>)[],
    config?: ParallelConfig<TOutput>,
  ): DurablePromise<BatchResult<TOutput>>;
  parallel<TOutput>(
    branches: (ParallelFunc<TOutput, TLogger> | NamedParallelBranch<TOutput, TLogger>)[],
    config?: ParallelConfig<TOutput>,
  ): DurablePromise<BatchResult<TOutput>>;
  /**
   * Runs branches with different types of results. The type of `all` has one entry for each branch. This type is wrong
   * if a branch never started, because `all` has no entry for a branch that never started.
   */
  parallel<const TBranches extends readonly AnyBranch<TLogger>[]>(
    name: string | undefined,
    branches: TBranches,
    config?: ParallelConfig<BranchResult<TBranches[number], TLogger>>,
  ): DurablePromise<TupleBatchResult<TBranches, TLogger>>;
  parallel<const TBranches extends readonly AnyBranch<TLogger>[]>(
    branches: TBranches,
    config?: ParallelConfig<BranchResult<TBranches[number], TLogger>>,
  ): DurablePromise<TupleBatchResult<TBranches, TLogger>>;
  /**
   * Runs branches with names, in the order of the keys (keys that are whole numbers come first). `byName` has the item
   * of each branch that started.
   */
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
   * Runs another Lambda function, durable or not, and waits for its result. The input of an invoke without a name
   * cannot be a text, because the text would be taken for the function.
   * @throws InvokeError when the other function failed, timed out or was stopped, or when the input cannot be stored
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
   * Repeats a check, with waits in between, until the strategy ends the checks. The result is the last state.
   * @throws Error at once, without a promise, if `waitStrategy` or `initialState` is undefined
   * @throws StepError with the error of the check or the strategy, or when a state cannot be stored
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

  /**
   * Makes a promise and an id, with which an external system completes the promise. The result is the text that the
   * external system gave, or undefined without a text, unless a serdes reads the text. If the external system reports a
   * failure, the promise of the result rejects with a CallbackExternalError; after a time-out, with a
   * CallbackTimeoutError.
   */
  createCallback<TOutput = string>(
    name: string | undefined,
    config?: CreateCallbackConfig<TOutput>,
  ): DurablePromise<CreateCallbackResult<TOutput>>;
  createCallback<TOutput = string>(
    config?: CreateCallbackConfig<TOutput>,
  ): DurablePromise<CreateCallbackResult<TOutput>>;

  /**
   * Submits a callback's id and waits until an external system completes the callback. The result is the text that the
   * external system gave, or undefined without a text, unless a serdes reads the text: `{"approved":true}` is a string.
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
   * Each combinator records its outcome, so that a replay returns the same outcome. A combinator begins, and claims its
   * path, when its promise is first awaited. If a combinator rejects, the error is a PromiseCombinatorError. In the
   * result of `allSettled`, each error is a plain `Error` with the name, message and stack of the original.
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

  /**
   * Sets the logger of this context, and of contexts that are created in it afterwards. An absent member changes
   * nothing.
   */
  configureLogger(config: LoggerConfig<TLogger>): void;
  /**
   * Sets the serdes of operations and contexts that are created in this context afterwards. An absent member changes
   * nothing.
   */
  configureSerdes(config: SerdesConfig): void;
}
