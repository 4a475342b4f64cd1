import type { CallbackOptions, ErrorObject } from "../core/wire.ts";

/** When an open callback has waited for too long: since its start, or since the last heartbeat. */
export class CallbackTimer {
  /** When it times out, whatever the heartbeats are; epoch milliseconds, Infinity for never. */
  readonly timeoutDueMs: number;
  readonly #heartbeatMs: number;
  #heartbeatDueMs: number;

  /** Begins at `startMs`, epoch milliseconds. Time-outs that are absent or 0 are none. */
  constructor({ TimeoutSeconds: timeout, HeartbeatTimeoutSeconds: heartbeat }: CallbackOptions, startMs: number) {
    this.timeoutDueMs = startMs + toMs(timeout);
    this.#heartbeatMs = toMs(heartbeat);
    this.#heartbeatDueMs = startMs + this.#heartbeatMs;
  }

  /** When the next heartbeat is due at the latest; epoch milliseconds, Infinity for never. */
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

  /** What the callback fails with when its time has come. */
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
