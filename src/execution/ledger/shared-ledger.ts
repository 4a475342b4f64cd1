import { latest, type Outcome } from "../../codec/batch-outcomes.ts";
import type { OperationId, OperationPath } from "../../core/ids.ts";
import { isLongerThan } from "../../core/limits.ts";
import type { WireOperation } from "../../core/wire.ts";
import type { ArmedTimer } from "../timers.ts";
import { BatchLog, type ItemMarks } from "./batch-log.ts";
import type { Kept } from "./kept.ts";
import { itemPath, Page, type PageGroup } from "./page.ts";
import type { ServiceLedger } from "./service-ledger.ts";
import type { OpenLedger, SharedLedgerOptions, SharedLedgers, SharedLedgersHost } from "./shared-ledgers.ts";
import { WaitingRecords } from "./waiting-records.ts";

/**
 * When the payload of a RETRY is longer than this, records move to parts, because each RETRY repeats its records. First
 * the records that do not wait move. If the payload is still longer, all records move.
 */
const MAX_RETRY_CHARACTERS = 32 * 1024;
/** After RETRYs have repeated this number of characters, the records that do not wait go to parts. */
const MAX_REPEATED_CHARACTERS = 16 * 1024;
/** If a record is due within this number of milliseconds, the invocation does not end for it. */
const SOON_MS = 100;
/** The approximate number of bytes around one record in the payload of an operation. */
const FRAME_BYTES = 512;

/**
 * The records of the items of one batch. They are kept in memory, and are written together to the operation that these
 * items share.
 *
 * L1  What a flush writes if no wait is due. "Armed" and "covered" are explained in `WaitingRecords`. (a) If the batch's
 *     own operation is pending, it cannot be written. So changed records go to a part. If an armed record is due before
 *     this operation and is not covered, `continueAt` makes the service begin an earlier invocation. (b) Otherwise, if an
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
  readonly maxPayloadBytes: number;
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
  #acknowledgements: (() => void)[] = [];

  constructor(all: SharedLedgers, options: SharedLedgerOptions) {
    this.#all = all;
    this.#host = all.host;
    this.#options = options;
    this.service = all.host.service;
    this.first = options.first;
    this.count = options.count;
    const { scope, path, name, maxBytes } = options;
    this.#waiting = new WaitingRecords(this.#host.timers);
    this.#log = new BatchLog(all, { scope, path, name, maxBytes, onReady: () => this.#waiting.release(this.now()) });
    this.id = this.#log.id;
    this.name = name;
    const { maxPayloadBytes } = this.service;
    this.maxPayloadBytes = Math.max(maxPayloadBytes / 2, maxPayloadBytes - options.count - FRAME_BYTES);
  }

  now(): number {
    return this.#host.timers.now();
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
    for (const { outcomes, due, atMs, isOwn } of this.#log.restore(record).logs) {
      if (isOwn) this.#waiting.forgetTimes(atMs);
      for (let index = 0; index < Math.min(outcomes.length, this.count); index++) {
        const outcome = outcomes[index];
        if (outcome !== undefined) this.#restoreItem(index, outcome, isOwn);
      }
      for (const [index, path, leftMs, delayMs] of due) {
        this.#pages.get(index)?.restoreTime(path, leftMs, delayMs, isOwn ? undefined : atMs);
      }
    }
    if (this.#log.state === "pending") this.#waiting.coverRestored();
    else if (!this.isClosed) this.#waiting.release(this.now());
  }

  #restoreItem(index: number, outcome: Outcome, isOwn: boolean): void {
    const { mark, records } = outcome;
    this.#outcomes[index] = latest(this.#outcomes[index], outcome);
    const payloadOf = (value: unknown) => this.roundTrip(value).payload;
    if (records === undefined) {
      this.#pages.get(index)?.clear();
      this.#pages.delete(index);
    } else {
      for (const kept of this.page(index).restore(records, payloadOf)) {
        if (isOwn) this.#inOwn.add(kept);
        if (kept.waits) this.#waiting.add(kept);
      }
    }
    if (mark === "K" || mark === "-" || (mark !== "R" && (!isOwn || this.isClosed))) return;
    const end = this.page(index).restoreEnd(outcome, payloadOf);
    if (isOwn) this.#inOwn.add(end);
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
    return this.#log.state === "pending" && !this.#log.isOver ? this.#log.wakesMs : Number.POSITIVE_INFINITY;
  }

  /** Notes that the map has counted the end of an item. Returns whether the map has counted all items of the batch. */
  counts(index: number): boolean {
    this.#counted.add(index);
    return this.#counted.size === this.count;
  }

  changed(kept: Kept): void {
    if (this.isClosed) return;
    this.#inOwn.delete(kept);
    this.#dirty.delete(kept);
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
    this.#dirty.delete(kept);
    this.#inOwn.delete(kept);
    this.stopsWaiting(kept);
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

  /** Calls `recorded` now, or in the next tick if this tick is too long. No call if the invocation ends before that. */
  acknowledge(recorded: () => void): void {
    if (this.#acknowledgements.length === 0 && !this.#host.tick.isLong) {
      recorded();
      return;
    }
    this.#acknowledgements.push(recorded);
    if (this.#acknowledgements.length > 1) return;
    setImmediate(() => {
      const waiting = this.#acknowledgements;
      this.#acknowledgements = [];
      if (this.#host.isOver()) return;
      for (const acknowledged of waiting) acknowledged();
    });
  }

  /**
   * The payload is not packed, because the batch packs all its records together when it writes them. Exceptions are a
   * value that only the codec `typed` can store, and a payload over `maxPayloadBytes`.
   */
  roundTrip(value: unknown): { readonly payload: string | undefined; readonly value: unknown } {
    const plain = this.#host.codec.roundTrip(value, Number.POSITIVE_INFINITY);
    const payload = plain.payload && this.packIfLarge(plain.payload);
    return payload === plain.payload ? plain : { payload, value: plain.value };
  }

  packIfLarge(payload: string): string {
    return isLongerThan(payload, this.maxPayloadBytes) ? this.#host.codec.pack(payload) : payload;
  }

  decode(payload: string | undefined): unknown {
    return this.#host.codec.decode(payload);
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
    const isDirty = this.#dirty.size > 0;
    if (this.#log.state === "pending") {
      if (isDirty) this.writePart();
      const wakeMs = this.#waiting.wakeMs(nowMs, this.#log.wakesMs);
      // A timer of this process ends the wait. A new invocation would begin a second later.
      if (wakeMs !== undefined && wakeMs - nowMs <= SOON_MS) return true;
      const continues = wakeMs !== undefined && this.#host.continueAt(wakeMs);
      return isDirty || continues;
    }
    const wakeMs = leavesWork && isDirty ? nowMs : this.#waiting.wakeMs(nowMs);
    if (wakeMs !== undefined) this.#retry(wakeMs, nowMs);
    else if (isDirty) this.writePart();
    else return false;
    return true;
  }

  #retry(wakeMs: number, nowMs: number): void {
    const delaySeconds = Math.max(1, Math.ceil((wakeMs - nowMs) / 1_000));
    const readyMs = nowMs + delaySeconds * 1_000;
    for (const kept of this.#inOwn) this.#repeated += kept.size;
    if (this.#repeated > MAX_REPEATED_CHARACTERS) this.#moveToParts(({ waits }) => !waits);
    const payloadNow = () =>
      this.#log.payload([...this.#inOwn, ...this.#dirty], [], { kept: this.#waiting.all, readyMs });
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
    this.#tooLong?.cancel();
    this.#waiting.clear();
    this.#dirty.clear();
    this.#inOwn.clear();
    this.#pages.clear();
    this.#outcomes = [];
    this.unwritten = 0;
  }
}
