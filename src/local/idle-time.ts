import type { Clock } from "../core/time.ts";

/** A clock that may be able to jump to the next moment at which something is due. */
export interface SkippingClock extends Clock {
  /**
   * Jumps to the next thing due and does it; false, without a change, when there is none, or when it is due at
   * `beforeMs` (epoch milliseconds) or later.
   */
  skip?(beforeMs?: number): boolean;
}

/**
 * Moves virtual time on when nothing runs: to the next thing due.
 *
 * IT1  Time stands still while an invocation or a function runs.
 * IT2  It also stops before a callback that is held would time out.
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

  /** Something begins (1) or ends (-1); 0 only looks whether time may go on. */
  countRunning(change: 1 | 0 | -1): void {
    this.#running += change;
    if (this.#running === 0) this.#look();
  }

  /** Resolves when nothing runs, and time does not go on by itself. */
  rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#atRest.push(resolve);
      this.#look();
    });
  }

  /** Time goes on no more by itself. */
  stop(): void {
    this.#stopped = true;
    this.#look();
  }

  #look(): void {
    const mayMatter = this.#clock.skip !== undefined || this.#atRest.length > 0;
    if (this.#isLooking || !mayMatter) return;
    this.#isLooking = true;
    // Whoever is about to go to sleep does so first.
    setImmediate(() => {
      this.#isLooking = false;
      if (this.#running > 0 && !this.#stopped) return; // IT1
      if (!this.#stopped && this.#clock.skip?.(this.#limitMs()))
        this.#look(); // IT2
      else for (const resolve of this.#atRest.splice(0)) resolve();
    });
  }
}
