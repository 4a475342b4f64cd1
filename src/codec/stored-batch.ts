import type { ErrorObject } from "../core/wire.ts";

/**
 * The meaning of one character of `StoredBatch.statuses`, for one item:
 * - `S` succeeded
 * - `T` succeeded; the result is kept as text
 * - `U` succeeded with undefined
 * - `R` succeeded; the result is rebuilt from `kept`
 * - `F` failed
 * - `K` not ended; some of the item's records are in `kept`
 * - `-` begun, and not ended when the map was over
 * - `.` without an outcome here
 */
export type OutcomeMark = "S" | "T" | "U" | "R" | "F" | "K" | "-" | ".";

/** A record of an operation inside an item. Unknown members are absent, and are not checked. */
export interface StoredRecord {
  /** The operation's path inside its item: `1`, `2-1`. */
  path: string;
  /** Default `STEP`. */
  type?: "CONTEXT" | "WAIT";
  /** Absent for `Step`, `RunInChildContext` and `Wait`. */
  subType?: string;
  name?: string;
  /** The first version began the item. That version kept no names, and combined promises had no path. */
  isFirstVersion?: true;
  status: "SUCCEEDED" | "FAILED" | "PENDING" | "STARTED" | "READY";
  /** The number of ended attempts. */
  attempts?: number;
  /** The payload, if it is JSON. */
  result?: unknown;
  /** The payload as text. */
  text?: string;
  error?: ErrorObject;
  /** The result of the context is rebuilt from the records inside it. */
  replayChildren?: true;
}

/** The content of one operation of a batch, before the codec writes it. Later operations replace earlier ones. */
export interface StoredBatch {
  /** The version of this form. */
  batch: 2;
  /** An `OutcomeMark` for each item, in the order of their index. Missing marks at the end count as `.`. */
  statuses: string;
  /** The results of the items with the marks `S` and `T`, in order. */
  results: unknown[];
  /** The errors of the items with the mark `F`, in order. */
  errors?: ErrorObject[];
  /** The new or changed records of the items with the marks `K` and `R`, in order. */
  kept?: StoredRecord[][];
  /**
   * The waiting records: item, path and remaining milliseconds. The time counts from `atMs`, or from the moment when
   * the batch's own operation may be tried again. The fourth number is the whole delay, if it is longer. It decides how
   * late the record may be woken.
   */
  due?: [item: number, path: string, leftMs: number, delayMs?: number][];
  /** The clock reading for `due`, in epoch milliseconds. Only in parts. */
  atMs?: number;
  /** The number of parts before this operation. Only in the batch's own operation. */
  parts?: number;
  /** No part follows: an operation that has not ended never runs. Only in parts. */
  isLast?: true;
  /** The digest of the batch's items, for a source that a replay reads again. */
  fingerprint?: string;
  /** A digest of the names that a namer gave the items. */
  names?: string;
}
