import type { Clock, Timer } from "../core/time.ts";

/** One sleep at a time: until a moment, or until it is woken. */
export class Sleeper {
  readonly #clock: Clock;
  #alarm: Timer | undefined;
  #resolve: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** With `dueMs` Infinity, sleeps until woken, but keeps the process alive. */
  until(dueMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#alarm = this.#clock.after(dueMs - this.#clock.now(), () => this.wake());
    });
  }

  /** Leaves no timer, because virtual time would move to it without need. */
  wake(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#resolve?.();
    this.#resolve = undefined;
  }
}
