import { DurableError } from "../core/errors.ts";
import type { ExecutionOutcome } from "../local/execution-record.ts";
import type { HistoryEvent } from "../local/history.ts";
import { type OperationSource, readError, type TestOperation, type TestResultError } from "./test-operation.ts";

/** One invocation of the handler in a run. */
export interface TestInvocation {
  readonly startTimestamp: Date;
  readonly endTimestamp: Date | undefined;
  readonly requestId: string | undefined;
  readonly error: TestResultError | undefined;
}

/** How an execution ended, and what it did. */
export class TestResult<TResult> {
  readonly #outcome: ExecutionOutcome;
  readonly #source: OperationSource;

  constructor(outcome: ExecutionOutcome, source: OperationSource) {
    this.#outcome = outcome;
    this.#source = source;
  }

  getStatus(): ExecutionOutcome["status"] {
    return this.#outcome.status;
  }

  /** What the handler returned. @throws DurableError `ERR_EXECUTION_FAILED` unless it succeeded */
  getResult(): TResult | undefined {
    const { status, result, error } = this.#outcome;
    if (status === "SUCCEEDED") return result ? (JSON.parse(result) as TResult) : undefined;
    const why = error === undefined ? "" : `: ${error.ErrorType ?? "Error"}: ${error.ErrorMessage ?? ""}`;
    throw new DurableError("ERR_EXECUTION_FAILED", `The execution ended as ${status}${why}. Look at getError().`);
  }

  /** @throws DurableError `ERR_EXECUTION_SUCCEEDED` when there is none */
  getError(): TestResultError {
    if (this.#outcome.status !== "SUCCEEDED") return readError(this.#outcome.error ?? {});
    throw new DurableError("ERR_EXECUTION_SUCCEEDED", "The execution succeeded, so there is no error.");
  }

  /** All operations in the order in which they began, or those of a status. */
  getOperations({ status }: { status?: string } = {}): TestOperation[] {
    return this.#source
      .operations()
      .filter(({ Status }) => status === undefined || Status === status)
      .map((operation) => this.#source.handleOf(operation));
  }

  /** The events, in the service's format and order. */
  getHistoryEvents(): HistoryEvent[] {
    return [...this.#source.events()];
  }

  getInvocations(): TestInvocation[] {
    const events = this.#source.events().filter(({ EventType }) => EventType === "InvocationCompleted");
    return events.map((event) => {
      const details = (event as { InvocationCompletedDetails?: InvocationDetails }).InvocationCompletedDetails ?? {};
      const { StartTimestamp, EndTimestamp, RequestId: requestId, Error: error } = details;
      const payload = error?.Payload;
      return {
        startTimestamp: new Date(StartTimestamp ?? 0),
        endTimestamp: EndTimestamp === undefined ? undefined : new Date(EndTimestamp),
        requestId,
        error: payload === undefined ? undefined : readError(payload),
      };
    });
  }

  /** The operations as a table, a line each. */
  toTable(): string {
    const rows = this.#source.operations().map((operation) => {
      const { Name, Type, SubType, Status, StartTimestamp: start, EndTimestamp: end, StepDetails: step } = operation;
      const seconds = start === undefined || end === undefined ? "" : `${(end.getTime() - start.getTime()) / 1_000} s`;
      return [Name ?? "", SubType ?? Type ?? "", Status ?? "", seconds, `${step?.Attempt ?? ""}`];
    });
    const lines = [["name", "type", "status", "duration", "attempts"], ...rows];
    const widths = lines[0]?.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0))) ?? [];
    return lines
      .map((cells) =>
        cells
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd(),
      )
      .join("\n");
  }

  /** Prints the table. Default: on standard output. */
  print(write: (text: string) => void = (text) => void process.stdout.write(text)): void {
    write(`${this.toTable()}\n`);
  }
}

interface InvocationDetails {
  StartTimestamp?: Date | string | number;
  EndTimestamp?: Date | string | number;
  RequestId?: string;
  Error?: { Payload?: Parameters<typeof readError>[0] };
}
