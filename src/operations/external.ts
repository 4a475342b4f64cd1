import type { OperationUpdate, WireOperation } from "../core/wire.ts";
import type { Observer } from "../execution/observer.ts";
import { dueMs, type PendingOperation } from "../execution/pending-operation.ts";
import { type ClaimedOperation, lookAhead, update } from "./operation.ts";

/**
 * An operation that is started here and ended by the service or by somebody outside: a wait, a callback, a chained
 * invoke. It counts as waiting as soon as its start is recorded, and is asked for once it is awaited.
 */
export class ExternalOperation {
  readonly #operation: ClaimedOperation;
  #awaited = false;
  #pending: PendingOperation | undefined;

  constructor(operation: ClaimedOperation) {
    this.#operation = operation;
  }

  /** User code awaits the operation. */
  await(): void {
    this.#awaited = true;
    this.#pending?.await();
  }

  /** Records the start, unless it is recorded already; resolves with the operation as the service has it. */
  async start(details: () => Partial<OperationUpdate>): Promise<WireOperation> {
    const { execution, scope, id, record, type } = this.#operation;
    const { observer } = execution;
    if (record !== undefined) {
      if (observer !== undefined) {
        const told =
          record.Status === "STARTED"
            ? this.#notice(observer, "onOperationStart", true)
            : this.#notice(observer, "onOperationEnd", !observer.wasUpdated(id));
        if (told !== undefined) await told;
      }
      return record;
    }
    const started = await execution.recordedAs(scope, update(this.#operation, "START", details()), id);
    const told = observer && this.#notice(observer, "onOperationStart", false);
    if (told !== undefined) await told;
    return started ?? { Id: id, Type: type, Status: "STARTED", StartTimestamp: undefined };
  }

  /** Resolves when the operation has ended, one way or another. `latestDueMs` stands in for an unknown due time. */
  async ended(started: WireOperation, latestDueMs?: number): Promise<WireOperation> {
    const { execution, scope, id } = this.#operation;
    const { observer } = execution;
    let record = started;
    if (record.Status === "STARTED") {
      this.#pending = execution.wait(scope, id, "STARTED", dueMs(record) ?? latestDueMs);
      if (this.#awaited) this.#pending.await();
      record = await this.#pending.changed;
      const told = observer && this.#notice(observer, "onOperationEnd", false);
      if (told !== undefined) await told;
    }
    lookAhead(execution, scope);
    return record;
  }

  #notice(observer: Observer, hook: "onOperationStart" | "onOperationEnd", isReplay: boolean) {
    const { execution, scope } = this.#operation;
    const told = observer.emit(hook, () => observer.recordedInfo(this.#operation, { isReplay }));
    return told && execution.keepAwake(scope, told);
  }
}
