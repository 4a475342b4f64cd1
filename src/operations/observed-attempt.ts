import type { Observer } from "../execution/observer.ts";
import { errorShown } from "../execution/operation-info.ts";
import type { AttemptEndInfo, AttemptInfo, OperationEndInfo } from "../plugins/plugin.ts";
import type { Announcement, AttemptEnd } from "./attempt-end.ts";
import type { ClaimedOperation } from "./operation.ts";

export interface RanAttempt<Outcome> {
  readonly end: AttemptEnd;
  readonly endTimestamp: Date;
  readonly outcome: Outcome;
}

export async function runObserved<Outcome>(
  observer: Observer,
  operation: ClaimedOperation,
  attempt: number,
  announcement: Announcement,
  run: (startTimestamp: Date) => Promise<RanAttempt<Outcome>>,
): Promise<Outcome> {
  const starting = observer.emit("onOperationStart", () =>
    announcement === "queued"
      ? observer.info(operation, { status: "STARTED", isReplay: attempt > 1 })
      : observer.recordedInfo(operation, { isReplay: announcement === "none" || attempt > 1 }),
  );
  // As without plugins, operations that code begins without an `await` in between queue their STARTs before the first
  // body runs.
  await starting;
  const startTimestamp = new Date();
  const beginning = observer.emit("onOperationAttemptStart", () =>
    attemptInfo(observer, operation, attempt, startTimestamp),
  );
  if (beginning !== undefined) await beginning;
  const { end, endTimestamp, outcome } = await run(startTimestamp);
  const attemptEnding = observer.emit("onOperationAttemptEnd", () => ({
    ...attemptEndInfo(observer, operation, attempt, end),
    ...{ startTimestamp, endTimestamp },
  }));
  if (attemptEnding !== undefined) await attemptEnding;
  if (end.end === "retry") return outcome;
  const ending = observer.emit(
    "onOperationEnd",
    (): OperationEndInfo => attemptEndInfo(observer, operation, attempt, end),
  );
  if (ending !== undefined) await ending;
  return outcome;
}

export function attemptInfo(
  observer: Observer,
  operation: ClaimedOperation,
  attempt: number,
  startTimestamp: Date,
): AttemptInfo {
  return { ...observer.recordedInfo(operation, { startTimestamp }), attempt };
}

function attemptEndInfo(
  observer: Observer,
  operation: ClaimedOperation,
  attempt: number,
  end: AttemptEnd,
): AttemptEndInfo {
  // The recorded error is dropped, because it may be the error of an earlier attempt.
  const { error: _recorded, ...info } = { ...observer.recordedInfo(operation, {}), attempt };
  if (end.end === "succeed" || (end.end === "retry" && end.error === undefined)) {
    return { ...info, outcome: "SUCCEEDED" };
  }
  return { ...info, outcome: "FAILED", error: errorShown(end.thrown) };
}
