import type { ErrorObject } from "../core/wire.ts";

/**
 * The meaning of one character of `StoredBatch.statuses`, for one item:
 * - `S` succeeded
 * - `T` succeeded; the result is stored as text, which is a packed payload
 * - `U` succeeded with undefined
 * - `R` succeeded; the result is rebuilt from the records in `kept`
 * - `F` failed
 * - `K` no end in this operation; new or changed records of the item are in `kept`
 * - `-` begun, without an outcome when the map ended
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
   * Set if version 2.0.0 began the item. That version stored no names, and its `context.promise` calls had no paths.
   */
  isFirstVersion?: true;
  status: "SUCCEEDED" | "FAILED" | "PENDING" | "STARTED" | "READY";
  /** The number of ended attempts. Absent means 1 for an ended step, and otherwise 0. */
  attempts?: number;
  /** The value, if the payload is JSON and `replayChildren` is not set. */
  result?: unknown;
  /** The payload, if it is packed, or if `replayChildren` is set. */
  text?: string;
  error?: ErrorObject;
  /** Set if a replay makes the result of the context again from the records inside the context. */
  replayChildren?: true;
}

/** The content of one operation of a batch. `lastOutcomes` joins the contents of all operations of the batch. */
export interface StoredBatch {
  batch: 2;
  /** An `OutcomeMark` for each item. Items after the end of `statuses` have the mark `.`. */
  statuses: string;
  /** The results of the items with the marks `S` and `T`, in the order of the items. */
  results: unknown[];
  /** The errors of the items with the mark `F`, in the order of the items. */
  errors?: ErrorObject[];
  /** The new or changed records of the items with the marks `K` and `R`, in the order of the items. */
  kept?: StoredRecord[][];
  /**
   * The records that wait for a time. `item` is the index of the item in the batch. `leftMs` is the remaining time in
   * milliseconds. In a part, it counts from `atMs`. In the batch's own operation, it counts from the time at which this
   * operation may be tried again, and is negative for a record that is due earlier. `delayMs` is the whole delay of the
   * record, and absent if it equals `leftMs`.
   */
  due?: [item: number, path: string, leftMs: number, delayMs?: number][];
  /**
   * The time from which `due` counts, in epoch milliseconds, by the clock of the machine that wrote it. In the batch's
   * own operation, the time at which this operation may be tried again.
   */
  atMs?: number;
  /** The number of parts that are older than this payload. Only in the batch's own operation. */
  parts?: number;
  /** How many characters of records the payloads of this operation have written again so far. Absent means 0. */
  repeated?: number;
  /** Set only in the last part of an ended batch. Operations of this batch that have not ended never run again. */
  isLast?: true;
  /** A digest of the batch's items. Present only if a replay reads the items again from their source. */
  fingerprint?: string;
  /** A digest of the names that the user gave to the items. */
  names?: string;
}
