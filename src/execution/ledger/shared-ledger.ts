import { latest, type Outcome } from "../../codec/batch-outcomes.ts";
import type { OperationId, OperationPath } from "../../core/ids.ts";
import type { WireOperation } from "../../core/wire.ts";
import type { ArmedTimer } from "../timers.ts";
import { BatchLog, type ItemMarks, MAX_REPEATED_CHARACTERS, MAX_RETRY_CHARACTERS } from "./batch-log.ts";
import type { Kept } from "./kept.ts";
import { itemPath, Page, type PageGroup } from "./page.ts";
import { RecordCodec } from "./record-codec.ts";
import type { ServiceLedger } from "./service-ledger.ts";
import type { OpenLedger, SharedLedgerOptions, SharedLedgers, SharedLedgersHost } from "./shared-ledgers.ts";
import { SleepingParts } from "./sleeping-parts.ts";
import { WaitingRecords } from "./waiting-records.ts";

/** If a record is due within this number of milliseconds, the invocation does not end for it. */
const SOON_MS = 100;

/**
 * The records of the items of one batch. They are kept in memory, and are written together to the operation that these
 * items share.
 *
 * L1  What a flush writes if no wait is due. "Armed" and "covered" are explained in `WaitingRecords`. (a) If the batch's
 *     own operation is pending, it cannot be written. If an armed record is due before this operation and is not covered,
 *     changed records go to a sleeping part, which is pending until this record is due. In the other cases, changed
 *     records go to an ordinary part. (b) Otherwise, if an
 *     armed record has a known due time, or if work is left and records have changed, a flush writes a RETRY. (c)
 *     Otherwise changed records go to a part.
 * L2  A RETRY replaces the payload of the batch's own operation. So each RETRY writes again the records that are in no
 *     part.
 * L3  When the map is over, the end of each item that the map has counted is recorded. Of an item that has not ended,
 *     the records that do not wait are recorded, because a redrive continues the item after these records.
 */
export class SharedLedger implements PageGroup, OpenLedger {
  readonly service: ServiceLedger;
  /** The id of the batch's own operation. */
  readonly id: OperationId;
  readonly name: string;
  readonly first: number;
  readonly count: number;
  readonly codec: RecordCodec;
  readonly #all: SharedLedgers;
  readonly #host: SharedLedgersHost;
  readonly #options: SharedLedgerOptions;
  readonly #log: BatchLog;
  readonly #pages = new Map<number, Page>();
  /** Outcomes of earlier invocations that the map has not taken yet. */
  #outcomes: (Outcome | undefined)[] = [];
  /** Records that have changed and are not written, in the order of their last change. */
  readonly #dirty = new Set<Kept>();
  /** Records that are in the payload of the batch's own operation and in no part. */ // L2
  readonly #inOwn = new Set<Kept>();
  readonly #sleeping: SleepingParts;
  readonly #waiting: WaitingRecords;
  readonly #counted = new Set<number>();
  /** Items that have ended and whose functions run again, because no record contains their results. */
  readonly madeAgain = new Set<number>();
  isRestored = false;
  unwritten = 0;
  /** Fires when an ended item has been unwritten for `checkpoint.maxUnrecordedMs`. */
  #tooLong: ArmedTimer | undefined;
  /** Ended items have been unwritten for too long. They are written when an item waits, since the batch is open longer. */
  #writesWhenArmed = false;
  #repeated = 0;
  #securing: Promise<void> | undefined;

  constructor(all: SharedLedgers, options: SharedLedgerOptions) {
    this.#all = all;
    this.#host = all.host;
    this.#options = options;
    this.service = all.host.service;
    this.first = options.first;
    this.count = options.count;
    const { scope, path, name, maxBytes } = options;
    this.#waiting = new WaitingRecords(this.#host.timers);
    this.#log = new BatchLog(all, {
      ...{ scope, path, name, maxBytes },
      onReady: () => this.#waiting.release(this.now()),
      onOpenPart: (part) => this.#sleeping.restore(part),
    });
    this.#sleeping = new SleepingParts(this.#log, this.service);
    this.id = this.#log.id;
    this.name = name;
    this.codec = new RecordCodec(all.host.codec, this.service.maxPayloadBytes, options.count);
  }

  now(): number {
    return this.#host.timers.recordNow();
  }

  get marks(): ItemMarks {
    return this.#log.marks;
  }

  set marks(marks: ItemMarks) {
    this.#log.marks = marks;
  }

  get size(): number {
    return this.#log.size;
  }

  /** Whether the batch has ended. Then nothing is recorded. In a later invocation, only operations that ended return. */
  get isClosed(): boolean {
    return this.#log.state === "ended";
  }

  /** Reads the records of earlier invocations. @throws UnrecoverableExecutionError when a record cannot be read */
  restore(record: WireOperation): void {
    this.isRestored = true;
    for (const { outcomes, due, atMs, repeated, part } of this.#log.restore(record).logs) {
      const isOwn = part === 0;
      const rewritten = isOwn ? this.#inOwn : this.#sleeping.recordsOf(part);
      if (isOwn) {
        this.#repeated = repeated;
        this.#waiting.forgetTimes(atMs);
      }
      for (let index = 0; index < Math.min(outcomes.length, this.count); index++) {
        const outcome = outcomes[index];
        if (outcome !== undefined) this.#restoreItem(index, outcome, rewritten);
      }
      for (const [index, path, leftMs, delayMs] of due) {
        this.#pages.get(index)?.restoreTime(path, leftMs, delayMs, isOwn ? undefined : atMs);
      }
    }
    if (this.#log.state === "pending") this.#waiting.coverRestored();
    else if (!this.isClosed) this.#waiting.release(this.now());
  }

  /** `rewritten` has the records that the next RETRY of the same operation must repeat. Undefined for a part. */
  #restoreItem(index: number, outcome: Outcome, rewritten: Set<Kept> | undefined): void {
    const { mark, records } = outcome;
    this.#outcomes[index] = latest(this.#outcomes[index], outcome);
    const payloadOf = (value: unknown) => this.codec.roundTrip(value).payload;
    if (records === undefined) {
      this.#pages.get(index)?.clear();
      this.#pages.delete(index);
    } else {
      for (const kept of this.page(index).restore(records, payloadOf)) {
        rewritten?.add(kept);
        if (kept.waits) this.#waiting.add(kept);
      }
    }
    if (mark === "K" || mark === "-" || (mark !== "R" && (rewritten === undefined || this.isClosed))) return;
    const end = this.page(index).restoreEnd(outcome, payloadOf);
    rewritten?.add(end);
  }

  /** The outcome that an earlier invocation recorded of an item. Undefined without one, and after the first call. */
  takeOutcome(index: number): Outcome | undefined {
    const outcome = this.#outcomes[index];
    this.#outcomes[index] = undefined;
    return outcome;
  }

  /** Whether the map has not counted the item's end. False in an ended batch, except for items in `madeAgain`. */
  isUncounted(index: number): boolean {
    return !this.#counted.has(index) && (!this.isClosed || this.madeAgain.has(index));
  }

  /** The number of items for which `isUncounted` is true. */
  get left(): number {
    if (!this.isClosed) return this.count - this.#counted.size;
    return [...this.madeAgain].filter((index) => this.isUncounted(index)).length;
  }

  /** Opens this ledger, and begins the batch's own operation. Returns false if this operation has begun already. */
  begin(): boolean {
    this.#all.add(this);
    return this.#log.begin();
  }

  /** The ledger of an item's operations and of the item's end. `index` counts the items of the batch from 0. */
  page(index: number): Page {
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = new Page(this, index, itemPath(this.#options.scope.path as OperationPath, this.first + index));
      this.#pages.set(index, page);
    }
    return page;
  }

  get isOver(): boolean {
    return this.#log.isOver;
  }

  get wakesMs(): number {
    if (this.#log.isOver) return Number.POSITIVE_INFINITY;
    return Math.min(this.#log.wakesMs, this.#sleeping.wakesMs);
  }

  /** Notes that the map has counted the end of an item. Returns whether the map has counted all items of the batch. */
  counts(index: number): boolean {
    this.#counted.add(index);
    return this.#counted.size === this.count;
  }

  changed(kept: Kept): void {
    if (this.isClosed) return;
    this.#forgetWritten(kept);
    this.#dirty.add(kept);
  }

  ended(end: Kept): void {
    if (this.isClosed) return;
    this.#changeUnwritten(1);
    this.#dirty.add(end);
    const { timers, settings } = this.#host;
    this.#tooLong ??= timers.at(this.now() + settings.checkpoint.maxUnrecordedMs, () => {
      this.#tooLong = undefined;
      if (this.unwritten === 0) return;
      if (this.#waiting.hasArmed) this.writePart();
      else this.#writesWhenArmed = true;
    });
  }

  forget(kept: Kept): void {
    this.#forgetWritten(kept);
    this.stopsWaiting(kept);
  }

  #forgetWritten(kept: Kept): void {
    this.#dirty.delete(kept);
    this.#inOwn.delete(kept);
    this.#sleeping.forget(kept);
  }

  beginsToWait(kept: Kept): void {
    if (!this.isClosed) this.#waiting.add(kept);
  }

  stopsWaiting(kept: Kept): void {
    this.#waiting.delete(kept);
  }

  arm(kept: Kept): ArmedTimer {
    if (this.#writesWhenArmed && this.unwritten > 0) this.writePart();
    this.#writesWhenArmed = false;
    return this.#waiting.arm(kept);
  }

  acknowledge(recorded: () => void): void {
    this.#all.acknowledge(recorded);
  }

  reportOverfull(page: Page, bytes: number, allowedBytes: number): void {
    if (!this.isClosed) this.#options.onOverfull(this.first + page.index, bytes, allowedBytes);
  }

  /**
   * Writes all changes at the end of the tick. Resolves when all parts are recorded; never if the batch or the
   * invocation ends before the write. Calls in one tick share one write.
   */
  secured(): Promise<void> {
    this.#securing ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#securing = undefined;
        if (this.#host.isOver() || this.isClosed || this.#log.isOver) return;
        // The changes may be in a part that was written meanwhile, and that is not yet recorded.
        this.writePart();
        this.#log.whenRecorded(resolve);
      });
    });
    return this.#securing;
  }

  writePart(): void {
    const records = [...this.#dirty];
    if (records.length === 0 || this.#log.isOver) return;
    this.#log.append(records);
    this.#noteWritten(records);
  }

  // L1
  flush(leavesWork: boolean): boolean {
    if (this.#log.isOver || this.isClosed) {
      this.#all.remove(this);
      return false;
    }
    const nowMs = this.now();
    if (this.#waiting.completeDue(nowMs)) return true;
    if (this.#log.state === "pending") return this.#flushBeside(nowMs);
    const isDirty = this.#dirty.size > 0;
    const wakeMs = leavesWork && isDirty ? nowMs : this.#waiting.wakeMs(nowMs);
    if (wakeMs !== undefined) this.#retry(wakeMs, nowMs);
    else if (isDirty) this.writePart();
    else return false;
    return true;
  }

  /** A flush while the batch's own operation is pending. */ // L1
  #flushBeside(nowMs: number): boolean {
    const isDirty = this.#dirty.size > 0;
    const wakeMs = this.#waiting.wakeMs(nowMs, this.#log.wakesMs);
    // A timer of this process ends the wait. A new invocation would begin a second later.
    if (wakeMs !== undefined && wakeMs - nowMs <= SOON_MS) return true;
    // The service counts whole seconds.
    const isSeenTo = wakeMs === undefined || this.#sleeping.wakesMs <= wakeMs + 1_000;
    if (isSeenTo) {
      if (isDirty) this.writePart();
      return isDirty;
    }
    const changed = [...this.#dirty];
    this.#sleeping.retry(changed, secondsUntil(wakeMs, nowMs), nowMs);
    this.#noteWritten(changed);
    return true;
  }

  #retry(wakeMs: number, nowMs: number): void {
    const delaySeconds = secondsUntil(wakeMs, nowMs);
    const readyMs = nowMs + delaySeconds * 1_000;
    for (const kept of this.#inOwn) this.#repeated += kept.size;
    if (this.#repeated > MAX_REPEATED_CHARACTERS) this.#moveToParts(() => true);
    const payloadNow = () =>
      this.#log.payload([...this.#inOwn, ...this.#dirty], [], {
        kept: this.#waiting.all,
        readyMs,
        repeated: this.#repeated,
      });
    let payload = payloadNow();
    for (const moves of [({ waits }: Kept) => !waits, () => true]) {
      if (payload.length <= MAX_RETRY_CHARACTERS && this.#log.fits(payload)) break;
      this.#moveToParts(moves);
      payload = payloadNow();
    }
    const ends = this.#noteWritten([...this.#dirty], this.#inOwn);
    this.#waiting.cover();
    this.#log.retry(payload, delaySeconds, ends);
  }

  /** `moves` selects the records. It may leave out waiting records, because no record depends on an unfinished wait. */
  #moveToParts(moves: (kept: Kept) => boolean): void {
    const records = [...this.#inOwn, ...this.#dirty].filter(moves);
    if (records.length > 0) this.#log.append(records);
    this.#noteWritten(records);
    this.#repeated = 0;
  }

  /** Notes that records are written: to `own`, or else to a part. Returns how many ends were not written before. */
  #noteWritten(records: readonly Kept[], own?: Set<Kept>): number {
    let ends = 0;
    for (const kept of records) {
      if (this.#dirty.delete(kept) && kept.isEnd) ends++;
      if (own === undefined) this.#inOwn.delete(kept);
      else own.add(kept);
    }
    this.#changeUnwritten(-ends);
    if (this.unwritten === 0) {
      this.#tooLong?.cancel();
      this.#tooLong = undefined;
    }
    return ends;
  }

  #changeUnwritten(change: number): void {
    this.unwritten += change;
    this.#all.noteUnwritten(this, change);
  }

  /** Records the counted ends, because the map is over or all items have ended. */ // L3
  close(): void {
    if (this.isClosed) return;
    // Items that have begun in this invocation or have records, and whose end the map has not counted.
    const begun = [...this.#pages.keys()].filter((index) => !this.#counted.has(index));
    const records = [...this.#inOwn, ...this.#dirty].filter(({ page, isEnd, waits }) =>
      this.#counted.has(page.index) ? isEnd || page.end !== undefined : !waits && page.end === undefined,
    );
    const isComplete = this.#counted.size === this.count;
    if (this.#log.state === "pending") {
      // If all items have ended and are recorded, no further part is necessary.
      if (records.length > 0 || !isComplete) this.#log.append(records, begun, true);
    } else {
      const payload = this.#log.payload(records, begun);
      if (this.#log.fits(payload)) this.#log.succeed(payload, this.#noteWritten(records));
      else {
        this.#log.append(records);
        this.#log.succeed(this.#log.payload([], begun), 0);
      }
    }
    this.#end();
  }

  #end(): void {
    this.#all.remove(this);
    this.#log.end();
    this.#sleeping.close();
    this.#tooLong?.cancel();
    this.#waiting.clear();
    this.#dirty.clear();
    this.#inOwn.clear();
    this.#pages.clear();
    this.#outcomes = [];
    this.unwritten = 0;
  }
}

function secondsUntil(wakeMs: number, nowMs: number): number {
  return Math.max(1, Math.ceil((wakeMs - nowMs) / 1_000));
}
