import type { OperationId } from "../core/ids.ts";
import { readTimestamp } from "../core/time.ts";
import type { WireOperation } from "../core/wire.ts";
import type { Scope } from "./scope.ts";
import { regainPlaces } from "./slot.ts";
import type { RecordedState } from "./state.ts";
import type { Suspension } from "./suspension.ts";
import type { ArmedTimer, Timers } from "./timers.ts";

/** How long after the last answer an operation without a due time is asked for again. */
const UNTIMED_POLL_MS = 1_000;

export interface PendingOperationOptions {
  readonly id: OperationId;
  /** The status in which it waits: any other one ends the wait. */
  readonly status: string;
  /** Epoch milliseconds; undefined when nobody knows. */
  readonly dueMs: number | undefined;
}

/**
 * An operation that waits for a timer, or for somebody outside. It counts as waiting from the start; it is asked
 * for in process only once user code awaits it.
 */
export class PendingOperation {
  /** Resolves with the operation's new state when its status has changed and its code may go on. */
  readonly changed: Promise<WireOperation>;
  readonly #suspension: Suspension;
  readonly #timers: Timers;
  readonly #scope: Scope;
  readonly #dueMs: number | undefined;
  #timer: ArmedTimer | undefined;
  #over = false;

  constructor(
    state: RecordedState,
    suspension: Suspension,
    timers: Timers,
    scope: Scope,
    { id, status, dueMs }: PendingOperationOptions,
  ) {
    this.#suspension = suspension;
    this.#timers = timers;
    this.#scope = scope;
    this.#dueMs = dueMs;
    this.changed = new Promise((resolve) => {
      state.watch(id, (operation) => {
        if (operation.Status === status) return;
        state.unwatch(id);
        this.#end();
        const regained = regainPlaces(scope);
        if (regained === undefined) resolve(operation);
        else void regained.then(() => resolve(operation));
      });
    });
    scope.count(0, 1, 0, 0);
    suspension.check();
  }

  /** User code awaits the operation. */
  await(): void {
    if (this.#over || this.#timer !== undefined) return;
    this.#timer = this.#timers.arm(this.#dueMs ?? Date.now() + UNTIMED_POLL_MS);
    this.#suspension.addWaiting(this);
    this.lend();
    this.#suspension.check();
  }

  /** A branch whose operations all wait gives its place to another one; false when it had none to give. */
  lend(): boolean {
    let lent = false;
    for (let scope: Scope | undefined = this.#scope; scope !== undefined; scope = scope.parent) {
      if (scope.executing > 0) break;
      if (scope.place?.lendWhileWaiting()) lent = true;
    }
    return lent;
  }

  #end(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#suspension.removeWaiting(this);
    this.#scope.count(0, -1, 0, 0);
  }
}

/** When a waiting operation falls due, in epoch milliseconds; undefined when nobody knows. */
export function dueMs(operation: WireOperation): number | undefined {
  const due = operation.StepDetails?.NextAttemptTimestamp ?? operation.WaitDetails?.ScheduledEndTimestamp;
  return readTimestamp(due)?.getTime();
}
