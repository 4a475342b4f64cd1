import { asError } from "../core/errors.ts";
import type { Observer } from "../execution/observer.ts";
import type { AttemptEndInfo, AttemptInfo } from "../plugins/plugin.ts";
import type { Announcement, AttemptEnd } from "./attempt-end.ts";
import type { ClaimedOperation } from "./operation.ts";

/** Runs an attempt of a step or condition, and tells plugins how it begins and ends. */
export async function runObserved<Closed>(
  observer: Observer,
  operation: ClaimedOperation,
  attempt: number,
  announcement: Announcement,
  run: () => Promise<{ end: AttemptEnd; closed: Closed }>,
): Promise<Closed> {
  const { plugins } = observer;
  await plugins.emit("onOperationStart", () =>
    announcement === "queued"
      ? observer.info(operation, { status: "STARTED", isReplay: attempt > 1 })
      : observer.recordedInfo(operation, { isReplay: announcement === "none" || attempt > 1 }),
  );
  await plugins.emit("onOperationAttemptStart", () => attemptInfo(observer, operation, attempt));
  const startTimestamp = new Date();
  const { end, closed } = await run();
  let info: AttemptEndInfo | undefined;
  const endInfo = (): AttemptEndInfo => {
    info ??= attemptEndInfo(observer, operation, attempt, end, startTimestamp);
    return info;
  };
  await plugins.emit("onOperationAttemptEnd", endInfo);
  if (end.end !== "retry") await plugins.emit("onOperationEnd", endInfo);
  return closed;
}

/** What plugins are told of an attempt that begins. */
export function attemptInfo(observer: Observer, operation: ClaimedOperation, attempt: number): AttemptInfo {
  const startTimestamp = observer.startOf(operation.id) ?? new Date();
  return { ...observer.recordedInfo(operation, { startTimestamp }), attempt };
}

function attemptEndInfo(
  observer: Observer,
  operation: ClaimedOperation,
  attempt: number,
  end: AttemptEnd,
  startTimestamp: Date,
): AttemptEndInfo {
  const times = { startTimestamp, endTimestamp: new Date() };
  const info = { ...times, ...observer.recordedInfo(operation, {}), attempt };
  if (end.end === "succeed" || (end.end === "retry" && end.error === undefined)) {
    return { ...info, outcome: "SUCCEEDED" };
  }
  return { ...info, outcome: "FAILED", error: asError(end.thrown) };
}
