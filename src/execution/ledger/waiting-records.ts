import type { ArmedTimer, Timers } from "../timers.ts";
import type { Kept } from "./kept.ts";

/**
 * A record may continue later than its due time, so that one invocation serves several records. `wakeMs` adds at most
 * this share of the record's delay, and at most `MAX_SLACK_MS` milliseconds.
 */
const SLACK_SHARE = 0.25;
const MAX_SLACK_MS = 5_000;
/** Records that are due within this number of milliseconds continue together. */
const TOGETHER_MS = 50;

/**
 * The records of a batch that wait for a time, and the timers of the armed records. Armed are the waits that user code
 * awaits, and the reached steps and conditions that wait for their next attempt. A record is covered if the next attempt
 * of the batch's own operation, which is pending, serves the record (`isCovered`).
 */
export class WaitingRecords {
  readonly #timers: Timers;
  readonly #all = new Set<Kept>();
  /** The armed records and their timers. A record has no timer while its due time is unknown. */
  readonly #armed = new Map<Kept, ArmedTimer | undefined>();

  /** The invocation found overdue records at `#releasedMs`. The first of them was due at `#firstMs`. */
  #releasedMs = 0;
  #firstMs = 0;
  /** The records that waited then and have waited since. */
  #waitedThen: Set<Kept> = new Set();
  /** When the batch's own operation was to become READY. Infinity if this is unknown. */
  #readyMs = Number.POSITIVE_INFINITY;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get all(): ReadonlySet<Kept> {
    return this.#all;
  }

  /** Whether one of the records is armed. */
  get hasArmed(): boolean {
    return this.#armed.size > 0;
  }

  add(kept: Kept): void {
    this.#all.add(kept);
  }

  delete(kept: Kept): void {
    if (!this.#all.delete(kept)) return;
    this.#waitedThen.delete(kept);
    this.#forget(kept);
  }

  clear(): void {
    for (const timer of this.#armed.values()) timer?.cancel();
    this.#armed.clear();
    this.#all.clear();
  }

  /** A timer of this process ends the wait when it is due, unless cancelled. */
  arm(kept: Kept): ArmedTimer {
    if (this.#all.has(kept)) this.#armed.set(kept, this.#timerOf(kept));
    return { cancel: () => this.#forget(kept) };
  }

  #forget(kept: Kept): void {
    this.#armed.get(kept)?.cancel();
    this.#armed.delete(kept);
  }

  #timerOf(kept: Kept): ArmedTimer | undefined {
    const timerMs = this.#endsMs(kept);
    if (timerMs === undefined) return undefined;
    return this.#timers.at(timerMs, () => {
      // Overdue records that would keep a longer distance end at the same time, in the order of their due times.
      const isLast = timerMs === this.#releasedMs + MAX_SLACK_MS;
      const ending = isLast ? [...this.#armed.keys()].filter((other) => this.#endsMs(other) === timerMs) : [kept];
      for (const each of ending.sort(byDueMs)) each.page.completeTimer(each);
    });
  }

  /** When the timer of a record ends its wait. A record never ends before another record that was due earlier. */
  #endsMs(kept: Kept): number | undefined {
    if (kept.dueMs === undefined || !this.#waitedThen.has(kept)) return kept.dueMs;
    return Math.max(kept.dueMs, this.#releasedMs + Math.min(kept.dueMs - this.#firstMs, MAX_SLACK_MS));
  }

  /**
   * Forgets all due times. The payload that is read next contains the times of all records that still wait. These times
   * count from `readyMs` by the clock of the machine that wrote the payload.
   */
  forgetTimes(readyMs = Number.POSITIVE_INFINITY): void {
    this.#readyMs = readyMs;
    for (const kept of this.#all) kept.takeTime(undefined, 0);
  }

  /** Notes that the batch's own operation waits, and that its next attempt serves the armed records. */
  cover(): void {
    for (const kept of this.#armed.keys()) kept.isCovered = true;
  }

  /**
   * Notes that the batch's own operation waits since an earlier invocation. Its next attempt serves the records that were
   * armed then, whose times are in its payload. No armed record is due earlier than the attempt by more than its slack
   * and a second. The times of later records are in parts, so that `dueMs` is known.
   */
  coverRestored(): void {
    for (const kept of this.#all) {
      const { dueMs, leftMs, delayMs } = kept;
      if (dueMs !== undefined) continue;
      kept.isCovered = -leftMs <= slackOf(delayMs) + 1_000 || this.#readyMs === Number.POSITIVE_INFINITY;
      if (!kept.isCovered) kept.takeTime(this.#readyMs + leftMs, leftMs, delayMs);
    }
  }

  /**
   * Notes that the batch's own operation may be written again. Records without a due time get one. Their times count from
   * the time at which the operation was to be READY. Otherwise each late invocation would make all delays longer. A
   * record that was due by then is due now, even if this machine's clock is behind.
   *
   * Of the records that are overdue, the earliest continue now. The others, and those that are due soon, keep their
   * distance to the earliest, up to `MAX_SLACK_MS`, so that a step that was due before a time-out also runs before it.
   * When no code executes, overdue records continue without a delay.
   */
  release(nowMs: number): void {
    const isKnown = this.#readyMs !== Number.POSITIVE_INFINITY;
    for (const kept of this.#all) {
      kept.isCovered = false;
      const fromMs = kept.leftMs > 0 && isKnown ? this.#readyMs : Math.min(this.#readyMs, nowMs);
      kept.dueMs ??= fromMs + kept.leftMs;
    }
    this.#firstMs = this.#due(nowMs)[0]?.dueMs ?? nowMs;
    this.#releasedMs = nowMs;
    this.#waitedThen = new Set(this.#all);
    for (const [kept, timer] of this.#armed) {
      timer?.cancel();
      this.#armed.set(kept, this.#timerOf(kept));
    }
    this.completeDue(nowMs);
  }

  #due(nowMs: number): Kept[] {
    return [...this.#all].filter(({ dueMs }) => dueMs !== undefined && dueMs <= nowMs).sort(byDueMs);
  }

  /**
   * Ends the waits of the records that are due first. Called again when no code executes, so that other due records
   * continue then. Returns whether there were any.
   */
  completeDue(nowMs: number): boolean {
    const due = this.#due(nowMs);
    const firstMs = due[0]?.dueMs ?? 0;
    for (const kept of due) if ((kept.dueMs ?? 0) - firstMs < TOGETHER_MS) kept.page.completeTimer(kept);
    return due.length > 0;
  }

  /**
   * When the service must begin the next invocation for the armed records with a due time; epoch milliseconds.
   * Undefined if no record counts. A record that may be late waits for further records. With `unlessMs`, only records
   * count that are due before this time and that the pending batch's own operation does not cover (`isCovered`).
   */
  wakeMs(nowMs: number, unlessMs?: number): number | undefined {
    const byTime = [...this.#armed.keys()]
      .filter(
        ({ dueMs, isCovered }) => dueMs !== undefined && (unlessMs === undefined || (!isCovered && dueMs < unlessMs)),
      )
      .sort(byDueMs);
    if (byTime.length === 0) return undefined;
    let wakeMs = nowMs;
    let latestMs = Number.POSITIVE_INFINITY;
    for (const { dueMs = nowMs, delayMs } of byTime) {
      if (dueMs > latestMs) break;
      wakeMs = Math.max(wakeMs, dueMs);
      latestMs = Math.min(latestMs, dueMs + slackOf(delayMs));
    }
    return wakeMs;
  }
}

/** Records that are due at the same time keep their order. */
function byDueMs(one: Kept, other: Kept): number {
  return (one.dueMs ?? 0) - (other.dueMs ?? 0);
}

function slackOf(delayMs: number): number {
  return Math.min(MAX_SLACK_MS, delayMs * SLACK_SHARE);
}
