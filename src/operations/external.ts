import type { OperationUpdate, WireOperation } from "../core/wire.ts";
import type { Observer } from "../execution/observer.ts";
import { dueMs } from "../execution/pending-operation.ts";
import type { Attention } from "./durable-promise.ts";
import { type ClaimedOperation, lookAhead, update } from "./operation.ts";

/**
 * A wait, a callback or a chained invoke. From the moment that code awaits the operation, the operation counts as
 * waiting, and this process polls for its end.
 */
export class ExternalOperation {
  readonly #operation: ClaimedOperation;
  readonly #attention: Attention;

  constructor(operation: ClaimedOperation, attention: Attention) {
    this.#operation = operation;
    this.#attention = attention;
  }

  async start(details: () => Partial<OperationUpdate>): Promise<WireOperation> {
    const { execution, scope, id, key, record, type } = this.#operation;
    const { observer } = execution;
    if (record !== undefined) {
      if (observer !== undefined) {
        const notified =
          record.Status === "STARTED"
            ? this.#notice(observer, "onOperationStart", true)
            : this.#notice(observer, "onOperationEnd", !observer.wasUpdated(id) && !endedHere(this.#operation));
        if (notified !== undefined) await notified;
      }
      return record;
    }
    const start = update(this.#operation, "START", details());
    // An external system may complete the operation before this process continues. So the earlier changes of a batch
    // must be recorded before the START.
    const secured = type === "WAIT" ? undefined : scope.ledger.secured();
    if (secured !== undefined) await execution.keepAwake(scope, secured);
    const started = await execution.recordedAs(this.#operation, start);
    const notified = observer && this.#notice(observer, "onOperationStart", false);
    if (notified !== undefined) await notified;
    return started ?? { Id: key, Type: type, Status: "STARTED", StartTimestamp: undefined };
  }

  /** `latestDueMs` (epoch milliseconds) is used if the record has no due time. */
  async ended(started: WireOperation, latestDueMs?: number): Promise<WireOperation> {
    const { execution, scope } = this.#operation;
    const { observer } = execution;
    let record = started;
    if (record.Status === "STARTED") {
      const pending = execution.wait(this.#operation, "STARTED", dueMs(record) ?? latestDueMs);
      this.#attention.follow(() => pending.await());
      record = await pending.changed;
      const notified = observer && this.#notice(observer, "onOperationEnd", false);
      if (notified !== undefined) await notified;
    }
    lookAhead(scope);
    return record;
  }

  #notice(observer: Observer, hook: "onOperationStart" | "onOperationEnd", isReplay: boolean) {
    const { execution, scope } = this.#operation;
    const notified = observer.emit(hook, () => observer.recordedInfo(this.#operation, { isReplay }));
    return notified && execution.keepAwake(scope, notified);
  }
}

/** A batch stores no end times, so a record of a batch has an end time only if it ended in this invocation. */
function endedHere({ kept }: ClaimedOperation): boolean {
  return kept?.EndTimestamp !== undefined;
}
