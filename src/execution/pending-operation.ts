import { readTimestamp } from "../core/time.ts";
import type { WireOperation } from "../core/wire.ts";
import { giveWay, regainPermits } from "./branch-permits.ts";
import type { Ledger, RecordKey } from "./ledger/ledger.ts";
import type { Scope } from "./scope.ts";
import { park, type Suspension } from "./suspension.ts";
import type { ArmedTimer } from "./timers.ts";

/** An operation that waits for a timer or for an external system. */
export interface WaitingOperation {
  readonly scope: Scope;
  readonly ledger: Ledger;
  readonly key: RecordKey;
  /** The status during the wait. Any other status ends the wait. */
  readonly status: string;
  /** The due time in epoch milliseconds; undefined when the time is unknown. */
  readonly dueMs: number | undefined;
}

/** One wait for an operation. The operation counts as waiting from the first time that user code awaits it. */
export class PendingOperation {
  /** Resolves with the changed operation when user code may continue. Perhaps never, if the invocation ends first. */
  readonly changed: Promise<WireOperation>;
  readonly #operation: WaitingOperation;
  readonly #suspension: Suspension;
  #timer: ArmedTimer | undefined;
  #awaited = false;
  #over = false;

  constructor(operation: WaitingOperation, suspension: Suspension) {
    this.#operation = operation;
    this.#suspension = suspension;
    const { ledger, key, status, scope } = operation;
    this.changed = new Promise((resolve) => {
      ledger.watch(key, (changed) => {
        if (changed.Status === status) return;
        ledger.unwatch(key);
        this.#end();
        const regained = regainPermits(scope, suspension);
        if (regained === undefined) resolve(changed);
        else void this.#goOn(regained, changed).then(resolve);
      });
    });
  }

  async #goOn(regained: Promise<void>, changed: WireOperation): Promise<WireOperation> {
    await regained;
    return this.#suspension.isOpen ? changed : park();
  }

  /** Makes this process notice the end of the wait, even if user code does not await the operation. */
  arm(): void {
    if (this.#over || this.#timer !== undefined) return;
    const { ledger, key, dueMs } = this.#operation;
    this.#timer = ledger.arm(key, dueMs);
  }

  await(): void {
    if (this.#over || this.#awaited) return;
    this.#awaited = true;
    this.arm();
    const { scope } = this.#operation;
    scope.countWaiting(1);
    this.#suspension.addWaiting(this);
    giveWay(scope);
    this.#suspension.check();
  }

  #end(): void {
    this.#over = true;
    this.#timer?.cancel();
    if (!this.#awaited) return;
    const { scope } = this.#operation;
    this.#suspension.removeWaiting(this);
    scope.countWaiting(-1);
  }

  giveWay(): boolean {
    return giveWay(this.#operation.scope);
  }
}

/** The due time of a waiting operation, in epoch milliseconds; undefined when the time is unknown. */
export function dueMs(operation: WireOperation): number | undefined {
  const due = operation.StepDetails?.NextAttemptTimestamp ?? operation.WaitDetails?.ScheduledEndTimestamp;
  return readTimestamp(due)?.getTime();
}
