import { inOrder, lastOutcomes, type Outcome, readLog, readStoredBatch } from "../../codec/batch-outcomes.ts";
import { createCodec } from "../../codec/codec.ts";
import type { StoredRecord } from "../../codec/stored-batch.ts";
import { BATCH_SUBTYPE, partsFinder, recordedRange } from "../../core/batch-operation.ts";
import { messageOf } from "../../core/errors.ts";
import type { ErrorObject, Operation, OperationStatus } from "../../core/wire.ts";

/**
 * What became of an item that shares an operation: as an operation of its own would have it. `STARTED` runs, or was left
 * behind when its map ended; `PENDING` waits for another attempt; `NOT_STARTED` has not begun, or nobody knows.
 */
export type ItemStatus = "SUCCEEDED" | "FAILED" | "STARTED" | "PENDING" | "NOT_STARTED";

export interface ItemView {
  /** In the map, from 0. */
  readonly index: number;
  readonly status: ItemStatus;
  /** With `SUCCEEDED`; absent for undefined. The text that a serdes made of it, where the items have one. */
  readonly result?: unknown;
  /** With `FAILED`. */
  readonly error?: ErrorObject;
  /** With `PENDING`: its operations that have ended, and those that wait. */
  readonly operations?: readonly StoredRecord[];
}

/** A batch's operation, with what it holds. */
export interface BatchView {
  readonly operation: Operation;
  readonly items: readonly ItemView[];
  /** The operations that hold what it has no room for. */
  readonly parts: readonly Operation[];
  /** Why the outcomes could not be read; the items are then told by the operation's status alone. */
  readonly unreadable?: string;
}

// It reads every format, whichever it writes itself.
const codec = createCodec("json");

/** Reads the items of every batch among an execution's operations, by the batch's wire id. */
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
  let outcomes: readonly (Outcome | undefined)[] = [];
  let unreadable: string | undefined;
  try {
    const read = parts.map((part) => readLog(part, codec)).filter((log) => log !== undefined);
    outcomes = lastOutcomes(inOrder(readLog(operation, codec), read));
  } catch (error) {
    unreadable = messageOf(error);
  }
  const items = Array.from({ length: count }, (_, at) => describe(first + at, outcomes[at], operation.Status));
  return { operation, items, parts, ...(unreadable === undefined ? {} : { unreadable }) };
}

function describe(index: number, outcome: Outcome | undefined, batchStatus: OperationStatus | undefined): ItemView {
  switch (outcome?.mark) {
    case "S":
      return { index, status: "SUCCEEDED", result: outcome.result };
    case "T":
      return { index, status: "SUCCEEDED", result: codec.decode(outcome.result as string) };
    case "U":
    case "R":
      return { index, status: "SUCCEEDED" };
    case "F":
      return { index, status: "FAILED", error: outcome.error ?? {} };
    case "-":
      return { index, status: "STARTED" };
    default:
  }
  // While a batch is under way nothing is recorded of which of its items have begun.
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

/** Items by what became of them, statuses without any left out. */
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

/** The word for items of a status; those that run in a batch that has ended were left behind. */
export function wordFor(status: ItemStatus, batchStatus: OperationStatus | undefined): string {
  if (status === "STARTED" && batchStatus === "SUCCEEDED") return "not ended";
  return WORDS[status];
}

/** How many items one payload of a batch tells of; nothing when it cannot be read. */
export function tallyOutcomes(payload: string | undefined): { succeeded: number; failed: number; waiting: number } {
  const tally = { succeeded: 0, failed: 0, waiting: 0 };
  if (!payload) return tally;
  try {
    const stored = readStoredBatch(codec.decode(payload));
    for (const mark of stored?.statuses ?? "") {
      if ("STUR".includes(mark)) tally.succeeded++;
      else if (mark === "F") tally.failed++;
      else if (mark === "K") tally.waiting++;
    }
  } catch {
    // Whoever needs the outcomes themselves says why they cannot be read.
  }
  return tally;
}
