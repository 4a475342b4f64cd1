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
import { type HistoryEvent, type HistoryOptions, makeHistory } from "../service/history.ts";
import type { OpenCallback } from "../service/open-callbacks.ts";
import { copyOperation } from "../service/operation-table.ts";
import { createRedriven, type RedriveRequest } from "../service/redrive.ts";
import { type LocalSettings, type LocalSettingsOptions, resolveLocalSettings } from "../service/settings.ts";
import { checkInput } from "../service/validation.ts";
import { CallbackHolds } from "./callback-holds.ts";
import { ChainedInvokes } from "./chained-invokes.ts";
import { systemClock } from "./clock.ts";
import { checkSame, checkWritable, type ExecutionSummary, Executions } from "./executions.ts";
import { FunctionRegistry, type LocalFunction } from "./function-registry.ts";
import { IdleTime, type SkippingClock } from "./idle-time.ts";
import { type ExecutionEvent, LocalExecution, type LocalHandler } from "./local-execution.ts";
import { type RehearsalRequest, rehearseExecution } from "./rehearsals.ts";

export interface LocalEngineOptions extends LocalSettingsOptions {
  /** The store of executions. Default: a new `MemoryJournal`. `close` of the engine also closes the journal. */
  readonly journal?: Journal;
  /** Default: the system's clock. */
  readonly clock?: SkippingClock;
  /**
   * Whether the engine may move virtual time to the time-out of a callback. With `false`, virtual time stops before the
   * first time-out of an open callback, until the callback or its execution ends, a heartbeat delays the time-out, or a
   * caller moves the clock. Default true. No effect with the system's clock. See also `holdCallback`.
   */
  readonly skipCallbackTimeouts?: boolean;
}

export interface StartRequest {
  readonly functionName: string;
  /** Default: a random name. See `start` for the case that the journal has an execution of this name. */
  readonly name?: string;
  /** JSON text. Default: no input. The handler then gets `{}`. */
  readonly input?: string;
  readonly executionTimeoutSeconds?: number;
  /** The tenant for which the function is invoked. The handler finds it as `tenantId` in its Lambda context. */
  readonly tenantId?: string;
  /** Data that is stored with the execution, and that no handler gets. Default: no data. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Milliseconds that `close` waits at most for running code. */
const CLOSE_GRACE_MS = 1_000;

/**
 * The embedded service for durable executions. It runs registered handlers, and writes the events of executions to a
 * journal. An execution in the journal runs only after `start`, `resume` or `redrive`, or when a running execution has
 * invoked it. Several executions can run at the same time. A method that reads or writes executions can also throw the
 * journal's errors.
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
  #closing: Promise<void> | undefined;
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
        if (this.#listeners.size > 0) this.#emit({ type: "operations-changed", arn, changedIds: [...ids] });
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

  /**
   * Registers a durable handler, or replaces the handler or function of this name. Running executions are not changed.
   */
  register(functionName: string, handler: LocalHandler): void {
    this.#functions.add({ kind: "durable", name: functionName, handler });
  }

  /**
   * Registers a plain function for chained invokes, or replaces the handler or function of this name. Each invoke calls
   * the function once. If the call has no recorded end when the process ends or the engine is closed, `resume` of the
   * execution calls the function again.
   */
  registerFunction(functionName: string, run: LocalFunction): void {
    this.#functions.add({ kind: "plain", name: functionName, run });
  }

  /** Whether a handler or function has this name, `name:version` or ARN. `start` accepts only the name. */
  isRegistered(functionName: string): boolean {
    return this.#functions.find(functionName) !== undefined;
  }

  /**
   * Starts an execution. If the journal has an execution of this name, function and input, `start` resumes this
   * execution and ignores the other members of `request`.
   * @throws DurableError `ERR_EXECUTION_NAME_TAKEN`, `ERR_INPUT_INVALID`, `ERR_INPUT_TOO_LARGE`, or the errors of
   * `resume`
   */
  start(request: StartRequest): LocalExecution {
    this.#checkOpen();
    const handler = this.#functions.handlerOf(request.functionName);
    const name = request.name ?? randomUUID();
    checkInput(request.input, this.#settings.quotas.inputBytes);
    const existing = this.#journal.find("name", name);
    if (existing !== undefined) {
      checkSame(existing.header, request);
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
   * Continues an execution from its records, and the executions that its open chained invokes have started. Finds the
   * execution as `find` does. If it runs in this engine already, returns the same object as before. If it has ended,
   * nothing runs, and `result` resolves with the recorded outcome.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`, `ERR_FUNCTION_UNKNOWN` (also for an invoked function),
   * `ERR_FUNCTION_NOT_DURABLE`, `ERR_JOURNAL_READ_ONLY`, `ERR_ENGINE_CLOSED`, or the journal's errors
   */
  resume(arnOrName: string): LocalExecution {
    this.#checkOpen();
    const found = this.#executions.get(arnOrName);
    return this.#open(found, this.#functions.handlerOf(found.header.functionName));
  }

  /**
   * Starts an execution that takes over input and operations from an ended execution. `amend` returns the changes, from
   * `planRedrive` or `failedItems`. Waits and retry delays that have not ended begin again with their whole length.
   * Callbacks and invokes that have not ended begin anew.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`, `ERR_EXECUTION_RUNNING`, `ERR_EXECUTION_NAME_TAKEN`,
   * `ERR_FUNCTION_UNKNOWN`, `ERR_FUNCTION_NOT_DURABLE`, `ERR_INPUT_INVALID`, `ERR_INPUT_TOO_LARGE`,
   * `ERR_ENGINE_CLOSED`, the journal's errors, or the errors of `amend`
   */
  redrive(arnOrName: string, request: RedriveRequest): LocalExecution {
    this.#checkOpen();
    const found = this.#executions.get(arnOrName);
    const { arn, functionName } = found.header;
    const handler = this.#functions.handlerOf(functionName);
    checkInput(request.input, this.#settings.quotas.inputBytes);
    const redriven = createRedriven(this.#journal, found, this.operations(arn), request, this.#clock.now());
    return this.#open(this.#executions.get(redriven), handler);
  }

  /**
   * Runs the handler with the records of an execution, or with the records that a redrive with `amend` would take over.
   * No operation begins, and the journal does not change. Code between operations runs, as in a replay.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`, `ERR_FUNCTION_UNKNOWN`, `ERR_FUNCTION_NOT_DURABLE`,
   * `ERR_HANDLER_NOT_DURABLE`, the journal's errors, or the errors of `amend` and `alter`
   */
  async rehearse(arnOrName: string, request: RehearsalRequest = {}): Promise<Rehearsal> {
    const found = this.#executions.get(arnOrName);
    const handler = this.#functions.handlerOf(found.header.functionName);
    const { timeoutMs } = this.#settings.invocation;
    return rehearseExecution(this.#journal, found, this.operations(found.header.arn), handler, timeoutMs, request);
  }

  /** Finds by ARN, name or id (the last part of the ARN). `last` is the newest execution without a `parent`. */
  find(arnOrName: string): ExecutionSummary | undefined {
    const found = this.#executions.find(arnOrName);
    return found && this.#executions.summarize(found);
  }

  /** All executions of the journal, in the order in which they were created. */
  list(): ExecutionSummary[] {
    return this.#journal.executions().map((execution) => this.#executions.summarize(execution));
  }

  /** All operations, in the order of their starts, the execution first. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
  operations(arn: string): Operation[] {
    return Array.from(this.#executions.recordOf(arn).operations(), copyOperation);
  }

  /** One operation. Undefined if it has not begun. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
  operation(arn: string, operationId: string): Operation | undefined {
    const operation = this.#executions.recordOf(arn).operation(operationId);
    return operation && copyOperation(operation);
  }

  /** The callbacks without a recorded end. An ended execution has none. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
  openCallbacks(arn: string): OpenCallback[] {
    const record = this.#executions.recordOf(arn);
    return record.status === "RUNNING" ? record.openCallbacks() : [];
  }

  /** The ARNs of the executions that run in this engine, are suspended, and wait for a change. */
  suspended(): string[] {
    return this.#executions.suspended();
  }

  /** The events of an execution, in the service's format. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
  history(arn: string, options?: HistoryOptions): HistoryEvent[] {
    const { header } = this.#executions.get(arn);
    return makeHistory(header, executionIdOf(header.arn), this.#journal.entries(header.arn), options);
  }

  /** The errors that code has thrown, the earliest first, with stacks and causes. Empty for a name or an unknown ARN. */
  traces(arn: string): ErrorTrace[] {
    return this.#journal.traces(arn);
  }

  /**
   * Ends an execution as STOPPED, if it has not ended. Its code continues until its next checkpoint fails. Executions
   * that it has invoked are not stopped. If a chained invoke started the execution, the invoke also ends as STOPPED.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`, or the journal's errors
   */
  stop(arn: string, error: ErrorObject = {}): void {
    const found = this.#executions.get(arn);
    const stopped: ExecutionOutcome = { status: "STOPPED", error };
    const running = this.#executions.runningOne(found.header.arn)?.execution;
    if (running !== undefined) running.finish(stopped);
    else this.#executions.rebuilt(found).finish(stopped, this.#clock.now());
  }

  /**
   * Completes a callback with a text or with UTF-8 bytes. An absent or empty argument means no result. If the execution
   * does not run in this engine, it gets the result when it is resumed.
   * @throws ServiceError `CallbackTimeoutException` if the callback or its execution has ended,
   * `ResourceNotFoundException` if the journal has no callback with this id, `InvalidParameterValueException` if the id
   * is malformed or the result is too large
   * @throws DurableError `ERR_ENGINE_CLOSED`, or the journal's errors
   */
  completeCallback(callbackId: string, result?: string | Uint8Array): void {
    this.#checkOpen();
    this.#callbacks.succeed(callbackId, result);
  }

  /** Ends a callback as FAILED. Throws the same errors as `completeCallback`, also if `error` is too large. */
  failCallback(callbackId: string, error: ErrorObject = {}): void {
    this.#checkOpen();
    this.#callbacks.fail(callbackId, error);
  }

  /** Restarts the heartbeat time-out of a callback, if there is one. Throws the same errors as `completeCallback`. */
  heartbeatCallback(callbackId: string): void {
    this.#checkOpen();
    this.#callbacks.heartbeat(callbackId);
  }

  /**
   * Holds a callback: the engine does not move virtual time to the time-out of this callback, until the returned
   * function is called. A caller can still move the clock past the time-out. No effect with the system's clock.
   * @throws ServiceError `InvalidParameterValueException` if the text does not have the form of a callback id
   */
  holdCallback(callbackId: string): () => void {
    const release = this.#holds.hold(callbackId);
    return () => {
      release();
      this.#idleTime.proceed();
    };
  }

  /**
   * Resolves when nothing runs and virtual time stands still: each execution of this engine has ended, or waits for an
   * external system, for a held time-out, or for the system's clock. After `close`, resolves in any case.
   */
  rest(): Promise<void> {
    return this.#idleTime.rest();
  }

  /** Calls `listener`, which must not throw, with each event of this engine, until the returned function is called. */
  subscribe(listener: (event: ExecutionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Begins no further invocation, and waits at most one second for running code. Then `result` of each execution that
   * has not ended rejects, and the journal is closed. A second call returns the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#idleTime.stop();
    const ended = Array.from(this.#executions.running(), ({ execution }) => execution.close(CLOSE_GRACE_MS));
    await Promise.all([...ended, this.#invokes.close(CLOSE_GRACE_MS)]);
    this.#journalClosed = true;
    this.#journal.close();
  }

  #complete(arn: string, operationId: string, completion: ExternalCompletion): void {
    if (this.#journalClosed) return;
    try {
      const running = this.#executions.runningOne(arn);
      running?.execution.change((record, nowMs) => record.complete(operationId, completion, nowMs));
    } catch {
      // `change` has already rejected the execution's `result` with this error.
    }
  }

  #change(arn: string, action: (record: ExecutionRecord, nowMs: number) => void): boolean {
    const running = this.#executions.runningOne(arn);
    if (running !== undefined) {
      running.execution.change(action);
      this.#idleTime.proceed();
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
    checkWritable(this.#journal, found);
    const record = this.#executions.rebuilt(found);
    record.closeInterrupted();
    if (record.status === "RUNNING" && record.announcedEnd === undefined)
      this.#invokes.resume(record, this.#clock.now());
    return this.#run(record, handler);
  }

  #checkOpen(): void {
    if (this.#closing !== undefined)
      throw new DurableError("ERR_ENGINE_CLOSED", "The engine is closed; make a new one.");
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
    // Virtual time may have to move now, because a resumed execution may wait without a running invocation.
    this.#idleTime.proceed();
    return execution;
  }

  #emit(event: ExecutionEvent): void {
    if (event.type === "execution-ended") {
      const parent = this.#executions.end(event.arn)?.record.header.parent;
      if (parent !== undefined) this.#invokes.childEnded(parent, event.outcome);
      this.#idleTime.proceed(); // Virtual time may have stood still because of a callback of this execution.
    }
    for (const listener of this.#listeners) listener(event);
  }
}
