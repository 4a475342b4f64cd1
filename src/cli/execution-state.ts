import { resolve } from "node:path";
import type { ExecutionStatus, Journal } from "../journal/journal.ts";
import { isJournalInUse } from "../journal/sqlite-lock.ts";
import type { ExecutionSummary } from "../local/executions.ts";

/** As in the journal; `INTERRUPTED` has not ended, and no process runs on the journal. */
export type ShownStatus = ExecutionStatus | "INTERRUPTED";

export const SHOWN_STATUSES: readonly ShownStatus[] = [
  "RUNNING",
  "INTERRUPTED",
  "SUCCEEDED",
  "FAILED",
  "TIMED_OUT",
  "STOPPED",
];

/** How an execution stands. */
export interface ExecutionState {
  readonly status: ShownStatus;
  /** When it ended; when an interrupted one was last seen to run; now. Epoch milliseconds. */
  readonly endMs: number;
}

/** Tells how the executions of a journal stand at this moment. */
export function stateReader(journal: Journal, db: string): (record: ExecutionSummary) => ExecutionState {
  const isLeft = isJournalInUse(resolve(db)) === false;
  return ({ arn, status, startTimestamp, endTimestamp }) => {
    if (status !== "RUNNING" || !isLeft) return { status, endMs: endTimestamp ?? Date.now() };
    return { status: "INTERRUPTED", endMs: journal.lastMs(arn) ?? startTimestamp };
  };
}
