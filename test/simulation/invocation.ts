import type { Owner } from "./clock.ts";

/** One run of the function's process, and what is known of it. */
export class Invocation implements Owner {
  readonly number: number;
  readonly skewMs: number;
  readonly beganMs: number;
  killed = false;
  timers = 0;
  /** Has answered, well or not. */
  answered = false;
  /** When it did. */
  endedMs = Number.POSITIVE_INFINITY;
  /** Was told that it can record nothing more. */
  closed = false;
  /** A newer invocation has begun beside it. */
  superseded = false;
  /** Requests that have not been answered. */
  requests = 0;
  /** Pieces of user code that take time now. */
  working = 0;
  /** Operations that user code awaits. */
  awaiting = 0;
  /** Since when nothing is at work; undefined while something is. */
  idleSinceMs: number | undefined;
  deadlineMs: number;
  /** Attempts that have ended in it. */
  readonly ended: string[] = [];
  /** What user code saw in it. */
  readonly seen = new Map<string, string>();
  /** The items of batches that are open, and the most that were open at once. */
  open = 0;
  mostOpen = 0;
  /** Items that have settled in it. */
  readonly settled = new Set<string>();

  constructor(number: number, beganMs: number, limitMs: number, skewMs: number) {
    this.number = number;
    this.beganMs = beganMs;
    this.deadlineMs = beganMs + limitMs;
    this.skewMs = skewMs;
  }

  get isActive(): boolean {
    return !this.killed && !this.answered;
  }
}
