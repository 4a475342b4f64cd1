import { defined, type WireOperation } from "../core/wire.ts";
import { runAs } from "../execution/active.ts";
import { dueMs } from "../execution/pending-operation.ts";
import { park } from "../execution/suspension.ts";
import type { Announcement, AttemptEnd } from "./attempt-end.ts";
import type { Attention } from "./durable-promise.ts";
import { attemptInfo, runObserved } from "./observed-attempt.ts";
import { type ClaimedOperation, update } from "./operation.ts";

/** The result of an operation that succeeded, or the current record of the operation. */
export type AttemptOutcome = { readonly value: unknown } | { readonly record: WireOperation };

/** The number of the attempt after the recorded attempts, from 1. */
export function nextAttempt(record: WireOperation | undefined): number {
  return (record?.StepDetails?.Attempt ?? 0) + 1;
}

/**
 * Runs one attempt, from its START to its end. The end is queued before the operation stops counting as executing. The
 * synchronous part runs at the call. `body` must not reject. With plugins, `body` gets the time at which the attempt
 * began.
 */
export async function runAttempt(
  operation: ClaimedOperation,
  attempt: number,
  announcement: Announcement,
  body: (startTimestamp?: Date) => Promise<AttemptEnd>,
): Promise<AttemptOutcome> {
  const { execution, scope } = operation;
  // This wait comes before the START. An attempt that waits for a permit must not look begun and must not keep the
  // invocation awake.
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
  } else if (announcement === "queued") execution.recordStart(operation, update(operation, "START"), attempt === 1);
  const { observer } = execution;
  if (observer?.followsAttempts) {
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
    // The hooks have ended before the invocation can be suspended.
    execution.countExecuting(scope, -1);
    return outcome;
  }
  // All operations that begin together send their START before the first body runs.
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

/**
 * Whether an attempt that waited for the tick must not run any more. An attempt that may run only once has to run, and
 * so has the first attempt of an invocation, even with little time.
 */
function isTooLate({ execution, scope }: ClaimedOperation, announcement: Announcement): boolean {
  const isLeft = execution.isOver || scope.isOver;
  const hasTo = announcement === "awaited" || !execution.hasRun;
  if (!isLeft && (hasTo || !execution.isDraining)) return false;
  if (!isLeft) execution.leaveWork();
  execution.countExecuting(scope, -1);
  return true;
}

/**
 * Runs the user's code of an attempt. The logger and the check for a wrong context know the operation while the code
 * runs.
 */
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
  // The wrapper runs as part of the operation too, so that its log lines name the operation.
  return runAs(current, () => observer.wrap("wrapOperationAttemptFn", info, () => runAs(current, piece)));
}

/**
 * Waits until a PENDING operation may be tried again. This process notices the time even if nobody awaits the
 * operation.
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
 * Queues the end of an attempt at once. A failure takes as many microtasks as a success, so that the branches of a map
 * end in the order of their acknowledgements.
 */
export function closeAttempt(operation: ClaimedOperation, end: AttemptEnd, attempt: number): Promise<AttemptOutcome> {
  const { execution, key: Id, type: Type } = operation;
  if (end.end !== "succeed" && end.thrown !== undefined) execution.onThrown?.(operation.id, end.thrown);
  switch (end.end) {
    case "succeed": {
      const rest = end.payload === undefined ? undefined : { Payload: end.payload };
      return execution.recorded(operation, update(operation, "SUCCEED", rest), { value: end.value });
    }
    case "fail": {
      const details = { Attempt: attempt, Error: end.error };
      const record: WireOperation = { Id, Type, StartTimestamp: undefined, Status: "FAILED", StepDetails: details };
      return execution.recorded(operation, update(operation, "FAIL", { Error: end.error }), { record });
    }
    case "retry":
      return recordRetry(operation, end, attempt);
  }
}

async function recordRetry(
  operation: ClaimedOperation,
  { error, payload, afterSeconds }: AttemptEnd & { end: "retry" },
  attempt: number,
): Promise<AttemptOutcome> {
  const { execution, key: Id, type: Type } = operation;
  const retry = update(operation, "RETRY", {
    ...defined({ Error: error, Payload: payload }),
    StepOptions: { NextAttemptDelaySeconds: afterSeconds },
  });
  const recorded = await execution.recordedAs(operation, retry);
  if (recorded !== undefined) return { record: recorded };
  const next = new Date(Date.now() + afterSeconds * 1_000);
  const details = { Attempt: attempt, NextAttemptTimestamp: next, Result: payload };
  return { record: { Id, Type, StartTimestamp: undefined, Status: "PENDING", StepDetails: details } };
}
