import { resolve } from "node:path";
import type { ExecutionStatus, Journal } from "../journal/journal.ts";
import { isJournalInUse } from "../journal/sqlite-lock.ts";
import type { ExecutionSummary } from "../local/executions.ts";

/** `INTERRUPTED` replaces RUNNING if no process has opened the journal for writing. */
export type ShownStatus = ExecutionStatus | "INTERRUPTED";

export const SHOWN_STATUSES: readonly ShownStatus[] = [
  "RUNNING",
  "INTERRUPTED",
  "SUCCEEDED",
  "FAILED",
  "TIMED_OUT",
  "STOPPED",
];

export interface ExecutionState {
  readonly status: ShownStatus;
  /** Epoch milliseconds. INTERRUPTED: the time of the last entry, or of the start without an entry. RUNNING: now. */
  readonly endMs: number;
}

/** Checks once, at this call, whether a process has opened the journal for writing. */
export function stateReader(journal: Journal, db: string): (record: ExecutionSummary) => ExecutionState {
  const isLeft = isJournalInUse(resolve(db)) === false;
  return ({ arn, status, startTimestamp, endTimestamp }) => {
    if (status !== "RUNNING" || !isLeft) return { status, endMs: endTimestamp ?? Date.now() };
    return { status: "INTERRUPTED", endMs: journal.lastMs(arn) ?? startTimestamp };
  };
}
