import type { CallbackOptions, ErrorObject } from "../core/wire.ts";

/** The time at which an open callback times out: counted from its start, or from the last heartbeat. */
export class CallbackTimer {
  /** The time-out that does not depend on heartbeats; epoch milliseconds, Infinity for never. */
  readonly timeoutDueMs: number;
  readonly #heartbeatMs: number;
  #heartbeatDueMs: number;

  /** Begins at `startMs`, epoch milliseconds. A time-out that is absent or 0 does not apply. */
  constructor({ TimeoutSeconds: timeout, HeartbeatTimeoutSeconds: heartbeat }: CallbackOptions, startMs: number) {
    this.timeoutDueMs = startMs + toMs(timeout);
    this.#heartbeatMs = toMs(heartbeat);
    this.#heartbeatDueMs = startMs + this.#heartbeatMs;
  }

  /** The latest time for the next heartbeat; epoch milliseconds, Infinity for never. */
  get heartbeatDueMs(): number {
    return this.#heartbeatDueMs;
  }

  /** Epoch milliseconds. */
  get dueMs(): number | undefined {
    const dueMs = Math.min(this.timeoutDueMs, this.#heartbeatDueMs);
    return dueMs === Number.POSITIVE_INFINITY ? undefined : dueMs;
  }

  beat(atMs: number): void {
    this.#heartbeatDueMs = atMs + this.#heartbeatMs;
  }

  /** The error of the callback after its time-out. */
  get error(): ErrorObject {
    if (this.#heartbeatDueMs < this.timeoutDueMs) {
      return { ErrorType: "Callback.Heartbeat", ErrorMessage: "Callback timed out on heartbeat" };
    }
    return { ErrorType: "Callback.Timeout", ErrorMessage: "Callback timed out" };
  }
}

function toMs(seconds: number | undefined): number {
  return seconds ? seconds * 1_000 : Number.POSITIVE_INFINITY;
}
