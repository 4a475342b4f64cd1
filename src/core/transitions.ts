import {
  type ContextDetails,
  defined,
  type Operation,
  type OperationStatus,
  type OperationUpdate,
  type WireOperation,
} from "./wire.ts";

/** Returns a new object: the operation after a valid update. `known` is undefined if there is no record yet. */
export function applyUpdate(
  known: Operation | undefined,
  update: OperationUpdate,
  now: Date,
  callbackId?: string,
): Operation {
  const changed: Operation = known === undefined ? begin(update, now) : { ...known };
  if (update.Action === "CANCEL") return end(changed, "CANCELLED", now);
  switch (update.Type) {
    case "STEP":
      changeStep(changed, update, now);
      return changed;
    case "CONTEXT": {
      const details = update.Action === "START" ? {} : outcomeOf(update);
      if (update.ContextOptions?.ReplayChildren) details.ReplayChildren = true;
      changed.ContextDetails = details;
      if (update.Action !== "START") return end(changed, statusOf(update), now);
      break;
    }
    case "WAIT": {
      const due = new Date(now.getTime() + (update.WaitOptions?.WaitSeconds ?? 0) * 1_000);
      changed.WaitDetails = { ScheduledEndTimestamp: due };
      break;
    }
    case "CALLBACK":
      changed.CallbackDetails = defined({ CallbackId: callbackId });
      break;
    case "CHAINED_INVOKE":
      changed.ChainedInvokeDetails = {};
      break;
    default:
      return end(changed, statusOf(update), now);
  }
  changed.Status = "STARTED";
  return changed;
}

function begin(update: OperationUpdate, now: Date): Operation {
  const operation: Operation = { Id: update.Id, Type: update.Type, StartTimestamp: now, Status: "STARTED" };
  if (update.ParentId !== undefined) operation.ParentId = update.ParentId;
  if (update.Name !== undefined) operation.Name = update.Name;
  if (update.SubType !== undefined) operation.SubType = update.SubType;
  return operation;
}

function statusOf(update: OperationUpdate): OperationStatus {
  return update.Action === "SUCCEED" ? "SUCCEEDED" : "FAILED";
}

function end(operation: Operation, status: OperationStatus, now: Date): Operation {
  operation.Status = status;
  operation.EndTimestamp = now;
  return operation;
}

function changeStep(step: Operation, update: OperationUpdate, now: Date): void {
  const attempts = step.StepDetails?.Attempt ?? 0;
  switch (update.Action) {
    case "START":
      step.Status = "STARTED";
      step.StepDetails ??= {};
      return;
    case "RETRY": {
      const delayMs = (update.StepOptions?.NextAttemptDelaySeconds ?? 0) * 1_000;
      const NextAttemptTimestamp = new Date(now.getTime() + delayMs);
      step.Status = "PENDING";
      step.StepDetails = { Attempt: attempts + 1, NextAttemptTimestamp, ...outcomeOf(update) };
      return;
    }
    default:
      step.StepDetails = { Attempt: attempts + 1, ...outcomeOf(update) };
      end(step, statusOf(update), now);
  }
}

/** This code runs for each step of a batch. So it does not call `defined`, which is slower. */
function outcomeOf({ Payload: Result, Error: error }: OperationUpdate): ContextDetails {
  if (error !== undefined) return Result === undefined ? { Error: error } : { Error: error, Result };
  return Result === undefined ? {} : { Result };
}

/** Whether the status is SUCCEEDED or FAILED. `hasEnded` of `wire.ts` is true for the other final statuses too. */
export function isFinished({ Status }: Pick<WireOperation, "Status">): boolean {
  return Status === "SUCCEEDED" || Status === "FAILED";
}

export function completeTimer(operation: Operation, now: Date): Operation {
  if (operation.Type === "WAIT") return { ...operation, Status: "SUCCEEDED", EndTimestamp: now };
  const { NextAttemptTimestamp: _, ...details } = operation.StepDetails ?? {};
  return { ...operation, Status: "READY", StepDetails: details };
}

/** When this wait ends or this step becomes READY; epoch milliseconds. Undefined without such a time. */
export function timerDueMs(operation: Operation): number | undefined {
  if (operation.Type === "WAIT" && operation.Status === "STARTED") {
    return operation.WaitDetails?.ScheduledEndTimestamp?.getTime();
  }
  if (operation.Type === "STEP" && operation.Status === "PENDING") {
    return operation.StepDetails?.NextAttemptTimestamp?.getTime();
  }
  return undefined;
}
