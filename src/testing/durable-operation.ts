import type { Event } from "@aws-sdk/client-lambda";
import { DurableError } from "../core/errors.ts";
import type { ErrorObject, Operation, OperationStatus, OperationType } from "../core/wire.ts";
import { ServiceError } from "../service/service-error.ts";
import { describeSelector, type OperationSelector } from "./operation-index.ts";
import { callbackOf, isOver, WaitingOperationStatus } from "./operation-waits.ts";
import { readError, readResult, type TestResultError } from "./payloads.ts";
import type { TestExecution } from "./test-execution.ts";

/** What a context's operation has come to; both members are undefined while it goes on. */
export interface ContextDetails<TResult = unknown> {
  readonly result: TResult | undefined;
  readonly error: TestResultError | undefined;
}

export interface StepDetails<TResult = unknown> {
  /** Attempts that have ended. */
  readonly attempt: number | undefined;
  /** When a failed attempt is followed by the next one; undefined when none is due. */
  readonly nextAttemptTimestamp: Date | undefined;
  readonly result: TResult | undefined;
  /** Of the last attempt, if it failed. */
  readonly error: TestResultError | undefined;
}

export interface CallbackDetails<TResult = unknown> {
  readonly callbackId: string;
  /** What it was completed with, parsed if it is JSON. */
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
 * One operation of the execution under test, that there is or that is still to come: what a method gives is what is
 * recorded at that moment, and `undefined` while there is nothing.
 */
// biome-ignore lint/suspicious/noExplicitAny: as in the official type; tests name the type of the result if they care.
export class DurableOperation<TResult = any> {
  readonly #selector: OperationSelector;
  readonly #current: () => TestExecution;

  constructor(selector: OperationSelector, current: () => TestExecution) {
    this.#selector = selector;
    this.#current = current;
  }

  /**
   * Waits until the operation has come so far; may be called before `run`. While or after a test waits for a callback to
   * be `STARTED` or `SUBMITTED`, its time-out is not skipped to, so that the test can complete it; waiting for
   * `COMPLETED` then lets it time out.
   * @param status default `STARTED`
   * @returns this operation
   * @throws DurableError `ERR_OPERATION_NOT_FOUND` (naming the operations that there were) or `ERR_OPERATION_INCOMPLETE`
   * when the execution ends before, or has ended; what `run` rejects with when it does
   */
  waitForData(status: WaitingOperationStatus = WaitingOperationStatus.STARTED): Promise<this> {
    const reached = this.#current()
      .waitFor(this.#selector, status)
      .then(() => this);
    // A test that looks at the result of `run` first still gets the error when it comes here.
    reached.catch(() => {});
    return reached;
  }

  /** @throws DurableError `ERR_OPERATION_TYPE` when it is something else than a context */
  getContextDetails(): ContextDetails<TResult> | undefined {
    const operation = this.#typed("CONTEXT");
    if (operation === undefined) return undefined;
    const { Result: result, Error: error } = operation.ContextDetails ?? {};
    return { result: readResult(result) as TResult | undefined, error: readError(error) };
  }

  /** @throws DurableError `ERR_OPERATION_TYPE` when it is something else than a step or a `waitForCondition` */
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

  /** @throws DurableError `ERR_OPERATION_TYPE` when it is something else than a chained invoke */
  getChainedInvokeDetails(): ChainedInvokeDetails<TResult> | undefined {
    const operation = this.#typed("CHAINED_INVOKE");
    return operation && outcomeOf<TResult>(operation.ChainedInvokeDetails ?? {});
  }

  /**
   * Of a callback, or of the one that a `waitForCallback` has.
   * @throws DurableError `ERR_OPERATION_TYPE` when it is something else
   */
  getCallbackDetails(): CallbackDetails<TResult> | undefined {
    const { CallbackDetails: details } = this.#callback() ?? {};
    if (details?.CallbackId === undefined) return undefined;
    return { callbackId: details.CallbackId, ...outcomeOf<TResult>(details) };
  }

  /** @throws DurableError `ERR_OPERATION_TYPE` when it is something else than a wait */
  getWaitDetails(): WaitResultDetails | undefined {
    const operation = this.#typed("WAIT");
    const due = operation?.WaitDetails?.ScheduledEndTimestamp;
    if (due === undefined) return operation && {};
    const startMs = operation?.StartTimestamp?.getTime() ?? due.getTime();
    return { waitSeconds: Math.round((due.getTime() - startMs) / 1_000), scheduledEndTimestamp: due };
  }

  /** Those directly in it, in the order in which they began. */
  getChildOperations(): DurableOperation[] | undefined {
    const operation = this.getOperationData();
    return (
      operation &&
      this.#current()
        .childrenOf(operation)
        .map((child) => operationOf(child, this.#current))
    );
  }

  /** As the service records it. */
  getOperationData(): Operation | undefined {
    return this.#current().find(this.#selector);
  }

  /** Its part of the history. */
  getEvents(): Event[] | undefined {
    const id = this.getId();
    if (id === undefined) return undefined;
    const events = this.#current().history();
    return events.filter((event) => event.Id === id) as Event[];
  }

  getId(): string | undefined {
    return this.getOperationData()?.Id;
  }

  /** Undefined for an operation of the handler's own context. */
  getParentId(): string | undefined {
    return this.getOperationData()?.ParentId;
  }

  getName(): string | undefined {
    return this.getOperationData()?.Name;
  }

  getType(): OperationType | undefined {
    return this.getOperationData()?.Type;
  }

  /** What it is to the SDK: `Step`, `Map`, `WaitForCallback`, `RunInChildContext` … */
  getSubType(): string | undefined {
    return this.getOperationData()?.SubType;
  }

  isWaitForCallback(): boolean {
    return this.getSubType() === "WaitForCallback";
  }

  /** Whether it was made by `createCallback`, or is the one in a `waitForCallback`. */
  isCallback(): boolean {
    return this.getType() === "CALLBACK";
  }

  getStatus(): OperationStatus | undefined {
    return this.getOperationData()?.Status;
  }

  getStartTimestamp(): Date | undefined {
    return this.getOperationData()?.StartTimestamp;
  }

  /** Undefined while it goes on. */
  getEndTimestamp(): Date | undefined {
    return this.getOperationData()?.EndTimestamp;
  }

  /**
   * Completes the callback.
   * @param result the text that the handler's deserializer gets (by default the handler gets the text itself)
   * @throws DurableError `ERR_CALLBACK_NOT_STARTED`, `ERR_CALLBACK_CLOSED` (it is completed or timed out already),
   * `ERR_CALLBACK_RESULT_INVALID`, `ERR_OPERATION_TYPE`, `ERR_EXECUTION_ENDED`; ServiceRefusal when it is too large
   */
  async sendCallbackSuccess(result?: string): Promise<void> {
    this.#complete((execution, callbackId) => execution.completeCallback(callbackId, result));
  }

  /**
   * Fails the callback. Throws like `sendCallbackSuccess`.
   * @param error what the handler's `CallbackExternalError` tells; an `Error` gives its name and message
   */
  async sendCallbackFailure(error: ErrorObject | Error = {}): Promise<void> {
    this.#complete((execution, callbackId) => execution.failCallback(callbackId, error));
  }

  /** Says that the callback is still worked on: its heartbeat time-out begins anew. Throws like `sendCallbackSuccess`. */
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
    if (isOver(callback)) {
      const message = `${name} is closed already (${callback.Status}): a callback is completed once.`;
      throw new DurableError("ERR_CALLBACK_CLOSED", message);
    }
    try {
      act(execution, callback.CallbackDetails?.CallbackId as string);
    } catch (error) {
      // Its time was over, and nobody had looked.
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

/** An operation that there is. */
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
