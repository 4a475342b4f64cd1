import { batchPath } from "../core/batch-operation.ts";
import { DurableOperationError } from "../core/errors.ts";
import { defined, type ErrorObject } from "../core/wire.ts";
import type { Observer } from "../execution/observer.ts";
import { type ClaimedOperation, isRecorded, openMode } from "./operation.ts";

export function contextStarts(
  observer: Observer,
  operation: ClaimedOperation,
  isVirtual: boolean,
): Promise<unknown> | undefined {
  const isNew = operation.record === undefined && !isVirtual;
  const notified = observer.emit("onOperationStart", () =>
    observer.info(operation, isNew ? { status: "STARTED" } : { isReplay: true }),
  );
  return notified && operation.execution.keepAwake(operation.scope, notified);
}

export function wrapContext<T>(observer: Observer, operation: ClaimedOperation, run: () => Promise<T>): Promise<T> {
  const { ledger, path } = operation;
  const info = () =>
    observer.info(operation, {
      isReplayingChildren: openMode(ledger, path) === "replay" || isRecorded(ledger, batchPath(path, 1)),
    });
  return observer.wrap("wrapChildContextFn", info, run);
}

export function contextEnds(
  observer: Observer,
  operation: ClaimedOperation,
  isVirtual: boolean,
  failure?: ErrorObject,
): Promise<unknown> | undefined {
  const notified = observer.emit("onOperationEnd", () => {
    const error = failure && DurableOperationError.fromErrorObject(failure);
    return observer.info(operation, {
      status: failure === undefined ? "SUCCEEDED" : "FAILED",
      ...defined({ startTimestamp: observer.startOf(operation), error }),
      isReplay: isVirtual,
    });
  });
  return notified && operation.execution.keepAwake(operation.scope, notified);
}
