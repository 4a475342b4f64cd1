import type { Observer } from "../execution/observer.ts";
import type { ClaimedOperation } from "./operation.ts";

/** A context's function is about to run, and not only to rebuild a result. */
export async function contextStarts(
  observer: Observer,
  operation: ClaimedOperation,
  isVirtual: boolean,
): Promise<void> {
  const isNew = operation.record === undefined && !isVirtual;
  await observer.plugins.emit("onOperationStart", () =>
    observer.info(operation, isNew ? { status: "STARTED" } : { isReplay: true }),
  );
}

/** Runs a context's function inside the plugins' wrappers. */
export function wrapContext<T>(observer: Observer, operation: ClaimedOperation, run: () => Promise<T>): Promise<T> {
  const info = () => observer.info(operation, { isReplayingChildren: false });
  return observer.plugins.wrap("wrapChildContextFn", info, run);
}

/** A context's function has settled, and its end is on its way. */
export async function contextEnds(
  observer: Observer,
  operation: ClaimedOperation,
  isVirtual: boolean,
  { error }: { error?: Error },
): Promise<void> {
  const startTimestamp = observer.startOf(operation.id);
  await observer.plugins.emit("onOperationEnd", () =>
    observer.info(operation, {
      status: error === undefined ? "SUCCEEDED" : "FAILED",
      ...(startTimestamp === undefined ? {} : { startTimestamp }),
      ...(error === undefined ? {} : { error }),
      isReplay: isVirtual,
    }),
  );
}
