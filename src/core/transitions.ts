import {
  defined,
  type ErrorObject,
  type Operation,
  type OperationStatus,
  type OperationUpdate,
  type WireOperation,
} from "./wire.ts";

/**
 * Returns the operation as a valid update changes it at the time `now`. The given operation is not changed. When a
 * callback starts, the operation gets `callbackId`. The embedded service uses this function for its operations, and
 * batches use the function for the records of their items.
 */
export function applyUpdate(
  known: Operation | undefined,
  update: OperationUpdate,
  now: Date,
  callbackId?: string,
): Operation {
  const base: Operation = known ?? begin(update, now);
  if (update.Action === "CANCEL") return { ...base, Status: "CANCELLED", EndTimestamp: now };
  switch (update.Type) {
    case "STEP":
      return applyToStep(base, update, now);
    case "CONTEXT": {
      if (update.Action === "START") return { ...base, Status: "STARTED", ContextDetails: {} };
      const details = {
        ...outcomeOf(update),
        ...(update.ContextOptions?.ReplayChildren ? { ReplayChildren: true } : {}),
      };
      return { ...base, Status: ended(update), EndTimestamp: now, ContextDetails: details };
    }
    case "WAIT": {
      const due = new Date(now.getTime() + (update.WaitOptions?.WaitSeconds ?? 0) * 1_000);
      return { ...base, Status: "STARTED", WaitDetails: { ScheduledEndTimestamp: due } };
    }
    case "CALLBACK":
      return { ...base, Status: "STARTED", CallbackDetails: defined({ CallbackId: callbackId }) };
    case "CHAINED_INVOKE":
      return { ...base, Status: "STARTED", ChainedInvokeDetails: {} };
    default:
      return { ...base, Status: ended(update), EndTimestamp: now };
  }
}

function begin(update: OperationUpdate, now: Date): Operation {
  const operation: Operation = { Id: update.Id, Type: update.Type, StartTimestamp: now, Status: "STARTED" };
  if (update.ParentId !== undefined) operation.ParentId = update.ParentId;
  if (update.Name !== undefined) operation.Name = update.Name;
  if (update.SubType !== undefined) operation.SubType = update.SubType;
  return operation;
}

function ended(update: OperationUpdate): OperationStatus {
  return update.Action === "SUCCEED" ? "SUCCEEDED" : "FAILED";
}

function applyToStep(base: Operation, update: OperationUpdate, now: Date): Operation {
  const attempts = base.StepDetails?.Attempt ?? 0;
  switch (update.Action) {
    case "START":
      return { ...base, Status: "STARTED", StepDetails: base.StepDetails ?? {} };
    case "RETRY": {
      const delayMs = (update.StepOptions?.NextAttemptDelaySeconds ?? 0) * 1_000;
      const NextAttemptTimestamp = new Date(now.getTime() + delayMs);
      const details = { Attempt: attempts + 1, NextAttemptTimestamp, ...outcomeOf(update) };
      return { ...base, Status: "PENDING", StepDetails: details };
    }
    default: {
      const details = { Attempt: attempts + 1, ...outcomeOf(update) };
      return { ...base, Status: ended(update), EndTimestamp: now, StepDetails: details };
    }
  }
}

/**
 * Takes the result or the error from an update. This function does not call the helper `defined`, which is slower,
 * because this code runs for each step of each item of a batch.
 */
function outcomeOf({ Payload: Result, Error: error }: OperationUpdate): { Result?: string; Error?: ErrorObject } {
  if (error !== undefined) return Result === undefined ? { Error: error } : { Error: error, Result };
  return Result === undefined ? {} : { Result };
}

/**
 * Whether a step or a context has succeeded or failed. The function accepts any operation, but it is false for the
 * other final statuses, such as TIMED_OUT or CANCELLED. `hasEnded` of `wire.ts` is true for each final status.
 */
export function isFinished({ Status }: Pick<WireOperation, "Status">): boolean {
  return Status === "SUCCEEDED" || Status === "FAILED";
}

/** Returns the operation as the service changes it at its due time: a wait has ended, or a step is ready. */
export function completeTimer(operation: Operation, now: Date): Operation {
  if (operation.Type === "WAIT") return { ...operation, Status: "SUCCEEDED", EndTimestamp: now };
  const { NextAttemptTimestamp: _, ...details } = operation.StepDetails ?? {};
  return { ...operation, Status: "READY", StepDetails: details };
}

/**
 * The time at which the service ends a wait or makes a step ready; epoch milliseconds. Undefined for any other
 * operation.
 */
export function timerDueMs(operation: Operation): number | undefined {
  if (operation.Type === "WAIT" && operation.Status === "STARTED") {
    return operation.WaitDetails?.ScheduledEndTimestamp?.getTime();
  }
  if (operation.Type === "STEP" && operation.Status === "PENDING") {
    return operation.StepDetails?.NextAttemptTimestamp?.getTime();
  }
  return undefined;
}
