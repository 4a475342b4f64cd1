import type { Event } from "@aws-sdk/client-lambda";
import { DurableError, recordedCause } from "../core/errors.ts";
import type { ErrorObject, OperationStatus } from "../core/wire.ts";
import type { ExecutionStatus } from "../journal/journal.ts";
import type { ExecutionOutcome } from "../service/execution-outcome.ts";
import type { HistoryEvent } from "../service/history.ts";
import { type DurableOperation, operationOf } from "./durable-operation.ts";
import { readError, readResult, type TestResultError } from "./payloads.ts";
import { formatOperations, type PrintConfig } from "./printed-operations.ts";
import { describeOutcome, type TestExecution } from "./test-execution.ts";

/** One invocation of the handler. */
export interface Invocation {
  startTimestamp: Date | undefined;
  endTimestamp: Date | undefined;
  /** The `awsRequestId` of the Lambda context. */
  requestId: string | undefined;
  /**
   * The error of a failed invocation: the handler rejected, the time of the invocation was over, or the service refused
   * the answer. Undefined for other invocations, also if the invocation ended the execution as FAILED.
   */
  error: TestResultError | undefined;
}

/** The outcome and the records of the execution under test. */
// biome-ignore lint/suspicious/noExplicitAny: the official type has `any` too, and a test can give another type.
export class TestResult<TResult = any> {
  readonly #outcome: ExecutionOutcome;
  readonly #execution: TestExecution;

  constructor(outcome: ExecutionOutcome, execution: TestExecution) {
    this.#outcome = outcome;
    this.#execution = execution;
  }

  /** `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `STOPPED`. */
  getStatus(): ExecutionStatus {
    return this.#outcome.status;
  }

  /**
   * The result of the handler, as JSON stores it.
   * @throws DurableError `ERR_EXECUTION_FAILED` if the execution did not succeed. `cause` is the recorded error, if any
   */
  getResult(): TResult | undefined {
    const { status, result, error } = this.#outcome;
    if (status === "SUCCEEDED") return readResult(result) as TResult | undefined;
    throw new DurableError("ERR_EXECUTION_FAILED", `The execution ${describeOutcome(this.#outcome)}.`, {
      ...(error === undefined ? {} : { cause: recordedCause(error) }),
    });
  }

  /**
   * The error of the execution. If none is recorded, as for `TIMED_OUT`, all members are undefined.
   * @throws DurableError `ERR_EXECUTION_SUCCEEDED` if the execution succeeded
   */
  getError(): TestResultError {
    if (this.#outcome.status !== "SUCCEEDED") return readError(this.#outcome.error ?? {}) as TestResultError;
    throw new DurableError("ERR_EXECUTION_SUCCEEDED", "The execution succeeded: it has no error, see getResult().");
  }

  /**
   * The operations in the order of their first updates, without the EXECUTION operation. With `params`, only those with
   * this status.
   */
  getOperations(params?: { status: OperationStatus }): DurableOperation[] {
    return this.#execution
      .operations()
      .filter(({ Status: status }) => params === undefined || status === params.status)
      .map((operation) => operationOf(operation, () => this.#execution));
  }

  /**
   * The ended invocations in their order. An invocation during which the execution timed out is missing. After a failed
   * invocation another one follows, until `invocation.maxFailures` invocations in a row have failed (default 5).
   */
  getInvocations(): Invocation[] {
    const completed = this.#execution.history().filter(({ EventType }) => EventType === "InvocationCompleted");
    return completed.map((event) => {
      const details = event["InvocationCompletedDetails"] as InvocationCompleted;
      return {
        startTimestamp: details.StartTimestamp,
        endTimestamp: details.EndTimestamp,
        requestId: details.RequestId,
        error: readError(details.Error?.Payload),
      };
    });
  }

  /** The events of the execution in the service's format, with payloads and errors. */
  getHistoryEvents(): Event[] {
    return this.#execution.history() as (HistoryEvent & Event)[];
  }

  /**
   * Prints a table of the operations.
   * @param config the columns
   * @param stream where the table is written; default: `console.log`
   */
  print(config?: PrintConfig, stream?: { write(text: string): unknown }): void {
    const table = this.toTable(config);
    if (stream === undefined) console.log(table);
    else stream.write(`${table}\n`);
  }

  /** Returns the table of `print` as text. */
  toTable(config?: PrintConfig): string {
    return formatOperations(this.#execution.operations(), config);
  }
}

interface InvocationCompleted {
  readonly StartTimestamp: Date;
  readonly EndTimestamp: Date;
  readonly RequestId: string;
  readonly Error?: { readonly Payload?: ErrorObject };
}
