import type { OperationUpdate, WireOperation } from "../../src/index.ts";
import { noCounters } from "../../src/journal/journal.ts";
import { type JournalEntry, MemoryJournal } from "../../src/testing.ts";
import type { Recording } from "./recording.ts";

/** A journal that holds the recording's execution, of a function `recorded`, as if its last invocation had ended at `atMs`, epoch milliseconds. */
export function journalOf(recording: Recording, atMs: number): MemoryJournal {
  const { arn, operations, input, answers = {}, lastInvocation } = recording;
  const moveMs = atMs - Date.parse(recording.at);
  const entries: JournalEntry[] = [];
  for (const operation of operations) entries.push(...entriesOf(operation, moveMs));
  entries.push({ kind: "begin", atMs, token: entries.length + 1, requestId: "request" });
  if (lastInvocation === "pending") entries.push({ kind: "invocation", atMs, startMs: atMs, requestId: "request" });
  for (const { Id: id = "", Name: name = "", ParentId, Type, Status } of operations) {
    if (Status !== "STARTED" || (Type !== "CALLBACK" && Type !== "CHAINED_INVOKE")) continue;
    const result = answers[name] ?? answers[operations.find((parent) => parent.Id === ParentId)?.Name ?? ""];
    if (result !== undefined) entries.push({ kind: "completion", atMs, id, status: "SUCCEEDED", result });
  }
  const journal = new MemoryJournal();
  const startMs = Math.min(atMs, ...operations.map(({ StartTimestamp }) => ms(StartTimestamp) + moveMs));
  const names = { arn, name: "recorded", functionName: "recorded", metadata: {} };
  const header = { ...names, input: JSON.stringify(input), startMs, timeoutSeconds: undefined };
  journal.create(header, { entries, counters: noCounters() });
  return journal;
}

/** What makes an operation of nothing, all at the times that it names, moved by so much. */
function entriesOf(operation: WireOperation, moveMs: number): JournalEntry[] {
  const startMs = ms(operation.StartTimestamp) + moveMs;
  const endMs = ms(operation.EndTimestamp) + moveMs;
  const { Id, ParentId, Name, Type, SubType, Status } = operation;
  const kind = { Id, Type, SubType, ...(ParentId && { ParentId }), ...(Name !== undefined && { Name }) };
  const entries: JournalEntry[] = [];
  const send = (atMs: number, update: Partial<OperationUpdate>): void => {
    const { CallbackId } = operation.CallbackDetails ?? {};
    const assigned = CallbackId === undefined ? {} : { assigned: { [Id as string]: CallbackId } };
    entries.push({
      kind: "checkpoint",
      atMs,
      token: 1,
      updates: [{ ...kind, Action: "START", ...update }],
      ...assigned,
    });
  };
  const details = operation.StepDetails ?? operation.ContextDetails ?? operation.ChainedInvokeDetails ?? {};
  const outcome = {
    ...(details.Result !== undefined && { Payload: details.Result }),
    ...(details.Error !== undefined && { Error: details.Error }),
  };
  const ends = Status === "SUCCEEDED" ? "SUCCEED" : "FAIL";
  const hasEnded = Status === "SUCCEEDED" || Status === "FAILED";
  switch (Type) {
    case "STEP": {
      const { Attempt = 0, NextAttemptTimestamp: next } = operation.StepDetails ?? {};
      const delay = { NextAttemptDelaySeconds: next === undefined ? 0 : (ms(next) + moveMs - startMs) / 1_000 };
      send(startMs, {});
      for (let failed = 0; failed < Attempt - Number(hasEnded); failed++) {
        send(startMs, { Action: "RETRY", StepOptions: delay, ...outcome });
      }
      if (hasEnded) send(endMs, { Action: ends, ...outcome });
      else if (Attempt > 0 && Status !== "PENDING")
        entries.push({ kind: "timers", atMs: startMs, ids: [Id as string] });
      if (Attempt > 0 && Status === "STARTED") send(startMs, {});
      break;
    }
    case "CONTEXT": {
      const { ReplayChildren } = operation.ContextDetails ?? {};
      send(startMs, {});
      if (hasEnded)
        send(endMs, { Action: ends, ...outcome, ...(ReplayChildren && { ContextOptions: { ReplayChildren } }) });
      break;
    }
    case "WAIT": {
      const due = ms(operation.WaitDetails?.ScheduledEndTimestamp) + moveMs;
      send(startMs, { WaitOptions: { WaitSeconds: (due - startMs) / 1_000 } });
      if (hasEnded) entries.push({ kind: "timers", atMs: endMs, ids: [Id as string] });
      break;
    }
    case "CALLBACK":
    case "CHAINED_INVOKE": {
      send(startMs, Type === "CALLBACK" ? {} : { ChainedInvokeOptions: { FunctionName: "other" } });
      const { Result: result, Error: error } = operation.CallbackDetails ?? operation.ChainedInvokeDetails ?? {};
      const status = Status as "SUCCEEDED" | "FAILED";
      if (hasEnded) entries.push({ kind: "completion", atMs: endMs, id: Id as string, status, result, error });
      break;
    }
  }
  return entries;
}

/** NaN for none. */
function ms(timestamp: WireOperation["StartTimestamp"]): number {
  return timestamp === undefined ? Number.NaN : new Date(timestamp).getTime();
}
