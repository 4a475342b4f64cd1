import type { Operation } from "../core/wire.ts";
import type { CallbackTimer } from "./callback-timer.ts";

/** A callback that somebody is still to complete. */
export interface OpenCallback {
  readonly callbackId: string;
  /** Its own name, or that of the `waitForCallback` that it belongs to. */
  readonly name: string | undefined;
  /** The execution that waits for it. */
  readonly executionArn: string;
  readonly operationId: string;
  /** Epoch milliseconds. */
  readonly startTimestamp: number;
  /** When it times out, epoch milliseconds; undefined for never. */
  readonly timeoutTimestamp: number | undefined;
  /** When it times out unless a heartbeat comes before, epoch milliseconds; undefined for never. */
  readonly heartbeatTimestamp: number | undefined;
}

/** `operationOf` gives the operations of the callback's execution. */
export function describeOpenCallback(
  executionArn: string,
  callback: Operation,
  timer: CallbackTimer,
  operationOf: (id: string) => Operation | undefined,
): OpenCallback {
  const parent = callback.ParentId === undefined ? undefined : operationOf(callback.ParentId);
  const named = callback.Name ?? (parent?.SubType === "WaitForCallback" ? parent.Name : undefined);
  return {
    callbackId: callback.CallbackDetails?.CallbackId as string,
    name: named,
    executionArn,
    operationId: callback.Id as string,
    startTimestamp: callback.StartTimestamp?.getTime() as number,
    timeoutTimestamp: finite(timer.timeoutDueMs),
    heartbeatTimestamp: finite(timer.heartbeatDueMs),
  };
}

function finite(ms: number): number | undefined {
  return Number.isFinite(ms) ? ms : undefined;
}
