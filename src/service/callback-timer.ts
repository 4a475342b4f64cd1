import type { CallbackOptions, ErrorObject } from "../core/wire.ts";

/** The two time-outs of an open callback. Each heartbeat restarts the heartbeat time-out. */
export class CallbackTimer {
  /** Epoch milliseconds; Infinity means never. */
  readonly timeoutDueMs: number;
  readonly #heartbeatMs: number;
  #heartbeatDueMs: number;

  /** `startMs` is in epoch milliseconds. A time-out that is absent or 0 never comes. */
  constructor({ TimeoutSeconds: timeout, HeartbeatTimeoutSeconds: heartbeat }: CallbackOptions, startMs: number) {
    this.timeoutDueMs = startMs + toMs(timeout);
    this.#heartbeatMs = toMs(heartbeat);
    this.#heartbeatDueMs = startMs + this.#heartbeatMs;
  }

  /** Epoch milliseconds; Infinity means never. */
  get heartbeatDueMs(): number {
    return this.#heartbeatDueMs;
  }

  /** The earlier of both time-outs. Epoch milliseconds; undefined means never. */
  get dueMs(): number | undefined {
    const dueMs = Math.min(this.timeoutDueMs, this.#heartbeatDueMs);
    return dueMs === Number.POSITIVE_INFINITY ? undefined : dueMs;
  }

  beat(atMs: number): void {
    this.#heartbeatDueMs = atMs + this.#heartbeatMs;
  }

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
