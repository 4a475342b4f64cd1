import { defined, detailsOf, type ErrorObject, type Operation } from "../core/wire.ts";
import type { ExecutionCounters } from "../journal/journal.ts";
import type { ExecutionSummary } from "../local/executions.ts";
import type { HistoryEvent } from "../service/history.ts";
import type { OpenCallback } from "../service/open-callbacks.ts";
import { meteredOperations, quotaOperations } from "./cost.ts";
import type { ExecutionState } from "./execution-state.ts";
import { type ReadPayload, readAnyPayload, readResult } from "./inspect/payload-view.ts";
import { isoMoment } from "./moment.ts";

/** Parts of the documents of `--json`: names in camelCase, moments in ISO 8601 (UTC). See docs/command-line-json.md. */

export function usageDocument(counters: ExecutionCounters): object {
  return {
    operations: quotaOperations(counters),
    meteredOperations: meteredOperations(counters),
    retries: counters.retries,
    updates: counters.updates,
    requests: counters.checkpoints,
    dataBytes: counters.dataBytes,
    requestBytes: counters.requestBytes,
    invocations: counters.invocations,
    failedInvocations: counters.invocationFailures,
    stateReads: counters.stateReads,
  };
}

/** Leaves out input, result and error, which `outcomeDocument` makes. */
export function executionDocument(record: ExecutionSummary, { status, endMs }: ExecutionState): object {
  const { arn, name, functionName, startTimestamp, endTimestamp, parent, redriveOf, counters } = record;
  return {
    type: "execution",
    ...{ arn, id: arn.slice(arn.lastIndexOf("/") + 1), name, functionName, status },
    startedAt: isoMoment(startTimestamp),
    ...defined({
      endedAt: isoMoment(endTimestamp),
      ...(status === "INTERRUPTED" && { lastSeenAt: isoMoment(endMs) }),
    }),
    durationMs: Math.max(0, endMs - startTimestamp),
    ...(parent === undefined ? {} : { parent: { executionArn: parent.arn, operationId: parent.operationId } }),
    ...(redriveOf === undefined ? {} : { redriveOf }),
    usage: usageDocument(counters),
  };
}

export function outcomeDocument({ input, result, error }: ExecutionSummary, trace: string | undefined): object {
  return { ...payloadMember("input", input), ...payloadMember("result", result), ...errorMember(error, trace) };
}

export function operationDocument(operation: Operation, trace: string | undefined): object {
  const { Id: id, ParentId: parentId, Name: name, Type, SubType, Status: status } = operation;
  const { StartTimestamp, EndTimestamp, StepDetails: step, WaitDetails: wait, CallbackDetails: callback } = operation;
  const { result, error } = endOf(operation);
  return {
    type: "operation",
    ...defined({ id, parentId, name, kind: SubType ?? Type, status }),
    ...defined({
      startedAt: isoMoment(StartTimestamp?.getTime()),
      endedAt: isoMoment(EndTimestamp?.getTime()),
      durationMs: EndTimestamp && StartTimestamp ? EndTimestamp.getTime() - StartTimestamp.getTime() : undefined,
      attempts: step?.Attempt,
      nextAttemptAt: isoMoment(step?.NextAttemptTimestamp?.getTime()),
      waitsUntil: isoMoment(wait?.ScheduledEndTimestamp?.getTime()),
      callbackId: callback?.CallbackId,
    }),
    ...payloadMember("result", result, (payload) => readResult(operation, payload)),
    ...errorMember(error, trace),
  };
}

/** The result is still encoded. */
export function endOf(operation: Operation): { result: string | undefined; error: ErrorObject | undefined } {
  const details = detailsOf(operation);
  return { result: details?.Result, error: details?.Error };
}

/** @param trace the stacks of the thrown error and of its causes */
export function errorDocument(error: ErrorObject, trace?: string): object {
  const { ErrorType: type, ErrorMessage: message, ErrorData: data, StackTrace: stack } = error;
  return defined({ type, message, data, stack, trace });
}

export function eventDocument(event: HistoryEvent): object {
  const { EventId, EventType, EventTimestamp, Id, Name, ParentId, SubType } = event;
  const details = event[`${EventType}Details`];
  const read = (payload: string): ReadPayload =>
    readResult({ Type: EventType === "CallbackSucceeded" ? "CALLBACK" : undefined }, payload);
  return {
    type: "event",
    ...{ eventId: EventId, event: EventType, at: EventTimestamp.toISOString() },
    ...defined({ operationId: Id, name: Name, parentId: ParentId, kind: SubType }),
    ...(details === undefined ? {} : { details: detailsDocument(details as Record<string, unknown>, read) }),
  };
}

export function callbackDocument(
  callback: OpenCallback & { readonly executionName?: string; readonly places?: readonly string[] },
): object {
  const { callbackId, name, executionArn, executionName, operationId, places } = callback;
  return {
    type: "callback",
    ...defined({ callbackId, name, executionArn, executionName, operationId, places }),
    startedAt: isoMoment(callback.startTimestamp),
    ...defined({
      timeoutAt: isoMoment(callback.timeoutTimestamp),
      heartbeatDueAt: isoMoment(callback.heartbeatTimestamp),
    }),
  };
}

/** If a payload cannot be read, its member is the raw text, and the member `<name>Unreadable` says why. */
export function payloadMember(name: string, payload: string | undefined, read = readAnyPayload): object {
  if (payload === undefined || payload === "") return {};
  const { value, unreadable } = read(payload);
  return { [name]: value, ...(unreadable === undefined ? {} : { [`${name}Unreadable`]: unreadable }) };
}

function errorMember(error: ErrorObject | undefined, trace: string | undefined): object {
  return error === undefined ? {} : { error: errorDocument(error, trace) };
}

function detailsDocument(details: Record<string, unknown>, read: typeof readAnyPayload): object {
  const members = Object.entries(details).flatMap(([key, value]): (readonly [string, unknown])[] => {
    const name = key.charAt(0).toLowerCase() + key.slice(1);
    if (value === undefined) return [];
    if (key === "Input" || key === "Result") {
      return Object.entries(payloadMember(name, (value as { Payload?: string }).Payload, read));
    }
    if (key === "Error") {
      const { Payload: error } = value as { Payload?: ErrorObject };
      return error === undefined ? [] : [[name, errorDocument(error)]];
    }
    if (key.endsWith("Timestamp")) return [[`${name.slice(0, -"Timestamp".length)}At`, value]];
    if (key === "RetryDetails") return Object.entries(detailsDocument(value as Record<string, unknown>, read));
    return [[name, value]];
  });
  return Object.fromEntries(members);
}
