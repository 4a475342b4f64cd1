import { defined, type WireOperation } from "../core/wire.ts";
import { runAs } from "../execution/active.ts";
import type { Observer } from "../execution/observer.ts";
import { dueMs } from "../execution/pending-operation.ts";
import { park } from "../execution/suspension.ts";
import type { Announcement, AttemptEnd } from "./attempt-end.ts";
import type { Attention } from "./durable-promise.ts";
import { attemptInfo, runObserved } from "./observed-attempt.ts";
import { type ClaimedOperation, recordStart, update } from "./operation.ts";

/** `value` only if the attempt succeeded and its result was read back already. Otherwise the new record. */
export type AttemptOutcome = { readonly value: unknown } | { readonly record: WireOperation };

/** Attempts are numbered from 1. */
export function nextAttempt(record: WireOperation | undefined): number {
  return (record?.StepDetails?.Attempt ?? 0) + 1;
}

/**
 * Runs one attempt and records its end. Unless the operation waits for permits, the START is queued during the call.
 * `body` must not reject, because the operation would then count as executing for ever. The promise never settles if
 * the attempt may not run, or if its end can no longer be recorded.
 */
export async function runAttempt(
  operation: ClaimedOperation,
  attempt: number,
  announcement: Announcement,
  body: (startTimestamp?: Date) => Promise<AttemptEnd>,
): Promise<AttemptOutcome> {
  const { execution, scope } = operation;
  // The attempt waits for permits before its START, because an attempt that waits must not be recorded as started, and
  // must not keep the invocation running.
  for (
    let regained = execution.regainPermits(scope);
    regained !== undefined;
    regained = execution.regainPermits(scope)
  ) {
    await regained;
    if (execution.isOver || scope.isOver) return park();
  }
  if (execution.isOver) return park();
  if (execution.isDraining) {
    execution.leaveWork();
    return park();
  }
  execution.countExecuting(scope, 1);
  if (announcement === "awaited") {
    await execution.recorded(operation, update(operation, "START"));
    const secured = operation.ledger.secured();
    if (secured !== undefined) await secured;
  } else if (announcement === "queued") recordStart(operation, attempt === 1);
  const { observer } = execution;
  if (observer?.followsAttempts) return runWithPlugins(observer, operation, attempt, announcement, body);
  // This `await` lets operations that code begins without an `await` in between queue their STARTs before the first
  // body runs.
  await undefined;
  const nextTick = execution.tick.take();
  if (nextTick !== undefined) {
    await nextTick;
    if (isTooLate(operation, announcement)) return park();
  }
  execution.noteRun();
  const closed = await closeAttempt(operation, await body(), attempt);
  execution.countExecuting(scope, -1);
  return closed;
}

// A function of its own: in `runAttempt`, this closure would put all variables of each attempt on the heap.
async function runWithPlugins(
  observer: Observer,
  operation: ClaimedOperation,
  attempt: number,
  announcement: Announcement,
  body: (startTimestamp?: Date) => Promise<AttemptEnd>,
): Promise<AttemptOutcome> {
  const { execution, scope } = operation;
  const outcome = await runObserved(observer, operation, attempt, announcement, async (startTimestamp) => {
    const nextTick = execution.tick.take();
    if (nextTick !== undefined) {
      await nextTick;
      if (isTooLate(operation, announcement)) return park();
    }
    execution.noteRun();
    const end = await body(startTimestamp);
    const endTimestamp = new Date();
    return { end, endTimestamp, outcome: await closeAttempt(operation, end, attempt) };
  });
  // The operation still counts as executing during the plugins' hooks, so that the invocation is not suspended.
  execution.countExecuting(scope, -1);
  return outcome;
}

/**
 * If true, the operation no longer counts as executing. While the invocation drains, an attempt still runs if its START
 * was awaited, because the next invocation would count this attempt as failed. An attempt also still runs if no attempt
 * has run in this invocation, because otherwise no invocation might ever run an attempt.
 */
function isTooLate({ execution, scope }: ClaimedOperation, announcement: Announcement): boolean {
  const isLeft = execution.isOver || scope.isOver;
  const hasTo = announcement === "awaited" || !execution.hasRun;
  if (!isLeft && (hasTo || !execution.isDraining)) return false;
  if (!isLeft) execution.leaveWork();
  execution.countExecuting(scope, -1);
  return true;
}

export function runUserCode<T>(
  operation: ClaimedOperation,
  attempt: number,
  startTimestamp: Date | undefined,
  code: () => Promise<T>,
): Promise<T> {
  const { execution, scope, name, path } = operation;
  const piece = () => execution.tick.run(code);
  const current = { contextId: path, operation, operationName: name, attempt, scope };
  const { observer } = execution;
  if (observer === undefined || startTimestamp === undefined) return runAs(current, piece);
  const info = () => attemptInfo(observer, operation, attempt, startTimestamp);
  // The plugins' wrapper runs as part of the operation too, so that log lines of the wrapper name the operation.
  return runAs(current, () => observer.wrap("wrapOperationAttemptFn", info, () => runAs(current, piece)));
}

/**
 * Resolves with the record when its status is no longer PENDING; never if the invocation ends first. Polls for the
 * change even if no code awaits the operation.
 */
export function untilReady(
  operation: ClaimedOperation,
  record: WireOperation,
  attention: Attention,
): Promise<WireOperation> {
  const pending = operation.execution.wait(operation, "PENDING", dueMs(record));
  pending.arm();
  attention.follow(() => pending.await());
  return pending.changed;
}

/**
 * Resolves when the end of the attempt is recorded; never if it can no longer be recorded. "fail" takes as many
 * microtasks as "succeed". Otherwise the branches of a map would not end in the order of their acknowledgements.
 */
export function closeAttempt(operation: ClaimedOperation, end: AttemptEnd, attempt: number): Promise<AttemptOutcome> {
  const { execution } = operation;
  if (end.end !== "succeed" && end.thrown !== undefined) execution.onThrown?.(operation.id, end.thrown);
  switch (end.end) {
    case "succeed": {
      const { encoded } = end;
      const { payload } = encoded;
      const rest = payload === undefined ? undefined : { Payload: payload };
      const outcome =
        "value" in encoded ? { value: encoded.value } : recordAs(operation, "SUCCEEDED", { Result: payload });
      return execution.recorded(operation, update(operation, "SUCCEED", rest), outcome);
    }
    case "fail": {
      const failed = recordAs(operation, "FAILED", { Attempt: attempt, Error: end.error });
      return execution.recorded(operation, update(operation, "FAIL", { Error: end.error }), failed);
    }
    case "retry":
      return recordRetry(operation, end, attempt);
  }
}

function recordAs(
  { key: Id, type: Type }: ClaimedOperation,
  Status: WireOperation["Status"],
  StepDetails: WireOperation["StepDetails"],
): { record: WireOperation } {
  return { record: { Id, Type, StartTimestamp: undefined, Status, StepDetails } };
}

async function recordRetry(
  operation: ClaimedOperation,
  { error, payload, afterSeconds }: AttemptEnd & { end: "retry" },
  attempt: number,
): Promise<AttemptOutcome> {
  const { execution } = operation;
  const retry = update(operation, "RETRY", {
    ...defined({ Error: error, Payload: payload }),
    StepOptions: { NextAttemptDelaySeconds: afterSeconds },
  });
  const recorded = await execution.recordedAs(operation, retry);
  if (recorded !== undefined) return { record: recorded };
  const next = new Date(execution.nowMs + afterSeconds * 1_000);
  return recordAs(operation, "PENDING", { Attempt: attempt, NextAttemptTimestamp: next, Result: payload });
}
