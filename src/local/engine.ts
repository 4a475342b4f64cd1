import { randomUUID } from "node:crypto";
import { DurableError } from "../core/errors.ts";
import type { ErrorObject, Operation } from "../core/wire.ts";
import type { ExecutionHeader, ExternalCompletion, Journal, JournalExecution } from "../journal/journal.ts";
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
  /** Where executions are kept. Default: in memory. */
  readonly journal?: Journal;
  /** What the engine takes time from. Default: the system. */
  readonly clock?: SkippingClock;
  /**
   * Whether virtual time may go on until a callback has waited for too long. It does so only when nothing runs and
   * nothing else is due before; it cannot know of somebody outside who is about to complete the callback (see
   * `holdCallback`). With `false` it stands still then, until the callback is completed or the clock is moved by hand.
   * Default true.
   */
  readonly skipCallbackTimeouts?: boolean;
}

export interface StartRequest {
  readonly functionName: string;
  /** Unique in the journal. Default: a random one. */
  readonly name?: string;
  /** JSON text. Default: none, which a handler sees as `{}`. */
  readonly input?: string;
  readonly executionTimeoutSeconds?: number;
  /** The tenant that the function is invoked for; its Lambda context says so. */
  readonly tenantId?: string;
  /** Kept with the execution, to be found again. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Milliseconds that `close` leaves to code that is running. */
const CLOSE_GRACE_MS = 1_000;

/**
 * The durable execution service, embedded. It runs the handlers that are registered, several executions at once, and
 * keeps what happens in a journal. Nothing runs until it is started or resumed.
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
  /** Nothing is written any more. */
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
        if (this.#listeners.size > 0) this.#tell({ type: "operations-changed", arn, changedIds: [...ids] });
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

  /** Makes a durable handler known under a function's name. */
  register(functionName: string, handler: LocalHandler): void {
    this.#functions.add({ kind: "durable", name: functionName, handler });
  }

  /**
   * Makes a plain function known, to be called by chained invokes: with the payload parsed, once, and again if the
   * process ended before it did.
   */
  registerFunction(functionName: string, run: LocalFunction): void {
    this.#functions.add({ kind: "plain", name: functionName, run });
  }

  /** Whether a chained invoke of this name, `name:version` or ARN finds a function. */
  isRegistered(functionName: string): boolean {
    return this.#functions.find(functionName) !== undefined;
  }

  /**
   * Starts an execution, or goes on with the one that has this name, function and input already.
   * @throws DurableError `ERR_EXECUTION_NAME_TAKEN`, `ERR_FUNCTION_UNKNOWN`, `ERR_FUNCTION_NOT_DURABLE`,
   * `ERR_INPUT_INVALID`, `ERR_INPUT_TOO_LARGE`, `ERR_ENGINE_CLOSED`, or the journal's
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
        throw new DurableError(
          "ERR_EXECUTION_NAME_TAKEN",
          `There is an execution named "${name}" with another ${what} (${header.arn}). Give this one another name.`,
        );
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
   * Goes on with an execution where its journal ends, and with those that it has begun by chained invokes; one that has
   * ended just gives its outcome.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`, `ERR_FUNCTION_UNKNOWN` (also for a function that it has invoked),
   * `ERR_FUNCTION_NOT_DURABLE`, `ERR_JOURNAL_READ_ONLY`, `ERR_ENGINE_CLOSED`
   */
  resume(arnOrName: string): LocalExecution {
    this.#checkOpen();
    const found = this.#executions.get(arnOrName);
    return this.#open(found, this.#functions.handlerOf(found.header.functionName));
  }

  /**
   * Starts an execution that takes over from one that has ended: with its input, and with its operations as they are but
   * for what `amend` says: a plan of `planRedrive`, from where it failed or from an earlier operation, or `failedItems`.
   * Waits, callbacks and invokes that were open begin anew.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`, `ERR_EXECUTION_RUNNING`, `ERR_EXECUTION_NAME_TAKEN`,
   * `ERR_FUNCTION_UNKNOWN`, `ERR_FUNCTION_NOT_DURABLE`, `ERR_ENGINE_CLOSED`, the journal's, or what `amend` throws
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
   * Runs the handler against what is recorded of an execution, or against what a redrive with `amend` would begin with:
   * without any step, wait or invoke, and without a trace in the journal. See `rehearse`.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`, `ERR_FUNCTION_UNKNOWN`, `ERR_FUNCTION_NOT_DURABLE`,
   * `ERR_HANDLER_NOT_DURABLE`, or what `amend` throws
   */
  async rehearse(arnOrName: string, request: RehearsalRequest = {}): Promise<Rehearsal> {
    const found = this.#executions.get(arnOrName);
    const handler = this.#functions.handlerOf(found.header.functionName);
    const { timeoutMs } = this.#settings.invocation;
    return rehearseExecution(this.#journal, found, this.operations(found.header.arn), handler, timeoutMs, request);
  }

  /**
   * An execution by ARN, name, id (the ARN's last part) or `last`: the one that was started last, by somebody and not by
   * another execution.
   */
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

  /** The callbacks of an execution that nobody has completed yet. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
  openCallbacks(arn: string): OpenCallback[] {
    const record = this.#executions.recordOf(arn);
    return record.status === "RUNNING" ? record.openCallbacks() : [];
  }

  /** The events of an execution, in the service's format. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
  history(arn: string, options?: HistoryOptions): HistoryEvent[] {
    const { header } = this.#executions.get(arn);
    return readHistory(header, executionIdOf(header.arn), this.#journal.entries(header.arn), options);
  }

  /**
   * Ends a running execution. An invocation in flight is not interrupted, but its next checkpoint is refused; what it
   * has begun goes on. The chained invoke that began the execution, if one did, ends as STOPPED with the same error.
   */
  stop(arn: string, error: ErrorObject = {}): void {
    const found = this.#executions.get(arn);
    const stopped: ExecutionOutcome = { status: "STOPPED", error };
    const running = this.#executions.runningOne(found.header.arn);
    if (running !== undefined) running.execution.finish(stopped);
    else this.#executions.rebuilt(found).finish(stopped, this.#clock.now());
  }

  /**
   * Completes a callback. Text or UTF-8 bytes; nothing, or nothing in it, is no result. Works on any execution of the
   * journal: one that does not run here and now learns of it when it is resumed.
   * @throws ServiceRefusal `CallbackTimeoutException` when the callback is closed already, `ResourceNotFoundException` or
   * `InvalidParameterValueException` when there is no such callback, or the result is too large
   * @throws DurableError `ERR_ENGINE_CLOSED`, or the journal's
   */
  completeCallback(callbackId: string, result?: string | Uint8Array): void {
    this.#checkOpen();
    this.#callbacks.succeed(callbackId, result);
  }

  /** Fails a callback, otherwise like `completeCallback`. */
  failCallback(callbackId: string, error: ErrorObject = {}): void {
    this.#checkOpen();
    this.#callbacks.fail(callbackId, error);
  }

  /** Says that somebody still works on a callback: its heartbeat time-out begins anew. Throws like `completeCallback`. */
  heartbeatCallback(callbackId: string): void {
    this.#checkOpen();
    this.#callbacks.heartbeat(callbackId);
  }

  /**
   * Keeps virtual time from going on by itself to the moment at which this callback times out, until the returned
   * function is called: somebody is about to complete it.
   * @throws ServiceRefusal `InvalidParameterValueException` when it is no callback's id
   */
  holdCallback(callbackId: string): () => void {
    const release = this.#holds.hold(callbackId);
    return () => {
      release();
      this.#idleTime.countRunning(0);
    };
  }

  /**
   * Resolves when no code of a function runs and virtual time does not go on by itself: everything has ended, or waits
   * for somebody outside.
   */
  rest(): Promise<void> {
    return this.#idleTime.rest();
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
      // The journal cannot be written: the execution's result says so.
    }
  }

  /** Changes an execution, whether it runs or not; false when there is none. */
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
    // An execution that was suspended invokes nothing yet.
    this.#idleTime.countRunning(0);
    return execution;
  }

  #emit(event: ExecutionEvent): void {
    if (event.type === "execution-ended") {
      const parent = this.#executions.end(event.arn)?.record.header.parent;
      if (parent !== undefined) this.#invokes.childEnded(parent, event.outcome);
    }
    this.#tell(event);
  }

  #tell(event: ExecutionEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
