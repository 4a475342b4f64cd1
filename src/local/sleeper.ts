import type { Clock, Timer } from "../core/time.ts";

/** One sleep at a time: until a moment, or until somebody wakes it. */
export class Sleeper {
  readonly #clock: Clock;
  #alarm: Timer | undefined;
  #resolve: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `dueMs` Infinity: until woken, but the process is kept alive. */
  until(dueMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#alarm = this.#clock.after(dueMs - this.#clock.now(), () => this.wake());
    });
  }

  /** Leaves no alarm behind: virtual time would go to it for nothing. */
  wake(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#resolve?.();
    this.#resolve = undefined;
  }
}
