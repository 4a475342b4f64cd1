import { type CallbackAddress, readCallbackId } from "../service/callback-id.ts";
import type { Executions } from "./executions.ts";

/** Callbacks that virtual time does not time out, because a caller is about to complete them. */
export class CallbackHolds {
  readonly #executions: Executions;
  readonly #holdsAll: boolean;
  readonly #held = new Set<CallbackAddress>();

  constructor(executions: Executions, holdsAll: boolean) {
    this.#executions = executions;
    this.#holdsAll = holdsAll;
  }

  /**
   * Holds the callback, and returns the function that releases it. @throws ServiceError InvalidParameterValueException
   * when the text is no callback's id.
   */
  hold(callbackId: string): () => void {
    const address = readCallbackId(callbackId);
    this.#held.add(address);
    return () => void this.#held.delete(address);
  }

  /** The first moment that virtual time must not reach, in epoch milliseconds; Infinity when there is none. */
  get limitMs(): number {
    let limitMs = Number.POSITIVE_INFINITY;
    if (this.#holdsAll) {
      for (const { record } of this.#executions.running()) limitMs = Math.min(limitMs, record.firstCallbackDueMs);
      return limitMs;
    }
    for (const { arn, operationId } of this.#held) {
      const dueMs = this.#executions.runningOne(arn)?.record.callbackTimer(operationId)?.dueMs;
      if (dueMs !== undefined) limitMs = Math.min(limitMs, dueMs);
    }
    return limitMs;
  }
}
