import { type Clock, MAX_TIMER_MS, type Timer } from "../core/time.ts";

/** The system's clock. A timer keeps the process alive until the timer fires or is canceled, or until its `unref`. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, action) {
    let handle: NodeJS.Timeout;
    let keepsAlive = true;
    const arm = (leftMs: number): void => {
      // `setTimeout` accepts at most about 24 days, but a wait may take a year. So a long delay is split.
      const stepMs = Math.min(leftMs, MAX_TIMER_MS);
      handle = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : action()), Math.max(0, stepMs));
      if (!keepsAlive) handle.unref();
    };
    arm(delayMs);
    const unref = (): void => {
      keepsAlive = false;
      handle.unref();
    };
    return { cancel: () => clearTimeout(handle), unref };
  },
};

interface Alarm {
  readonly dueMs: number;
  readonly action: () => void;
}

/** A clock that only `advance` and `skip` move. An engine calls `skip` when no code runs. `Date` is not replaced. */
export class VirtualClock implements Clock {
  #nowMs: number;
  readonly #alarms = new Set<Alarm>();

  /** `startMs` is the first time, in epoch milliseconds. Default: the present time of the system. */
  constructor(startMs: number = Date.now()) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): Timer {
    if (delayMs === Number.POSITIVE_INFINITY) return { cancel() {} };
    const alarm: Alarm = { dueMs: this.#nowMs + Math.max(0, delayMs), action };
    this.#alarms.add(alarm);
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  /**
   * Moves the time forward by `byMs` milliseconds, 0 or more. Runs the timers whose time is reached, the earliest
   * first, also timers that are added meanwhile. Does not wait for code that the timers start: see `LocalEngine.rest`.
   */
  advance(byMs: number): void {
    const targetMs = this.#nowMs + byMs;
    for (let next = this.#next(); next !== undefined && next.dueMs <= targetMs; next = this.#next()) this.#ring(next);
    this.#nowMs = targetMs;
  }

  /**
   * Moves the time to the next timer, runs this timer, and returns true. Returns false and does nothing if there is no
   * timer, or if the next timer's time is `beforeMs` (epoch milliseconds) or later. Default of `beforeMs`: no limit.
   */
  skip(beforeMs: number = Number.POSITIVE_INFINITY): boolean {
    const next = this.#next();
    if (next === undefined || next.dueMs >= beforeMs) return false;
    this.#ring(next);
    return true;
  }

  #next(): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) if (first === undefined || alarm.dueMs < first.dueMs) first = alarm;
    return first;
  }

  #ring(alarm: Alarm): void {
    this.#alarms.delete(alarm);
    this.#nowMs = Math.max(this.#nowMs, alarm.dueMs);
    alarm.action();
  }
}
