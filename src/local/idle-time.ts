import type { Clock } from "../core/time.ts";

/** A clock that can perhaps jump to the next due moment. */
export interface SkippingClock extends Clock {
  /**
   * Jumps to the next timer and runs it. False, without a change, when there is none, or when it is due at `beforeMs`
   * (epoch milliseconds) or later.
   */
  skip?(beforeMs?: number): boolean;
}

/**
 * Moves virtual time to the next due moment when nothing runs.
 *
 * IT1  Time stands still while an invocation or a function runs.
 * IT2  Time also stops before the time-out of a held callback.
 */
export class IdleTime {
  readonly #clock: SkippingClock;
  readonly #limitMs: () => number;
  #running = 0;
  #isLooking = false;
  #stopped = false;
  #atRest: (() => void)[] = [];

  /** `limitMs` gives the first moment that time must not reach by itself. */
  constructor(clock: SkippingClock, limitMs: () => number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** Notes that something begins (1) or ends (-1). With 0 it only checks whether time may move. */
  countRunning(change: 1 | 0 | -1): void {
    this.#running += change;
    if (this.#running === 0) this.#look();
  }

  /** Resolves when nothing runs and time does not move by itself. */
  rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#atRest.push(resolve);
      this.#look();
    });
  }

  /** From now on time does not move by itself. */
  stop(): void {
    this.#stopped = true;
    this.#look();
  }

  #look(): void {
    const mayMatter = this.#clock.skip !== undefined || this.#atRest.length > 0;
    if (this.#isLooking || !mayMatter) return;
    this.#isLooking = true;
    // Code that is about to begin a wait does so first.
    setImmediate(() => {
      this.#isLooking = false;
      if (this.#running > 0 && !this.#stopped) return; // IT1
      if (!this.#stopped && this.#clock.skip?.(this.#limitMs()))
        this.#look(); // IT2
      else for (const resolve of this.#atRest.splice(0)) resolve();
    });
  }
}
