import { randomUUID } from "node:crypto";
import { DurableError } from "../core/errors.ts";
import type { Clock } from "../core/time.ts";
import type { ErrorObject, Operation } from "../core/wire.ts";
import { systemClock } from "./clock.ts";
import { type ExecutionOutcome, ExecutionRecord, executionIdOf } from "./execution-record.ts";
import { type HistoryEvent, type HistoryOptions, readHistory } from "./history.ts";
import {
  type ExecutionCounters,
  type ExecutionHeader,
  type ExecutionStatus,
  type Journal,
  type JournalExecution,
  MemoryJournal,
  type ParentOperation,
} from "./journal.ts";
import { type ExecutionEvent, LocalExecution, type LocalHandler } from "./local-execution.ts";
import { copyOperation } from "./operation-table.ts";
import { type LocalSettings, type LocalSettingsOptions, resolveLocalSettings } from "./settings.ts";

export interface LocalEngineOptions extends LocalSettingsOptions {
  /** Where executions are kept. Default: in memory. */
  readonly journal?: Journal;
  /** Default: the system's time. */
  readonly clock?: Clock & { skip?(): boolean };
}

export interface StartRequest {
  readonly functionName: string;
  /** Unique in the journal. Default: a random one. */
  readonly name?: string;
  /** JSON text. Default: none, which a handler sees as `{}`. */
  readonly input?: string;
  readonly executionTimeoutSeconds?: number;
  /** Kept with the execution, to be found again. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** An execution as the journal has it. */
export interface ExecutionSummary {
  readonly arn: string;
  readonly name: string;
  readonly functionName: string;
  readonly input: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** The operation of another execution that began this one. */
  readonly parent: ParentOperation | undefined;
  readonly status: ExecutionStatus;
  /** Epoch milliseconds. */
  readonly startTimestamp: number;
  readonly endTimestamp: number | undefined;
  readonly result: string | undefined;
  readonly error: ErrorObject | undefined;
  readonly counters: ExecutionCounters;
}

/** Milliseconds that `close` leaves to code that is running. */
const CLOSE_GRACE_MS = 1_000;

/**
 * The durable execution service, embedded. It runs the handlers that are registered, several executions at once, and
 * keeps what happens in a journal. Nothing runs until it is started or resumed.
 */
export class LocalEngine {
  readonly #journal: Journal;
  readonly #clock: Clock & { skip?(): boolean };
  readonly #settings: LocalSettings;
  readonly #handlers = new Map<string, LocalHandler>();
  readonly #running = new Map<string, { record: ExecutionRecord; execution: LocalExecution }>();
  readonly #listeners = new Set<(event: ExecutionEvent) => void>();
  #inFlight = 0;
  #closed = false;

  /** @throws DurableError `ERR_SETTING_INVALID` */
  constructor(options: LocalEngineOptions = {}) {
    const { journal, clock, ...settings } = options;
    this.#settings = resolveLocalSettings(settings);
    this.#journal = journal ?? new MemoryJournal();
    this.#clock = clock ?? systemClock;
  }

  /** Makes a durable handler known under a function's name. */
  register(functionName: string, handler: LocalHandler): void {
    this.#handlers.set(functionName, handler);
  }

  /**
   * Starts an execution, or goes on with the one that has this name, function and input already.
   * @throws DurableError `ERR_EXECUTION_NAME_TAKEN`, `ERR_FUNCTION_UNKNOWN`, `ERR_INPUT_INVALID`,
   * `ERR_INPUT_TOO_LARGE`, `ERR_ENGINE_CLOSED`, or the journal's
   */
  start(request: StartRequest): LocalExecution {
    this.#checkOpen();
    const handler = this.#handlerOf(request.functionName);
    const name = request.name ?? randomUUID();
    checkInput(request.input, this.#settings.quotas.inputBytes);
    const existing = this.#journal.find("name", name);
    if (existing !== undefined) {
      const { header } = existing;
      if (header.input !== request.input || header.functionName !== request.functionName) {
        const what = header.functionName === request.functionName ? "input" : "function";
        throw new DurableError(
          "ERR_EXECUTION_NAME_TAKEN",
          `There is an execution named "${name}" with another ${what} (${header.arn}). Give this one another name.`,
        );
      }
      return this.#open(existing, handler);
    }
    const header: ExecutionHeader = {
      arn: `arn:aws:lambda:local:000000000000:function:${request.functionName}:$LATEST/durable-execution/${name}/${randomUUID()}`,
      name,
      functionName: request.functionName,
      input: request.input,
      startMs: this.#clock.now(),
      timeoutSeconds: request.executionTimeoutSeconds,
      metadata: request.metadata ?? {},
    };
    this.#journal.create(header);
    const record = new ExecutionRecord(header, this.#journal, this.#settings.quotas);
    record.counters.dataBytes = Buffer.byteLength(request.input ?? "");
    return this.#run(record, handler);
  }

  /**
   * Goes on with an execution where its journal ends; one that has ended just gives its outcome.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`, `ERR_FUNCTION_UNKNOWN`, `ERR_JOURNAL_READ_ONLY`, `ERR_ENGINE_CLOSED`
   */
  resume(arnOrName: string): LocalExecution {
    this.#checkOpen();
    const found = this.#find(arnOrName);
    if (found === undefined) throw unknownExecution(arnOrName);
    return this.#open(found, this.#handlerOf(found.header.functionName));
  }

  /** An execution by ARN, name, id (the ARN's last part) or `last`. */
  find(arnOrName: string): ExecutionSummary | undefined {
    const found = this.#find(arnOrName);
    return found && this.#summarize(found);
  }

  /** All executions, in the order of their start. */
  list(): ExecutionSummary[] {
    return this.#journal.executions().map((execution) => this.#summarize(execution));
  }

  /** All operations of an execution, in the order of their start. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
  operations(arn: string): Operation[] {
    const record = this.#running.get(arn)?.record ?? this.#recordOf(this.#get(arn));
    return Array.from(record.operations(), copyOperation);
  }

  /** The events of an execution, in the service's format. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
  history(arn: string, options?: HistoryOptions): HistoryEvent[] {
    const { header } = this.#get(arn);
    return readHistory(header, executionIdOf(header.arn), this.#journal.entries(header.arn), options);
  }

  /** Ends a running execution; an invocation in flight is not interrupted, but its next checkpoint is refused. */
  stop(arn: string, error: ErrorObject = {}): void {
    const found = this.#get(arn);
    const stopped: ExecutionOutcome = { status: "STOPPED", error };
    const live = this.#running.get(found.header.arn);
    if (live !== undefined) live.execution.finish(stopped);
    else this.#recordOf(found).finish(stopped, this.#clock.now());
  }

  /** Calls `listener` with what happens to executions, until the returned function is called. */
  subscribe(listener: (event: ExecutionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Begins no more invocations, waits a moment for those in flight, and closes the journal. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(Array.from(this.#running.values(), ({ execution }) => execution.close(CLOSE_GRACE_MS)));
    this.#journal.close();
  }

  #open(found: JournalExecution, handler: LocalHandler): LocalExecution {
    const live = this.#running.get(found.header.arn);
    if (live !== undefined) return live.execution;
    if (found.status === "RUNNING" && this.#journal.readOnly) {
      const message = `The journal can only be read, and execution "${found.header.name}" has not ended. Open it to write.`;
      throw new DurableError("ERR_JOURNAL_READ_ONLY", message);
    }
    const record = this.#recordOf(found);
    record.closeInterrupted();
    return this.#run(record, handler);
  }

  #checkOpen(): void {
    if (this.#closed) throw new DurableError("ERR_ENGINE_CLOSED", "The engine is closed; make a new one.");
  }

  #run(record: ExecutionRecord, handler: LocalHandler): LocalExecution {
    const execution = new LocalExecution(record, {
      clock: this.#clock,
      settings: this.#settings,
      handler,
      isWatched: () => this.#listeners.size > 0,
      emit: (event) => this.#emit(event),
      countRunning: (change) => this.#countRunning(change),
    });
    if (record.status === "RUNNING") this.#running.set(record.header.arn, { record, execution });
    execution.run();
    // An execution that was suspended invokes nothing yet.
    this.#countRunning(0);
    return execution;
  }

  #emit(event: ExecutionEvent): void {
    if (event.type === "execution-ended") this.#running.delete(event.arn);
    for (const listener of this.#listeners) listener(event);
  }

  /** When nothing runs any more, virtual time goes on to the next thing due. */
  #countRunning(change: 1 | 0 | -1): void {
    this.#inFlight += change;
    if (this.#clock.skip !== undefined && this.#inFlight === 0) this.#skipWhenIdle();
  }

  #skipWhenIdle(): void {
    // Whoever is about to go to sleep does so first.
    setImmediate(() => {
      if (this.#inFlight === 0 && !this.#closed && this.#clock.skip?.()) this.#skipWhenIdle();
    });
  }

  #handlerOf(functionName: string): LocalHandler {
    const handler = this.#handlers.get(functionName);
    if (handler !== undefined) return handler;
    const known = [...this.#handlers.keys()].join(", ") || "none";
    throw new DurableError("ERR_FUNCTION_UNKNOWN", `No function "${functionName}" is registered (known: ${known}).`);
  }

  #find(wanted: string): JournalExecution | undefined {
    if (wanted === "last") return this.#journal.last();
    return this.#journal.find("arn", wanted) ?? this.#journal.find("name", wanted) ?? this.#journal.find("id", wanted);
  }

  #get(arn: string): JournalExecution {
    const found = this.#find(arn);
    if (found === undefined) throw unknownExecution(arn);
    return found;
  }

  #recordOf({ header, counters }: JournalExecution): ExecutionRecord {
    const record = new ExecutionRecord(header, this.#journal, this.#settings.quotas, counters);
    record.restore(this.#journal.entries(header.arn));
    return record;
  }

  #summarize({ header, status, endMs, result, error, counters }: JournalExecution): ExecutionSummary {
    return {
      arn: header.arn,
      name: header.name,
      functionName: header.functionName,
      input: header.input,
      metadata: header.metadata,
      parent: header.parent,
      status,
      startTimestamp: header.startMs,
      endTimestamp: endMs,
      result,
      error,
      counters: { ...(this.#running.get(header.arn)?.record.counters ?? counters) },
    };
  }
}

function checkInput(input: string | undefined, maxBytes: number): void {
  if (input === undefined) return;
  const bytes = Buffer.byteLength(input);
  if (bytes > maxBytes) {
    throw new DurableError("ERR_INPUT_TOO_LARGE", `The input is ${bytes} bytes; an execution takes ${maxBytes}.`);
  }
  try {
    JSON.parse(input);
  } catch (error) {
    throw new DurableError("ERR_INPUT_INVALID", `The input is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function unknownExecution(wanted: string): DurableError {
  return new DurableError("ERR_EXECUTION_UNKNOWN", `There is no execution "${wanted}" in this journal.`);
}
