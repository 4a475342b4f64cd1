import { resolve } from "node:path";
import type { ExecutionStatus, Journal } from "../journal/journal.ts";
import { isJournalInUse } from "../journal/sqlite-lock.ts";
import type { ExecutionSummary } from "../local/executions.ts";

/** The status in the journal. `INTERRUPTED`: the execution has not ended, but no process runs on the journal. */
export type ShownStatus = ExecutionStatus | "INTERRUPTED";

export const SHOWN_STATUSES: readonly ShownStatus[] = [
  "RUNNING",
  "INTERRUPTED",
  "SUCCEEDED",
  "FAILED",
  "TIMED_OUT",
  "STOPPED",
];

/** The status of an execution, and the end of the time that it has run. */
export interface ExecutionState {
  readonly status: ShownStatus;
  /** Epoch milliseconds: the end of an ended execution, the last event of an interrupted one, now for a running one. */
  readonly endMs: number;
}

/** Returns a function that gives the present state of an execution in the journal. */
export function stateReader(journal: Journal, db: string): (record: ExecutionSummary) => ExecutionState {
  const isLeft = isJournalInUse(resolve(db)) === false;
  return ({ arn, status, startTimestamp, endTimestamp }) => {
    if (status !== "RUNNING" || !isLeft) return { status, endMs: endTimestamp ?? Date.now() };
    return { status: "INTERRUPTED", endMs: journal.lastMs(arn) ?? startTimestamp };
  };
}
