import { DeadlineHeap } from "../core/deadline-heap.ts";
import { MAX_TIMER_MS } from "../core/time.ts";

interface Deadline {
  dueMs: number;
  polls: number;
  cancelled: boolean;
  /** The action at the due time. If there is no action, the service is polled at the due time. */
  readonly action?: () => void;
}

export interface ArmedTimer {
  cancel(): void;
}

/** With less time left than this, the invocation does not poll, because the platform is about to end it. */
const RESERVE_MS = 1_000;
/** If an operation has no due time, the first poll comes after this number of milliseconds. */
const UNTIMED_POLL_MS = 1_000;
const LONGEST_POLL_PAUSE_MS = 10_000;
const SLOWEST_POLL_PAUSE_MS = 60_000;
/** After this number of polls, which take about 15 minutes, each pause takes `SLOWEST_POLL_PAUSE_MS`. */
const SLOW_AFTER_POLLS = 95;

/**
 * Polls the service for operations that are due, while the invocation has other work. Also runs actions that are due in
 * this process. One poll serves all operations, because its answer contains every change.
 */
export class Timers {
  readonly #poll: (answered: () => void) => void;
  readonly #remainingMs: () => number;
  /** The time in epoch milliseconds, in the embedded engine perhaps virtual time. */
  readonly now: () => number;
  /** The time from which the delays of records in batches count. Virtual time stands still while code runs. */
  readonly recordNow: () => number;
  readonly #heap = new DeadlineHeap<Deadline>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #open = true;
  readonly #deadlines = new Set<ReturnType<typeof setTimeout>>();

  constructor(
    poll: (answered: () => void) => void,
    remainingMs: () => number,
    now: () => number = () => Date.now(),
    recordNow = now,
  ) {
    this.now = now;
    this.recordNow = recordNow;
    this.#poll = poll;
    this.#remainingMs = remainingMs;
  }

  /** Polls from `dueMs` (epoch milliseconds), at growing intervals, until cancelled or until the deadline is near. */
  arm(dueMs = this.now() + UNTIMED_POLL_MS): ArmedTimer {
    return this.#begin({ dueMs, polls: 0, cancelled: false });
  }

  /** Calls `action` once at `dueMs` (epoch milliseconds of `recordNow`), unless cancelled or the invocation ends first. */
  at(dueMs: number, action: () => void): ArmedTimer {
    // Two readings of one clock may differ, and would change the order of timers that are due at the same time.
    const aheadMs = this.recordNow === this.now ? 0 : this.now() - this.recordNow();
    return this.#begin({ dueMs: dueMs + aheadMs, polls: 0, cancelled: false, action });
  }

  #begin(deadline: Deadline): ArmedTimer {
    this.#push(deadline);
    return {
      cancel: () => {
        deadline.cancelled = true;
      },
    };
  }

  /** Calls `action` once, `reserveMs` before the platform stops the invocation, or soon if less time is left. */
  before(reserveMs: number, action: () => void): void {
    const delayMs = this.#remainingMs() - reserveMs;
    if (!this.#open || delayMs > MAX_TIMER_MS) return;
    const timer = setTimeout(
      () => {
        this.#deadlines.delete(timer);
        // With a fake clock the timer may fire too early for the platform's clock. Then a new timer is set.
        if (this.#remainingMs() > reserveMs + 1) this.before(reserveMs, action);
        else action();
      },
      Math.max(0, delayMs),
    );
    this.#deadlines.add(timer);
    // The timer only ends other work early. It must not keep the process alive when there is no other work.
    timer.unref?.();
  }

  close(): void {
    for (const timer of this.#deadlines) clearTimeout(timer);
    this.#open = false;
    this.#heap.clear();
    clearTimeout(this.#timer);
  }

  #push(deadline: Deadline): void {
    const delayMs = deadline.dueMs - this.now();
    const reserveMs = deadline.action === undefined ? RESERVE_MS : 0;
    if (!this.#open || delayMs > Math.min(this.#remainingMs() - reserveMs, MAX_TIMER_MS)) return;
    this.#heap.add(deadline);
    if (deadline.dueMs < this.#timerDueMs) this.#schedule(deadline.dueMs);
  }

  #schedule(dueMs: number): void {
    clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    this.#timer = setTimeout(() => this.#fire(), Math.max(0, dueMs - this.now()));
  }

  #fire(): void {
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    if (!this.#open) return;
    const now = this.now();
    const due: Deadline[] = [];
    for (let next = this.#heap.first; next !== undefined; next = this.#heap.first) {
      if (!next.cancelled && next.dueMs > now) break;
      this.#heap.removeFirst();
      if (!next.cancelled) due.push(next);
    }
    const polled = due.filter(({ action }) => action === undefined);
    if (polled.length > 0 && this.#remainingMs() >= RESERVE_MS) this.#poll(() => this.#again(polled));
    for (const { action, cancelled } of due) if (!cancelled) action?.();
    const { first } = this.#heap;
    if (first !== undefined && first.dueMs < this.#timerDueMs) this.#schedule(first.dueMs);
  }

  #again(deadlines: readonly Deadline[]): void {
    for (const deadline of deadlines) {
      if (deadline.cancelled) continue;
      deadline.polls++;
      deadline.dueMs = this.now() + pauseMs(deadline.polls);
      this.#push(deadline);
    }
  }
}

function pauseMs(polls: number): number {
  if (polls >= SLOW_AFTER_POLLS) return SLOWEST_POLL_PAUSE_MS;
  return Math.min(polls * 1_000, LONGEST_POLL_PAUSE_MS);
}
