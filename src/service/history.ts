import type { ErrorObject, Operation, OperationUpdate } from "../core/wire.ts";
import type { ExecutionHeader, ExternalCompletion, JournalEntry } from "../journal/journal.ts";
import { OperationTable } from "./operation-table.ts";

/** One event, in the service's format. The details of `StepStarted` are in the member `StepStartedDetails`. */
export interface HistoryEvent {
  EventType: string;
  SubType?: string;
  /** Counts all events of the execution, from 1. */
  EventId: number;
  Id?: string;
  Name?: string;
  EventTimestamp: Date;
  ParentId?: string;
  [details: `${string}Details`]: unknown;
}

export interface HistoryOptions {
  /** Whether the events contain payloads and errors. Default false, as at the service. */
  readonly includeExecutionData?: boolean;
}

type About = Pick<OperationUpdate, "Id" | "Name" | "ParentId" | "SubType">;

const PREFIX: Partial<Record<string, string>> = {
  CONTEXT: "Context",
  STEP: "Step",
  WAIT: "Wait",
  CALLBACK: "Callback",
  CHAINED_INVOKE: "ChainedInvoke",
};

const SUFFIX: Record<ExternalCompletion["status"], string> = {
  SUCCEEDED: "Succeeded",
  FAILED: "Failed",
  TIMED_OUT: "TimedOut",
  STOPPED: "Stopped",
};

type CheckpointEntry = Extract<JournalEntry, { kind: "checkpoint" }>;

export function makeHistory(
  header: ExecutionHeader,
  executionId: string,
  entries: Iterable<JournalEntry>,
  options: HistoryOptions = {},
): HistoryEvent[] {
  const writer = new HistoryWriter(executionId, header.name, options.includeExecutionData ?? false);
  const table = new OperationTable(header, executionId);
  writer.add("ExecutionStarted", header.startMs, writer.execution, {
    Input: writer.data(header.input),
    ...(header.timeoutSeconds === undefined ? {} : { ExecutionTimeout: header.timeoutSeconds }),
  });
  for (const entry of entries) {
    switch (entry.kind) {
      case "begin": // The service writes the event of an invocation at its end.
        break;
      case "checkpoint":
        for (const update of entry.updates) {
          table.apply({ ...entry, updates: [update] });
          writer.update(update, table.get(update.Id as string), entry);
        }
        break;
      case "timers":
        table.apply(entry);
        for (const id of entry.ids) writer.timer(table.get(id), entry.atMs);
        break;
      case "completion":
        table.apply(entry);
        writer.completion(table.get(entry.id), entry);
        break;
      case "heartbeat":
        table.apply(entry);
        break;
      case "invocation":
        writer.add(
          "InvocationCompleted",
          entry.atMs,
          {},
          {
            StartTimestamp: new Date(entry.startMs),
            EndTimestamp: new Date(entry.atMs),
            RequestId: entry.requestId,
            ...(entry.error === undefined ? {} : { Error: writer.data(entry.error) }),
          },
        );
        break;
      case "end":
        writer.end(entry);
        break;
    }
  }
  return writer.events;
}

class HistoryWriter {
  readonly events: HistoryEvent[] = [];
  readonly execution: About;
  readonly #withData: boolean;

  constructor(executionId: string, name: string, withData: boolean) {
    this.execution = { Id: executionId, Name: name };
    this.#withData = withData;
  }

  add(type: string, atMs: number, about: Partial<About>, details: object): void {
    const event: HistoryEvent = { EventType: type, EventId: this.events.length + 1, EventTimestamp: new Date(atMs) };
    if (about.SubType !== undefined) event.SubType = about.SubType;
    if (about.Id !== undefined) event.Id = about.Id;
    if (about.Name !== undefined) event.Name = about.Name;
    if (about.ParentId !== undefined) event.ParentId = about.ParentId;
    event[`${type}Details`] = details;
    this.events.push(event);
  }

  data(value: string | ErrorObject | undefined): object {
    if (!this.#withData || value === undefined) return { Truncated: false };
    return { Payload: value, Truncated: false };
  }

  update(update: OperationUpdate, operation: Operation | undefined, { atMs, assigned }: CheckpointEntry): void {
    const prefix = PREFIX[update.Type ?? ""];
    if (prefix === undefined) return;
    switch (update.Action) {
      case "START":
        return this.add(
          `${prefix}Started`,
          atMs,
          update,
          this.#started(update, operation, assigned?.[update.Id as string]),
        );
      case "SUCCEED":
      case "FAIL":
      case "RETRY": {
        // A RETRY without an error is of a condition that is not met, or of a batch. The attempt succeeded.
        const hasFailed = update.Action === "FAIL" || (update.Action === "RETRY" && update.Error !== undefined);
        return this.add(`${prefix}${hasFailed ? "Failed" : "Succeeded"}`, atMs, update, {
          ...(hasFailed ? { Error: this.data(update.Error) } : { Result: this.data(update.Payload) }),
          ...retryDetails(update, operation),
        });
      }
      case "CANCEL":
        // The service has a cancel event only for waits.
        if (update.Type !== "WAIT") return;
        return this.add(
          "WaitCancelled",
          atMs,
          update,
          update.Error === undefined ? {} : { Error: this.data(update.Error) },
        );
    }
  }

  #started(update: OperationUpdate, operation: Operation | undefined, assigned: string | undefined): object {
    switch (update.Type) {
      case "WAIT":
        return {
          Duration: update.WaitOptions?.WaitSeconds,
          ScheduledEndTimestamp: operation?.WaitDetails?.ScheduledEndTimestamp,
        };
      case "CALLBACK": {
        const { TimeoutSeconds: timeout, HeartbeatTimeoutSeconds: heartbeat } = update.CallbackOptions ?? {};
        return {
          CallbackId: assigned,
          ...(heartbeat ? { HeartbeatTimeout: heartbeat } : {}),
          ...(timeout ? { Timeout: timeout } : {}),
        };
      }
      case "CHAINED_INVOKE": {
        const { FunctionName, TenantId } = update.ChainedInvokeOptions ?? {};
        return {
          FunctionName,
          ...(TenantId === undefined ? {} : { TenantId }),
          Input: this.data(update.Payload),
          ...(assigned === undefined ? {} : { ExecutedVersion: "$LATEST", DurableExecutionArn: assigned }),
        };
      }
      default:
        return {};
    }
  }

  /** The end of a retry delay is no event. */
  timer(operation: Operation | undefined, atMs: number): void {
    if (operation?.Type === "CALLBACK") {
      const error = operation.CallbackDetails?.Error;
      return this.completion(operation, { atMs, status: "TIMED_OUT", error });
    }
    if (operation?.Type !== "WAIT") return;
    const start = operation.StartTimestamp?.getTime() ?? atMs;
    const due = operation.WaitDetails?.ScheduledEndTimestamp?.getTime() ?? atMs;
    this.add("WaitSucceeded", atMs, operation, { Duration: Math.round((due - start) / 1_000) });
  }

  completion(
    operation: Operation | undefined,
    { atMs, status, result, error }: ExternalCompletion & { readonly atMs: number },
  ): void {
    if (operation === undefined) return;
    const details = status === "SUCCEEDED" ? { Result: this.data(result) } : { Error: this.data(error) };
    this.add(`${PREFIX[operation.Type ?? ""]}${SUFFIX[status]}`, atMs, operation, details);
  }

  end(entry: Extract<JournalEntry, { kind: "end" }>): void {
    switch (entry.status) {
      case "SUCCEEDED":
        return this.add("ExecutionSucceeded", entry.atMs, this.execution, { Result: this.data(entry.result) });
      case "FAILED":
        return this.add("ExecutionFailed", entry.atMs, this.execution, { Error: this.data(entry.error) });
      case "TIMED_OUT":
        return this.add("ExecutionTimedOut", entry.atMs, this.execution, {});
      case "STOPPED":
        return this.add("ExecutionStopped", entry.atMs, this.execution, { Error: this.data(entry.error) });
    }
  }
}

function retryDetails(update: OperationUpdate, operation: Operation | undefined): object {
  if (update.Type !== "STEP") return {};
  const details: { CurrentAttempt?: number; NextAttemptDelaySeconds?: number } = {};
  if (operation?.StepDetails?.Attempt !== undefined) details.CurrentAttempt = operation.StepDetails.Attempt;
  const delay = update.StepOptions?.NextAttemptDelaySeconds;
  if (delay !== undefined) details.NextAttemptDelaySeconds = delay;
  return { RetryDetails: details };
}
