import type { ErrorObject } from "../core/wire.ts";

/**
 * The meaning of one character of `StoredBatch.statuses`, for one item:
 * - `S` succeeded
 * - `T` succeeded; the result is stored as text
 * - `U` succeeded with undefined
 * - `R` succeeded; the result is rebuilt from the records in `kept`
 * - `F` failed
 * - `K` not ended; some of the item's records are in `kept`
 * - `-` begun, and not ended when the map ended
 * - `.` no outcome in this operation
 */
export type OutcomeMark = "S" | "T" | "U" | "R" | "F" | "K" | "-" | ".";

/** A record of an operation inside an item. A member without a value is absent. */
export interface StoredRecord {
  /** The operation's path inside its item: `1`, `2-1`. */
  path: string;
  /** Absent means `STEP`. */
  type?: "CONTEXT" | "WAIT";
  /** Absent for the subtypes `Step`, `RunInChildContext` and `Wait`. */
  subType?: string;
  name?: string;
  /**
   * Set if the first version of batches began the item. That version stored no names, and combined promises had no
   * path.
   */
  isFirstVersion?: true;
  status: "SUCCEEDED" | "FAILED" | "PENDING" | "STARTED" | "READY";
  /** The number of ended attempts. */
  attempts?: number;
  /** The value in the payload, if the payload is JSON. */
  result?: unknown;
  /** The payload, if it is not JSON. */
  text?: string;
  error?: ErrorObject;
  /** Set if the result of the context is not stored, so that it is rebuilt from the records inside the context. */
  replayChildren?: true;
}

/**
 * The content of one operation of a batch, before the codec writes it. The outcomes in later operations replace the
 * outcomes in earlier ones.
 */
export interface StoredBatch {
  /** The version of this form. */
  batch: 2;
  /**
   * An `OutcomeMark` for each item, in the order of the items. If `statuses` is shorter, the other items have the mark
   * `.`.
   */
  statuses: string;
  /** The results of the items with the marks `S` and `T`, in the order of the items. */
  results: unknown[];
  /** The errors of the items with the mark `F`, in the order of the items. */
  errors?: ErrorObject[];
  /** The new or changed records of the items with the marks `K` and `R`, in the order of the items. */
  kept?: StoredRecord[][];
  /**
   * The records that wait for a time: item, path, and remaining milliseconds. In a part, these count from `atMs`. In
   * the batch's own operation, they count from the time at which the operation may be tried again. The fourth number is
   * the whole delay, if the delay is longer than the remaining time. The whole delay decides how late the record may be
   * woken.
   */
  due?: [item: number, path: string, leftMs: number, delayMs?: number][];
  /** The time from which `due` counts, in epoch milliseconds. Only in parts. */
  atMs?: number;
  /** The number of parts that were written before this operation. Only in the batch's own operation. */
  parts?: number;
  /**
   * Set in the last part of a batch. Operations inside the items that have not ended never run again. Only in parts.
   */
  isLast?: true;
  /** A digest of the batch's items. Present only if a replay reads the items again from their source. */
  fingerprint?: string;
  /** A digest of the names that the user gave to the items. */
  names?: string;
}
