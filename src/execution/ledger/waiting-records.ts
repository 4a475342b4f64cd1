import type { ArmedTimer, Timers } from "../timers.ts";
import type { Kept } from "./kept.ts";

/** How much later than it is due a record may be woken: this share of its own delay, and at most so many milliseconds. */
const SLACK_SHARE = 0.25;
const MAX_SLACK_MS = 5_000;

/** The records of a batch that wait for a time, and the timers of those that somebody asks for. */
export class WaitingRecords {
  readonly #timers: Timers;
  readonly #all = new Set<Kept>();
  /** Without a timer where the time is not known yet. */
  readonly #asked = new Map<Kept, ArmedTimer | undefined>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get all(): ReadonlySet<Kept> {
    return this.#all;
  }

  /** Whether somebody asks for one of them. */
  get isAskedFor(): boolean {
    return this.#asked.size > 0;
  }

  add(kept: Kept): void {
    this.#all.add(kept);
  }

  delete(kept: Kept): void {
    if (this.#all.delete(kept)) this.#forget(kept);
  }

  clear(): void {
    for (const timer of this.#asked.values()) timer?.cancel();
    this.#asked.clear();
    this.#all.clear();
  }

  /** Somebody asks for the record: its time is noticed in process, until cancelled. */
  arm(kept: Kept): ArmedTimer {
    if (this.#all.has(kept)) this.#asked.set(kept, this.#timerOf(kept));
    return { cancel: () => this.#forget(kept) };
  }

  #forget(kept: Kept): void {
    this.#asked.get(kept)?.cancel();
    this.#asked.delete(kept);
  }

  #timerOf(kept: Kept): ArmedTimer | undefined {
    return kept.dueMs === undefined ? undefined : this.#timers.at(kept.dueMs, () => kept.page.completeTimer(kept));
  }

  /** Nothing is known any more of their times: what follows says them, or they are over. */
  forgetTimes(): void {
    for (const kept of this.#all) kept.takeTime(undefined, 0);
  }

  /** The batch's own operation waits, and wakes for all of them in their turn. */
  cover(): void {
    for (const kept of this.#all) kept.isCovered = true;
  }

  /** The batch's own operation may be tried again: the time passes of what it held back. */
  release(nowMs: number): void {
    for (const kept of this.#all) {
      kept.isCovered = false;
      if (kept.dueMs !== undefined) continue;
      kept.dueMs = nowMs + kept.leftMs;
      if (this.#asked.has(kept)) this.#asked.set(kept, this.#timerOf(kept));
    }
    this.completeDue(nowMs);
  }

  /** The time of what is due is over; whether there was anything. */
  completeDue(nowMs: number): boolean {
    const due = [...this.#all].filter(({ dueMs }) => dueMs !== undefined && dueMs <= nowMs);
    for (const kept of due) kept.page.completeTimer(kept);
    return due.length > 0;
  }

  /**
   * When somebody has to be woken for those that are asked for, taking along what may wait for the first; epoch
   * milliseconds. Of those that nobody wakes for before `unlessMs`, if that is given. Undefined when there are none.
   */
  wakeMs(nowMs: number, unlessMs?: number): number | undefined {
    const byTime = [...this.#asked.keys()]
      .filter(
        ({ dueMs, isCovered }) => dueMs !== undefined && (unlessMs === undefined || (!isCovered && dueMs < unlessMs)),
      )
      .sort((a, b) => (a.dueMs ?? 0) - (b.dueMs ?? 0));
    if (byTime.length === 0) return undefined;
    let wakeMs = nowMs;
    let latestMs = Number.POSITIVE_INFINITY;
    for (const { dueMs = nowMs, delayMs } of byTime) {
      if (dueMs > latestMs) break;
      wakeMs = Math.max(wakeMs, dueMs);
      latestMs = Math.min(latestMs, dueMs + Math.min(MAX_SLACK_MS, delayMs * SLACK_SHARE));
    }
    return wakeMs;
  }
}
