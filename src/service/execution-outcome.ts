import type { ErrorObject, OperationUpdate } from "../core/wire.ts";
import type { ExecutionStatus } from "../journal/journal.ts";

/** The outcome of an execution. */
export interface ExecutionOutcome {
  readonly status: Exclude<ExecutionStatus, "RUNNING">;
  /** JSON text; absent when the handler returned undefined. */
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
}

/** The end that the last update of a checkpoint announces. */
export function announcedEnd(updates: readonly OperationUpdate[]): ExecutionOutcome | undefined {
  const last = updates.at(-1);
  if (last?.Type !== "EXECUTION") return undefined;
  return outcomeOf(last.Action === "SUCCEED" ? "SUCCEEDED" : "FAILED", last.Payload, last.Error);
}

/** Leaves absent members out. */
export function outcomeOf(
  status: ExecutionOutcome["status"],
  result: string | undefined,
  error: ErrorObject | undefined,
): ExecutionOutcome {
  return { status, ...(result === undefined ? {} : { result }), ...(error === undefined ? {} : { error }) };
}
