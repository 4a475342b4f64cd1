import { type CallbackAddress, readCallbackId } from "../service/callback-id.ts";
import type { Executions } from "./executions.ts";

/** The callbacks that are held: the engine does not move virtual time to their time-outs. `holdsAll` holds all. */
export class CallbackHolds {
  readonly #executions: Executions;
  readonly #holdsAll: boolean;
  readonly #held = new Set<CallbackAddress>();

  constructor(executions: Executions, holdsAll: boolean) {
    this.#executions = executions;
    this.#holdsAll = holdsAll;
  }

  hold(callbackId: string): () => void {
    const address = readCallbackId(callbackId);
    this.#held.add(address);
    return () => void this.#held.delete(address);
  }

  /** The earliest time-out of a held callback. Epoch milliseconds; Infinity means no limit. */
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
