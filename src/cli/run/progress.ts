import { BATCH_SUBTYPE, PART_SUBTYPE } from "../../core/batch-operation.ts";
import { isFinished } from "../../core/transitions.ts";
import { isFanOut, type Operation, type OperationUpdate } from "../../core/wire.ts";
import { tallyOutcomes } from "../inspect/batch-view.ts";

/** How far one map or parallel is. */
export interface BatchProgress {
  id: string;
  name: string;
  /** `items`, or `steps` where items have no operation of their own (FLAT) and only their steps can be counted. */
  unit: "items" | "steps";
  done: number;
  failed: number;
  running: number;
  /** Waiting for their next attempt. */
  waiting: number;
  /**
   * How many there are; unknown unless the runtime announced it, since it is not on the wire. Of items that are read one
   * after the other: so many have been read.
   */
  total: number | undefined;
  ended: boolean;
}

/** On which the runtime announces each map and parallel that it begins. */
export const BATCH_CHANNEL = "durable-fanout:batch";

/** What it announces. */
export interface BatchAnnouncement {
  executionArn: string;
  /** Wire id of the map or parallel. */
  operationId: string;
  name?: string | undefined;
  total: number;
  isTotalKnown: boolean;
  /** Whether each item has an operation of its own, around those that it makes. */
  nesting?: "NESTED" | "FLAT";
  /** Items that share an operation; undefined where they do not. */
  batchItems: number | undefined;
  /** Live counts, read when progress is shown. */
  counts(): { succeeded: number; failed: number; running: number };
  /** No more items than these begin, and the map does not end without them. Absent where an older version announces. */
  beginAtMost?(items: number): void;
  /** A tool that wants to know which items fail sets this function. */
  onFailure?: (item: { readonly index: number; readonly error?: unknown }, name: string, input: unknown) => void;
}

/**
 * One map or parallel.
 *
 * PG1  Operations that are an item each, or an item's step, are counted as they are written.
 * PG2  Where items share operations the runtime's live counts tell how many have ended. They begin from 0 in each
 *     invocation, so what was known before remains the least.
 */
class Batch {
  readonly id: string;
  readonly name: string;
  unit: "items" | "steps" = "items";
  done = 0;
  failed = 0;
  /** Only what has not ended is kept by id, so that memory follows the window and not the batch. */
  readonly running = new Set<string>();
  /** Items that wait, by their operation. */
  readonly waiting = new Map<string, number>();
  #total: number | undefined;
  #announcement: BatchAnnouncement | undefined;
  #isOver = false;
  #isShared = false;
  /** Of items that share operations: how many had ended before this run. */
  #recalled = 0;

  constructor(id: string, name: string) {
    this.id = id;
    this.name = name;
  }

  announce(announcement: BatchAnnouncement): void {
    this.#readCounts();
    this.#announcement = announcement;
  }

  end(): void {
    this.#readCounts();
    this.#total = this.#announcement?.total ?? this.#total;
    this.#isOver = true;
    this.running.clear();
    this.waiting.clear();
    // The counts hold on to the whole batch.
    this.#announcement = undefined;
  }

  /** Items share operations here. */
  share(): void {
    this.#isShared = true;
  }

  recallShared({ succeeded, failed }: { succeeded: number; failed: number }): void {
    this.done += succeeded;
    this.failed += failed;
    this.#recalled += succeeded + failed;
  }

  /** Items that share operations and have ended in this run. */
  get sharedEndedHere(): number {
    this.#readCounts();
    return this.#isShared ? this.done + this.failed - this.#recalled : 0;
  }

  snapshot(): BatchProgress {
    this.#readCounts();
    const { id, name, unit, done, failed } = this;
    let waiting = 0;
    for (const items of this.waiting.values()) waiting += items;
    const total = this.#announcement?.total ?? this.#total;
    const seen = { id, name, unit, done, failed, running: this.running.size, waiting, total, ended: this.#isOver };
    const counts = this.#announcement?.counts();
    if (counts === undefined) return seen;
    const running = Math.max(0, counts.running - waiting);
    if (this.#isShared) return { ...seen, running };
    // While a resumed run goes over its recorded items again its counts start from 0: the record knows better.
    return { ...seen, unit: "items", done: Math.max(counts.succeeded, done), failed: counts.failed, running };
  }

  // PG2
  #readCounts(): void {
    if (!this.#isShared || this.#announcement === undefined) return;
    const { succeeded, failed } = this.#announcement.counts();
    this.done = Math.max(this.done, succeeded);
    this.failed = Math.max(this.failed, failed);
  }
}

/**
 * Follows one execution by what it writes, and counts the items of each map and parallel.
 * The number of items is not on the wire; `announce` takes it from a runtime that tells.
 */
export class Progress {
  readonly #batches = new Map<string, Batch>();
  readonly #early = new Map<string, BatchAnnouncement>();
  #endedHere = 0;

  /** Items (or other steps, where there is no batch) that ended in this run. */
  get endedHere(): number {
    let ended = this.#endedHere;
    for (const batch of this.#batches.values()) ended += batch.sharedEndedHere;
    return ended;
  }

  /** Takes in what an earlier run has recorded. */
  recall(operations: Iterable<Operation>): void {
    for (const { Id, ParentId, Name, Type, SubType, Status, StepDetails } of operations) {
      if (Id === undefined) continue;
      if (isFanOut(SubType)) {
        const batch = this.#begin(Id, Name ?? SubType);
        if (isFinished({ Status })) batch.end();
        continue;
      }
      const batch = this.#batchOf(ParentId, Type);
      if (batch === undefined) continue;
      const waits = Status === "PENDING" || Status === "READY";
      if (SubType === BATCH_SUBTYPE || SubType === PART_SUBTYPE) {
        const tally = tallyOutcomes(StepDetails?.Result);
        batch.share();
        batch.recallShared(tally);
        if (waits) batch.waiting.set(Id, tally.waiting);
        continue;
      }
      if (Type === "STEP") batch.unit = "steps";
      if (Status === "SUCCEEDED") batch.done++;
      else if (Status === "FAILED") batch.failed++;
      else if (waits) batch.waiting.set(Id, 1);
      // What was running when an earlier process died runs again only when the handler comes to it.
    }
  }

  /** Takes in what one accepted checkpoint request wrote. */
  apply(updates: readonly OperationUpdate[]): void {
    for (const { Id, ParentId, Name, Type, SubType, Action, Payload } of updates) {
      if (Id === undefined) continue;
      if (isFanOut(SubType)) {
        const batch = this.#begin(Id, Name ?? SubType);
        if (Action !== "START") batch.end();
        continue;
      }
      const batch = this.#batchOf(ParentId, Type);
      if (batch === undefined) continue;
      if (SubType === BATCH_SUBTYPE || SubType === PART_SUBTYPE) {
        batch.share();
        if (Action === "RETRY") batch.waiting.set(Id, tallyOutcomes(Payload).waiting);
        else batch.waiting.delete(Id);
        continue;
      }
      if (Type === "STEP") batch.unit = "steps";
      batch.running.delete(Id);
      batch.waiting.delete(Id);
      if (Action === "START") batch.running.add(Id);
      else if (Action === "RETRY") batch.waiting.set(Id, 1);
      else {
        this.#endedHere++;
        if (Action === "SUCCEED") batch.done++;
        else batch.failed++;
      }
    }
  }

  announce(announcement: BatchAnnouncement): void {
    const batch = this.#batches.get(announcement.operationId);
    if (batch === undefined) this.#early.set(announcement.operationId, announcement);
    else batch.announce(announcement);
  }

  /** Every batch begun so far, in the order in which they began. */
  batches(): BatchProgress[] {
    return Array.from(this.#batches.values(), (batch) => batch.snapshot());
  }

  #begin(id: string, name: string): Batch {
    let batch = this.#batches.get(id);
    if (batch === undefined) {
      batch = new Batch(id, name);
      const announcement = this.#early.get(id);
      if (announcement !== undefined) batch.announce(announcement);
      this.#early.delete(id);
      this.#batches.set(id, batch);
    }
    return batch;
  }

  /** The batch whose item, or FLAT item's step, an operation with this parent is. */
  #batchOf(parentId: string | undefined, type: string | undefined): Batch | undefined {
    if (parentId === undefined || (type !== "CONTEXT" && type !== "STEP")) return undefined;
    return this.#batches.get(parentId);
  }
}
