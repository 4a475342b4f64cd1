import { randomUUID } from "node:crypto";
import { DurableError } from "../core/errors.ts";
import type { ErrorObject, Operation } from "../core/wire.ts";
import type { ErrorTrace, ExecutionHeader, ExternalCompletion, Journal, JournalExecution } from "../journal/journal.ts";
import { MemoryJournal } from "../journal/memory-journal.ts";
import type { Rehearsal } from "../replay/rehearsal.ts";
import { Callbacks } from "../service/callbacks.ts";
import { executionIdOf, newExecutionArn } from "../service/execution-arn.ts";
import type { ExecutionOutcome } from "../service/execution-outcome.ts";
import { ExecutionRecord, type RecordHost } from "../service/execution-record.ts";
import { type HistoryEvent, type HistoryOptions, readHistory } from "../service/history.ts";
import type { OpenCallback } from "../service/open-callbacks.ts";
import { copyOperation } from "../service/operation-table.ts";
import { createRedriven, type RedriveRequest } from "../service/redrive.ts";
import { type LocalSettings, type LocalSettingsOptions, resolveLocalSettings } from "../service/settings.ts";
import { checkInput } from "../service/validation.ts";
import { CallbackHolds } from "./callback-holds.ts";
import { ChainedInvokes } from "./chained-invokes.ts";
import { systemClock } from "./clock.ts";
import { type ExecutionSummary, Executions } from "./executions.ts";
import { FunctionRegistry, type LocalFunction } from "./function-registry.ts";
import { IdleTime, type SkippingClock } from "./idle-time.ts";
import { type ExecutionEvent, LocalExecution, type LocalHandler } from "./local-execution.ts";
import { type RehearsalRequest, rehearseExecution } from "./rehearsals.ts";

export interface LocalEngineOptions extends LocalSettingsOptions {
  /** The store of executions. Default: in memory. */
  readonly journal?: Journal;
  /** The engine's clock. Default: the system's time. */
  readonly clock?: SkippingClock;
  /**
   * Whether virtual time may time a callback out. Time moves that far only when nothing runs and nothing else is due
   * before. The engine cannot know of a caller who is about to complete the callback (see `holdCallback`). With
   * `false`, time then stands still until the callback is completed or the clock is moved by hand. Default true.
   */
  readonly skipCallbackTimeouts?: boolean;
}

export interface StartRequest {
  readonly functionName: string;
  /** Unique in the journal. Default: a random name. */
  readonly name?: string;
  /** JSON text. Default: none, which a handler sees as `{}`. */
  readonly input?: string;
  readonly executionTimeoutSeconds?: number;
  /** The tenant for which the function is invoked. The function's Lambda context has it. */
  readonly tenantId?: string;
  /** Kept with the execution, for later look-ups. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The milliseconds that `close` waits for running code. */
const CLOSE_GRACE_MS = 1_000;

/**
 * The embedded durable execution service. It runs registered handlers, several executions at the same time, and keeps
 * their events in a journal. An execution runs only after it was started or resumed.
 */
export class LocalEngine {
  readonly #journal: Journal;
  readonly #clock: SkippingClock;
  readonly #settings: LocalSettings;
  readonly #functions = new FunctionRegistry();
  readonly #recordHost: RecordHost;
  readonly #executions: Executions;
  readonly #listeners = new Set<(event: ExecutionEvent) => void>();
  readonly #holds: CallbackHolds;
  readonly #idleTime: IdleTime;
  readonly #invokes: ChainedInvokes;
  readonly #callbacks: Callbacks;
  #closed = false;
  /** Whether the journal is closed. Then nothing is written. */
  #journalClosed = false;

  /** @throws DurableError `ERR_SETTING_INVALID` */
  constructor(options: LocalEngineOptions = {}) {
    const { journal, clock, skipCallbackTimeouts = true, ...settings } = options;
    this.#settings = resolveLocalSettings(settings);
    this.#journal = journal ?? new MemoryJournal();
    this.#clock = clock ?? systemClock;
    this.#recordHost = {
      journal: this.#journal,
      quotas: this.#settings.quotas,
      newChildArn: (start) => this.#invokes.newChildArn(start),
      onNews: (arn, ids) => {
        if (this.#listeners.size > 0) this.#notify({ type: "operations-changed", arn, changedIds: [...ids] });
      },
    };
    this.#executions = new Executions(this.#recordHost);
    this.#holds = new CallbackHolds(this.#executions, !skipCallbackTimeouts);
    this.#idleTime = new IdleTime(this.#clock, () => this.#holds.limitMs);
    this.#callbacks = new Callbacks((arn, action) => this.#change(arn, action), this.#settings.quotas);
    this.#invokes = new ChainedInvokes({
      clock: this.#clock,
      settings: this.#settings,
      functions: this.#functions,
      countRunning: (change) => this.#idleTime.countRunning(change),
      startChild: (header) => void this.#create(header, this.#functions.handlerOf(header.functionName)),
      findChild: (arn) => this.#journal.find("arn", arn),
      openChild: (found) => void this.#open(found, this.#functions.handlerOf(found.header.functionName)),
      complete: (arn, operationId, completion) => this.#complete(arn, operationId, completion),
    });
  }

  /** Registers a durable handler under a function's name. */
  register(functionName: string, handler: LocalHandler): void {
    this.#functions.add({ kind: "durable", name: functionName, handler });
  }

  /**
   * Registers a plain function for chained invokes. The function gets the parsed payload. It runs once, and again if
   * the process ended before the function did.
   */
  registerFunction(functionName: string, run: LocalFunction): void {
    this.#functions.add({ kind: "plain", name: functionName, run });
  }

  /** Whether a chained invoke of this name, `name:version` or ARN finds a function. */
  isRegistered(functionName: string): boolean {
    return this.#functions.find(functionName) !== undefined;
  }

  /**
   * Starts an execution, or continues the execution that has the same name, function and input.
   * @throws DurableError `ERR_EXECUTION_NAME_TAKEN`, `ERR_FUNCTION_UNKNOWN`, `ERR_FUNCTION_NOT_DURABLE`,
   * `ERR_INPUT_INVALID`, `ERR_INPUT_TOO_LARGE`, `ERR_ENGINE_CLOSED`, or the journal's errors
   */
  start(request: StartRequest): LocalExecution {
    this.#checkOpen();
    const handler = this.#functions.handlerOf(request.functionName);
    const name = request.name ?? randomUUID();
    checkInput(request.input, this.#settings.quotas.inputBytes);
    const existing = this.#journal.find("name", name);
    if (existing !== undefined) {
      const { header } = existing;
      if (header.input !== request.input || header.functionName !== request.functionName) {
        const what = header.functionName === request.functionName ? "input" : "function";
        const message = `There is an execution named "${name}" with another ${what} (${header.arn}).`;
        throw new DurableError("ERR_EXECUTION_NAME_TAKEN", `${message} Give this one another name.`);
      }
      return this.#open(existing, handler);
    }
    const header: ExecutionHeader = {
      arn: newExecutionArn(request.functionName, name),
      name,
      functionName: request.functionName,
      input: request.input,
      startMs: this.#clock.now(),
      timeoutSeconds: request.executionTimeoutSeconds,
      metadata: request.metadata ?? {},
      ...(request.tenantId === undefined ? {} : { tenantId: request.tenantId }),
    };
    return this.#create(header, handler);
  }

  /**
   * Continues an execution, and the executions that its chained invokes began, from the end of their journals. An
   * execution that has ended only gives its outcome.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`, `ERR_FUNCTION_UNKNOWN` (also for a function that it has invoked),
   * `ERR_FUNCTION_NOT_DURABLE`, `ERR_JOURNAL_READ_ONLY`, `ERR_ENGINE_CLOSED`
   */
  resume(arnOrName: string): LocalExecution {
    this.#checkOpen();
    const found = this.#executions.get(arnOrName);
    return this.#open(found, this.#functions.handlerOf(found.header.functionName));
  }

  /**
   * Starts an execution that takes over from an ended one: with its input and its operations, except for the changes
   * that `amend` returns: a plan of `planRedrive` (from the failure, or from an earlier operation), or `failedItems`.
   * Open waits, callbacks and invokes begin anew.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`, `ERR_EXECUTION_RUNNING`, `ERR_EXECUTION_NAME_TAKEN`,
   * `ERR_FUNCTION_UNKNOWN`, `ERR_FUNCTION_NOT_DURABLE`, `ERR_ENGINE_CLOSED`, the journal's errors, or the errors of
   * `amend`
   */
  redrive(arnOrName: string, request: RedriveRequest): LocalExecution {
    this.#checkOpen();
    const found = this.#executions.get(arnOrName);
    const { arn, functionName } = found.header;
    const handler = this.#functions.handlerOf(functionName);
    const redriven = createRedriven(this.#journal, found, this.operations(arn), request, this.#clock.now());
    return this.#open(this.#executions.get(redriven), handler);
  }

  /**
   * Runs the handler against the records of an execution, or against the records with which a redrive with `amend` would
   * begin. No step, wait or invoke runs, and the journal does not change. See `rehearse`.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`, `ERR_FUNCTION_UNKNOWN`, `ERR_FUNCTION_NOT_DURABLE`,
   * `ERR_HANDLER_NOT_DURABLE`, or the errors of `amend`
   */
  async rehearse(arnOrName: string, request: RehearsalRequest = {}): Promise<Rehearsal> {
    const found = this.#executions.get(arnOrName);
    const handler = this.#functions.handlerOf(found.header.functionName);
    const { timeoutMs } = this.#settings.invocation;
    return rehearseExecution(this.#journal, found, this.operations(found.header.arn), handler, timeoutMs, request);
  }

  /** An execution by ARN, name, id (the ARN's last part) or `last`: the last execution that no other one started. */
  find(arnOrName: string): ExecutionSummary | undefined {
    const found = this.#executions.find(arnOrName);
    return found && this.#executions.summarize(found);
  }

  /** All executions, in the order of their start. */
  list(): ExecutionSummary[] {
    return this.#journal.executions().map((execution) => this.#executions.summarize(execution));
  }

  /** All operations of an execution, in the order of their start. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
  operations(arn: string): Operation[] {
    return Array.from(this.#executions.recordOf(arn).operations(), copyOperation);
  }

  /** One operation, if it has begun. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
  operation(arn: string, operationId: string): Operation | undefined {
    const operation = this.#executions.recordOf(arn).operation(operationId);
    return operation && copyOperation(operation);
  }

  /** The callbacks of an execution that are not completed yet. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
  openCallbacks(arn: string): OpenCallback[] {
    const record = this.#executions.recordOf(arn);
    return record.status === "RUNNING" ? record.openCallbacks() : [];
  }

  /** The ARNs of the executions that were started or resumed here and now wait for an operation: none of their code runs. */
  suspended(): string[] {
    return this.#executions.suspended();
  }

  /** The events of an execution, in the service's format. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
  history(arn: string, options?: HistoryOptions): HistoryEvent[] {
    const { header } = this.#executions.get(arn);
    return readHistory(header, executionIdOf(header.arn), this.#journal.entries(header.arn), options);
  }

  /** What an execution's operations and its handler threw, with stacks and causes, in the order in which they did. */
  traces(arn: string): ErrorTrace[] {
    return this.#journal.traces(arn);
  }

  /**
   * Ends a running execution. A running invocation is not interrupted, but its next checkpoint fails, and its running
   * code continues. If a chained invoke began the execution, the invoke ends as STOPPED with the same error.
   */
  stop(arn: string, error: ErrorObject = {}): void {
    const found = this.#executions.get(arn);
    const stopped: ExecutionOutcome = { status: "STOPPED", error };
    const running = this.#executions.runningOne(found.header.arn);
    if (running !== undefined) running.execution.finish(stopped);
    else this.#executions.rebuilt(found).finish(stopped, this.#clock.now());
  }

  /**
   * Completes a callback with a text or UTF-8 bytes. An absent or empty argument means no result. Works on any
   * execution of the journal: an execution that does not run here learns of the completion when it is resumed.
   * @throws ServiceError `CallbackTimeoutException` when the callback is closed already, `ResourceNotFoundException` or
   * `InvalidParameterValueException` when there is no such callback, or the result is too large
   * @throws DurableError `ERR_ENGINE_CLOSED`, or the journal's errors
   */
  completeCallback(callbackId: string, result?: string | Uint8Array): void {
    this.#checkOpen();
    this.#callbacks.succeed(callbackId, result);
  }

  /** Fails a callback. Otherwise like `completeCallback`. */
  failCallback(callbackId: string, error: ErrorObject = {}): void {
    this.#checkOpen();
    this.#callbacks.fail(callbackId, error);
  }

  /** Reports that work on a callback continues. Its heartbeat time-out begins anew. Throws like `completeCallback`. */
  heartbeatCallback(callbackId: string): void {
    this.#checkOpen();
    this.#callbacks.heartbeat(callbackId);
  }

  /**
   * Prevents that virtual time reaches the time-out of this callback by itself, until the returned function is called.
   * For callers who are about to complete the callback.
   * @throws ServiceError `InvalidParameterValueException` when the text is no callback's id
   */
  holdCallback(callbackId: string): () => void {
    const release = this.#holds.hold(callbackId);
    return () => {
      release();
      this.#idleTime.countRunning(0);
    };
  }

  /**
   * Resolves when no code of a function runs and virtual time does not move by itself: every execution has ended, or
   * waits for an external system.
   */
  rest(): Promise<void> {
    return this.#idleTime.rest();
  }

  /** Calls `listener` with the events of executions, until the returned function is called. */
  subscribe(listener: (event: ExecutionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Begins no more invocations, waits a short time for the running ones, and closes the journal. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#idleTime.stop();
    const ended = Array.from(this.#executions.running(), ({ execution }) => execution.close(CLOSE_GRACE_MS));
    await Promise.all([...ended, this.#invokes.close(CLOSE_GRACE_MS)]);
    this.#journalClosed = true;
    this.#journal.close();
  }

  /** Completes a chained invoke of an execution that runs. */
  #complete(arn: string, operationId: string, completion: ExternalCompletion): void {
    if (this.#journalClosed) return;
    const running = this.#executions.runningOne(arn);
    try {
      running?.execution.change((record, nowMs) => record.complete(operationId, completion, nowMs));
    } catch {
      // The journal cannot be written. The execution's result is an error that says so.
    }
  }

  /** Changes an execution, whether or not it runs. False when there is no such execution. */
  #change(arn: string, action: (record: ExecutionRecord, nowMs: number) => void): boolean {
    const running = this.#executions.runningOne(arn);
    if (running !== undefined) {
      running.execution.change(action);
      this.#idleTime.countRunning(0);
      return true;
    }
    const found = this.#journal.find("arn", arn);
    if (found === undefined) return false;
    const record = this.#executions.rebuilt(found);
    if (!this.#journal.readOnly) record.closeInterrupted();
    action(record, this.#clock.now());
    return true;
  }

  #create(header: ExecutionHeader, handler: LocalHandler): LocalExecution {
    this.#journal.create(header);
    const record = new ExecutionRecord(header, this.#recordHost);
    record.counters.dataBytes = Buffer.byteLength(header.input ?? "");
    return this.#run(record, handler);
  }

  #open(found: JournalExecution, handler: LocalHandler): LocalExecution {
    const running = this.#executions.runningOne(found.header.arn);
    if (running !== undefined) return running.execution;
    if (found.status === "RUNNING" && this.#journal.readOnly) {
      const message = `The journal can only be read, and execution "${found.header.name}" has not ended. Open it to write.`;
      throw new DurableError("ERR_JOURNAL_READ_ONLY", message);
    }
    const record = this.#executions.rebuilt(found);
    record.closeInterrupted();
    if (record.status === "RUNNING" && record.announcedEnd === undefined) {
      this.#invokes.resume(record, this.#clock.now());
    }
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
      countRunning: (change) => this.#idleTime.countRunning(change),
      beginInvoke: (request) => this.#invokes.begin(record.header.arn, request),
    });
    if (record.status === "RUNNING") this.#executions.begin({ record, execution });
    execution.run();
    // A suspended execution has no running invocation yet.
    this.#idleTime.countRunning(0);
    return execution;
  }

  #emit(event: ExecutionEvent): void {
    if (event.type === "execution-ended") {
      const parent = this.#executions.end(event.arn)?.record.header.parent;
      if (parent !== undefined) this.#invokes.childEnded(parent, event.outcome);
    }
    this.#notify(event);
  }

  #notify(event: ExecutionEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
