import type { ErrorObject, WireOperation } from "../core/wire.ts";
import { type ClaimedOperation, update } from "./operation.ts";

/** How an attempt of a step or condition is closed when it did not succeed for good. */
export type AttemptEnd =
  | { readonly end: "fail"; readonly error: ErrorObject }
  /** Another attempt follows; a condition keeps its state in `payload`. */
  | {
      readonly end: "retry";
      readonly afterSeconds: number;
      readonly error?: ErrorObject;
      readonly payload?: string | undefined;
    };

/** Queues the end of an attempt at once, and resolves with the operation as it is then. */
export async function closeAttempt(
  operation: ClaimedOperation,
  closing: AttemptEnd,
  attempt: number,
): Promise<WireOperation> {
  const { execution, scope, id } = operation;
  const closed = { Id: id, Type: operation.type, StartTimestamp: undefined };
  if (closing.end === "fail") {
    await execution.recorded(scope, update(operation, "FAIL", { Error: closing.error }));
    return { ...closed, Status: "FAILED", StepDetails: { Attempt: attempt, Error: closing.error } };
  }
  const retry = update(operation, "RETRY", {
    ...(closing.error === undefined ? {} : { Error: closing.error }),
    ...(closing.payload === undefined ? {} : { Payload: closing.payload }),
    StepOptions: { NextAttemptDelaySeconds: closing.afterSeconds },
  });
  const recorded = await execution.recordedAs(scope, retry, id);
  if (recorded !== undefined) return recorded;
  const next = new Date(Date.now() + closing.afterSeconds * 1_000);
  const details = { Attempt: attempt, NextAttemptTimestamp: next, Result: closing.payload };
  return { ...closed, Status: "PENDING", StepDetails: details };
}
