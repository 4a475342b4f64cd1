import { isPacked } from "../codec/format.ts";
import { applyUpdate, completeTimer } from "../core/transitions.ts";
import {
  defined,
  type ErrorObject,
  isFanOut,
  type Operation,
  type OperationAction,
  type OperationStatus,
  type OperationType,
} from "../core/wire.ts";

interface HistoryEvent {
  readonly EventType: string;
  readonly EventId?: number;
  readonly Id?: string;
  readonly Name?: string;
  readonly ParentId?: string;
  readonly SubType?: string;
  readonly EventTimestamp?: unknown;
}

interface Payload<T> {
  readonly Payload?: T;
  readonly Truncated?: boolean;
}

interface Details {
  readonly Input?: Payload<string>;
  readonly Result?: Payload<string>;
  readonly Error?: Payload<ErrorObject>;
  readonly RetryDetails?: { readonly NextAttemptDelaySeconds?: number };
  readonly CallbackId?: string;
  readonly Duration?: number;
}

const TYPES: Readonly<Record<string, OperationType>> = {
  Context: "CONTEXT",
  Step: "STEP",
  Wait: "WAIT",
  Callback: "CALLBACK",
  ChainedInvoke: "CHAINED_INVOKE",
};

const ENDS: Readonly<Record<string, OperationStatus>> = {
  Succeeded: "SUCCEEDED",
  Failed: "FAILED",
  TimedOut: "TIMED_OUT",
  Stopped: "STOPPED",
  Cancelled: "CANCELLED",
};

interface RecordedEvents {
  readonly input: string | undefined;
  readonly lacksInput: boolean;
  readonly operations: readonly Operation[];
  readonly truncated: ReadonlySet<string>;
}

const EVENT_TYPE = /^(Context|Step|Wait|Callback|ChainedInvoke)(Started|Succeeded|Failed|TimedOut|Stopped|Cancelled)$/;

export function isHistoryEvent(event: unknown): event is HistoryEvent {
  return typeof (event as { EventType?: unknown } | null | undefined)?.EventType === "string";
}

/** @throws the error that `invalid` makes, if a step has succeeded and no event has data */
export function readHistoryEvents(events: readonly HistoryEvent[], invalid: (what: string) => Error): RecordedEvents {
  const operations = new Map<string, Operation>();
  const truncated = new Set<string>();
  let input: Payload<string> | undefined;
  let hasPayloads = false;
  let hasResults = false;
  for (const event of events.toSorted((a, b) => (a.EventId ?? 0) - (b.EventId ?? 0))) {
    const details = detailsOf(event);
    const { Result: result, Error: error, Input: given } = details;
    hasPayloads ||= [result, error, given].some((part) => part?.Payload !== undefined);
    if (event.EventType === "ExecutionStarted") input = given;
    const [, prefix = "", suffix = ""] = EVENT_TYPE.exec(event.EventType) ?? [];
    const type = TYPES[prefix];
    if (type === undefined || event.Id === undefined) continue;
    hasResults ||= event.EventType === "StepSucceeded";
    operations.set(event.Id, next(operations.get(event.Id), event, details, type, suffix));
    if (result?.Truncated === true || error?.Truncated === true) truncated.add(event.Id);
    else truncated.delete(event.Id);
  }
  if (hasResults && !hasPayloads) {
    throw invalid("Its events have no data. Fetch the history with --include-execution-data.");
  }
  return {
    input: input?.Payload,
    lacksInput: input === undefined || input.Truncated === true,
    operations: [...operations.values()],
    truncated,
  };
}

function detailsOf(event: HistoryEvent): Details {
  return ((event as unknown as Record<string, unknown>)[`${event.EventType}Details`] ?? {}) as Details;
}

function next(
  known: Operation | undefined,
  event: HistoryEvent,
  details: Details,
  type: OperationType,
  suffix: string,
): Operation {
  const now = timeOf(event.EventTimestamp);
  const { Id, Name, ParentId, SubType } = event;
  const about = { Type: type, ...defined({ Id, Name, ParentId, SubType }) } as { Type: OperationType; Id: string };
  const apply = (action: OperationAction, rest: object = {}): Operation =>
    applyUpdate(known, { ...about, Action: action, ...rest }, now, details.CallbackId);
  if (suffix === "Started") return apply("START", { WaitOptions: { WaitSeconds: details.Duration ?? 0 } });
  if (type === "WAIT") {
    const begun = known ?? apply("START");
    return suffix === "Cancelled" ? apply("CANCEL") : completeTimer(begun, now);
  }
  const { Payload: result } = details.Result ?? {};
  const { Payload: error } = details.Error ?? {};
  const outcome = defined({ Payload: result, Error: error });
  if (type === "CALLBACK" || type === "CHAINED_INVOKE") {
    const begun = known ?? apply("START");
    const ended = { ...begun, Status: ENDS[suffix], EndTimestamp: now };
    const told = defined({ Result: result, Error: error });
    if (type === "CALLBACK") return { ...ended, CallbackDetails: { ...begun.CallbackDetails, ...told } };
    return { ...ended, ChainedInvokeDetails: told };
  }
  if (type === "STEP") {
    const delay = details.RetryDetails?.NextAttemptDelaySeconds;
    if (delay !== undefined && delay > 0) {
      return apply("RETRY", { ...outcome, StepOptions: { NextAttemptDelaySeconds: delay } });
    }
    return apply(suffix === "Succeeded" ? "SUCCEED" : "FAIL", outcome);
  }
  const replays = suffix === "Succeeded" && isRebuilt(event.SubType, result);
  return apply(suffix === "Succeeded" ? "SUCCEED" : "FAIL", {
    ...outcome,
    ...(replays ? { ContextOptions: { ReplayChildren: true } } : {}),
  });
}

/**
 * Whether a context makes its result again from the operations inside it. The SDKs then write an empty text for a child
 * context, and JSON without a list of items for a map or parallel. A user's summary of a child context counts as a
 * result if the summary is JSON, because the history does not show the difference.
 */
function isRebuilt(subType: string | undefined, result: string | undefined): boolean {
  if (result === undefined) return false;
  if (result === "") return true;
  // A payload that the codec has packed is never a summary.
  if (isPacked(result)) return false;
  try {
    const value: unknown = JSON.parse(result);
    return isFanOut(subType) && !Array.isArray((value as { all?: unknown } | null)?.all);
  } catch {
    // The text is not JSON: a summary of the user's code, or a payload of a serdes. The code of the context can run for
    // both.
    return true;
  }
}

/** Reads a Date, an ISO text or a number: seconds since 1970 below 1e11, else milliseconds. Other values give 1970. */
function timeOf(timestamp: unknown): Date {
  if (typeof timestamp === "number") return new Date(timestamp < 100_000_000_000 ? timestamp * 1_000 : timestamp);
  const time = new Date(typeof timestamp === "string" || timestamp instanceof Date ? timestamp : Number.NaN);
  return Number.isNaN(time.getTime()) ? new Date(0) : time;
}
