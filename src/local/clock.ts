import { type Clock, MAX_TIMER_MS, type Timer } from "../core/time.ts";

/** The system's time. Its timers keep the process alive, so that a waiting execution continues. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, action) {
    let handle: NodeJS.Timeout;
    let keepsAlive = true;
    const arm = (leftMs: number): void => {
      // setTimeout accepts about 24 days, and a wait may take a year.
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

/**
 * Virtual time: when nothing runs, the engine moves the clock to the next due moment. The clock patches no globals, so
 * a process can have several of them.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  readonly #alarms = new Set<Alarm>();

  /** Begins at `startMs`, epoch milliseconds; default: the system's time. */
  constructor(startMs: number = Date.now()) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): Timer {
    // A timer with an infinite delay never fires. It is not kept, so that the clock never jumps to it.
    if (delayMs === Number.POSITIVE_INFINITY) return { cancel() {} };
    const alarm: Alarm = { dueMs: this.#nowMs + Math.max(0, delayMs), action };
    this.#alarms.add(alarm);
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  /** Moves time by `byMs` milliseconds, and runs the timers that are due on the way. */
  advance(byMs: number): void {
    const targetMs = this.#nowMs + byMs;
    for (let next = this.#next(); next !== undefined && next.dueMs <= targetMs; next = this.#next()) this.#ring(next);
    this.#nowMs = targetMs;
  }

  /**
   * Jumps to the next timer and runs it. Returns false and changes nothing when there is no timer, or when the next
   * timer is due at `beforeMs` (epoch milliseconds; default: no limit) or later.
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
