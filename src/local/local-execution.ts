import { randomUUID } from "node:crypto";
import { DurableExecutionInvocationInputWithClient, type InvocationControl } from "../client/client.ts";
import { DurableError } from "../core/errors.ts";
import type { Clock, Timer } from "../core/time.ts";
import type { ErrorObject, OperationUpdate } from "../core/wire.ts";
import { functionArn } from "../service/execution-arn.ts";
import type { ExecutionOutcome } from "../service/execution-outcome.ts";
import type { ExecutionRecord } from "../service/execution-record.ts";
import { readOutput } from "../service/invocation-answer.ts";
import type { InvokeRequest } from "../service/invoke-request.ts";
import { invalidParameter, ServiceError } from "../service/service-error.ts";
import type { LocalSettings } from "../service/settings.ts";
import { StatePages } from "../service/state-pages.ts";
import { withDeadline, withPatience } from "./deadline.ts";
import { ExecutionClient } from "./execution-client.ts";
import { lambdaContext } from "./lambda-context.ts";
import { Sleeper } from "./sleeper.ts";

/** How long `close` waits for the last write of an invocation whose code still runs. */
const LAST_WRITE_MS = 500;

/** A durable handler, of this package or of the official SDK. */
// biome-ignore lint/suspicious/noExplicitAny: the user's handler has its own type of the Lambda context.
export type LocalHandler = (event: DurableExecutionInvocationInputWithClient, context: any) => Promise<unknown>;

/**
 * An event for `LocalEngine.subscribe`. `invocation-ended` may be missing if the execution ends, the engine is closed,
 * or the journal fails before the invocation ends.
 */
export type ExecutionEvent =
  | { readonly type: "invocation-started"; readonly arn: string }
  | { readonly type: "invocation-ended"; readonly arn: string; readonly error?: ErrorObject | undefined }
  | {
      readonly type: "checkpoint";
      readonly arn: string;
      readonly updates: readonly OperationUpdate[];
      /** The ids of the operations in the answer to the checkpoint. */
      readonly changedIds: readonly string[];
      readonly counters: ExecutionRecord["counters"];
    }
  /** Operations have changed without a checkpoint, because of a timer, a callback or a chained invoke. */
  | { readonly type: "operations-changed"; readonly arn: string; readonly changedIds: readonly string[] }
  | { readonly type: "execution-ended"; readonly arn: string; readonly outcome: ExecutionOutcome };

export interface ExecutionHost {
  readonly clock: Clock;
  readonly settings: LocalSettings;
  readonly handler: LocalHandler;
  readonly isWatched: () => boolean;
  readonly emit: (event: ExecutionEvent) => void;
  readonly countRunning: (change: 1 | -1) => void;
  readonly beginInvoke: (request: InvokeRequest) => void;
}

/**
 * An execution that the engine runs. The handler is invoked again and again, until the execution ends, the engine is
 * closed, or the journal fails.
 *
 * LE1  At most one invocation runs at a time.
 * LE2  After a suspension, the next invocation begins as soon as an operation has changed, and not earlier.
 */
export class LocalExecution {
  readonly arn: string;
  readonly name: string;
  /**
   * The outcome, also of a failed execution. Rejects if the engine is closed before the end (`ERR_ENGINE_CLOSED`), or
   * with the journal's error. Does not settle while the execution waits, for example for a callback without a time-out.
   */
  readonly result: Promise<ExecutionOutcome>;
  readonly #record: ExecutionRecord;
  readonly #host: ExecutionHost;
  #settle!: (outcome: ExecutionOutcome) => void;
  #reject!: (error: unknown) => void;
  readonly #sleeper: Sleeper;
  #timeout: Timer | undefined;
  #failuresInRow = 0;
  /** Set by `close`, and by an error of the journal. From then on no invocation begins. */
  #closing = false;
  /** Set by `close` after its grace, and by an error of the journal. From then on, checkpoints fail. */
  #closed: DurableError | undefined;
  /** The control of the running invocation. Undefined until the handler begins. Handlers of other SDKs give none. */
  #control: InvocationControl | undefined;
  #idle: Promise<void> = Promise.resolve();

  constructor(record: ExecutionRecord, host: ExecutionHost) {
    this.arn = record.header.arn;
    this.name = record.header.name;
    this.#record = record;
    this.#host = host;
    this.#sleeper = new Sleeper(host.clock);
    this.result = new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#reject = reject;
    });
    this.result.catch(() => {});
  }

  /** The engine calls this method once. For an ended execution, `result` resolves with the recorded outcome. */
  run(): void {
    const { end, announcedEnd, header } = this.#record;
    if (end !== undefined) return this.#settle(end);
    // A checkpoint announced the end. Then the process ended, or the engine was closed, before the end was written.
    if (announcedEnd !== undefined) return this.finish(announcedEnd);
    if (header.timeoutSeconds !== undefined) {
      const leftMs = header.startMs + header.timeoutSeconds * 1_000 - this.#host.clock.now();
      this.#timeout = this.#host.clock.after(leftMs, () => this.#timeOut());
    }
    this.#idle = this.#loop().catch((error) => this.#fail(error));
  }

  /** Does nothing if the execution has ended. After the end, each new checkpoint of a running invocation fails. */
  finish(outcome: ExecutionOutcome): void {
    if (this.#record.status !== "RUNNING") return;
    this.#record.finish(outcome, this.#host.clock.now());
    this.#stopWaiting();
    this.#settle(outcome);
    this.#host.emit({ type: "execution-ended", arn: this.arn, outcome });
  }

  /** Throws the errors of `action`. An error that is not a `ServiceError` also rejects `result`. */
  change(action: (record: ExecutionRecord, nowMs: number) => void): void {
    try {
      action(this.#record, this.#host.clock.now());
    } catch (error) {
      if (!(error instanceof ServiceError)) this.#fail(error);
      throw error;
    } finally {
      this.#sleeper.wake();
    }
  }

  /**
   * Begins no further invocation, lets the running one drain for at most `graceMs` milliseconds, and then ends it. After
   * this, the checkpoints of the invocation fail, and `result` rejects if the execution has not ended.
   */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#stopWaiting();
    this.#control?.drain();
    await withPatience(graceMs, this.#idle);
    // What has ended in batches meanwhile is written, also if other code of the user still runs.
    this.#control?.drain();
    this.#control?.end();
    await withPatience(LAST_WRITE_MS, this.#idle);
    const message = `The engine was closed before execution "${this.name}" ended. Resume it to continue it.`;
    this.#closed ??= new DurableError("ERR_ENGINE_CLOSED", message);
    this.#reject(this.#closed);
  }

  async #loop(): Promise<void> {
    if (this.#record.isSuspended) await this.#news();
    while (this.#goesOn) {
      const next = await this.#invoke();
      if (next === "wait") await this.#news();
      if (next === "pause") await this.#pause(this.#host.settings.invocation.retryPauseMs);
    }
  }

  get #goesOn(): boolean {
    return this.#record.status === "RUNNING" && !this.#closing;
  }

  /** A timer may fire early, and `wake` may come without a change. So the loop checks the records each time. LE2 */
  async #news(): Promise<void> {
    while (this.#goesOn) {
      this.#record.completeTimers(this.#host.clock.now());
      if (this.#record.hasNews) return;
      await this.#sleeper.until(this.#record.nextTimer?.dueMs ?? Number.POSITIVE_INFINITY);
    }
  }

  /** Changes of operations do not shorten the pause. */
  async #pause(pauseMs: number): Promise<void> {
    const untilMs = this.#host.clock.now() + pauseMs;
    while (this.#goesOn && this.#host.clock.now() < untilMs) await this.#sleeper.until(untilMs);
  }

  async #invoke(): Promise<"again" | "wait" | "pause"> {
    const { clock } = this.#host;
    const startMs = clock.now();
    const requestId = randomUUID();
    this.#record.completeTimers(startMs);
    const { token, updatedIds } = this.#record.beginInvocation(requestId, startMs);
    const pages = new StatePages(this.#record.delivered(), this.#host.settings.statePage.maxBytes);
    const { operations, nextMarker } = pages.first(this.#host.settings.statePage.maxItems);
    const invocation = { over: false };
    const event = new DurableExecutionInvocationInputWithClient(
      {
        DurableExecutionArn: this.arn,
        CheckpointToken: token,
        ...(updatedIds.length > 0 ? { UpdatedOperationIds: updatedIds } : {}),
        InitialExecutionState: { Operations: operations, NextMarker: nextMarker ?? "" },
      },
      this.#client(pages, invocation),
    );
    this.#host.countRunning(1);
    this.#host.emit({ type: "invocation-started", arn: this.arn });
    const { timeoutMs } = this.#host.settings.invocation;
    const { functionName, tenantId } = this.#record.header;
    const identity = { functionName, functionArn: functionArn(functionName), requestId, tenantId };
    const context = lambdaContext(identity, () => startMs + timeoutMs - clock.now());
    try {
      const output = await withDeadline(clock, timeoutMs, this.#host.handler(event, context));
      return this.#conclude(output);
    } catch (error) {
      if (error instanceof DurableError && error.code.startsWith("ERR_JOURNAL")) throw error;
      return this.#countFailure(error);
    } finally {
      invocation.over = true;
      this.#control = undefined;
      this.#host.countRunning(-1);
    }
  }

  #conclude(output: unknown): "again" | "wait" {
    if (this.#record.status !== "RUNNING" || this.#closed !== undefined) return "again";
    const announced = this.#record.announcedEnd;
    const answer = announced === undefined ? readOutput(output) : undefined;
    if (answer?.status === "PENDING") {
      // The invocation may have left work while it drained. So the record shows an invocation that was interrupted, and
      // a resumed execution begins with an invocation.
      if (this.#closing) return "again";
      this.#record.completeTimers(this.#host.clock.now());
      if (!this.#record.hasNews && !this.#record.hasPending) {
        throw invalidParameter("Cannot return PENDING status with no pending operations.");
      }
    }
    const { inputBytes } = this.#host.settings.quotas;
    if (answer?.result !== undefined && Buffer.byteLength(answer.result) > inputBytes) {
      throw invalidParameter(`The execution's result is over ${inputBytes} bytes.`);
    }
    if (answer?.error !== undefined && Buffer.byteLength(JSON.stringify(answer.error)) > inputBytes) {
      throw invalidParameter(`The execution's error is over ${inputBytes} bytes.`);
    }
    this.#failuresInRow = 0;
    this.#record.endInvocation(this.#host.clock.now(), undefined);
    this.#host.emit({ type: "invocation-ended", arn: this.arn });
    if (answer?.status === "PENDING") return "wait";
    this.finish((announced ?? answer) as ExecutionOutcome);
    return "again";
  }

  #countFailure(thrown: unknown): "again" | "pause" {
    if (!this.#goesOn) return "again";
    const error = describe(thrown);
    this.#failuresInRow++;
    this.#record.endInvocation(this.#host.clock.now(), error);
    this.#host.emit({ type: "invocation-ended", arn: this.arn, error });
    const announced = this.#record.announcedEnd;
    if (announced === undefined && this.#failuresInRow < this.#host.settings.invocation.maxFailures) return "pause";
    this.finish(announced ?? { status: "FAILED", error });
    return "again";
  }

  #client(pages: StatePages, invocation: { readonly over: boolean }): ExecutionClient {
    return new ExecutionClient({
      record: this.#record,
      pages,
      latencyMs: this.#host.settings.latencyMs,
      now: () => this.#host.clock.now(),
      isVirtual: "skip" in this.#host.clock,
      check: () => {
        if (this.#closed !== undefined) throw this.#closed;
        if (invocation.over) throw invalidParameter("Invalid checkpoint token");
      },
      onCheckpoint: (updates, changed) => {
        if (this.#host.isWatched()) {
          const changedIds = changed.map(({ Id: id }) => id as string);
          this.#host.emit({ type: "checkpoint", arn: this.arn, updates, changedIds, counters: this.#record.counters });
        }
        // A resumed execution begins the invokes that were not begun.
        if (this.#closing) return;
        for (const request of this.#record.takeBegunInvokes()) this.#host.beginInvoke(request);
      },
      onRunning: (control) => {
        this.#control = control;
        if (this.#closing) control.drain();
      },
      onFailure: (error) => this.#fail(error),
    });
  }

  #timeOut(): void {
    try {
      this.finish({ status: "TIMED_OUT" });
    } catch (error) {
      // A timer calls this method, so nobody would catch the error.
      this.#fail(error);
    }
  }

  /** The error is unexpected. In most cases the journal cannot be written. */
  #fail(error: unknown): void {
    this.#closing = true;
    this.#closed ??=
      error instanceof DurableError ? error : new DurableError("ERR_ENGINE_FAILED", String(error), { cause: error });
    this.#stopWaiting();
    this.#reject(error);
  }

  #stopWaiting(): void {
    this.#timeout?.cancel();
    this.#sleeper.wake();
  }
}

function describe(thrown: unknown): ErrorObject {
  if (!(thrown instanceof Error)) return { ErrorType: "Error", ErrorMessage: String(thrown) };
  return { ErrorType: thrown.name, ErrorMessage: thrown.message };
}
