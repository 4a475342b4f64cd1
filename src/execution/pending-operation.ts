import { readTimestamp } from "../core/time.ts";
import type { WireOperation } from "../core/wire.ts";
import type { Ledger, RecordKey } from "./ledger/ledger.ts";
import { giveWay, regainPermits } from "./permits.ts";
import type { Scope } from "./scope.ts";
import { park, type Suspension } from "./suspension.ts";
import type { ArmedTimer } from "./timers.ts";

/** How long after the last answer an operation without a due time is asked for again. */
const UNTIMED_POLL_MS = 1_000;

/** An operation that waits for a timer, or for somebody outside. */
export interface WaitingOperation {
  readonly scope: Scope;
  readonly ledger: Ledger;
  readonly key: RecordKey;
  /** The status in which it waits: any other one ends the wait. */
  readonly status: string;
  /** Epoch milliseconds; undefined when nobody knows. */
  readonly dueMs: number | undefined;
}

/** Waits for the operation. It counts as waiting from the first time that user code awaits it. */
export class PendingOperation {
  /** Resolves with the operation's new state when its status has changed and its code may go on. */
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

  /** Asks for the operation in process, whether user code awaits it or not. */
  arm(): void {
    if (this.#over || this.#timer !== undefined) return;
    const { ledger, key, dueMs } = this.#operation;
    this.#timer = ledger.arm(key, dueMs ?? Date.now() + UNTIMED_POLL_MS);
  }

  /** User code awaits the operation. */
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

  /** Whether a branch that has come to only wait gave up a place. */
  giveWay(): boolean {
    return giveWay(this.#operation.scope);
  }
}

/** When a waiting operation falls due, in epoch milliseconds; undefined when nobody knows. */
export function dueMs(operation: WireOperation): number | undefined {
  const due = operation.StepDetails?.NextAttemptTimestamp ?? operation.WaitDetails?.ScheduledEndTimestamp;
  return readTimestamp(due)?.getTime();
}
