import { BATCH_SUBTYPE, PART_SUBTYPE } from "../../core/batch-operation.ts";
import type { FanOutAnnouncement } from "../../core/fan-out-announcement.ts";
import { isFinished } from "../../core/transitions.ts";
import { isFanOut, isItem, type Operation, type OperationUpdate } from "../../core/wire.ts";
import { tallyOutcomes } from "../inspect/batch-view.ts";

export interface BatchProgress {
  id: string;
  name: string;
  /**
   * `steps`: the items have no contexts (FLAT), and the map is not announced. Then only the steps and contexts inside
   * the items can be counted.
   */
  unit: "items" | "steps";
  done: number;
  failed: number;
  running: number;
  /** How many items in batches, or steps of FLAT items, wait for their next attempt. */
  waiting: number;
  /**
   * The number of items, or of the items read so far from a stream. Undefined if the runtime has not announced the map,
   * because updates do not have this number.
   */
  total: number | undefined;
  ended: boolean;
}

/**
 * Counts the items of one map or parallel, with or without batches.
 *
 * PG1  If items do not share operations, the updates of their contexts or steps are counted. While the map is
 *     announced, `failed` and `running` come from the announcement. `done` does so too, unless more contexts have
 *     succeeded according to the updates.
 * PG2  If items share operations, `done` and `failed` come from the announcement of the runtime. Its counts begin at 0
 *     in each invocation. So a count that is lower than an earlier count is ignored.
 */
class Batch {
  readonly id: string;
  readonly name: string;
  unit: "items" | "steps" = "items";
  done = 0;
  failed = 0;
  /** The ids of running operations only, so that memory depends on the window, not on the number of items. */
  readonly running = new Set<string>();
  /** By the id of an operation: how many of its items wait. */
  readonly waiting = new Map<string, number>();
  #total: number | undefined;
  #announcement: FanOutAnnouncement | undefined;
  #isOver = false;
  #isShared = false;
  /** How many items that share operations had ended according to the recalled operations. */
  #recalled = 0;

  constructor(id: string, name: string) {
    this.id = id;
    this.name = name;
  }

  announce(announcement: FanOutAnnouncement): void {
    this.#readCounts();
    this.#announcement = announcement;
  }

  end(): void {
    const { unit, done, failed } = this.snapshot();
    this.unit = unit;
    this.done = done;
    this.failed = failed;
    this.#total = this.#announcement?.total ?? this.#total;
    this.#isOver = true;
    this.running.clear();
    this.waiting.clear();
    // The announcement refers to the whole map, which would stay in memory.
    this.#announcement = undefined;
  }

  share(): void {
    this.#isShared = true;
  }

  recallShared({ succeeded, failed }: { succeeded: number; failed: number }): void {
    this.done += succeeded;
    this.failed += failed;
    this.#recalled += succeeded + failed;
  }

  /** How many items that share operations have ended in this process. */
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
    // The counts of the runtime begin at 0 in each invocation, and grow during the replay. Until the replay has ended,
    // the number of items that were counted from updates may be larger, and is then correct.
    const items = unit === "items" ? Math.max(counts.succeeded, done) : counts.succeeded;
    return { ...seen, unit: "items", done: items, failed: counts.failed, running };
  }

  // PG2
  #readCounts(): void {
    if (!this.#isShared || this.#announcement === undefined) return;
    const { succeeded, failed } = this.#announcement.counts();
    this.done = Math.max(this.done, succeeded);
    this.failed = Math.max(this.failed, failed);
  }
}

export class Progress {
  readonly #batches = new Map<string, Batch>();
  readonly #early = new Map<string, FanOutAnnouncement>();
  #endedHere = 0;

  /** How many items or steps of maps and parallels have ended in this process. */
  get endedHere(): number {
    let ended = this.#endedHere;
    for (const batch of this.#batches.values()) ended += batch.sharedEndedHere;
    return ended;
  }

  /** Counts operations that are recorded before the first update. */
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
      if (!isItem(SubType)) batch.unit = "steps";
      if (Status === "SUCCEEDED") batch.done++;
      else if (Status === "FAILED") batch.failed++;
      else if (waits) batch.waiting.set(Id, 1);
      // An operation that an earlier process left running does not run until the handler reaches the operation again.
    }
  }

  /** Counts the updates of one accepted request. */
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
      if (!isItem(SubType)) batch.unit = "steps";
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

  announce(announcement: FanOutAnnouncement): void {
    const batch = this.#batches.get(announcement.operationId);
    if (batch === undefined) this.#early.set(announcement.operationId, announcement);
    else batch.announce(announcement);
  }

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

  /** The map or parallel that is the parent of a context, a step or a batch. Undefined for another operation. */
  #batchOf(parentId: string | undefined, type: string | undefined): Batch | undefined {
    if (parentId === undefined || (type !== "CONTEXT" && type !== "STEP")) return undefined;
    return this.#batches.get(parentId);
  }
}
