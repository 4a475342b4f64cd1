import type { OperationUpdate, WireOperation } from "../core/wire.ts";
import type { Observer } from "../execution/observer.ts";
import { dueMs } from "../execution/pending-operation.ts";
import type { Attention } from "./durable-promise.ts";
import { type ClaimedOperation, lookAhead, update } from "./operation.ts";

/**
 * An operation that is started here and ended by the service or by somebody outside: a wait, a callback, a chained
 * invoke. It counts as waiting, and is asked for, once it is awaited.
 */
export class ExternalOperation {
  readonly #operation: ClaimedOperation;
  readonly #attention: Attention;

  constructor(operation: ClaimedOperation, attention: Attention) {
    this.#operation = operation;
    this.#attention = attention;
  }

  /** Records the start, unless it is recorded already; resolves with the operation as the service has it. */
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
    // Whoever completes it may be fast: what came before it must be recorded by then.
    const secured = type === "WAIT" ? undefined : scope.ledger.secured();
    if (secured !== undefined) await execution.keepAwake(scope, secured);
    const started = await execution.recordedAs(this.#operation, start);
    const notified = observer && this.#notice(observer, "onOperationStart", false);
    if (notified !== undefined) await notified;
    return started ?? { Id: key, Type: type, Status: "STARTED", StartTimestamp: undefined };
  }

  /** Resolves when the operation has ended, one way or another. `latestDueMs` stands in for an unknown due time. */
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

/** Whether the time of an operation in a batch was over in this invocation: of what ended earlier no time is kept. */
function endedHere({ kept }: ClaimedOperation): boolean {
  return kept?.EndTimestamp !== undefined;
}
