import { randomUUID } from "node:crypto";
import { DurableError } from "../core/errors.ts";
import type { ErrorObject, Operation, OperationUpdate } from "../core/wire.ts";
import {
  type ExecutionHeader,
  type Journal,
  type JournalEntry,
  type JournalExecution,
  type JournalSeed,
  noCounters,
} from "../journal/journal.ts";
import { executionIdOf, newExecutionArn } from "./execution-arn.ts";
import { charge, dataBytes } from "./metering.ts";
import { OperationTable } from "./operation-table.ts";

/**
 * How the new execution differs from the ended one. Operations that are in no member are taken over unchanged. Their
 * start and end become the start of the new execution. A wait or retry delay that has not ended begins again with its
 * whole length. Callbacks and invokes that have not ended are not taken over.
 */
export interface Amendment {
  /** The ids of operations that count as not begun. The operations inside them must be listed too. */
  readonly removed: ReadonlySet<string>;
  /** The ids of contexts that count as not ended. */
  readonly reopened: ReadonlySet<string>;
  /** The steps that are tried again, by id, with their new payloads. A step that has ended is tried again at once. */
  readonly retried: ReadonlyMap<string, string>;
  /** New payloads for steps that have succeeded, by id. */
  readonly payloads: ReadonlyMap<string, string>;
}

export interface RedriveRequest {
  /** Gets the operations of the ended execution, and returns the changes. `redrive` throws errors of `amend`. */
  readonly amend: (operations: readonly Operation[]) => Amendment;
  /** The name of the new execution. No execution in the journal may have this name. Default: a random name. */
  readonly name?: string;
  /** The input of the handler, as JSON text. Default: the input of the ended execution. */
  readonly input?: string;
  /** Default: the metadata of the ended execution. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export function createRedriven(
  journal: Journal,
  { header: old, status }: JournalExecution,
  operations: readonly Operation[],
  { amend, name = randomUUID(), metadata = old.metadata, input = old.input }: RedriveRequest,
  startMs: number,
): string {
  if (status === "RUNNING") {
    const message = `The execution "${old.name}" has not ended. Resume it to continue it.`;
    throw new DurableError("ERR_EXECUTION_RUNNING", message);
  }
  if (journal.find("name", name) !== undefined) {
    const message = `There is an execution named "${name}" already. Give this one another name.`;
    throw new DurableError("ERR_EXECUTION_NAME_TAKEN", message);
  }
  const { functionName, timeoutSeconds, tenantId } = old;
  const header: ExecutionHeader = {
    arn: newExecutionArn(functionName, name),
    name,
    functionName,
    input,
    startMs,
    timeoutSeconds,
    metadata,
    ...(tenantId === undefined ? {} : { tenantId }),
    redriveOf: old.arn,
  };
  const amendment = withoutOpenExternals(operations, amend(operations));
  const { entries, counters } = seedOf(header, journal.entries(old.arn), operations, amendment);
  journal.create(header, { entries, counters });
  return header.arn;
}

/** The operations that a new execution would take over with this amendment, without the EXECUTION operation. */
export function amendedOperations(
  journal: Journal,
  { header }: JournalExecution,
  operations: readonly Operation[],
  amendment: Amendment,
): Operation[] {
  const complete = withoutOpenExternals(operations, amendment);
  const { table } = seedOf(header, journal.entries(header.arn), operations, complete);
  return [...table.all()].filter(({ Type: type }) => type !== "EXECUTION");
}

/**
 * Makes the first entries of the new execution: the events of all operations that are taken over, at the start time in
 * `header`. These operations count for the quotas. The requests that recorded them do not count.
 */
function seedOf(
  header: ExecutionHeader,
  entries: Iterable<JournalEntry>,
  operations: readonly Operation[],
  amendment: Amendment,
): JournalSeed & { readonly table: OperationTable } {
  const table = new OperationTable(header, executionIdOf(header.arn));
  const copied: JournalEntry[] = [];
  let counters = { ...noCounters(), dataBytes: Buffer.byteLength(header.input ?? "") };
  let token = 0;
  const callbackErrors = timedOutCallbacks(operations);
  for (const entry of entries) {
    for (const copy of copyEntry(entry, amendment, callbackErrors, header.startMs)) {
      if (copy.kind === "checkpoint") {
        const isKnown = (id: string): boolean => table.get(id) !== undefined;
        counters = charge(counters, copy.updates, { isKnown, known: table.size - 1 });
        copied.push({ ...copy, token: ++token });
      } else {
        if (entry.kind === "completion" && copy.kind === "completion") {
          counters.dataBytes += dataBytes({ Payload: copy.result, Error: copy.error });
        }
        copied.push(copy);
      }
      table.apply(copy);
    }
  }
  return { entries: copied, counters: { ...counters, updates: 0, checkpoints: 0, requestBytes: 0 }, table };
}

/** Also removes open callbacks and invokes, because their external systems and children only know the old execution. */
function withoutOpenExternals(operations: readonly Operation[], amendment: Amendment): Amendment {
  const open = operations.filter(
    ({ Type: type, Status: status }) => status === "STARTED" && (type === "CALLBACK" || type === "CHAINED_INVOKE"),
  );
  return { ...amendment, removed: new Set([...amendment.removed, ...open.map(({ Id: id }) => id as string)]) };
}

/** The errors of the callbacks that timed out, by id. */
function timedOutCallbacks(operations: readonly Operation[]): Map<string, ErrorObject | undefined> {
  const timedOut = operations.filter(({ Type: type, Status: status }) => type === "CALLBACK" && status === "TIMED_OUT");
  return new Map(timedOut.map(({ Id: id, CallbackDetails: details }) => [id as string, details?.Error]));
}

function copyEntry(
  entry: JournalEntry,
  amendment: Amendment,
  callbackErrors: ReadonlyMap<string, ErrorObject | undefined>,
  atMs: number,
): JournalEntry[] {
  const { removed, retried } = amendment;
  switch (entry.kind) {
    case "checkpoint": {
      const updates = entry.updates.flatMap((update) => copyUpdate(update, amendment));
      if (updates.length === 0) return [];
      const { assigned } = entry;
      const copy = {
        kind: "checkpoint",
        atMs,
        token: 0,
        updates,
        ...(assigned === undefined ? {} : { assigned }),
      } as const;
      // A timer entry with the same time makes the retried steps READY, so that no delay is waited for.
      const due = entry.updates.filter((update) => hasEnded(update) && retried.has(update.Id as string));
      if (due.length === 0) return [copy];
      return [copy, { kind: "timers", atMs, ids: due.map(({ Id: id }) => id as string) }];
    }
    case "timers": {
      const kept = entry.ids.filter((id) => !removed.has(id));
      const ids = kept.filter((id) => !callbackErrors.has(id));
      const timers: JournalEntry[] = ids.length === 0 ? [] : [{ ...entry, atMs, ids }];
      // The heartbeats are not copied. Without them, the time-out of a callback would get the wrong error.
      const callbacks = kept.filter((id) => callbackErrors.has(id));
      return timers.concat(
        callbacks.map((id) => ({ kind: "completion", atMs, id, status: "TIMED_OUT", error: callbackErrors.get(id) })),
      );
    }
    case "completion":
      return removed.has(entry.id) ? [] : [{ ...entry, atMs }];
    case "begin":
    case "invocation":
    case "heartbeat":
    case "end":
      return [];
  }
}

function copyUpdate(update: OperationUpdate, { removed, reopened, retried, payloads }: Amendment): OperationUpdate[] {
  const id = update.Id as string;
  if (update.Type === "EXECUTION" || removed.has(id)) return [];
  if (reopened.has(id) && hasEnded(update)) return [];
  const kept = retried.get(id);
  if (kept !== undefined && (hasEnded(update) || update.Action === "RETRY")) {
    const { Error: _error, StepOptions: options = { NextAttemptDelaySeconds: 0 }, ...rest } = update;
    return [{ ...rest, Action: "RETRY", Payload: kept, StepOptions: options }];
  }
  const payload = update.Action === "SUCCEED" ? payloads.get(id) : undefined;
  return [payload === undefined ? update : { ...update, Payload: payload }];
}

function hasEnded({ Action: action }: OperationUpdate): boolean {
  return action === "SUCCEED" || action === "FAIL";
}
