import type { Operation } from "../core/wire.ts";
import type { CallbackTimer } from "./callback-timer.ts";

/** A callback that is not completed yet. */
export interface OpenCallback {
  readonly callbackId: string;
  /** The callback's own name, or the name of the `waitForCallback` around it. */
  readonly name: string | undefined;
  /** The execution that waits for the callback. */
  readonly executionArn: string;
  readonly operationId: string;
  /** Epoch milliseconds. */
  readonly startTimestamp: number;
  /** The time-out, epoch milliseconds; undefined for never. */
  readonly timeoutTimestamp: number | undefined;
  /** The time-out without a further heartbeat, epoch milliseconds; undefined for never. */
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
