import type { Context } from "aws-lambda";
import type { SerdesConfig } from "./core/serdes.ts";
import type { Duration } from "./core/time.ts";
import { active } from "./execution/active.ts";
import { contextLogger } from "./execution/context-logger.ts";
import type { Execution } from "./execution/execution.ts";
import type { DurableContextLogger, DurableLogger, DurableLoggingContext, LoggerConfig } from "./execution/logger.ts";
import type { Scope } from "./execution/scope.ts";
import { park } from "./execution/suspension.ts";
import type { BatchResult } from "./operations/batch-result.ts";
import { type ChildConfig, childResultFormat, runChild } from "./operations/child.ts";
import { DurablePromise, underWay } from "./operations/durable-promise.ts";
import { type Branches, type FanOutConfig, runFanOut } from "./operations/fan-out.ts";
import { runStep, type StepConfig, type StepFunc } from "./operations/step.ts";
import { beginWait } from "./operations/wait.ts";

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

/** The result type of a branch. */
type BranchResult<Branch, Logger extends DurableLogger> =
  Branch extends ParallelFunc<infer Result, Logger>
    ? Result
    : Branch extends NamedParallelBranch<infer Result, Logger>
      ? Result
      : never;

/**
 * What a durable handler works with. Every operation begins when its method is called and is recorded; on a replay
 * it gives what was recorded. Each method can be called without its name.
 */
export interface DurableContext<TLogger extends DurableLogger = DurableLogger> {
  lambdaContext: Context;
  /** Silent while the handler replays what it did before. */
  logger: DurableContextLogger<TLogger>;
  readonly executionContext: { readonly durableExecutionArn: string };

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
  parallel<TBranches extends readonly unknown[]>(
    name: string | undefined,
    branches: TBranches,
    config?: ParallelConfig<BranchResult<TBranches[number], TLogger>>,
  ): DurablePromise<BatchResult<BranchResult<TBranches[number], TLogger>>>;
  parallel<TBranches extends readonly unknown[]>(
    branches: TBranches,
    config?: ParallelConfig<BranchResult<TBranches[number], TLogger>>,
  ): DurablePromise<BatchResult<BranchResult<TBranches[number], TLogger>>>;

  /** Sets the logger of this context and of those created in it afterwards. */
  configureLogger(config: LoggerConfig<TLogger>): void;
  /** Sets the serdes of operations created afterwards in this context and below. */
  configureSerdes(config: SerdesConfig): void;
}

/** What all contexts of one invocation share. */
export interface InvocationParts {
  readonly execution: Execution;
  readonly lambdaContext: Context;
  readonly loggingContext: DurableLoggingContext;
}

type Unknown = (...args: never[]) => unknown;

/** The context of one scope: sorts out argument forms and hands them to an operation. */
export class ScopeContext {
  readonly lambdaContext: Context;
  readonly executionContext: { readonly durableExecutionArn: string };
  readonly #parts: InvocationParts;
  readonly #scope: Scope;
  #logger: DurableContextLogger<DurableLogger> | undefined;

  constructor(parts: InvocationParts, scope: Scope) {
    this.#parts = parts;
    this.#scope = scope;
    this.lambdaContext = parts.lambdaContext;
    this.executionContext = { durableExecutionArn: parts.execution.arn };
  }

  // Most contexts of a large map never log.
  get logger(): DurableContextLogger<DurableLogger> {
    this.#logger ??= contextLogger(this.#scope);
    return this.#logger;
  }

  step(...args: unknown[]): DurablePromise<unknown> {
    if (!this.#isCurrent("step")) return parked();
    const [name, body, config] = splitName(args);
    const { execution } = this.#parts;
    return underWay(runStep(execution, this.#scope, name, body as StepFunc<unknown>, config as StepConfig<unknown>));
  }

  runInChildContext(...args: unknown[]): DurablePromise<unknown> {
    if (!this.#isCurrent("runInChildContext")) return parked();
    const [name, body, given] = splitName(args);
    const config = (given ?? {}) as ChildConfig<unknown>;
    const running = runChild(this.#parts.execution, this.#scope, {
      name,
      subType: config.subType ?? "RunInChildContext",
      virtual: config.virtualContext === true,
      errorMapper: config.errorMapper,
      format: childResultFormat(config),
      body: (inner) => (body as ChildFunc<unknown>)(this.#child(inner)),
    });
    return underWay(running);
  }

  wait(...args: unknown[]): DurablePromise<void> {
    if (!this.#isCurrent("wait")) return parked();
    const [name, duration] = typeof args[0] === "string" ? args : [undefined, args[0]];
    return beginWait(this.#parts.execution, this.#scope, name as string | undefined, duration as Duration);
  }

  map(...args: unknown[]): DurablePromise<unknown> {
    if (!this.#isCurrent("map")) return parked();
    const [name, items, body, config = {}] = isName(args[0]) ? args : [undefined, ...args];
    return underWay(this.#runMap(name as string | undefined, items, body, config as MapConfig<unknown, unknown>));
  }

  async #runMap(
    name: string | undefined,
    items: unknown,
    body: unknown,
    config: MapConfig<unknown, unknown>,
  ): Promise<unknown> {
    if (!Array.isArray(items)) throw new Error("Map operation requires an array of items");
    if (typeof body !== "function") throw new Error("Map operation requires a function to process items");
    const { itemNamer } = config;
    // All names are made before anything is written, so that a namer that throws loses nothing.
    const names = itemNamer && items.map((item, index) => itemNamer(item, index));
    const branches: Branches = {
      kind: "map",
      count: items.length,
      nameOf: (index) => names?.[index] || `map-item-${index}`,
      run: (index, inner) => (body as MapFunc<unknown, unknown>)(this.#child(inner), items[index], index, items),
    };
    return runFanOut(this.#parts.execution, this.#scope, name, branches, config);
  }

  parallel(...args: unknown[]): DurablePromise<unknown> {
    if (!this.#isCurrent("parallel")) return parked();
    const [name, branches, config = {}] = isName(args[0]) ? args : [undefined, ...args];
    return underWay(this.#runParallel(name as string | undefined, branches, config as ParallelConfig<unknown>));
  }

  async #runParallel(name: string | undefined, given: unknown, config: ParallelConfig<unknown>): Promise<unknown> {
    if (!Array.isArray(given)) throw new Error("Parallel operation requires an array of branch functions");
    const functions = given.map((branch) => {
      const func: unknown = typeof branch === "function" ? branch : branch?.func;
      if (typeof func !== "function") throw new Error("All branches must be functions or NamedParallelBranch objects");
      return func as ParallelFunc<unknown>;
    });
    const branches: Branches = {
      kind: "parallel",
      count: functions.length,
      nameOf: (index) => branchName(given[index]) || `parallel-branch-${index}`,
      run: async (index, inner) => functions[index]?.(this.#child(inner)),
    };
    return runFanOut(this.#parts.execution, this.#scope, name, branches, config);
  }

  configureLogger(config: LoggerConfig<DurableLogger>): void {
    const { customLogger, modeAware } = config;
    const current = this.#scope.logger;
    this.#scope.logger = { logger: customLogger ?? current.logger, modeAware: modeAware ?? current.modeAware };
    customLogger?.configureDurableLoggingContext?.(this.#parts.loggingContext);
  }

  configureSerdes(config: SerdesConfig): void {
    if (config.defaultSerdes !== undefined) this.#scope.defaultSerdes = config.defaultSerdes;
  }

  #child(scope: Scope): DurableContext {
    return makeContext(this.#parts, scope);
  }

  /** A context works only inside its own function: elsewhere its counter would give ids that a replay does not. */
  #isCurrent(method: string): boolean {
    const current = active.getStore();
    const own = this.#scope.path ?? "root";
    if (current === undefined || current.contextId === own) return true;
    const error = new Error(
      `Context usage error in "${method}": You are using a parent or sibling context instead of the current child ` +
        `context. Expected context ID: "${current.contextId}", but got: "${this.#scope.path}". When inside ` +
        "runInChildContext(), you must use the child context parameter, not the parent context.",
    );
    this.#parts.execution.terminate({ end: "fail", error });
    return false;
  }

  get [Symbol.toStringTag](): string {
    return "DurableContext";
  }

  /** By this, tools recognise a durable context of any package. */
  get [Symbol.for("@aws/durable-execution-sdk-js/durable-context")](): true {
    return true;
  }
}

/** The public face of a scope. */
export function makeContext(parts: InvocationParts, scope: Scope): DurableContext {
  return new ScopeContext(parts, scope) as Unknown extends never ? never : DurableContext;
}

function parked(): DurablePromise<never> {
  return new DurablePromise(park);
}

function isName(value: unknown): value is string | undefined {
  return typeof value === "string" || value === undefined;
}

/** `(name, fn, config)` or `(fn, config)`: the first argument is a name if it is a string or undefined. */
function splitName(args: readonly unknown[]): [string | undefined, unknown, unknown] {
  return isName(args[0]) ? [args[0], args[1], args[2]] : [undefined, args[0], args[1]];
}

function branchName(branch: unknown): string | undefined {
  return typeof branch === "object" && branch !== null ? (branch as { name?: string }).name : undefined;
}
