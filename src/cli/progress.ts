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
  announced: BatchAnnouncement | undefined;
  ended = false;

  constructor(id: string, name: string) {
    this.id = id;
    this.name = name;
  }

  snapshot(): BatchProgress {
    const { id, name, unit, done, failed, ended } = this;
    const [running, waiting] = ended ? [0, 0] : [this.running.size, this.waiting.size];
    const seen = { id, name, unit, done, failed, running, waiting, total: undefined, ended };
    if (this.announced === undefined || ended) return { ...seen, total: this.announced?.total };
    const counts = this.announced.counts();
    // While a resumed run goes over its recorded items again its counts start from 0: the record knows better.
    return {
      ...seen,
      unit: "items",
      done: Math.max(counts.succeeded, done),
      failed: counts.failed,
      running: Math.max(0, counts.running - this.waiting.size),
      total: this.announced.total,
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
        batch.ended = Status === "SUCCEEDED" || Status === "FAILED";
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
      const own = isBatch(SubType) ? this.#begin(Id, Name ?? SubType) : undefined;
      if (own !== undefined) {
        own.ended = Action !== "START";
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
    else batch.announced = announcement;
  }

  /** Every batch begun so far, in the order in which they began. */
  batches(): BatchProgress[] {
    return Array.from(this.#batches.values(), (batch) => batch.snapshot());
  }

  #begin(id: string, name: string): Batch {
    let batch = this.#batches.get(id);
    if (batch === undefined) {
      batch = new Batch(id, name);
      batch.announced = this.#early.get(id);
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
