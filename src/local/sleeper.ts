import type { Clock, Timer } from "../core/time.ts";

/** Waits until a time, or until `wake` is called. Only one wait is possible at a time. */
export class Sleeper {
  readonly #clock: Clock;
  #alarm: Timer | undefined;
  #resolve: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `dueMs` is in epoch milliseconds. With Infinity, a timer of the system's clock still keeps the process alive. */
  until(dueMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#alarm = this.#clock.after(dueMs - this.#clock.now(), () => this.wake());
    });
  }

  /** If the timer were not canceled, virtual time would move to the time of this timer. */
  wake(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#resolve?.();
    this.#resolve = undefined;
  }
}
