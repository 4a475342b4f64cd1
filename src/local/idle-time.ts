import type { Clock } from "../core/time.ts";

/** The clock of an engine. Only a clock of virtual time has `skip`. */
export interface SkippingClock extends Clock {
  /** See `VirtualClock.skip`. */
  skip?(beforeMs?: number): boolean;
}

/**
 * Moves virtual time to the next timer when no code runs.
 *
 * IT1  This class does not move the time while an invocation or a plain function runs.
 * IT2  This class does not move the time to the time-out of a held callback.
 */
export class IdleTime {
  readonly #clock: SkippingClock;
  readonly #limitMs: () => number;
  #running = 0;
  #isLooking = false;
  #stopped = false;
  #atRest: (() => void)[] = [];

  /** `limitMs` returns the time that virtual time must not reach, in epoch milliseconds. */
  constructor(clock: SkippingClock, limitMs: () => number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  countRunning(change: 1 | -1): void {
    this.#running += change;
    this.proceed();
  }

  proceed(): void {
    if (this.#running === 0) this.#look();
  }

  rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#atRest.push(resolve);
      this.#look();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#look();
  }

  #look(): void {
    const mayMatter = this.#clock.skip !== undefined || this.#atRest.length > 0;
    if (this.#isLooking || !mayMatter) return;
    this.#isLooking = true;
    // Time moves in a later tick, so that code of this tick can still begin a wait.
    setImmediate(() => {
      this.#isLooking = false;
      if (this.#running > 0 && !this.#stopped) return; // IT1
      if (!this.#stopped && this.#clock.skip?.(this.#limitMs()))
        this.#look(); // IT2
      else for (const resolve of this.#atRest.splice(0)) resolve();
    });
  }
}
