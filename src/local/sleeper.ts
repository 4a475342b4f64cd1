import type { Clock, Timer } from "../core/time.ts";

/** Waits until a time, or until `wake` is called. Only one wait is possible at a time. */
export class Sleeper {
  readonly #clock: Clock;
  #alarm: Timer | undefined;
  #resolve: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Waits until `dueMs` (epoch milliseconds) or `wake`. With Infinity, only `wake` ends the wait, but a timer still
   * keeps the process alive.
   */
  until(dueMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#alarm = this.#clock.after(dueMs - this.#clock.now(), () => this.wake());
    });
  }

  /** Ends the wait and cancels its timer. Otherwise virtual time would move to a timer that has no use. */
  wake(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#resolve?.();
    this.#resolve = undefined;
  }
}
