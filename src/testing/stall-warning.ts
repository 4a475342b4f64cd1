import type { OpenCallback } from "../service/open-callbacks.ts";

/** What a test that hangs needs to know: which callbacks nobody completes. */
export interface Stall {
  readonly callbacks: readonly OpenCallback[];
  /** Whether the test has asked for the callback, so that its time-out is not skipped to. */
  readonly isHeld: (callbackId: string) => boolean;
}

/** Says so, on the process's warnings, when virtual time cannot go on and nobody does anything about it. */
export class StallWarning {
  readonly #afterMs: number;
  readonly #look: () => Stall;
  #timer: NodeJS.Timeout | undefined;

  /** `afterMs` of the system's time; Infinity for never. */
  constructor(afterMs: number, look: () => Stall) {
    this.#afterMs = afterMs;
    this.#look = look;
  }

  /** An invocation has ended. */
  arm(): void {
    this.disarm();
    if (this.#afterMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#warn(), this.#afterMs);
    this.#timer.unref();
  }

  /** Something runs again. */
  disarm(): void {
    clearTimeout(this.#timer);
  }

  #warn(): void {
    const { callbacks, isHeld } = this.#look();
    if (callbacks.length === 0) return;
    const lines = callbacks.map(({ callbackId, name, timeoutTimestamp, heartbeatTimestamp }) => {
      const timesOut = timeoutTimestamp !== undefined || heartbeatTimestamp !== undefined;
      const then = isHeld(callbackId) ? 'await waitForData("COMPLETED") to let it time out' : "it is not skipped to";
      return `  ${name === undefined ? "an unnamed callback" : `"${name}"`}: ${timesOut ? then : "it has no time-out"}`;
    });
    process.emitWarning(
      `The execution under test waits, and nothing has happened for ${this.#afterMs} ms. Complete its callbacks ` +
        `(sendCallbackSuccess, sendCallbackFailure):\n${lines.join("\n")}`,
      { code: "DURABLE_FANOUT_STANDSTILL" },
    );
  }
}
