import type { Operation, OperationUpdate } from "../core/wire.ts";

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
  /** How many there are; unknown unless the runtime announced it, since it is not on the wire. */
  total: number | undefined;
  ended: boolean;
}

/** What the runtime announces of a batch, over the diagnostics channel `durable-fanout:batch`. */
export interface BatchAnnouncement {
  executionArn: string;
  /** Wire id of the map or parallel. */
  operationId: string;
  name?: string | undefined;
  total: number;
  /** Live counts, read when progress is shown. */
  counts(): { succeeded: number; failed: number; running: number };
}

class Batch {
  readonly id: string;
  readonly name: string;
  unit: "items" | "steps" = "items";
  done = 0;
  failed = 0;
  /** Only what has not ended is kept by id, so that memory follows the window and not the batch. */
  readonly running = new Set<string>();
  readonly waiting = new Set<string>();
  total: number | undefined;
  ended = false;
  #counts: BatchAnnouncement["counts"] | undefined;

  constructor(id: string, name: string) {
    this.id = id;
    this.name = name;
  }

  announce(announcement: BatchAnnouncement | undefined): void {
    this.total = announcement?.total;
    this.#counts = announcement?.counts;
  }

  end(): void {
    this.ended = true;
    this.running.clear();
    this.waiting.clear();
    // The counts hold on to the whole batch.
    this.#counts = undefined;
  }

  snapshot(): BatchProgress {
    const { id, name, unit, done, failed, total, ended } = this;
    const waiting = this.waiting.size;
    const seen = { id, name, unit, done, failed, running: this.running.size, waiting, total, ended };
    const counts = this.#counts?.();
    if (counts === undefined) return seen;
    // While a resumed run goes over its recorded items again its counts start from 0: the record knows better.
    return {
      ...seen,
      unit: "items",
      done: Math.max(counts.succeeded, done),
      failed: counts.failed,
      running: Math.max(0, counts.running - waiting),
    };
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
    return this.#endedHere;
  }

  /** Takes in what an earlier run has recorded. */
  recall(operations: Iterable<Operation>): void {
    for (const { Id, ParentId, Name, Type, SubType, Status } of operations) {
      if (Id === undefined) continue;
      if (isBatch(SubType)) {
        const batch = this.#begin(Id, Name ?? SubType);
        if (Status === "SUCCEEDED" || Status === "FAILED") batch.end();
        continue;
      }
      const batch = this.#batchOf(ParentId, Type);
      if (batch === undefined) continue;
      if (Type === "STEP") batch.unit = "steps";
      if (Status === "SUCCEEDED") batch.done++;
      else if (Status === "FAILED") batch.failed++;
      else if (Status === "PENDING" || Status === "READY") batch.waiting.add(Id);
      // What was running when an earlier process died runs again only when the handler comes to it.
    }
  }

  /** Takes in what one accepted checkpoint request wrote. */
  apply(updates: readonly OperationUpdate[]): void {
    for (const { Id, ParentId, Name, Type, SubType, Action } of updates) {
      if (Id === undefined) continue;
      if (isBatch(SubType)) {
        const batch = this.#begin(Id, Name ?? SubType);
        if (Action !== "START") batch.end();
        continue;
      }
      const batch = this.#batchOf(ParentId, Type);
      if (batch === undefined) continue;
      if (Type === "STEP") batch.unit = "steps";
      batch.running.delete(Id);
      batch.waiting.delete(Id);
      if (Action === "START") batch.running.add(Id);
      else if (Action === "RETRY") batch.waiting.add(Id);
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
      batch.announce(this.#early.get(id));
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

function isBatch(subType: string | undefined): subType is "Map" | "Parallel" {
  return subType === "Map" || subType === "Parallel";
}
