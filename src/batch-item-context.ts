import { type InvocationParts, isName, mistaken, parked, refused, splitName, usageError } from "./context-parts.ts";
import { DurableOperationError, PromiseCombinatorError, toErrorObject } from "./core/errors.ts";
import type { LambdaContext } from "./core/lambda-context.ts";
import type { SerdesConfig } from "./core/serdes.ts";
import { SHARED_BATCH } from "./core/worker-function.ts";
import type { ChildFunc, DurableContext } from "./durable-context.ts";
import { active, give } from "./execution/active.ts";
import { contextLogger } from "./execution/context-logger.ts";
import type { DurableContextLogger, DurableLogger, LoggerConfig } from "./execution/logger.ts";
import type { Scope } from "./execution/scope.ts";
import { notInBatch, runChildInPlace, runStepInPlace } from "./operations/batched/in-place.ts";
import type { Item } from "./operations/batched/item.ts";
import type { ChildConfig } from "./operations/child.ts";
import { readBackSettled } from "./operations/combinators.ts";
import { DurablePromise, underWay } from "./operations/durable-promise.ts";
import type { StepConfig } from "./operations/step.ts";
import type { StepFunc } from "./operations/step-run.ts";

const NEEDS_OPERATION = "it needs an operation of its own, and the items of a batch share one";

/** The context of an item whose operation is shared: steps and child contexts run in place, the rest is refused. */
class BatchItemContext {
  readonly #parts: InvocationParts;
  readonly #item: Item;
  readonly #scope: Scope;
  #logger: DurableContextLogger<DurableLogger> | undefined;

  constructor(parts: InvocationParts, item: Item, scope: Scope) {
    this.#parts = parts;
    this.#item = item;
    this.#scope = scope;
    give(this);
  }

  get lambdaContext(): LambdaContext {
    return this.#parts.lambdaContext;
  }

  get executionContext(): { readonly durableExecutionArn: string } {
    return { durableExecutionArn: this.#parts.execution.arn };
  }

  get logger(): DurableContextLogger<DurableLogger> {
    this.#logger ??= contextLogger(this.#scope, () => this.#item.isReplaying);
    return this.#logger;
  }

  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  step(...args: unknown[]): DurablePromise<unknown> {
    if (!this.#isCurrent("step")) return parked();
    const [name, body, config] = splitName(args);
    if (typeof body !== "function") return mistaken("step", name, "requires a function to run");
    const running = runStepInPlace(
      this.#item,
      this.#scope,
      name,
      body as StepFunc<unknown>,
      config as StepConfig<unknown>,
    );
    return underWay(running, this.#scope);
  }

  runInChildContext(...args: unknown[]): DurablePromise<unknown> {
    if (!this.#isCurrent("runInChildContext")) return parked();
    const [name, body, config] = splitName(args);
    if (typeof body !== "function") return mistaken("runInChildContext", name, "requires a function to run");
    const run = (inner: Scope) =>
      (body as ChildFunc<unknown>)(
        new BatchItemContext(this.#parts, this.#item, inner) as unknown as DurableContext<DurableLogger>,
      );
    const running = runChildInPlace(this.#item, this.#scope, name, run, config as ChildConfig<unknown>);
    return underWay(running, this.#scope);
  }

  wait(): DurablePromise<never> {
    return this.#refuse("wait");
  }

  invoke(): DurablePromise<never> {
    return this.#refuse("invoke");
  }

  waitForCondition(): DurablePromise<never> {
    return this.#refuse("waitForCondition");
  }

  createCallback(): DurablePromise<never> {
    return this.#refuse("createCallback");
  }

  waitForCallback(): DurablePromise<never> {
    return this.#refuse("waitForCallback");
  }

  map(): DurablePromise<never> {
    return this.#refuse("map");
  }

  parallel(): DurablePromise<never> {
    return this.#refuse("parallel");
  }

  get promise(): DurableContext["promise"] {
    return {
      all: (...args: unknown[]) => this.#combine(args, (promises) => Promise.all(promises)),
      allSettled: (...args: unknown[]) =>
        this.#combine(args, async (promises) => readBackSettled(await Promise.allSettled(promises))),
      any: (...args: unknown[]) => this.#combine(args, (promises) => Promise.any(promises)),
      race: (...args: unknown[]) => this.#combine(args, (promises) => Promise.race(promises)),
    } as DurableContext["promise"];
  }

  #combine(
    args: readonly unknown[],
    combine: (promises: DurablePromise<unknown>[]) => Promise<unknown>,
  ): DurablePromise<unknown> {
    const promises = (isName(args[0]) ? args[1] : args[0]) as DurablePromise<unknown>[];
    return new DurablePromise(async () => {
      try {
        return await combine(promises);
      } catch (thrown) {
        const error = DurableOperationError.fromErrorObject(toErrorObject(thrown));
        throw new PromiseCombinatorError(error.message, error);
      }
    });
  }

  configureLogger({ customLogger, modeAware }: LoggerConfig<DurableLogger>): void {
    const current = this.#scope.logger;
    this.#scope.logger = { logger: customLogger ?? current.logger, modeAware: modeAware ?? current.modeAware };
    customLogger?.configureDurableLoggingContext?.(this.#parts.loggingContext);
  }

  configureSerdes(config: SerdesConfig): void {
    if (config.defaultSerdes !== undefined) this.#scope.defaultSerdes = config.defaultSerdes;
    if (config.defaultCallbackDeserializer !== undefined) {
      this.#scope.defaultCallbackDeserializer = config.defaultCallbackDeserializer;
    }
  }

  #refuse(method: string): DurablePromise<never> {
    return refused(notInBatch(this.#item, method, NEEDS_OPERATION));
  }

  #isCurrent(method: string): boolean {
    const current = active.getStore();
    if (current === undefined || current.contextId === this.#scope.path) return true;
    const error = usageError(method, current.contextId, this.#scope.path);
    this.#parts.execution.terminate({ end: "fail", error });
    return false;
  }

  get [Symbol.toStringTag](): string {
    return "DurableContext";
  }

  /** By this, calls that its items make on threads find each other. */
  get [SHARED_BATCH](): object {
    return this.#item.owner;
  }

  /** By this, tools recognise a durable context of any package. */
  get [Symbol.for("@aws/durable-execution-sdk-js/durable-context")](): true {
    return true;
  }
}

/** The context that the function of a batched map is given for an item. */
export function makeBatchItemContext(parts: InvocationParts, item: Item): DurableContext {
  return new BatchItemContext(parts, item, item.scope) as unknown as DurableContext;
}
