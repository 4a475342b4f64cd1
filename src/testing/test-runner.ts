import { DurableError } from "../core/errors.ts";
import type { Operation } from "../core/wire.ts";
import { VirtualClock } from "../local/clock.ts";
import { LocalEngine } from "../local/engine.ts";
import type { LocalFunction } from "../local/function-registry.ts";
import type { HistoryEvent } from "../local/history.ts";
import type { LocalHandler } from "../local/local-execution.ts";
import { notFound, type OperationSelector, type OperationSource, TestOperation } from "./test-operation.ts";
import { TestResult } from "./test-result.ts";

/** What `withDurableExecution` makes, of this package or of the official one. */
// biome-ignore lint/suspicious/noExplicitAny: the two packages' own event and context types.
export type DurableFunction = (event: any, context: any) => Promise<unknown>;

export interface TestRunnerOptions {
  /** The function to test. */
  handlerFunction: DurableFunction;
  /**
   * Skip waits, retry delays and callback time-outs; nothing global is replaced, so tests may run side by side. A
   * callback that a test waits for (`waitForData`) is left to the test. Default true.
   */
  skipTime?: boolean;
}

const FUNCTION = "function-under-test";

/**
 * Runs a durable function to its end on the embedded engine, without AWS, and shows what it did.
 *
 * ```ts
 * const runner = new LocalDurableTestRunner({ handlerFunction: handler });
 * const running = runner.run({ payload: { order: 7 } });
 * const approval = await runner.getOperation("approval").waitForData("SUBMITTED");
 * await approval.sendCallbackSuccess("yes");
 * const result = await running;
 * result.getResult();
 * ```
 */
export class LocalDurableTestRunner<TResult = unknown> {
  readonly #handler: DurableFunction;
  readonly #skipTime: boolean;
  readonly #functions = new Map<string, (engine: LocalEngine) => void>();
  #handles: TestOperation[] = [];
  #run: Run | undefined;

  /** There is nothing to set up; it is here so that tests carry over from the official testing library. */
  static async setupTestEnvironment(_options?: { skipTime?: boolean }): Promise<void> {}

  /** There is nothing to tear down. */
  static async teardownTestEnvironment(): Promise<void> {}

  constructor({ handlerFunction, skipTime = true }: TestRunnerOptions) {
    if (typeof handlerFunction !== "function") {
      throw new DurableError("ERR_HANDLER_INVALID", "Give what withDurableExecution(...) returned as handlerFunction.");
    }
    this.#handler = handlerFunction;
    this.#skipTime = skipTime;
  }

  /** Makes a durable function known, for chained invokes. A version or alias in the invoked name is left out. */
  registerDurableFunction(name: string, handler: DurableFunction): this {
    this.#functions.set(name, (engine) => engine.register(name, handler as LocalHandler));
    return this;
  }

  /** Makes a plain function known, for chained invokes. */
  registerFunction(name: string, run: LocalFunction): this {
    this.#functions.set(name, (engine) => engine.registerFunction(name, run));
    return this;
  }

  /**
   * Runs the function with a payload, to its end. A runner runs one execution at a time; the next run begins anew.
   * @throws DurableError `ERR_RUN_UNDER_WAY`, `ERR_PAYLOAD_INVALID`
   */
  async run<Result = TResult>({ payload }: { payload?: unknown } = {}): Promise<TestResult<Result>> {
    if (this.#run?.isOver === false) {
      throw new DurableError(
        "ERR_RUN_UNDER_WAY",
        "This runner runs an execution already; await it, or make another one.",
      );
    }
    const run = new Run(
      payloadOf(payload),
      this.#handler,
      this.#functions.values(),
      this.#skipTime,
      () => this.#handles,
    );
    this.#run = run;
    for (const waiting of this.#waiting.splice(0)) waiting();
    return new TestResult<Result>(await run.outcome(), run);
  }

  readonly #waiting: (() => void)[] = [];

  /** The operation of that name (the first one, or the one with that index among them), of this run or the next. */
  getOperation(name: string, index = 0): TestOperation {
    return this.#handle({ by: "name", name, index });
  }

  getOperationByNameAndIndex(name: string, index: number): TestOperation {
    return this.getOperation(name, index);
  }

  /** By the order in which operations begin, from 0. */
  getOperationByIndex(index: number): TestOperation {
    return this.#handle({ by: "index", index });
  }

  getOperationById(id: string): TestOperation {
    return this.#handle({ by: "id", id });
  }

  /** Forgets the run and the operations that were taken hold of; registered functions stay. */
  reset(): void {
    this.#run = undefined;
    this.#handles = [];
  }

  #handle(selector: OperationSelector): TestOperation {
    const handle = new TestOperation(() => this.#run ?? this.#future, selector);
    this.#handles.push(handle);
    return handle;
  }

  /** What a handle sees before there is a run. */
  readonly #future: OperationSource = {
    operations: () => [],
    events: () => [],
    until: async (isThere, what) => {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      await this.#run?.until(isThere, what);
    },
    handleOf: () => {
      throw new DurableError("ERR_RUN_NOT_BEGUN", "Nothing runs yet; call run() first.");
    },
    callback: { succeed: notBegun, fail: notBegun, heartbeat: notBegun },
  };
}

function notBegun(): never {
  throw new DurableError("ERR_RUN_NOT_BEGUN", "Nothing runs yet; call run() first.");
}

function payloadOf(payload: unknown): string | undefined {
  try {
    return JSON.stringify(payload);
  } catch (cause) {
    const message = `The payload of run() cannot be written as JSON: ${(cause as Error).message}`;
    throw new DurableError("ERR_PAYLOAD_INVALID", message, { cause });
  }
}

/** One execution, on an engine of its own. */
class Run implements OperationSource {
  readonly #engine: LocalEngine;
  readonly #arn: string;
  readonly #outcome: ReturnType<LocalEngine["start"]>["result"];
  readonly #checks = new Set<() => void>();
  isOver = false;

  constructor(
    input: string | undefined,
    handler: DurableFunction,
    functions: Iterable<(engine: LocalEngine) => void>,
    skipTime: boolean,
    handles: () => readonly TestOperation[],
  ) {
    const skipCallbackTimeouts = () => !this.#isAnyWatched(handles());
    this.#engine = new LocalEngine(skipTime ? { clock: new VirtualClock(), skipCallbackTimeouts } : {});
    this.#engine.register(FUNCTION, handler as LocalHandler);
    for (const register of functions) register(this.#engine);
    // What is checked is recorded when the event comes, or a moment later.
    this.#engine.subscribe(() => setImmediate(() => this.#check()));
    const { arn, result } = this.#engine.start({ functionName: FUNCTION, ...(input === undefined ? {} : { input }) });
    this.#arn = arn;
    this.#outcome = result;
  }

  async outcome() {
    try {
      return await this.#outcome;
    } finally {
      this.isOver = true;
      this.#check();
    }
  }

  operations(): readonly Operation[] {
    return this.#engine.operations(this.#arn).filter(({ Type }) => Type !== "EXECUTION");
  }

  events(): readonly HistoryEvent[] {
    return this.#engine.history(this.#arn, { includeExecutionData: true });
  }

  handleOf(operation: Operation): TestOperation {
    return new TestOperation(() => this, { by: "id", id: operation.Id as string });
  }

  until(isThere: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const isNow = isThere();
        if (!isNow && !this.isOver) return;
        this.#checks.delete(check);
        if (isNow) resolve();
        else reject(notFound(`${what}: the execution has ended`, this.operations()));
      };
      this.#checks.add(check);
      check();
    });
  }

  readonly callback = {
    succeed: (id: string, result: string | undefined) => this.#engine.completeCallback(id, result),
    fail: (id: string, error: Parameters<LocalEngine["failCallback"]>[1]) => this.#engine.failCallback(id, error),
    heartbeat: (id: string) => this.#engine.heartbeatCallback(id),
  };

  #isAnyWatched(handles: readonly TestOperation[]): boolean {
    const open = this.operations().filter(({ Type, Status }) => Type === "CALLBACK" && Status === "STARTED");
    return open.some((callback) => handles.some((handle) => handle.watches(callback)));
  }

  #check(): void {
    for (const check of [...this.#checks]) check();
  }
}
