import { types } from "node:util";
import { DurableError } from "../core/errors.ts";
import { invalidSetting } from "../core/setting.ts";
import { checkedSeconds, type Duration, MAX_TIMER_MS } from "../core/time.ts";
import type { ErrorObject } from "../core/wire.ts";
import type { LocalFunction, RegisteredFunction } from "../local/function-registry.ts";
import type { LocalHandler } from "../local/local-execution.ts";
import type { LocalSettingsOptions } from "../service/settings.ts";
import { DurableOperation } from "./durable-operation.ts";
import type { OperationSelector } from "./operation-index.ts";
import { TestExecution, type TestExecutionOptions } from "./test-execution.ts";
import { TestResult } from "./test-result.ts";

export interface LocalDurableTestRunnerParameters extends LocalSettingsOptions {
  /** The function under test, wrapped in `withDurableExecution` of this package or of the official package. */
  readonly handlerFunction: LocalHandler;
  /** The function's name, in ARNs and in the Lambda context. Default `function-under-test`. */
  readonly functionName?: string;
  /**
   * Whether the runner uses virtual time. Virtual time stands still while an invocation or an invoked function runs.
   * Otherwise virtual time jumps to the end of the next wait, retry delay or time-out. `Date` and the timers of Node
   * are not changed. With `false`, time is real. Default: true; after a call of `setupTestEnvironment`, the `skipTime`
   * of this call.
   */
  readonly skipTime?: boolean;
  /**
   * Whether virtual time may also jump to the time-out of a callback that `DurableOperation.waitForData` does not hold.
   * With `false`, virtual time stops before the first time-out of an open callback, until the test completes the
   * callback or calls `advanceTime`. Without effect if time is real. Default true.
   */
  readonly skipCallbackTimeouts?: boolean;
  /** The virtual time at which each execution begins. Default: the system's time when the runner is made. */
  readonly startTime?: Date;
  /**
   * Milliseconds of real time. If no invocation begins in this time after the end of an invocation, a stall warning
   * names the open callbacks. `Infinity` means no warning. There is also no warning if no callback is open, or if time
   * is real. 0 to 2,147,483,647, or Infinity. Default 2,000.
   */
  readonly warnAfterMs?: number;
}

export interface InvokeRequest {
  /** The input of the handler, which JSON must be able to store. Default: no input. The handler then gets `{}`. */
  readonly payload?: unknown;
  /** Seconds after which the execution times out. Default: no time-out. */
  readonly executionTimeoutSeconds?: number;
  /** The tenant for which the function is invoked. */
  readonly tenantId?: string;
}

export interface LocalDurableTestRunnerSetupParameters {
  /** The `skipTime` of later runners that do not set `skipTime`. Default false, as in the official library. */
  skipTime?: boolean;
  /**
   * Milliseconds of real time by which the answer to each checkpoint is delayed. A runner's own `latencyMs.checkpoint`
   * overrides this value. Default 0.
   */
  checkpointDelay?: number;
}

/**
 * Runs a durable function in a test. Each execution under test has an engine and a journal of its own, so that one
 * process can have many runners. Nothing must be set up. If time is virtual, nothing must be cleaned up.
 *
 * ```ts
 * const runner = new LocalDurableTestRunner({ handlerFunction: handler });
 * const running = runner.run({ payload: { order: 7 } });
 * const approval = runner.getOperation("approval");
 * await approval.waitForData("SUBMITTED");
 * await approval.sendCallbackSuccess("yes");
 * const result = await running;
 * expect(result.getResult()).toBe("shipped");
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: the official type has `any` too, and a test can give another type.
export class LocalDurableTestRunner<TResult = any> {
  static #environment: LocalDurableTestRunnerSetupParameters | undefined;

  readonly #functionName: string;
  readonly #functions: RegisteredFunction[];
  readonly #options: TestExecutionOptions;
  #current: TestExecution;

  /** @throws DurableError `ERR_HANDLER_INVALID`, `ERR_SETTING_INVALID` */
  constructor(parameters: LocalDurableTestRunnerParameters) {
    const { handlerFunction, functionName, skipTime, skipCallbackTimeouts, startTime, warnAfterMs, ...settings } =
      parameters;
    const environment = LocalDurableTestRunner.#environment;
    const checkpointMs = environment?.checkpointDelay;
    this.#functionName = functionName ?? "function-under-test";
    this.#functions = [
      { kind: "durable", name: this.#functionName, handler: checkedFunction("handlerFunction", handlerFunction) },
    ];
    this.#options = {
      skipTime: skipTime ?? (environment === undefined || environment.skipTime === true),
      skipCallbackTimeouts: skipCallbackTimeouts ?? true,
      startMs: checkedTime(startTime ?? new Date()),
      warnAfterMs: checkedWarnAfter(warnAfterMs ?? 2_000),
      settings:
        checkpointMs === undefined
          ? settings
          : { ...settings, latencyMs: { checkpoint: checkpointMs, ...settings.latencyMs } },
    };
    this.#current = this.#fresh();
  }

  /**
   * Starts an execution, and resolves when the execution has ended. If the handler fails, `run` does not reject: the
   * `TestResult` has the error. Each further call starts another execution with a new clock. Operations of
   * `getOperation` always belong to the newest execution.
   *
   * While the handler waits for a callback that has no time-out, or whose time-out is held (see `waitForData`), the
   * promise does not settle until the test completes the callback, calls `advanceTime` or `reset`, or the execution
   * times out. If time is virtual, an invocation has no time-out: if the handler never settles, the promise does not
   * settle until the test calls `reset`.
   * @throws DurableError `ERR_PAYLOAD_NOT_SERIALIZABLE`, `ERR_INPUT_TOO_LARGE`, `ERR_RUNNER_RESET`;
   * `ERR_FUNCTION_UNKNOWN` if the function or an invoked function invokes a function that is not registered;
   * `ERR_HANDLER_NOT_DURABLE` if the function or an invoked durable function is not wrapped;
   * `ERR_FUNCTION_NOT_DURABLE` if `registerFunction` has replaced the function under test
   */
  run<T = TResult>(params: InvokeRequest = {}): Promise<TestResult<T>> {
    const running = this.#run<T>(params);
    // A test that ends early or resets the runner may ignore this promise. Then a rejection must not end the process.
    running.catch(() => {});
    return running;
  }

  /**
   * Registers a durable function for `context.invoke`. The invoked function runs as a new execution. A function that is
   * registered under a name is also found by each qualified name (`name:version`) and ARN of this name. A function that
   * is registered under a qualified name or an ARN is found only by the same text. Replaces an earlier function of the
   * same name, also the function under test.
   * @throws DurableError `ERR_HANDLER_INVALID`
   */
  registerDurableFunction(functionName: string, durableHandler: LocalHandler): this {
    const handler = checkedFunction(`The handler of "${functionName}"`, durableHandler);
    return this.#register({ kind: "durable", name: functionName, handler });
  }

  /**
   * Registers, for `context.invoke`, a function that is not durable. Names work as with `registerDurableFunction`.
   * @throws DurableError `ERR_HANDLER_INVALID`
   */
  registerFunction(functionName: string, handler: LocalFunction): this {
    const run = checkedFunction(`The handler of "${functionName}"`, handler);
    return this.#register({ kind: "plain", name: functionName, run });
  }

  /**
   * Returns the operation with this name. The operation need not have begun. Operations in the items of a batch have no
   * record of their own and are not found, except callbacks and chained invokes.
   * @param index the position among the operations with the same name, from 0. Default 0
   */
  // biome-ignore lint/suspicious/noExplicitAny: the official type has `any` too.
  getOperation<TOperationResult = any>(name: string, index = 0): DurableOperation<TOperationResult> {
    return this.#select({ by: "name", name, index });
  }

  /** Returns an operation by its index, from 0. The operations are in the order of their first updates. */
  // biome-ignore lint/suspicious/noExplicitAny: the official type has `any` too.
  getOperationByIndex<TOperationResult = any>(index: number): DurableOperation<TOperationResult> {
    return this.#select({ by: "index", index });
  }

  /** Does the same as `getOperation`. */
  // biome-ignore lint/suspicious/noExplicitAny: the official type has `any` too.
  getOperationByNameAndIndex<TOperationResult = any>(name: string, index: number): DurableOperation<TOperationResult> {
    return this.#select({ by: "name", name, index });
  }

  /** Returns the operation with this id. The history has the same ids. */
  // biome-ignore lint/suspicious/noExplicitAny: the official type has `any` too.
  getOperationById<TOperationResult = any>(id: string): DurableOperation<TOperationResult> {
    return this.#select({ by: "id", id });
  }

  /**
   * Completes a callback by its id, as an external system does. The callback may also belong to a function that the
   * function under test has invoked.
   * @param result the text for the handler. An empty text is the same as no result
   * @throws ServiceError `CallbackTimeoutException` if the callback has ended, or the execution of an invoked function
   * that made it; `ResourceNotFoundException` if there is no such callback; `InvalidParameterValueException` if the id
   * is malformed or the result is too large
   * @throws DurableError `ERR_EXECUTION_ENDED` if the execution under test has ended; `ERR_CALLBACK_RESULT_INVALID` if
   * the result is no text; the error of `run` if `run` has rejected
   */
  async sendCallbackSuccess(callbackId: string, result?: string): Promise<void> {
    this.#current.completeCallback(callbackId, result);
  }

  /**
   * Fails a callback by its id. Of an `Error`, the name and the message are used. Default: an error without members.
   * @throws the errors of `sendCallbackSuccess` without `ERR_CALLBACK_RESULT_INVALID`. `InvalidParameterValueException`
   * means that the id is malformed or the error is too large
   */
  async sendCallbackFailure(callbackId: string, error: ErrorObject | Error = {}): Promise<void> {
    this.#current.failCallback(callbackId, error);
  }

  /**
   * Starts the heartbeat time-out of a callback again. Without a heartbeat time-out, nothing changes.
   * @throws the errors of `sendCallbackSuccess` that do not concern the result
   */
  async sendCallbackHeartbeat(callbackId: string): Promise<void> {
    this.#current.heartbeatCallback(callbackId);
  }

  /** The virtual time of the newest execution, or the system's time if time is real. */
  getCurrentTime(): Date {
    return new Date(this.#current.clock?.now() ?? Date.now());
  }

  /**
   * Moves virtual time forward by at least this duration, after all running code has reached a wait. Ends all waits,
   * delays and time-outs up to the new time, also the time-outs of held callbacks (see `waitForData`). Resolves when
   * the execution waits again or has ended; never, if an invocation never ends.
   * @param duration a whole number of seconds, from 0 to 366 days
   * @throws DurableError `ERR_TIME_REAL` if time is real, `ERR_DURATION_INVALID`
   */
  async advanceTime(duration: Duration): Promise<void> {
    await this.#current.advance(checkedSeconds("time to advance by", duration, 0) * 1_000);
  }

  /**
   * Makes the runner new, with the same functions. If the newest `run` has not ended, this `run` and its `waitForData`
   * reject with `ERR_RUNNER_RESET`. An earlier `run` that has not ended is not affected.
   */
  reset(): void {
    this.#current.abandon(new DurableError("ERR_RUNNER_RESET", "The runner was reset before the execution ended."));
    this.#current = this.#fresh();
  }

  /**
   * Sets the defaults of runners that are created later. A second call replaces all defaults of the first. New tests do
   * not need this method: it exists for tests that were written for the official library.
   */
  static async setupTestEnvironment(params: LocalDurableTestRunnerSetupParameters = {}): Promise<void> {
    LocalDurableTestRunner.#environment = params;
  }

  /** Removes the defaults of `setupTestEnvironment`, for runners that are created later. */
  static async teardownTestEnvironment(): Promise<void> {
    LocalDurableTestRunner.#environment = undefined;
  }

  async #run<T>({ payload, executionTimeoutSeconds, tenantId }: InvokeRequest): Promise<TestResult<T>> {
    if (this.#current.hasStarted) this.#current = this.#fresh();
    const execution = this.#current;
    const outcome = await execution.run({
      functionName: this.#functionName,
      payload,
      executionTimeoutSeconds,
      tenantId,
    });
    return new TestResult<T>(outcome, execution);
  }

  #fresh(): TestExecution {
    const execution = new TestExecution(this.#options);
    for (const known of this.#functions) execution.register(known);
    return execution;
  }

  #register(added: RegisteredFunction): this {
    this.#functions.push(added);
    this.#current.register(added);
    return this;
  }

  #select(selector: OperationSelector): DurableOperation {
    return new DurableOperation(selector, () => this.#current);
  }
}

function checkedFunction<T>(what: string, given: T): T {
  if (typeof given === "function") return given;
  const message = `${what} is ${given === null ? "null" : typeof given}, not a function. Is it exported under this name?`;
  throw new DurableError("ERR_HANDLER_INVALID", message);
}

/** Returns epoch milliseconds. */
function checkedTime(startTime: Date): number {
  // `instanceof` would refuse a Date of another realm, such as the realm of a test in jest.
  const timeMs = types.isDate(startTime) ? startTime.getTime() : Number.NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  const given: unknown = types.isDate(startTime) ? String(startTime) : startTime;
  throw invalidSetting("startTime", given, "a valid Date");
}

function checkedWarnAfter(ms: number): number {
  const isValid = typeof ms === "number" && ms >= 0 && (ms <= MAX_TIMER_MS || ms === Number.POSITIVE_INFINITY);
  if (isValid) return ms;
  throw invalidSetting("warnAfterMs", ms, `0 to ${MAX_TIMER_MS}, or Infinity`);
}
