import { createHash } from "node:crypto";
import type { ErrorObject, Operation, OperationUpdate } from "../core/wire.ts";
import {
  type ExecutionCounters,
  type ExecutionHeader,
  type ExecutionStatus,
  type Journal,
  type JournalEntry,
  noCounters,
} from "./journal.ts";
import { copyOperation, copyUpdate, dataBytes, OperationTable } from "./operation-table.ts";
import { invalidParameter, type ServiceRefusal } from "./refusal.ts";
import type { LocalQuotas } from "./settings.ts";
import { validateUpdates } from "./validation.ts";

/** Bytes around the payload, error and name of one update, about. */
const UPDATE_FRAME_BYTES = 200;

/** What an accepted checkpoint answers with. */
export interface CheckpointAnswer {
  readonly token: string;
  readonly changed: readonly Operation[];
}

/** How an execution ended. */
export interface ExecutionOutcome {
  readonly status: Exclude<ExecutionStatus, "RUNNING">;
  /** JSON text; absent when the handler returned undefined. */
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
}

/**
 * One execution as the service keeps it: what happened, and what follows from it. It runs nothing.
 *
 * E1  The journal comes first: a change is seen by nobody before its entry is written.
 * E2  A checkpoint spends the latest token, and is applied as a whole or not at all.
 * E3  A checkpoint that was accepted answers its own repetition (same client token, same token) with the same answer.
 * E4  An answer brings each change once: those of the request, and those that the service made since the last one.
 * E5  Nothing is written after the end.
 */
export class ExecutionRecord {
  readonly header: ExecutionHeader;
  readonly executionId: string;
  readonly counters: ExecutionCounters;
  readonly #journal: Journal;
  readonly #quotas: LocalQuotas;
  readonly #table: OperationTable;
  readonly #answers = new Map<string, CheckpointAnswer>();
  /** When the journal's last entry was written, epoch milliseconds; for a record that was restored. */
  #lastMs = 0;
  #undelivered = new Set<string>();
  #token = 0;
  /** The invocation under way. */
  #invocation: { readonly requestId: string; readonly startMs: number } | undefined;
  #suspended = false;
  #end: ExecutionOutcome | undefined;
  /** An end that a checkpoint announced; it is written when the invocation is over. */
  #announced: ExecutionOutcome | undefined;

  constructor(header: ExecutionHeader, journal: Journal, quotas: LocalQuotas, counters = noCounters()) {
    this.header = header;
    this.counters = { ...counters };
    this.executionId = executionIdOf(header.arn);
    this.#journal = journal;
    this.#quotas = quotas;
    this.#table = new OperationTable(header, this.executionId);
  }

  /** Rebuilds the record from its journal. */
  restore(entries: Iterable<JournalEntry>): void {
    let lastMs = this.header.startMs;
    for (const entry of entries) {
      lastMs = entry.atMs;
      const changed = this.#table.apply(entry);
      switch (entry.kind) {
        case "begin":
          this.#token = entry.token;
          this.#invocation = { requestId: entry.requestId, startMs: entry.atMs };
          this.#undelivered.clear();
          break;
        case "checkpoint":
          this.#token = entry.token;
          this.#announced = announcedEnd(entry.updates) ?? this.#announced;
          this.#undelivered.clear();
          break;
        case "timers":
          for (const id of changed) this.#undelivered.add(id);
          break;
        case "invocation":
          this.#invocation = undefined;
          this.#suspended = entry.error === undefined;
          break;
        case "end": {
          const { status, result, error } = entry;
          this.#end = outcomeOf(status, result, error);
          break;
        }
      }
    }
    this.#lastMs = lastMs;
  }

  /** Writes down that the process of the last invocation ended before the invocation did, if that is so. */
  closeInterrupted(): void {
    if (this.#invocation === undefined) return;
    const error = { ErrorType: "Runtime.ExitError", ErrorMessage: "The process ended during the invocation." };
    this.endInvocation(this.#lastMs, error);
  }

  get status(): ExecutionStatus {
    return this.#end?.status ?? "RUNNING";
  }

  get end(): ExecutionOutcome | undefined {
    return this.#end;
  }

  get announcedEnd(): ExecutionOutcome | undefined {
    return this.#announced;
  }

  /** Whether the last invocation ended well and the execution waits for something. */
  get isSuspended(): boolean {
    return this.#suspended;
  }

  /** Whether something may still change by itself or from outside. */
  get hasPending(): boolean {
    return this.#table.hasPending;
  }

  get hasNews(): boolean {
    return this.#undelivered.size > 0;
  }

  get nextDueMs(): number | undefined {
    return this.#table.nextDueMs;
  }

  operations(): IterableIterator<Operation> {
    return this.#table.all();
  }

  delivered(): IterableIterator<Operation> {
    return this.#table.delivered();
  }

  /** A new invocation begins: it gets a token, and the news since the last answer. */
  beginInvocation(requestId: string, nowMs: number): { token: string; updatedIds: string[] } {
    const counters = { ...this.counters, invocations: this.counters.invocations + 1 };
    const token = this.#token + 1;
    this.#write([{ kind: "begin", atMs: nowMs, token, requestId }], counters); // E1
    this.#token = token;
    this.#invocation = { requestId, startMs: nowMs };
    const updatedIds = [...this.#undelivered];
    this.#undelivered = new Set();
    return { token: this.#tokenText(), updatedIds };
  }

  /**
   * Applies a request of the invocation that holds the latest token.
   * @throws ServiceRefusal as the service answers; nothing has changed then.
   */
  checkpoint(
    token: string | undefined,
    clientToken: string | undefined,
    given: readonly OperationUpdate[],
    nowMs: number,
  ): CheckpointAnswer {
    const repetition = clientToken === undefined ? undefined : `${clientToken} ${token}`;
    const answered = repetition === undefined ? undefined : this.#answers.get(repetition);
    if (answered !== undefined) return answered; // E3
    if (this.#end !== undefined || this.#announced !== undefined || token !== this.#tokenText()) {
      throw invalidParameter("Invalid checkpoint token");
    }
    const updates = given.map(copyUpdate);
    validateUpdates(updates, (id) => this.#table.get(id), {
      payloadBytes: this.#quotas.payloadBytes,
      errorBytes: this.#quotas.errorBytes,
      resultBytes: this.#quotas.inputBytes,
    });
    const counters = this.#charge(updates);
    const entries = this.#dueTimers(nowMs);
    const next = this.#token + 1;
    if (updates.length > 0) entries.push({ kind: "checkpoint", atMs: nowMs, token: next, clientToken, updates });
    this.#write(entries, counters); // E1
    this.#token = next; // E2
    this.#announced = announcedEnd(updates) ?? this.#announced;
    const changed = this.#undelivered;
    this.#undelivered = new Set();
    for (const entry of entries) for (const id of this.#table.apply(entry)) changed.add(id);
    const operations = Array.from(changed, (id) => copyOperation(this.#table.get(id) as Operation)); // E4
    const answer = { token: this.#tokenText(), changed: operations };
    if (repetition !== undefined) this.#answers.set(repetition, answer);
    return answer;
  }

  /** Completes waits and retry delays whose time has come. */
  completeTimers(nowMs: number): void {
    if (this.#end !== undefined) return; // E5
    const entries = this.#dueTimers(nowMs);
    this.#write(entries, this.counters);
    for (const entry of entries) for (const id of this.#table.apply(entry)) this.#undelivered.add(id);
  }

  /** Writes down that an invocation is over; one that failed is metered like an operation when it is tried again. */
  endInvocation(nowMs: number, error: ErrorObject | undefined): void {
    if (this.#end !== undefined || this.#invocation === undefined) return; // E5
    const counters = { ...this.counters };
    if (error !== undefined) {
      counters.invocationFailures++;
      counters.dataBytes += dataBytes({ Error: error });
    }
    this.#write([{ kind: "invocation", atMs: nowMs, ...this.#invocation, error }], counters);
    this.#invocation = undefined;
    this.#suspended = error === undefined;
  }

  finish(outcome: ExecutionOutcome, nowMs: number): void {
    if (this.#end !== undefined) return; // E5
    const { status, result, error } = outcome;
    const counters = { ...this.counters };
    // What a checkpoint announced is counted with it.
    if (this.#announced === undefined) counters.dataBytes += dataBytes({ Payload: result, Error: error });
    this.#write([{ kind: "end", atMs: nowMs, status, result, error }], counters);
    this.#end = outcomeOf(status, result, error);
  }

  #dueTimers(nowMs: number): JournalEntry[] {
    const ids = this.#table.takeDue(nowMs);
    return ids.length === 0 ? [] : [{ kind: "timers", atMs: nowMs, ids }];
  }

  #write(entries: readonly JournalEntry[], counters: ExecutionCounters): void {
    if (entries.length > 0) this.#journal.append(this.header.arn, entries, counters);
    Object.assign(this.counters, counters);
  }

  /** The counters after these updates. */
  #charge(updates: readonly OperationUpdate[]): ExecutionCounters {
    const counters = { ...this.counters };
    const started = new Set<string>();
    for (const update of updates) {
      const bytes = dataBytes(update);
      counters.updates++;
      counters.dataBytes += bytes;
      counters.requestBytes += bytes + UPDATE_FRAME_BYTES + (update.Name?.length ?? 0);
      if (update.Action === "RETRY") {
        counters.retries++;
        counters.operations++;
      }
      if (update.Type !== "EXECUTION" && this.#table.get(update.Id as string) === undefined) {
        started.add(update.Id as string);
      }
    }
    counters.checkpoints++;
    counters.operations += started.size;
    const operations = this.#table.size - 1 + started.size;
    if (started.size > 0 && operations > this.#quotas.operations) {
      throw quotaExceeded("operations", operations, this.#quotas.operations);
    }
    if (counters.dataBytes > this.#quotas.dataBytes && counters.dataBytes > this.counters.dataBytes) {
      throw quotaExceeded("bytes of data", counters.dataBytes, this.#quotas.dataBytes);
    }
    return counters;
  }

  #tokenText(): string {
    return Buffer.from(`${this.executionId}:${this.#token}`).toString("base64");
  }
}

function quotaExceeded(what: string, value: number, limit: number): ServiceRefusal {
  return invalidParameter(
    `The execution would have ${value} ${what}; the quota is ${limit}. Write less in one execution, or split the work ` +
      "over several; the embedded engine's quotas can be moved.",
  );
}

function announcedEnd(updates: readonly OperationUpdate[]): ExecutionOutcome | undefined {
  const last = updates.at(-1);
  if (last?.Type !== "EXECUTION") return undefined;
  return outcomeOf(last.Action === "SUCCEED" ? "SUCCEEDED" : "FAILED", last.Payload, last.Error);
}

function outcomeOf(
  status: ExecutionOutcome["status"],
  result: string | undefined,
  error: ErrorObject | undefined,
): ExecutionOutcome {
  return { status, ...(result === undefined ? {} : { result }), ...(error === undefined ? {} : { error }) };
}

/** The id of the EXECUTION operation: made from the ARN, so that it is the same after a restart. */
export function executionIdOf(arn: string): string {
  const hex = createHash("sha256").update(arn).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
