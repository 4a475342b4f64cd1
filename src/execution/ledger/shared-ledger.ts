import { latest, type Outcome } from "../../codec/batch-outcomes.ts";
import type { OperationId, OperationPath } from "../../core/ids.ts";
import { isLongerThan } from "../../core/limits.ts";
import type { WireOperation } from "../../core/wire.ts";
import type { Scope } from "../scope.ts";
import type { ArmedTimer } from "../timers.ts";
import { BatchLog, type ItemMarks } from "./batch-log.ts";
import type { Kept } from "./kept.ts";
import { itemPath, Page, type PageGroup } from "./page.ts";
import type { ServiceLedger } from "./service-ledger.ts";
import type { OpenLedger, SharedLedgers, SharedLedgersHost } from "./shared-ledgers.ts";
import { WaitingRecords } from "./waiting-records.ts";

/** More than this of what a RETRY would carry goes to a part, which is never written again. */
const MAX_RETRY_BYTES = 32 * 1024;
/** What RETRYs have written again and again goes to a part once that was so many characters in all. */
const MAX_REWRITTEN = 16 * 1024;
/** Bytes around one record in the payload of an operation, about. */
const FRAME_BYTES = 512;

export interface SharedLedgerOptions {
  /** The context of the map. */
  readonly scope: Scope;
  /** The path of the batch's own operation, and its name. */
  readonly path: OperationPath;
  readonly name: string;
  /** Index of its first item, and how many it has. */
  readonly first: number;
  readonly count: number;
  /** Bytes that one operation is to hold; a record that is larger has an operation for itself. */
  readonly maxBytes: number;
  /** An item keeps more than is allowed: the map has to end. */
  readonly onOverfull: (index: number, bytes: number, maxBytes: number) => void;
}

/**
 * The records of a batch's items, which share one operation. They are kept in memory, and written together.
 *
 * L1  A flush writes RETRY if something waits for a known time or work is left, and a part if something has changed and
 *     nothing waits for a time, or if the own operation is pending. Nothing of it keeps an item from going on.
 * L2  What is in the own operation's payload alone is written again when that is replaced.
 * L3  When the map is over, what the map has counted is recorded, and what had ended in items that are left behind: if the
 *     execution is redriven, they go on there.
 */
export class SharedLedger implements PageGroup, OpenLedger {
  readonly service: ServiceLedger;
  readonly first: number;
  readonly count: number;
  readonly maxPayloadBytes: number;
  readonly #all: SharedLedgers;
  readonly #host: SharedLedgersHost;
  readonly #options: SharedLedgerOptions;
  readonly #log: BatchLog;
  readonly #pages = new Map<number, Page>();
  /** Outcomes of earlier invocations that the map has not asked for. */
  #outcomes: (Outcome | undefined)[] = [];
  /** What has changed and is not written, in the order of the last change. */
  readonly #dirty = new Set<Kept>();
  /** What the own operation's payload holds and no part does. */ // L2
  readonly #inOwn = new Set<Kept>();
  readonly #waiting: WaitingRecords;
  readonly #counted = new Set<number>();
  /** Items that have ended, and whose results are to be made again. */
  readonly #madeAgain = new Set<number>();
  isRestored = false;
  #unwritten = 0;
  #tooLong: ArmedTimer | undefined;
  #rewritten = 0;
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
    this.#log = new BatchLog(all, { scope, path, name, maxBytes, onReady: () => this.#waiting.release(Date.now()) });
    const { maxPayloadBytes } = this.service;
    this.maxPayloadBytes = Math.max(maxPayloadBytes / 2, maxPayloadBytes - options.count - FRAME_BYTES);
  }

  /** The id of the batch's own operation. */
  get id(): OperationId {
    return this.#log.id;
  }

  /** The name of the batch's own operation. */
  get name(): string {
    return this.#options.name;
  }

  /** What the items are, as it was recorded or is to be. */
  get marks(): ItemMarks {
    return this.#log.marks;
  }

  set marks(marks: ItemMarks) {
    this.#log.marks = marks;
  }

  /** Characters of what was written of it in this invocation. */
  get size(): number {
    return this.#log.size;
  }

  /** Whether nothing more can be recorded: what has not ended never runs. */
  get isClosed(): boolean {
    return this.#log.state === "ended";
  }

  /** Takes over what is recorded of the batch. @throws UnrecoverableExecutionError when that cannot be read */
  restore(record: WireOperation): void {
    this.isRestored = true;
    for (const { outcomes, due, atMs, isOwn } of this.#log.restore(record).logs) {
      if (isOwn) this.#waiting.forgetTimes();
      for (let index = 0; index < Math.min(outcomes.length, this.count); index++) {
        const outcome = outcomes[index];
        if (outcome !== undefined) this.#restoreItem(index, outcome, isOwn);
      }
      for (const [index, path, leftMs, delayMs] of due) {
        this.#pages.get(index)?.restoreTime(path, leftMs, delayMs, atMs);
      }
    }
    if (this.#log.state === "pending") this.#waiting.cover();
    else if (!this.isClosed) this.#waiting.release(Date.now());
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

  /** What an earlier invocation recorded of an item; to be asked once. */
  takeOutcome(index: number): Outcome | undefined {
    const outcome = this.#outcomes[index];
    this.#outcomes[index] = undefined;
    return outcome;
  }

  /** The function of an item that has ended is to run again, since its result was too large to keep. */
  makeAgain(index: number): void {
    this.#madeAgain.add(index);
  }

  /** Whether the function of an item is to run. */
  isLeft(index: number): boolean {
    return !this.#counted.has(index) && (!this.isClosed || this.#madeAgain.has(index));
  }

  /** Items whose functions are to run and have not ended. */
  get left(): number {
    if (!this.isClosed) return this.count - this.#counted.size;
    return [...this.#madeAgain].filter((index) => this.isLeft(index)).length;
  }

  /** Its first item begins; false when it has begun in an earlier invocation. */
  begin(): boolean {
    this.#all.add(this);
    return this.#log.begin();
  }

  /** The ledger of an item's operations, and of its own end. `index` counts from the batch's first item. */
  page(index: number): Page {
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = new Page(this, index, itemPath(this.#options.scope.path as OperationPath, this.first + index));
      this.#pages.set(index, page);
    }
    return page;
  }

  /** Items that have ended and are not written. */
  get unwritten(): number {
    return this.#log.isLeft ? 0 : this.#unwritten;
  }

  /** When its own operation makes the service begin the next invocation; epoch milliseconds. */
  get wakesMs(): number {
    return this.#log.state === "pending" && !this.#log.isLeft ? this.#log.wakesMs : Number.POSITIVE_INFINITY;
  }

  /** The map has counted the end of an item. Whether all items have ended. */
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
    this.#unwritten++;
    this.#dirty.add(end);
    const { timers, settings } = this.#host;
    this.#tooLong ??= timers.at(Date.now() + settings.checkpoint.maxUnrecordedMs, () => {
      this.#tooLong = undefined;
      if (this.#unwritten > 0 && this.#waiting.isAskedFor) this.writePart();
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
    return this.#waiting.arm(kept);
  }

  /** Calls back in this turn of the event loop, or in the next one if this one lasts too long. */
  acknowledge(recorded: () => void): void {
    if (this.#acknowledgements.length === 0 && !this.#host.turn.isLong) {
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

  /** A payload that is JSON, unless JSON does not do, or is too large: records are packed together. */
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

  isOverfull(page: Page, bytes: number, maxBytes: number): void {
    if (!this.isClosed) this.#options.onOverfull(this.first + page.index, bytes, maxBytes);
  }

  /** Resolves when all that has changed so far is recorded; what is asked for in one turn is written together. */
  secured(): Promise<void> {
    this.#securing ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#securing = undefined;
        if (this.#host.isOver() || this.isClosed || this.#log.isLeft) return;
        if (this.#dirty.size > 0) this.writePart(resolve);
        else resolve();
      });
    });
    return this.#securing;
  }

  /** Writes what has changed to a part, if anything has. */
  writePart(recorded?: () => void): void {
    const entries = [...this.#dirty];
    if (entries.length === 0 || this.#log.isLeft) return;
    this.#log.append(entries, recorded);
    this.#isWritten(entries);
  }

  /** Writes before the invocation ends; whether there was anything. `isLeft`: work is left for the next one. */ // L1
  flush(isLeft: boolean): boolean {
    if (this.#log.isLeft || this.isClosed) {
      this.#all.remove(this);
      return false;
    }
    const nowMs = Date.now();
    if (this.#waiting.completeDue(nowMs)) return true;
    const isDirty = this.#dirty.size > 0;
    if (this.#log.state === "pending") {
      if (isDirty) this.writePart();
      const wakeMs = this.#waiting.wakeMs(nowMs, this.#log.wakesMs);
      const continues = wakeMs !== undefined && this.#host.continueAt(wakeMs);
      return isDirty || continues;
    }
    const wakeMs = isLeft && isDirty ? nowMs : this.#waiting.wakeMs(nowMs);
    if (wakeMs !== undefined) this.#retry(wakeMs, nowMs);
    else if (isDirty) this.writePart();
    else return false;
    return true;
  }

  #retry(wakeMs: number, nowMs: number): void {
    const delaySeconds = Math.max(1, Math.ceil((wakeMs - nowMs) / 1_000));
    const readyMs = nowMs + delaySeconds * 1_000;
    for (const kept of this.#inOwn) this.#rewritten += kept.size;
    if (this.#rewritten > MAX_REWRITTEN) this.#moveToParts(({ waits }) => !waits);
    const payloadNow = () =>
      this.#log.payload([...this.#inOwn, ...this.#dirty], [], { kept: this.#waiting.all, readyMs });
    let payload = payloadNow();
    for (const moves of [({ waits }: Kept) => !waits, () => true]) {
      if (payload.length <= MAX_RETRY_BYTES && this.#log.fits(payload)) break;
      this.#moveToParts(moves);
      payload = payloadNow();
    }
    const ends = this.#isWritten([...this.#dirty], this.#inOwn);
    this.#waiting.cover();
    this.#log.retry(payload, delaySeconds, ends);
  }

  /** Moves entries out of the own operation's payload. What waits may stay: no code has gone on because of it. */
  #moveToParts(moves: (kept: Kept) => boolean): void {
    const entries = [...this.#inOwn, ...this.#dirty].filter(moves);
    if (entries.length > 0) this.#log.append(entries);
    this.#isWritten(entries);
    this.#rewritten = 0;
  }

  /** These entries are written, to the own operation if `own` is given; how many of them are new ends of items. */
  #isWritten(entries: readonly Kept[], own?: Set<Kept>): number {
    let ends = 0;
    for (const kept of entries) {
      if (this.#dirty.delete(kept) && kept.isEnd) ends++;
      if (own === undefined) this.#inOwn.delete(kept);
      else own.add(kept);
    }
    this.#unwritten -= ends;
    if (this.#unwritten === 0) {
      this.#tooLong?.cancel();
      this.#tooLong = undefined;
    }
    return ends;
  }

  /** The map is over, or all items have ended: records what was counted. */ // L3
  close(): void {
    if (this.isClosed) return;
    // In this invocation, or in an earlier one.
    const begun = [...this.#pages.keys()].filter((index) => !this.#counted.has(index));
    const entries = [...this.#inOwn, ...this.#dirty].filter(({ page, isEnd, waits }) =>
      this.#counted.has(page.index) ? isEnd || page.end !== undefined : !waits && page.end === undefined,
    );
    const isComplete = this.#counted.size === this.count;
    if (this.#log.state === "pending") {
      // When all of them have ended, the parts say so by themselves.
      if (entries.length > 0 || !isComplete) this.#log.append(entries, undefined, begun, true);
    } else {
      const payload = this.#log.payload(entries, begun);
      if (this.#log.fits(payload)) this.#log.succeed(payload, this.#isWritten(entries));
      else {
        this.#log.append(entries);
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
    this.#unwritten = 0;
  }
}
