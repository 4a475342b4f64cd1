import type { OpenCallback } from "../service/open-callbacks.ts";

export interface Stall {
  readonly callbacks: readonly OpenCallback[];
  /** Whether `waitForData` holds the callback's time-out. See OW1. */
  readonly isHeld: (callbackId: string) => boolean;
}

/** Emits a process warning if no invocation has begun for some time and callbacks are open. */
export class StallWarning {
  readonly #afterMs: number;
  readonly #look: () => Stall;
  #timer: NodeJS.Timeout | undefined;

  /** `afterMs` counts real milliseconds. Infinity means no warning. */
  constructor(afterMs: number, look: () => Stall) {
    this.#afterMs = afterMs;
    this.#look = look;
  }

  arm(): void {
    this.disarm();
    if (this.#afterMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#warn(), this.#afterMs);
    this.#timer.unref();
  }

  disarm(): void {
    clearTimeout(this.#timer);
  }

  #warn(): void {
    const { callbacks, isHeld } = this.#look();
    if (callbacks.length === 0) return;
    const lines = callbacks.map(({ callbackId, name, timeoutTimestamp, heartbeatTimestamp }) => {
      const timesOut = timeoutTimestamp !== undefined || heartbeatTimestamp !== undefined;
      const then = isHeld(callbackId)
        ? 'await waitForData("COMPLETED") to let it time out'
        : "virtual time does not jump to its time-out";
      return `  ${name === undefined ? "an unnamed callback" : `"${name}"`}: ${timesOut ? then : "it has no time-out"}`;
    });
    process.emitWarning(
      `The execution under test waits, and nothing has happened for ${this.#afterMs} ms. Complete its callbacks ` +
        `(sendCallbackSuccess, sendCallbackFailure):\n${lines.join("\n")}`,
      { code: "DURABLE_FANOUT_STANDSTILL" },
    );
  }
}
