import type { Event } from "@aws-sdk/client-lambda";
import { DurableError, recordedCause } from "../core/errors.ts";
import type { ErrorObject, OperationStatus } from "../core/wire.ts";
import type { ExecutionStatus } from "../journal/journal.ts";
import type { ExecutionOutcome } from "../service/execution-outcome.ts";
import type { HistoryEvent } from "../service/history.ts";
import { type DurableOperation, operationOf } from "./durable-operation.ts";
import { formatOperations, type PrintConfig } from "./operation-table.ts";
import { readError, readResult, type TestResultError } from "./payloads.ts";
import { describeOutcome, type TestExecution } from "./test-execution.ts";

/** One invocation of the handler. */
export interface Invocation {
  startTimestamp: Date | undefined;
  endTimestamp: Date | undefined;
  /** The Lambda context's `awsRequestId`. */
  requestId: string | undefined;
  /** The error of an invocation that rejected or ran too long; undefined when the handler answered. */
  error: TestResultError | undefined;
}

/** The outcome of the execution under test, and its records. */
// biome-ignore lint/suspicious/noExplicitAny: as in the official type; tests name the type of the result if they care.
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
   * The handler's result, as JSON keeps it.
   * @throws DurableError `ERR_EXECUTION_FAILED` when the execution did not succeed, with the recorded error as `cause`
   */
  getResult(): TResult | undefined {
    const { status, result, error } = this.#outcome;
    if (status === "SUCCEEDED") return readResult(result) as TResult | undefined;
    throw new DurableError("ERR_EXECUTION_FAILED", `The execution ${describeOutcome(this.#outcome)}.`, {
      ...(error === undefined ? {} : { cause: recordedCause(error) }),
    });
  }

  /**
   * The error of the execution.
   * @throws DurableError `ERR_EXECUTION_SUCCEEDED`
   */
  getError(): TestResultError {
    if (this.#outcome.status !== "SUCCEEDED") return readError(this.#outcome.error ?? {}) as TestResultError;
    throw new DurableError("ERR_EXECUTION_SUCCEEDED", "The execution succeeded: it has no error, see getResult().");
  }

  /** In the order in which they began, without the execution itself. */
  getOperations(params?: { status: OperationStatus }): DurableOperation[] {
    return this.#execution
      .operations()
      .filter(({ Status: status }) => params === undefined || status === params.status)
      .map((operation) => operationOf(operation, () => this.#execution));
  }

  /** In their order. After a failed invocation another one follows, up to five times in a row. */
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

  /** The events in the service's format, with payloads and errors. */
  getHistoryEvents(): Event[] {
    return this.#execution.history() as (HistoryEvent & Event)[];
  }

  /**
   * Prints a table of the operations.
   * @param config the columns
   * @param stream the output; default: `console.log`
   */
  print(config?: PrintConfig, stream?: { write(text: string): unknown }): void {
    const table = this.toTable(config);
    if (stream === undefined) console.log(table);
    else stream.write(`${table}\n`);
  }

  /** The table of `print`. */
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
