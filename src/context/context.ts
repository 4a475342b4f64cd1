import { checkFunction, invalid, textOf } from "../core/arguments.ts";
import { type BatchSize, readBatchSize } from "../core/batch-size.ts";
import type { LambdaContext } from "../core/lambda-context.ts";
import type { SerdesConfig } from "../core/serdes.ts";
import type { Duration } from "../core/time.ts";
import { SHARED_BATCH } from "../core/worker-pools.ts";
import { active, give, SELF } from "../execution/active.ts";
import { contextLogger } from "../execution/context-logger.ts";
import type { Execution } from "../execution/execution.ts";
import { type DurableContextLogger, type DurableLogger, type LoggerConfig, lineOrigin } from "../execution/logger.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { type CreateCallbackConfig, createCallback } from "../operations/callback.ts";
import { checkOptions, checkSerdes, operationLabel } from "../operations/checks.ts";
import { type ChildConfig, childResultFormat, type ResultFormat, runChild } from "../operations/child.ts";
import { handleRejections, runCombinator, settledFormat } from "../operations/combinators.ts";
import { runCondition, type WaitForConditionCheckFunc, type WaitForConditionConfig } from "../operations/condition.ts";
import { Attention, DurablePromise, underWay } from "../operations/durable-promise.ts";
import { checkCollect } from "../operations/fan-out/collector.ts";
import { runFanOut } from "../operations/fan-out/fan-out.ts";
import type { MapResult } from "../operations/fan-out/map-result.ts";
import { ArraySource, isStream, StreamSource } from "../operations/fan-out/source.ts";
import { beginInvoke, type InvokeConfig } from "../operations/invoke.ts";
import { runStep, type StepConfig } from "../operations/step.ts";
import type { StepFunc } from "../operations/step-run.ts";
import { beginWait } from "../operations/wait.ts";
import {
  runWaitForCallback,
  type WaitForCallbackConfig,
  type WaitForCallbackSubmitterFunc,
} from "../operations/wait-for-callback.ts";
import { type InvocationParts, isName, mistaken, parked, rejected, splitName, usageError } from "./context-parts.ts";
import type { ChildFunc, DurableContext, MapConfig, MapFunc, ParallelConfig, ParallelFunc } from "./durable-context.ts";

type Combinators = Record<keyof DurableContext["promise"], (promises: DurablePromise<unknown>[]) => Promise<unknown>>;

class ScopeContext {
  readonly [SELF] = this;
  readonly lambdaContext: LambdaContext;
  readonly executionContext: { readonly durableExecutionArn: string };
  readonly #parts: InvocationParts;
  readonly #scope: Scope;
  declare logger: DurableContextLogger<DurableLogger>;
  #logger: DurableContextLogger<DurableLogger> | undefined;

  // `logger` is a member of the object itself, as in the official context, so that `{ ...context }` contains the
  // logger. The logger is made at the first read, because most contexts of a large map never log.
  static readonly #LOGGER: PropertyDescriptor & ThisType<ScopeContext> = {
    get() {
      const self = this[SELF];
      self.#logger ??= contextLogger(self.#scope);
      return self.#logger;
    },
    // Middleware may set the logger. `this` may be a wrapper that inherits from the context. Then only the wrapper gets
    // the new logger.
    set(value: unknown) {
      Object.defineProperty(this, "logger", { value, writable: true, enumerable: true, configurable: true });
    },
    enumerable: true,
    configurable: true,
  };

  constructor(parts: InvocationParts, scope: Scope) {
    this.#parts = parts;
    this.#scope = scope;
    this.lambdaContext = parts.lambdaContext;
    this.executionContext = { durableExecutionArn: parts.execution.arn };
    Object.defineProperty(this, "logger", ScopeContext.#LOGGER);
  }

  get signal(): AbortSignal {
    return this[SELF].#scope.signal;
  }

  step(...args: unknown[]): DurablePromise<unknown> {
    const self = this[SELF];
    if (!self.#isCurrent("step")) return parked();
    const [name, body, config] = splitName(args);
    if (typeof body !== "function") return mistaken("step", name, body);
    const { execution } = self.#parts;
    const attention = new Attention();
    const run = body as StepFunc<unknown>;
    return underWay(runStep(execution, self.#scope, name, run, config as StepConfig<unknown>, attention), attention);
  }

  runInChildContext(...args: unknown[]): DurablePromise<unknown> {
    const self = this[SELF];
    if (!self.#isCurrent("runInChildContext")) return parked();
    const [name, body, given] = splitName(args);
    if (typeof body !== "function") return mistaken("runInChildContext", name, body);
    const config = (given ?? {}) as ChildConfig<unknown>;
    let subType: string | undefined;
    try {
      subType = checkChild(self.#parts.execution, self.#scope, name, config);
    } catch (error) {
      return rejected(error);
    }
    const running = runChild(self.#parts.execution, self.#scope, {
      name,
      subType: subType ?? "RunInChildContext",
      virtual: config.virtualContext === true,
      errorMapper: config.errorMapper,
      format: childResultFormat(config),
      body: (inner) => (body as ChildFunc<unknown>)(self.#child(inner)),
    });
    return underWay(running);
  }

  wait(...args: unknown[]): DurablePromise<void> {
    const self = this[SELF];
    if (!self.#isCurrent("wait")) return parked();
    const [name, duration] = typeof args[0] === "string" || args[1] !== undefined ? args : [undefined, args[0]];
    return beginWait(self.#parts.execution, self.#scope, name, duration as Duration);
  }

  invoke(...args: unknown[]): DurablePromise<unknown> {
    const self = this[SELF];
    if (!self.#isCurrent("invoke")) return parked();
    // The first argument is the operation's name if the second argument is a text, if there is a fourth argument, or if
    // the third argument is neither an object nor absent. So the input of an invoke without a name cannot be a text.
    const isNamed = typeof args[1] === "string" || args[3] !== undefined || typeof (args[2] ?? {}) !== "object";
    const [name, target, input, config] = isNamed ? args : [undefined, ...args];
    return beginInvoke(
      self.#parts.execution,
      self.#scope,
      name,
      target as string,
      input,
      config as InvokeConfig<unknown, unknown>,
    );
  }

  waitForCondition(...args: unknown[]): DurablePromise<unknown> {
    const self = this[SELF];
    if (!self.#isCurrent("waitForCondition")) return parked();
    const [name, check, given] = splitName(args);
    const config = given as WaitForConditionConfig<unknown> | undefined;
    if (config?.waitStrategy === undefined || config.initialState === undefined) {
      throw new Error("waitForCondition requires config with waitStrategy and initialState");
    }
    const { execution } = self.#parts;
    const attention = new Attention();
    const checkFunc = check as WaitForConditionCheckFunc<unknown>;
    return underWay(runCondition(execution, self.#scope, name, checkFunc, config, attention), attention);
  }

  createCallback(...args: unknown[]): DurablePromise<unknown> {
    const self = this[SELF];
    if (!self.#isCurrent("createCallback")) return parked();
    const [name, config] = isName(args[0]) || args[1] !== undefined ? args : [undefined, args[0]];
    const { execution } = self.#parts;
    const running = createCallback(execution, self.#scope, name, config as CreateCallbackConfig<unknown>);
    return underWay(running);
  }

  waitForCallback(...args: unknown[]): DurablePromise<unknown> {
    const self = this[SELF];
    if (!self.#isCurrent("waitForCallback")) return parked();
    const [name, submitter, config] = splitName(args);
    if (typeof submitter !== "function") {
      const when = isName(args[0]) ? " when name is provided" : "";
      return rejected(new Error(`waitForCallback requires a submitter function${when}`));
    }
    const attention = new Attention();
    const running = runWaitForCallback(
      self.#parts.execution,
      self.#scope,
      name,
      submitter as WaitForCallbackSubmitterFunc,
      config as WaitForCallbackConfig<unknown>,
      attention,
    );
    return underWay(running, attention);
  }

  // The combinators are made only when they are read, because most contexts of a large map combine nothing.
  get promise(): DurableContext["promise"] {
    const self = this[SELF];
    return {
      all: (...args: unknown[]) => self.#combine("all", args),
      allSettled: (...args: unknown[]) => self.#combine("allSettled", args, settledFormat()),
      any: (...args: unknown[]) => self.#combine("any", args),
      race: (...args: unknown[]) => self.#combine("race", args),
    } as DurableContext["promise"];
  }

  #combine(method: keyof Combinators, args: readonly unknown[], format?: ResultFormat): DurablePromise<unknown> {
    const [name, promises] = splitName(args);
    handleRejections(promises);
    return new DurablePromise(() => {
      if (!this.#isCurrent(`promise.${method}`)) return park();
      const { execution } = this.#parts;
      const combined = () => (Promise as Combinators)[method](promises as DurablePromise<unknown>[]);
      return runCombinator(execution, this.#scope, name, combined, format);
    });
  }

  map(...args: unknown[]): DurablePromise<unknown> {
    const self = this[SELF];
    if (!self.#isCurrent("map")) return parked();
    const [name, items, body, config] = splitName(args);
    const running = self.#runMap(name, items, body, (config ?? {}) as MapConfig<unknown, unknown>);
    return underWay(running);
  }

  async #runMap(
    name: string | undefined,
    items: unknown,
    body: unknown,
    config: MapConfig<unknown, unknown>,
  ): Promise<unknown> {
    const isArray = Array.isArray(items);
    const label = () => operationLabel("map", name);
    if (!isArray && !isStream(items)) {
      const allowed = "an array, or an iterable or async iterable object";
      throw new Error(`Map operation requires an array of items. ${invalid(label, "list", items, allowed).message}`);
    }
    if (typeof body !== "function") throw new Error("Map operation requires a function to process items");
    const { itemNamer, collect } = config;
    checkFunction(label, "itemNamer", itemNamer);
    // All names of an array are made before the map claims its path, so an error of the namer leaves no record.
    const nameOf =
      itemNamer &&
      ((index: number, value: unknown) =>
        textOf(label, `answer of itemNamer for item ${index}`, itemNamer(value, index)));
    const names = nameOf && isArray ? items.map((item, index) => nameOf(index, item)) : undefined;
    const branches = {
      kind: "map",
      source: isArray ? new ArraySource(items) : new StreamSource(items),
      nameOf: names ? (index: number) => names[index] : nameOf,
      run: (index: number, value: unknown, inner: Scope) =>
        (body as MapFunc<unknown, unknown>)(this.#child(inner), value, index, items as unknown[]),
      batch: this.#batchOf(label, isArray, config),
      collect,
    } as const;
    return runFanOut(this.#parts.execution, this.#scope, name, branches, config);
  }

  #batchOf(
    label: () => string,
    isArray: boolean,
    { batch: given, collect }: MapConfig<unknown, unknown>,
  ): BatchSize | undefined {
    checkCollect(label, collect);
    const { batch, quotas } = this.#parts.execution.settings;
    if (given !== undefined) {
      return readBatchSize((member) => `The batch${member} of ${label()}`, given, quotas.payloadBytes);
    }
    // A map of a stream, and a map whose `collect` is not "all", usually has many items. So batches are the default.
    const byDefault = isArray && (collect === undefined || collect === "all") ? undefined : {};
    return batch === false ? undefined : (batch ?? byDefault);
  }

  parallel(...args: unknown[]): DurablePromise<unknown> {
    const self = this[SELF];
    if (!self.#isCurrent("parallel")) return parked();
    const [name, branches, given] = splitName(args);
    const config = (given ?? {}) as ParallelConfig<unknown>;
    const running = isRecord(branches)
      ? self.#runNamed(name, branches, config)
      : self.#runParallel(name, branches, config);
    return underWay(running);
  }

  async #runNamed(
    name: string | undefined,
    branches: Record<string, unknown>,
    config: ParallelConfig<unknown>,
  ): Promise<unknown> {
    const keys = Object.keys(branches);
    const named = keys.map((key) => {
      const branch = branches[key];
      const func: unknown = typeof branch === "function" ? branch : (branch as { func?: unknown } | null)?.func;
      if (typeof func !== "function")
        throw new TypeError(`Branch "${key}" of a parallel must be a function or { func }`);
      return { name: branchName(branch) || key, func };
    });
    const result = await this.#runParallel(name, named, config);
    // A user's serdes may return a value of another form than a map result.
    if (typeof result !== "object" || result === null || !("all" in result)) return result;
    // `byName` is not enumerable, so that JSON does not repeat the items of `all`.
    return Object.defineProperty(result, "byName", {
      get: () => Object.fromEntries((result as MapResult<unknown>).all.map((item) => [keys[item.index], item])),
    });
  }

  async #runParallel(name: string | undefined, given: unknown, config: ParallelConfig<unknown>): Promise<unknown> {
    if (!Array.isArray(given)) throw new Error("Parallel operation requires an array of branch functions");
    const functions = given.map((branch) => {
      const func: unknown = typeof branch === "function" ? branch : branch?.func;
      if (typeof func !== "function") throw new Error("All branches must be functions or NamedParallelBranch objects");
      return func as ParallelFunc<unknown>;
    });
    const label = () => operationLabel("parallel", name);
    const names = given.map((branch, index) => textOf(label, `name of branch ${index}`, branchName(branch)));
    const branches = {
      kind: "parallel",
      source: new ArraySource(functions),
      nameOf: (index: number) => names[index],
      run: async (index: number, _value: unknown, inner: Scope) => functions[index]?.(this.#child(inner)),
    } as const;
    return runFanOut(this.#parts.execution, this.#scope, name, branches, config);
  }

  configureLogger(config: LoggerConfig<DurableLogger>): void {
    const self = this[SELF];
    const { customLogger, modeAware } = config;
    const current = self.#scope.logger;
    const logger = customLogger && (self.#parts.execution.wrapLogger?.(customLogger, lineOrigin) ?? customLogger);
    self.#scope.logger = { logger: logger ?? current.logger, modeAware: modeAware ?? current.modeAware };
    customLogger?.configureDurableLoggingContext?.(self.#parts.loggingContext);
  }

  configureSerdes(config: SerdesConfig): void {
    const self = this[SELF];
    if (config.defaultSerdes !== undefined) self.#scope.defaultSerdes = config.defaultSerdes;
    if (config.defaultCallbackDeserializer !== undefined) {
      self.#scope.defaultCallbackDeserializer = config.defaultCallbackDeserializer;
    }
  }

  #child(scope: Scope): DurableContext {
    const context = makeContext(this.#parts, scope);
    give(context);
    return context;
  }

  /**
   * Returns false if the function of another context or of a step is running. The execution then fails, because this
   * function may use the context in another order in a replay. True if no operation is active.
   */
  #isCurrent(method: string): boolean {
    const current = active.getStore();
    const own = this.#scope.path ?? "root";
    if (current === undefined || current.contextId === own) return true;
    const error = usageError(method, current.contextId, this.#scope.path);
    this.#parts.execution.terminate({ end: "fail", error });
    return false;
  }

  /** The same object in all items of a batch; undefined outside of batches. `workers` groups calls by this object. */
  get [SHARED_BATCH](): object | undefined {
    return this[SELF].#scope.ledger.group;
  }

  get [Symbol.toStringTag](): string {
    return "DurableContext";
  }

  /** The mark with which tools recognise a durable context of any package. */
  get [Symbol.for("@aws/durable-execution-sdk-js/durable-context")](): true {
    return true;
  }
}

export function makeContext(parts: InvocationParts, scope: Scope): DurableContext {
  return new ScopeContext(parts, scope) as unknown as DurableContext;
}

function checkChild(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  config: ChildConfig<unknown>,
): string | undefined {
  const label = () => operationLabel("child context", name);
  checkOptions(execution, scope, label, config);
  checkSerdes(label, "serdes", config.serdes);
  checkFunction(label, "errorMapper", config.errorMapper);
  checkFunction(label, "summaryGenerator", config.summaryGenerator);
  return textOf(label, "subType", config.subType);
}

function isRecord(branches: unknown): branches is Record<string, unknown> {
  if (typeof branches !== "object" || branches === null || Array.isArray(branches)) return false;
  return Object.keys(branches).length > 0;
}

function branchName(branch: unknown): unknown {
  return typeof branch === "object" && branch !== null ? (branch as { name?: unknown }).name : undefined;
}
