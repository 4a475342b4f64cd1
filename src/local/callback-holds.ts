import { type CallbackAddress, readCallbackId } from "../service/callback-id.ts";
import type { Executions } from "./executions.ts";

/** The callbacks whose time-outs virtual time must not reach, because a caller is about to complete the callbacks. */
export class CallbackHolds {
  readonly #executions: Executions;
  readonly #holdsAll: boolean;
  readonly #held = new Set<CallbackAddress>();

  constructor(executions: Executions, holdsAll: boolean) {
    this.#executions = executions;
    this.#holdsAll = holdsAll;
  }

  /** @throws ServiceError InvalidParameterValueException if the text does not have the form of a callback id */
  hold(callbackId: string): () => void {
    const address = readCallbackId(callbackId);
    this.#held.add(address);
    return () => void this.#held.delete(address);
  }

  /** The earliest time-out of the held callbacks. Epoch milliseconds; Infinity if no held callback has a time-out. */
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
