import type { Operation } from "../core/wire.ts";
import type { CallbackTimer } from "./callback-timer.ts";

/** A callback that has not ended. */
export interface OpenCallback {
  readonly callbackId: string;
  /** The name of the callback, or else of its `waitForCallback`. Undefined if neither has a name. */
  readonly name: string | undefined;
  /** The ARN of the execution that made the callback. */
  readonly executionArn: string;
  readonly operationId: string;
  /** When the callback started, in epoch milliseconds. */
  readonly startTimestamp: number;
  /** When the callback times out at the latest, in epoch milliseconds. Undefined means never. */
  readonly timeoutTimestamp: number | undefined;
  /** When the callback times out if no heartbeat arrives before, in epoch milliseconds. Undefined means never. */
  readonly heartbeatTimestamp: number | undefined;
}

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
