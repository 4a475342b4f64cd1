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
export function closeAttempt(
  operation: ClaimedOperation,
  closing: AttemptEnd,
  attempt: number,
): Promise<WireOperation> {
  if (closing.end === "retry") return recordRetry(operation, closing, attempt);
  const { execution, scope, id: Id, type: Type } = operation;
  const details = { Attempt: attempt, Error: closing.error };
  const failed: WireOperation = { Id, Type, StartTimestamp: undefined, Status: "FAILED", StepDetails: details };
  // In as few turns as a success, so that the branches of a batch end in the order of their acknowledgements.
  return execution.recorded(scope, update(operation, "FAIL", { Error: closing.error }), failed);
}

async function recordRetry(
  operation: ClaimedOperation,
  { error, payload, afterSeconds }: AttemptEnd & { end: "retry" },
  attempt: number,
): Promise<WireOperation> {
  const { execution, scope, id: Id, type: Type } = operation;
  const retry = update(operation, "RETRY", {
    ...(error === undefined ? {} : { Error: error }),
    ...(payload === undefined ? {} : { Payload: payload }),
    StepOptions: { NextAttemptDelaySeconds: afterSeconds },
  });
  const recorded = await execution.recordedAs(scope, retry, operation.id);
  if (recorded !== undefined) return recorded;
  const next = new Date(Date.now() + afterSeconds * 1_000);
  const details = { Attempt: attempt, NextAttemptTimestamp: next, Result: payload };
  return { Id, Type, StartTimestamp: undefined, Status: "PENDING", StepDetails: details };
}
