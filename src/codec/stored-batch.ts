import type { ErrorObject } from "../core/wire.ts";

/**
 * What one character of `StoredBatch.statuses` says of an item:
 * `S` succeeded, `T` succeeded with a result that is kept as text, `U` succeeded with undefined, `R` succeeded with a
 * result that is made again from `kept`, `F` failed, `K` not ended, but some of its records are in `kept`,
 * `-` begun, and not ended when the map was over, `.` nothing is said of it here.
 */
export type OutcomeMark = "S" | "T" | "U" | "R" | "F" | "K" | "-" | ".";

/** A record of an operation inside an item. Members of which nothing is known are absent: they are not checked. */
export interface StoredRecord {
  /** The operation's path inside its item: `1`, `2-1`. */
  path: string;
  /** Default `STEP`. */
  type?: "CONTEXT" | "WAIT";
  /** Absent for `Step`, `RunInChildContext` and `Wait`. */
  subType?: string;
  name?: string;
  /** The item was begun by the first version: that kept no names, and gave combined promises no path. */
  isFirstVersion?: true;
  status: "SUCCEEDED" | "FAILED" | "PENDING" | "STARTED" | "READY";
  /** Attempts that have ended. */
  attempts?: number;
  /** Its payload, where that is JSON. */
  result?: unknown;
  /** Its payload as it is. */
  text?: string;
  error?: ErrorObject;
  /** Of a context: its result is made again from the records inside it. */
  replayChildren?: true;
}

/** What one operation of a batch keeps, before the codec writes it. Later operations win over earlier ones. */
export interface StoredBatch {
  /** The version of this form. */
  batch: 2;
  /** An `OutcomeMark` for each item, in the order of their index; what is left out at the end is `.`. */
  statuses: string;
  /** Of the items marked `S` and `T`, in order. */
  results: unknown[];
  /** Of the items marked `F`, in order. */
  errors?: ErrorObject[];
  /** Of the items marked `K` and `R`, in order: records that are new or have changed. */
  kept?: StoredRecord[][];
  /**
   * What waits, as item, path and milliseconds: from `atMs` on, or from when the batch's own operation may be tried again;
   * then how long it waits in all, where that is more: by that it is known how late it may be.
   */
  due?: [item: number, path: string, leftMs: number, delayMs?: number][];
  /** Epoch milliseconds of the clock that `due` goes by. Only in further operations. */
  atMs?: number;
  /** How many further operations come before this one. Only in the batch's own operation. */
  parts?: number;
  /** Nothing more comes: what has not ended never runs. Only in further operations. */
  isLast?: true;
  /** Of a source that is read again on replay: what the batch's items were. */
  fingerprint?: string;
  /** A digest of the names that a namer gave the items. */
  names?: string;
}
