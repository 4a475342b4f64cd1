import type { ErrorObject, OperationUpdate } from "../core/wire.ts";
import type { ExecutionStatus } from "../journal/journal.ts";

/** How an execution ended. */
export interface ExecutionOutcome {
  readonly status: Exclude<ExecutionStatus, "RUNNING">;
  /** JSON text. Absent if the handler returned undefined, or if the execution did not succeed. */
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
}

export function announcedEnd(updates: readonly OperationUpdate[]): ExecutionOutcome | undefined {
  const last = updates.at(-1);
  if (last?.Type !== "EXECUTION") return undefined;
  return outcomeOf(last.Action === "SUCCEED" ? "SUCCEEDED" : "FAILED", last.Payload, last.Error);
}

export function outcomeOf(
  status: ExecutionOutcome["status"],
  result: string | undefined,
  error: ErrorObject | undefined,
): ExecutionOutcome {
  return { status, ...(result === undefined ? {} : { result }), ...(error === undefined ? {} : { error }) };
}
