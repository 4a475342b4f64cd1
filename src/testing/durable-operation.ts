import type { Event } from "@aws-sdk/client-lambda";
import { DurableError } from "../core/errors.ts";
import { type ErrorObject, hasEnded, type Operation, type OperationStatus, type OperationType } from "../core/wire.ts";
import { ServiceError } from "../service/service-error.ts";
import { describeSelector, type OperationSelector } from "./operation-index.ts";
import { callbackOf, WaitingOperationStatus } from "./operation-waits.ts";
import { readError, readResult, type TestResultError } from "./payloads.ts";
import type { TestExecution } from "./test-execution.ts";

/**
 * The outcome of a context. `result` is undefined unless the context has succeeded, and `error` unless it has failed.
 * In place of a result that was too large to record, `result` is the summary, or an empty text.
 */
export interface ContextDetails<TResult = unknown> {
  readonly result: TResult | undefined;
  readonly error: TestResultError | undefined;
}

export interface StepDetails<TResult = unknown> {
  /** The number of attempts that have ended. Undefined if no attempt has ended. */
  readonly attempt: number | undefined;
  /** The time of the next attempt while the step waits for this attempt. Otherwise undefined. */
  readonly nextAttemptTimestamp: Date | undefined;
  /** For a `waitForCondition` that has not ended: the state that the last check returned. */
  readonly result: TResult | undefined;
  /** The error of the last ended attempt. Undefined if no attempt has ended, or if the last one succeeded. */
  readonly error: TestResultError | undefined;
}

export interface CallbackDetails<TResult = unknown> {
  readonly callbackId: string;
  /** The value of the text with which the callback was completed, or the text itself if it is no JSON. */
  readonly result?: TResult;
  readonly error?: TestResultError;
}

export interface ChainedInvokeDetails<TResult = unknown> {
  readonly result?: TResult;
  readonly error?: TestResultError;
}

export interface WaitResultDetails {
  readonly waitSeconds?: number;
  readonly scheduledEndTimestamp?: Date;
}

/**
 * One operation of an execution under test. The operations of a runner belong to the newest execution of the runner. If
 * the operation has not begun, the `get` methods return undefined and the `is` methods return false.
 */
// biome-ignore lint/suspicious/noExplicitAny: the official type has `any` too, and a test can give another type.
export class DurableOperation<TResult = any> {
  readonly #selector: OperationSelector;
  readonly #current: () => TestExecution;

  constructor(selector: OperationSelector, current: () => TestExecution) {
    this.#selector = selector;
    this.#current = current;
  }

  /**
   * Waits until the operation has reached a status. A test may call this method before the first `run`. After the end
   * of a `run`, the method looks at the ended execution, until the next `run`.
   *
   * A call with `STARTED` or `SUBMITTED` holds the time-out of a callback: virtual time does not jump to the time-out,
   * so that the test can complete the callback. A call with `COMPLETED` that is open or comes later ends the hold.
   * `advanceTime` passes held time-outs too.
   * @param status default `STARTED`
   * @returns this operation
   * @throws DurableError `ERR_STATUS_INVALID`; `ERR_OPERATION_NOT_FOUND` (with the names of the operations) or
   * `ERR_OPERATION_INCOMPLETE` if the execution ends before the status is reached; the error of `run` if `run` rejects.
   * If `run` is never called, the promise may never settle
   */
  waitForData(status: WaitingOperationStatus = WaitingOperationStatus.STARTED): Promise<this> {
    const reached = this.#current()
      .waitFor(this.#selector, status)
      .then(() => this);
    // A test may await `run` before this promise. Until then, a rejection must not end the process.
    reached.catch(() => {});
    return reached;
  }

  /**
   * Returns the outcome of a context: of a child context, map, parallel or `waitForCallback`, for example.
   * @throws DurableError `ERR_OPERATION_TYPE` if the operation is no CONTEXT
   */
  getContextDetails(): ContextDetails<TResult> | undefined {
    const operation = this.#typed("CONTEXT");
    if (operation === undefined) return undefined;
    const { Result: result, Error: error } = operation.ContextDetails ?? {};
    return { result: readResult(result) as TResult | undefined, error: readError(error) };
  }

  /**
   * Returns the attempts and the outcome of a step or a `waitForCondition`.
   * @throws DurableError `ERR_OPERATION_TYPE` if the operation is no STEP
   */
  getStepDetails(): StepDetails<TResult> | undefined {
    const operation = this.#typed("STEP");
    if (operation === undefined) return undefined;
    const { Attempt, NextAttemptTimestamp, Result: result, Error: error } = operation.StepDetails ?? {};
    return {
      attempt: Attempt,
      nextAttemptTimestamp: NextAttemptTimestamp,
      result: readResult(result) as TResult | undefined,
      error: readError(error),
    };
  }

  /** Returns the outcome of a chained invoke. @throws DurableError `ERR_OPERATION_TYPE` if it is no CHAINED_INVOKE */
  getChainedInvokeDetails(): ChainedInvokeDetails<TResult> | undefined {
    const operation = this.#typed("CHAINED_INVOKE");
    return operation && outcomeOf<TResult>(operation.ChainedInvokeDetails ?? {});
  }

  /**
   * Returns the id and the outcome of a callback. For a `waitForCallback`, this is the callback inside it; undefined if
   * this callback has not begun.
   * @throws DurableError `ERR_OPERATION_TYPE` if the operation is no CALLBACK and no `waitForCallback`
   */
  getCallbackDetails(): CallbackDetails<TResult> | undefined {
    const { CallbackDetails: details } = this.#callback() ?? {};
    if (details?.CallbackId === undefined) return undefined;
    return { callbackId: details.CallbackId, ...outcomeOf<TResult>(details) };
  }

  /** Returns the length and the planned end of a wait. @throws DurableError `ERR_OPERATION_TYPE` if it is no WAIT */
  getWaitDetails(): WaitResultDetails | undefined {
    const operation = this.#typed("WAIT");
    const due = operation?.WaitDetails?.ScheduledEndTimestamp;
    if (due === undefined) return operation && {};
    const startMs = operation?.StartTimestamp?.getTime() ?? due.getTime();
    return { waitSeconds: Math.round((due.getTime() - startMs) / 1_000), scheduledEndTimestamp: due };
  }

  /** The operations whose parent is this operation, in the order of their first updates. */
  getChildOperations(): DurableOperation[] | undefined {
    const operation = this.getOperationData();
    return (
      operation &&
      this.#current()
        .childrenOf(operation)
        .map((child) => operationOf(child, this.#current))
    );
  }

  /** A copy of the operation's record at the service. */
  getOperationData(): Operation | undefined {
    return this.#current().find(this.#selector);
  }

  /** The events of this operation in the history of the execution. */
  getEvents(): Event[] | undefined {
    const id = this.getId();
    if (id === undefined) return undefined;
    const events = this.#current().history();
    return events.filter((event) => event.Id === id) as Event[];
  }

  getId(): string | undefined {
    return this.getOperationData()?.Id;
  }

  /** The id of the nearest context with a record around the operation. Undefined if there is only the handler. */
  getParentId(): string | undefined {
    return this.getOperationData()?.ParentId;
  }

  getName(): string | undefined {
    return this.getOperationData()?.Name;
  }

  getType(): OperationType | undefined {
    return this.getOperationData()?.Type;
  }

  /** The subtype of the operation: `Step`, `Map`, `WaitForCallback`, `RunInChildContext` … */
  getSubType(): string | undefined {
    return this.getOperationData()?.SubType;
  }

  isWaitForCallback(): boolean {
    return this.getSubType() === "WaitForCallback";
  }

  /** Whether the operation is a callback: of `createCallback`, or inside a `waitForCallback`. */
  isCallback(): boolean {
    return this.getType() === "CALLBACK";
  }

  getStatus(): OperationStatus | undefined {
    return this.getOperationData()?.Status;
  }

  getStartTimestamp(): Date | undefined {
    return this.getOperationData()?.StartTimestamp;
  }

  /** Undefined until the operation has ended. */
  getEndTimestamp(): Date | undefined {
    return this.getOperationData()?.EndTimestamp;
  }

  /**
   * Completes the callback.
   * @param result the text that the handler's deserializer gets. Without a deserializer, the handler gets this text. An
   * empty text is the same as no result
   * @throws DurableError `ERR_CALLBACK_NOT_STARTED`; `ERR_CALLBACK_CLOSED` if the callback has ended;
   * `ERR_CALLBACK_RESULT_INVALID` if the result is no text; `ERR_OPERATION_TYPE`; `ERR_EXECUTION_ENDED`; the error of
   * `run` if `run` has rejected
   * @throws ServiceError `InvalidParameterValueException` if the result is too large
   */
  async sendCallbackSuccess(result?: string): Promise<void> {
    this.#complete((execution, callbackId) => execution.completeCallback(callbackId, result));
  }

  /**
   * Fails the callback.
   * @param error what the handler's `CallbackExternalError` contains. Of an `Error`, the name and the message are used.
   * Default: an error without members
   * @throws the errors of `sendCallbackSuccess` without `ERR_CALLBACK_RESULT_INVALID`. `InvalidParameterValueException`
   * means that the error is too large
   */
  async sendCallbackFailure(error: ErrorObject | Error = {}): Promise<void> {
    this.#complete((execution, callbackId) => execution.failCallback(callbackId, error));
  }

  /**
   * Starts the callback's heartbeat time-out again. Without a heartbeat time-out, nothing changes.
   * @throws the errors of `sendCallbackSuccess` that do not concern the result
   */
  async sendCallbackHeartbeat(): Promise<void> {
    this.#complete((execution, callbackId) => execution.heartbeatCallback(callbackId));
  }

  #complete(act: (execution: TestExecution, callbackId: string) => void): void {
    const execution = this.#current();
    const callback = this.#callback();
    const name = `Callback ${describeSelector(this.#selector)}`;
    if (callback === undefined) {
      const message = `${name} has not begun: await waitForData() on it before you complete it.`;
      throw new DurableError("ERR_CALLBACK_NOT_STARTED", message);
    }
    if (hasEnded(callback)) {
      const message = `${name} is closed already (${callback.Status}): a callback is completed once.`;
      throw new DurableError("ERR_CALLBACK_CLOSED", message);
    }
    try {
      act(execution, callback.CallbackDetails?.CallbackId as string);
    } catch (error) {
      // The time-out has passed, and the service had not written this in the record yet.
      if (!(error instanceof ServiceError) || error.name !== "CallbackTimeoutException") throw error;
      throw new DurableError("ERR_CALLBACK_CLOSED", `${name}: ${error.message}`, { cause: error });
    }
  }

  #typed(type: OperationType): Operation | undefined {
    const operation = this.getOperationData();
    if (operation === undefined || operation.Type === type) return operation;
    throw this.#wrongType(operation, type);
  }

  #callback(): Operation | undefined {
    const operation = this.getOperationData();
    if (operation === undefined) return undefined;
    if (operation.Type !== "CALLBACK" && operation.SubType !== "WaitForCallback") {
      throw this.#wrongType(operation, "CALLBACK");
    }
    return callbackOf(operation, (parent) => this.#current().childrenOf(parent));
  }

  #wrongType({ Type: type, SubType: subType }: Operation, wanted: OperationType): DurableError {
    const what = subType === undefined ? type : `${type} (${subType})`;
    const message = `Operation ${describeSelector(this.#selector)} is a ${what}, not a ${wanted}.`;
    return new DurableError("ERR_OPERATION_TYPE", message);
  }
}

export function operationOf({ Id: id }: Operation, current: () => TestExecution): DurableOperation {
  return new DurableOperation({ by: "id", id: id as string }, current);
}

function outcomeOf<TResult>({
  Result: result,
  Error: error,
}: {
  Result?: string | undefined;
  Error?: ErrorObject | undefined;
}): {
  result?: TResult;
  error?: TestResultError;
} {
  const failed = readError(error);
  return {
    ...(result === undefined ? {} : { result: readResult(result) as TResult }),
    ...(failed === undefined ? {} : { error: failed }),
  };
}
