import { inOrder, lastOutcomes, type Outcome, readLog, readStoredBatch } from "../../codec/batch-outcomes.ts";
import { decodePayload } from "../../codec/codec.ts";
import type { StoredRecord } from "../../codec/stored-batch.ts";
import { BATCH_SUBTYPE, partsFinder, recordedRange } from "../../core/batch-operation.ts";
import { messageOf } from "../../core/errors.ts";
import type { ErrorObject, Operation, OperationStatus } from "../../core/wire.ts";
import { readAnyPayload } from "./payload-view.ts";

/**
 * `STARTED`: the item may have begun, and no readable record has its end. `PENDING`: the item waits for the next
 * attempt of its batch. `NOT_STARTED`: no readable record says that the item has begun.
 */
export type ItemStatus = "SUCCEEDED" | "FAILED" | "STARTED" | "PENDING" | "NOT_STARTED";

export interface ItemView {
  /** The index in the map, from 0. */
  readonly index: number;
  readonly status: ItemStatus;
  /** Only for a `SUCCEEDED` item, if the result is stored. If a user's serdes wrote the result, the written text. */
  readonly result?: unknown;
  readonly error?: ErrorObject;
  /** Only for a `PENDING` item: the records of the operations inside the item. */
  readonly operations?: readonly StoredRecord[];
}

export interface BatchView {
  readonly operation: Operation;
  readonly items: readonly ItemView[];
  /** In the order of `items`. The outcome of an item without a readable outcome is undefined, or missing at the end. */
  readonly outcomes: readonly (Outcome | undefined)[];
  readonly parts: readonly Operation[];
  /** Why the outcomes could not be read. Then each item is `STARTED` or `NOT_STARTED`, even if it has ended. */
  readonly unreadable?: string;
}

/** The keys are the ids of the batches' own operations. */
export function readBatches(operations: readonly Operation[]): Map<string, BatchView> {
  const partsOf = partsFinder(operations);
  return new Map(
    operations.flatMap((operation) => {
      const { Id: id = "", Name: name, SubType: subType } = operation;
      const range = subType === BATCH_SUBTYPE ? recordedRange(name) : undefined;
      if (range === undefined) return [];
      return [[id, readBatch(operation, partsOf(operation), range.first, range.last - range.first + 1)]];
    }),
  );
}

function readBatch(operation: Operation, parts: readonly Operation[], first: number, count: number): BatchView {
  let outcomes: BatchView["outcomes"] = [];
  let unreadable: string | undefined;
  try {
    const read = parts.map((part) => readLog(part)).filter((log) => log !== undefined);
    outcomes = lastOutcomes(inOrder(readLog(operation), read));
  } catch (error) {
    unreadable = messageOf(error);
  }
  const items = Array.from({ length: count }, (_, at) => describe(first + at, outcomes[at], operation.Status));
  return { operation, items, outcomes, parts, ...(unreadable === undefined ? {} : { unreadable }) };
}

function describe(index: number, outcome: Outcome | undefined, batchStatus: OperationStatus | undefined): ItemView {
  switch (outcome?.mark) {
    case "S":
      return { index, status: "SUCCEEDED", result: outcome.result };
    case "T":
      return { index, status: "SUCCEEDED", result: readAnyPayload(outcome.result as string).value };
    case "U":
    case "R":
      return { index, status: "SUCCEEDED" };
    case "F":
      return { index, status: "FAILED", error: outcome.error ?? {} };
    case "-":
      return { index, status: "STARTED" };
    default:
  }
  // The records of a running batch do not say which items have begun. So all items without an outcome count as started.
  const isOpen = batchStatus === "PENDING" || batchStatus === "READY";
  if (batchStatus === "STARTED" || (outcome?.mark === "K" && !isOpen)) return { index, status: "STARTED" };
  if (outcome?.mark === "K") return { index, status: "PENDING", operations: outcome.records ?? [] };
  return { index, status: "NOT_STARTED" };
}

const WORDS: Record<ItemStatus, string> = {
  SUCCEEDED: "succeeded",
  FAILED: "failed",
  STARTED: "running",
  PENDING: "waiting",
  NOT_STARTED: "not started",
};

export function countItems(batches: Iterable<BatchView>): Map<ItemStatus, number> {
  const counts = new Map<ItemStatus, number>();
  for (const { items } of batches) {
    for (const { status } of items) counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  return new Map(
    (Object.keys(WORDS) as ItemStatus[]).flatMap((status) => {
      const count = counts.get(status);
      return count === undefined ? [] : [[status, count]];
    }),
  );
}

export function wordFor(status: ItemStatus, batchStatus: OperationStatus | undefined): string {
  if (status === "STARTED" && batchStatus === "SUCCEEDED") return "not ended";
  return WORDS[status];
}

export function tallyOutcomes(payload: string | undefined): { succeeded: number; failed: number; waiting: number } {
  const tally = { succeeded: 0, failed: 0, waiting: 0 };
  if (!payload) return tally;
  try {
    const stored = readStoredBatch(decodePayload(payload));
    for (const mark of stored?.statuses ?? "") {
      if ("STUR".includes(mark)) tally.succeeded++;
      else if (mark === "F") tally.failed++;
      else if (mark === "K") tally.waiting++;
    }
  } catch {
    // The counts are only for progress. `readBatches` reports why a payload cannot be read.
  }
  return tally;
}
