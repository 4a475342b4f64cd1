import type { Clock } from "../core/time.ts";

/** When an execution goes on by itself. */
export interface Wake {
  /** Epoch milliseconds. */
  readonly dueMs: number;
  /** A callback has then waited for too long. */
  readonly isCallback: boolean;
}

/**
 * Moves virtual time on when nothing runs: to the next thing due.
 *
 * V1  Time stands still while an invocation or a function runs.
 * V2  A callback may be completed from outside at any moment; whether time goes on without that is the caller's choice.
 */
export class IdleTime {
  readonly #clock: Clock & { skip?(): boolean };
  readonly #skipsCallbacks: () => boolean;
  readonly #wakes: () => Iterable<Wake | undefined>;
  #running = 0;
  #stopped = false;

  constructor(
    clock: Clock & { skip?(): boolean },
    skipsCallbacks: () => boolean,
    /** Of the executions under way. */
    wakes: () => Iterable<Wake | undefined>,
  ) {
    this.#clock = clock;
    this.#skipsCallbacks = skipsCallbacks;
    this.#wakes = wakes;
  }

  /** Something begins (1) or ends (-1); 0 only looks whether anything runs. */
  countRunning(change: 1 | 0 | -1): void {
    this.#running += change;
    if (this.#clock.skip !== undefined && this.#running === 0) this.#skip();
  }

  stop(): void {
    this.#stopped = true;
  }

  #skip(): void {
    // Whoever is about to go to sleep does so first.
    setImmediate(() => {
      if (this.#running > 0 || this.#stopped || !this.#mayGoOn()) return; // V1
      if (this.#clock.skip?.()) this.#skip();
    });
  }

  /** V2 */
  #mayGoOn(): boolean {
    let next: Wake | undefined;
    for (const wake of this.#wakes()) if (wake !== undefined && wake.dueMs < (next?.dueMs ?? Infinity)) next = wake;
    return next === undefined || !next.isCallback || this.#skipsCallbacks();
  }
}
