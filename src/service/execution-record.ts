import type { ErrorObject, Operation, OperationUpdate } from "../core/wire.ts";
import {
  type ExecutionCounters,
  type ExecutionHeader,
  type ExecutionStatus,
  type ExternalCompletion,
  type Journal,
  type JournalEntry,
  type LogLine,
  noCounters,
} from "../journal/journal.ts";
import { newCallbackId } from "./callback-id.ts";
import type { CallbackTimer } from "./callback-timer.ts";
import { executionIdOf } from "./execution-arn.ts";
import { announcedEnd, type ExecutionOutcome, outcomeOf } from "./execution-outcome.ts";
import type { InvokeRequest } from "./invoke-request.ts";
import { charge, dataBytes } from "./metering.ts";
import { describeOpenCallback, type OpenCallback } from "./open-callbacks.ts";
import { copyOperation, copyUpdate, OperationTable, type TableTimer } from "./operation-table.ts";
import { RecentAnswers } from "./recent-answers.ts";
import { invalidParameter } from "./service-error.ts";
import type { LocalQuotas } from "./settings.ts";
import { validateUpdates } from "./validation.ts";

export interface CheckpointAnswer {
  readonly token: string;
  readonly changed: readonly Operation[];
}

export interface RecordHost {
  readonly journal: Journal;
  readonly quotas: LocalQuotas;
  /** The ARN for the execution that a chained invoke starts. Undefined if the invoke starts no execution. */
  readonly newChildArn: (start: OperationUpdate) => string | undefined;
  /** Called when operations have changed without a checkpoint. */
  readonly onNews: (arn: string, ids: Iterable<string>) => void;
}

/**
 * One execution as the service records it. The events come from the journal, and the state is computed from the events.
 * A record runs no code of the handler.
 *
 * E1  An event is written to the journal before anybody can see its change.
 * E2  A checkpoint must have the latest token, except a repeated checkpoint (E3). It is applied completely or not at
 *     all. When it has been applied, a new token is valid.
 * E3  A repeated checkpoint (same client token, same token) gets the same answer as the first one, as long as
 *     `RecentAnswers` has this answer.
 * E4  An answer contains the operations that the checkpoint changed, and the operations that have changed without a
 *     checkpoint since the last answer or since the last invocation began. So no change is in two answers, except in a
 *     repeated one (E3).
 * E5  Nothing is written after the end of the execution.
 * E6  The first completion of a callback or a chained invoke counts. Later completions change nothing.
 */
export class ExecutionRecord {
  readonly header: ExecutionHeader;
  readonly executionId: string;
  readonly counters: ExecutionCounters;
  readonly #host: RecordHost;
  readonly #table: OperationTable;
  readonly #answers = new RecentAnswers<CheckpointAnswer>();
  #begunInvokes: InvokeRequest[] = [];
  /** The time of the last entry in the journal, or the start of the execution. Epoch milliseconds. */
  #lastMs: number;
  /** The ids of the operations that have changed since the last answer or since the last invocation began. */
  #undelivered = new Set<string>();
  #token = 0;
  #invocation: { readonly requestId: string; readonly startMs: number } | undefined;
  #suspended = false;
  #end: ExecutionOutcome | undefined;
  /**
   * The outcome that a checkpoint announced. This outcome is written when the invocation ends, or when the execution is
   * resumed, if the execution still runs then.
   */
  #announced: ExecutionOutcome | undefined;

  constructor(header: ExecutionHeader, host: RecordHost, counters = noCounters()) {
    this.header = header;
    this.#lastMs = header.startMs;
    this.counters = { ...counters };
    this.executionId = executionIdOf(header.arn);
    this.#host = host;
    this.#table = new OperationTable(header, this.executionId);
  }

  restore(entries: Iterable<JournalEntry>): void {
    for (const entry of entries) this.#apply(entry);
  }

  /** Ends, as failed, an invocation without an end in the journal: its process has died, or its engine was closed. */
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

  /** Whether no invocation runs now, and the last invocation ended without an error. */
  get isSuspended(): boolean {
    return this.#suspended && this.#invocation === undefined;
  }

  get hasPending(): boolean {
    return this.#table.hasPending;
  }

  get hasNews(): boolean {
    return this.#undelivered.size > 0;
  }

  get nextTimer(): TableTimer | undefined {
    return this.#table.nextTimer;
  }

  operation(id: string): Operation | undefined {
    return this.#table.get(id);
  }

  callbackTimer(id: string): CallbackTimer | undefined {
    return this.#table.callbackTimer(id);
  }

  /** Epoch milliseconds; Infinity means never. */
  get firstCallbackDueMs(): number {
    let firstMs = Number.POSITIVE_INFINITY;
    for (const [, { dueMs }] of this.#table.openCallbacks())
      if (dueMs !== undefined && dueMs < firstMs) firstMs = dueMs;
    return firstMs;
  }

  openCallbacks(): OpenCallback[] {
    const operationOf = (id: string): Operation | undefined => this.#table.get(id);
    return Array.from(this.#table.openCallbacks(), ([id, timer]) =>
      describeOpenCallback(this.header.arn, operationOf(id) as Operation, timer, operationOf),
    );
  }

  openInvokes(): InvokeRequest[] {
    return [...this.#table.openInvokes()];
  }

  takeBegunInvokes(): InvokeRequest[] {
    const begun = this.#begunInvokes;
    if (begun.length > 0) this.#begunInvokes = [];
    return begun;
  }

  operations(): IterableIterator<Operation> {
    return this.#table.all();
  }

  delivered(): IterableIterator<Operation> {
    return this.#table.delivered();
  }

  /** `updatedIds` are the operations that have changed since the last answer or since the last invocation began. */
  beginInvocation(requestId: string, nowMs: number): { token: string; updatedIds: string[] } {
    const counters = { ...this.counters, invocations: this.counters.invocations + 1 };
    const updatedIds = [...this.#undelivered];
    this.#write([{ kind: "begin", atMs: nowMs, token: this.#token + 1, requestId }], counters);
    return { token: this.#tokenText(), updatedIds };
  }

  /** @throws ServiceError if the service does not accept the checkpoint. Then nothing has changed. */
  checkpoint(
    token: string | undefined,
    clientToken: string | undefined,
    given: readonly OperationUpdate[],
    nowMs: number,
  ): CheckpointAnswer {
    const repetition = clientToken === undefined ? undefined : `${clientToken} ${token}`;
    const answered = repetition === undefined ? undefined : this.#answers.get(repetition, nowMs);
    if (answered !== undefined) return answered; // E3
    if (this.#end !== undefined || this.#announced !== undefined || token !== this.#tokenText()) {
      throw invalidParameter("Invalid checkpoint token");
    }
    const updates = given.map(copyUpdate);
    const { quotas } = this.#host;
    const known = (id: string): Operation | undefined => this.#table.get(id);
    const { payloadBytes, errorBytes, inputBytes: resultBytes } = quotas;
    validateUpdates(updates, known, { payloadBytes, errorBytes, resultBytes });
    const isKnown = (id: string): boolean => known(id) !== undefined;
    const counters = charge(this.counters, updates, { isKnown, known: this.#table.size - 1, quotas });
    const entries = this.#dueTimers(nowMs);
    const next = this.#token + 1;
    if (updates.length > 0) {
      const assigned = this.#assign(updates);
      entries.push({ kind: "checkpoint", atMs: nowMs, token: next, clientToken, updates, ...assigned });
    }
    const changed = this.#undelivered;
    for (const id of this.#write(entries, counters)) changed.add(id);
    this.#token = next; // E2
    this.#undelivered = new Set();
    const operations = Array.from(changed, (id) => copyOperation(this.#table.get(id) as Operation)); // E4
    const answer = { token: this.#tokenText(), changed: operations };
    if (repetition !== undefined) this.#answers.add(repetition, answer, nowMs);
    for (const { Id: id, Type: type } of updates) {
      const begun = type === "CHAINED_INVOKE" ? this.#table.openInvoke(id as string) : undefined;
      if (begun !== undefined) this.#begunInvokes.push(begun);
    }
    return answer;
  }

  complete(id: string, { status, result, error }: ExternalCompletion, nowMs: number): void {
    if (this.#end !== undefined || this.#table.get(id)?.Status !== "STARTED") return; // E5, E6
    const entry: JournalEntry = { kind: "completion", atMs: nowMs, id, status, result, error };
    const bytes = dataBytes({ Payload: result, Error: error });
    this.#writeNews([entry], { ...this.counters, dataBytes: this.counters.dataBytes + bytes });
  }

  heartbeat(id: string, nowMs: number): void {
    this.#write([{ kind: "heartbeat", atMs: nowMs, id }], this.counters);
  }

  /** Ends waits, retry delays and callbacks whose time has come. Does nothing after the end of the execution. */
  completeTimers(nowMs: number): void {
    if (this.#end !== undefined) return; // E5
    const entries = this.#dueTimers(nowMs);
    if (entries.length > 0) this.#writeNews(entries, this.counters);
  }

  /** Failed invocations are counted, because AWS charges the next attempt as an operation. */
  endInvocation(nowMs: number, error: ErrorObject | undefined): void {
    if (this.#end !== undefined || this.#invocation === undefined) return; // E5
    const counters = { ...this.counters };
    if (error !== undefined) {
      counters.invocationFailures++;
      counters.dataBytes += dataBytes({ Error: error });
    }
    this.#write([{ kind: "invocation", atMs: nowMs, ...this.#invocation, error }], counters);
  }

  /** `operationId` is undefined if the handler itself threw the error. */
  keepTrace(operationId: string | undefined, text: string, nowMs: number): void {
    if (this.#end !== undefined) return; // E5
    const trace = { operationId: operationId ?? this.executionId, atMs: nowMs, text };
    this.#host.journal.addTrace(this.header.arn, trace);
  }

  keepLog(line: LogLine): void {
    if (this.#end !== undefined) return; // E5
    this.#host.journal.addLog(this.header.arn, line);
  }

  finish(outcome: ExecutionOutcome, nowMs: number): void {
    if (this.#end !== undefined) return; // E5
    const { status, result, error } = outcome;
    const counters = { ...this.counters };
    // The checkpoint that announced the outcome has already counted these bytes.
    if (this.#announced === undefined) counters.dataBytes += dataBytes({ Payload: result, Error: error });
    this.#write([{ kind: "end", atMs: nowMs, status, result, error }], counters);
  }

  #dueTimers(nowMs: number): JournalEntry[] {
    const ids = this.#table.takeDue(nowMs);
    return ids.length === 0 ? [] : [{ kind: "timers", atMs: nowMs, ids }];
  }

  #assign(updates: readonly OperationUpdate[]): { readonly assigned?: Record<string, string> } {
    let assigned: Record<string, string> | undefined;
    for (const update of updates) {
      const { Id: operationId, Type: type, Action: action } = update;
      if (operationId === undefined || action !== "START") continue;
      let given: string | undefined;
      if (type === "CALLBACK") given = newCallbackId({ arn: this.header.arn, operationId });
      if (type === "CHAINED_INVOKE") given = this.#host.newChildArn(update);
      if (given === undefined) continue;
      assigned ??= {};
      assigned[operationId] = given;
    }
    return assigned === undefined ? {} : { assigned };
  }

  #writeNews(entries: readonly JournalEntry[], counters: ExecutionCounters): void {
    const changed = this.#write(entries, counters);
    this.#host.onNews(this.header.arn, changed);
  }

  #write(entries: readonly JournalEntry[], counters: ExecutionCounters): Set<string> {
    if (entries.length > 0) this.#host.journal.append(this.header.arn, entries, counters); // E1
    Object.assign(this.counters, counters);
    const changed = new Set<string>();
    for (const entry of entries) for (const id of this.#apply(entry)) changed.add(id);
    return changed;
  }

  #apply(entry: JournalEntry): Set<string> {
    this.#lastMs = entry.atMs;
    const changed = this.#table.apply(entry);
    switch (entry.kind) {
      case "begin":
        this.#token = entry.token;
        this.#invocation = { requestId: entry.requestId, startMs: entry.atMs };
        this.#undelivered = new Set();
        break;
      case "checkpoint":
        this.#token = entry.token;
        this.#announced = announcedEnd(entry.updates) ?? this.#announced;
        this.#undelivered = new Set();
        break;
      case "timers":
      case "completion":
        for (const id of changed) this.#undelivered.add(id);
        break;
      case "invocation":
        this.#invocation = undefined;
        this.#suspended = entry.error === undefined;
        break;
      case "heartbeat":
        break;
      case "end":
        this.#end = outcomeOf(entry.status, entry.result, entry.error);
        break;
    }
    return changed;
  }

  #tokenText(): string {
    return Buffer.from(`${this.executionId}:${this.#token}`).toString("base64");
  }
}
