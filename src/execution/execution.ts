import type { DurableExecutionClient } from "../client/client.ts";
import type { Codec } from "../codec/codec.ts";
import { type OperationPath, operationId } from "../core/ids.ts";
import { CONTINUATION } from "../core/operation-name.ts";
import type { Settings } from "../core/settings.ts";
import type { OperationUpdate, WireOperation } from "../core/wire.ts";
import { active } from "./active.ts";
import { regainPermits } from "./branch-permits.ts";
import { Coalescer } from "./checkpoint-coalescer.ts";
import { classifyCheckpointFailure } from "./checkpoint-failure.ts";
import type { Ledger, RecordKey } from "./ledger/ledger.ts";
import { ServiceLedger } from "./ledger/service-ledger.ts";
import { SharedLedgers } from "./ledger/shared-ledgers.ts";
import type { LoggerSetup } from "./logger.ts";
import type { Observer } from "./observer.ts";
import { PendingOperation } from "./pending-operation.ts";
import { QuotaWatch } from "./quota-watch.ts";
import { Scope } from "./scope.ts";
import type { RecordedState } from "./state.ts";
import { Suspension, type Termination } from "./suspension.ts";
import { Tick } from "./tick.ts";
import { Timers } from "./timers.ts";
import { UsageCounter } from "./usage.ts";

const REHEARSAL_GRACE_MS = 250;
const MIN_RESERVE_MS = 1_000;
const MAX_RESERVE_MS = 30_000;
const RESERVE_SHARE = 0.1;

/** Batches are written for the last time with this time left. A request takes 10 to 30 ms in Region. */
const LAST_WRITE_MS = 500;
/** Signals are aborted before the deadline of the platform, so that code can stop and record its results. */
const DEADLINE_RESERVE_MS = 2_000;

function defaultReserveMs(remainingMs: number): number {
  // At least half of the time is for work. Otherwise a short invocation would only drain.
  return Math.min(MAX_RESERVE_MS, Math.max(MIN_RESERVE_MS, remainingMs * RESERVE_SHARE), remainingMs / 2);
}

function nearDeadline(): DOMException {
  return new DOMException("The invocation ends soon.", "TimeoutError");
}

export interface ExecutionOptions {
  readonly arn: string;
  readonly requestId: string;
  readonly token: string;
  readonly client: DurableExecutionClient;
  readonly state: RecordedState;
  readonly codec: Codec;
  readonly settings: Settings;
  readonly logger: LoggerSetup;
  /** Undefined if there are no plugins. */
  readonly observer?: Observer | undefined;
  /** How many levels of child contexts keep their operations at the service after they have finished. Default 0. */
  readonly childOperationsDepth?: number;
  /** Milliseconds until the platform stops the invocation. */
  readonly remainingMs: () => number;
}

interface Recorded {
  readonly scope: Scope;
  readonly ledger: Ledger;
}

/** The memory of one invocation. This class does not know the kinds of operations (step, wait and so on). */
export class Execution {
  readonly arn: string;
  readonly state: RecordedState;
  readonly codec: Codec;
  readonly settings: Settings;
  readonly root: Scope;
  readonly observer: Observer | undefined;
  readonly usage: UsageCounter;
  readonly quotas: QuotaWatch;
  readonly batches: SharedLedgers;
  /** See `DurableExecutionClient`. Undefined with the codec `typed`. */
  readonly onResult: DurableExecutionClient["onResult"];
  readonly onThrown: DurableExecutionClient["onThrown"];
  readonly wrapLogger: DurableExecutionClient["wrapLogger"];
  readonly onMisspelledOption: DurableExecutionClient["onMisspelledOption"];
  readonly tick: Tick;
  /** Resolves with the first reason to end the invocation, or never. */
  readonly terminated: Promise<Termination>;
  readonly #coalescer: Coalescer;
  readonly #suspension: Suspension;
  readonly #timers: Timers;
  #terminate!: (termination: Termination) => void;
  #lost: Termination | undefined;
  #over = false;
  #isDraining = false;
  #hasBegun = false;
  #hasRun = false;
  readonly #isTimeUp: false | (() => boolean);
  #leavesWork = false;
  /** Whether the client closes. The user resumes the execution later, so left work needs no wait at the service. */
  #isClosing = false;
  #continuesMs = Number.POSITIVE_INFINITY;

  constructor(options: ExecutionOptions) {
    this.arn = options.arn;
    this.state = options.state;
    this.codec = options.codec;
    this.settings = options.settings;
    this.observer = options.observer;
    if (options.codec.name !== "typed") this.onResult = options.client.onResult?.bind(options.client);
    this.onThrown = options.client.onThrown?.bind(options.client);
    this.wrapLogger = options.client.wrapLogger?.bind(options.client);
    this.onMisspelledOption = options.client.onMisspelledOption?.bind(options.client);
    this.terminated = new Promise((resolve) => {
      this.#terminate = resolve;
    });
    this.usage = new UsageCounter(options.arn, options.requestId, options.state.usage);
    this.quotas = new QuotaWatch(this.usage, options.settings.quotas, (message) => this.log("warn", message));
    this.#coalescer = new Coalescer({
      client: this.usage.counting(options.client, () => this.quotas.check()),
      arn: options.arn,
      token: options.token,
      logger: options.logger.logger,
      ...options.settings.checkpoint,
      onChanged: (operations) => {
        const noticed = this.observer?.changed(operations);
        if (noticed === undefined) this.state.apply(operations);
        return noticed?.then(() => this.state.apply(operations));
      },
      onIdle: () => this.#suspension.check(),
      onFailure: (error) => this.#cutOff(classifyCheckpointFailure(error)),
      onClosed: () => this.#cutOff({ end: "suspend" }),
    });
    this.#timers = new Timers(
      (answered) => this.#coalescer.poll(answered),
      options.remainingMs,
      options.client.now?.bind(options.client),
      options.client.recordNow?.bind(options.client),
    );
    const ledger = new ServiceLedger({
      ...{ state: this.state, coalescer: this.#coalescer, timers: this.#timers, codec: this.codec },
      ...{ maxPayloadBytes: this.settings.quotas.payloadBytes, defersStarts: this.settings.checkpoint.elideStarts },
    });
    const mode = options.state.isReplay ? "replay" : "execution";
    this.root = new Scope({ mode, ledger, logger: options.logger });
    this.root.onSignal = () => this.#timers.before(DEADLINE_RESERVE_MS, () => this.root.abort(nearDeadline()));
    this.root.keptLevels = (options.childOperationsDepth ?? 0) + 1;
    const { graceMs, reserveMs = defaultReserveMs(options.remainingMs()) } = options.settings.suspension;
    this.#isTimeUp = reserveMs > 0 && (() => options.remainingMs() <= reserveMs);
    if (reserveMs > 0) this.#timers.before(reserveMs, () => this.#startDraining());
    this.tick = new Tick(options.settings.tickMs, (change) => {
      // Code that waits for the next tick counts as executing, so that the invocation is not suspended. The count is
      // made at the root, because `this.countExecuting` would also note that an operation has begun.
      this.root.countExecuting(change);
      if (change === -1) this.#suspension.check();
    });
    this.batches = new SharedLedgers({
      service: ledger,
      codec: this.codec,
      timers: this.#timers,
      tick: this.tick,
      settings: this.settings,
      isOver: () => this.#over,
      isObserved: this.observer?.followsAttempts === true,
    });
    this.#suspension = new Suspension(
      this.root,
      this.#coalescer,
      // In a rehearsal, code that misses the grace period never runs, because there is only one invocation.
      this.state.onClaim ? REHEARSAL_GRACE_MS : graceMs,
      () => this.#flush(),
      (termination) => this.terminate(termination),
    );
  }

  /** Ends the invocation. Only the first call resolves `terminated`. */
  terminate(termination: Termination): void {
    this.#over = true;
    this.#suspension.close();
    this.#coalescer.seal();
    this.#terminate(termination);
  }

  /** Writes a line about the whole invocation with the handler's logger. */
  log(level: "info" | "warn", message: string | object): void {
    active.run({ contextId: "root", scope: this.root }, () => {
      try {
        this.root.logger.logger[level](message);
      } catch {
        // A failing logger changes nothing in the execution.
      }
    });
  }

  #cutOff(termination: Termination): void {
    this.#lost = termination;
    this.terminate(termination);
  }

  /** The termination if updates could not be recorded. This termination replaces the outcome of the handler. */
  get lost(): Termination | undefined {
    return this.#lost;
  }

  /** Epoch milliseconds. */
  get nowMs(): number {
    return this.#timers.recordNow();
  }

  /** Whether the invocation is ending. An operation that begins now would not be recorded. */
  get isOver(): boolean {
    return this.#over;
  }

  /**
   * Whether the invocation drains. False until something has begun in this invocation, so that each invocation advances
   * the execution, even with little time and a long replay.
   */
  get isDraining(): boolean {
    // While code computes, no timer can fire. So the clock is read too.
    return this.#hasBegun && (this.#isDraining || (this.#isTimeUp !== false && this.#isTimeUp()));
  }

  /** Notes that an item of a batch has ended. The execution has then advanced, even if no step ran. */
  noteItem(): void {
    this.#hasBegun = true;
  }

  /** Notes that the code of a step or condition is about to run. */
  noteRun(): void {
    this.#hasRun = true;
  }

  get hasRun(): boolean {
    return this.#hasRun;
  }

  /** Notes that work could not begin, because the invocation drains. The next invocation must begin this work. */
  leaveWork(): void {
    if (this.#leavesWork) return;
    this.#leavesWork = true;
    if (!this.#isDraining) this.#startDraining();
    this.#suspension.endSoon();
  }

  /** Makes the invocation drain, because the client closes. */
  startClosing(): void {
    this.#isClosing = true;
    this.#startDraining();
  }

  #startDraining(): void {
    this.#isDraining = true;
    this.#coalescer.hurry();
    // Results that exist are written now, because running code perhaps does not end before the deadline. What ends later
    // is written shortly before the deadline.
    this.batches.writeAll();
    this.#timers.before(LAST_WRITE_MS, () => this.batches.writeAll());
    this.#suspension.check();
  }

  /** Returns whether a wait ended or an update was queued. If so, the invocation must not end yet. */
  #flush(): boolean {
    // If work was left, the service must begin the next invocation at once. Otherwise the work would wait for an
    // external system, or for a long timer.
    const leavesWork = this.#leavesWork && !this.#isClosing;
    const wrote = this.batches.flush(leavesWork);
    const continues = leavesWork && this.#continueSoon();
    return wrote || continues;
  }

  /**
   * Makes the service begin the next invocation in a second. If no batch and no recorded wait does so, a new wait is
   * recorded. Returns whether a new wait was recorded.
   */
  #continueSoon(): boolean {
    const delaySeconds = 1; // The service counts whole seconds.
    const wakesMs = this.nowMs + delaySeconds * 1_000;
    const isSeenTo = Math.min(this.batches.wakesMs, this.#continuesMs) <= wakesMs;
    if (isSeenTo || this.state.continuesBy(CONTINUATION, wakesMs)) return false;
    this.#continuesMs = wakesMs;
    const id = operationId(`deadline ${process.getBuiltinModule("node:crypto").randomUUID()}` as OperationPath);
    const kind = { Id: id, Type: "WAIT", SubType: "Wait", Action: "START", Name: CONTINUATION } as const;
    this.state.watch(id, ({ Status: status }) => {
      if (status !== "STARTED") this.#continuesMs = Number.POSITIVE_INFINITY;
    });
    this.root.ledger.record({ ...kind, WaitOptions: { WaitSeconds: delaySeconds } });
    return true;
  }

  /** A change is dropped if the invocation, or a context around the operation, is over. */
  record({ scope, ledger }: Recorded, update: OperationUpdate): void {
    if (!this.#over && !scope.isOver) ledger.record(update);
  }

  recordStart({ scope, ledger }: Recorded, update: OperationUpdate, isNew: boolean): void {
    if (!this.#over && !scope.isOver) ledger.start(update, isNew);
  }

  /** Never resolves if the change can no longer be recorded. */
  recorded<T = void>({ scope, ledger }: Recorded, update: OperationUpdate, value?: T): Promise<T> {
    return new Promise((resolve) => {
      if (!this.#over && !scope.isOver) ledger.record(update, () => resolve(value as T));
    });
  }

  /** As `recorded`. Resolves with the operation, or with undefined if the answer does not contain the operation. */
  async recordedAs(
    of: Recorded & { readonly key: RecordKey },
    update: OperationUpdate,
  ): Promise<WireOperation | undefined> {
    const { ledger, key } = of;
    let latest: WireOperation | undefined;
    ledger.watch(key, (operation) => {
      latest = operation;
    });
    await this.recorded(of, update);
    ledger.unwatch(key);
    return latest;
  }

  /** `change`: 1 when an operation begins to execute, -1 when it stops, 0 when other counts have changed. */
  countExecuting(scope: Scope, change: 1 | 0 | -1): void {
    scope.countExecuting(change);
    if (change === 1) this.#hasBegun = true;
    else this.#suspension.check();
  }

  /** The invocation is not suspended before `running` has settled, unless the context ends first. */
  async keepAwake<T>(scope: Scope, running: Promise<T>): Promise<T> {
    scope.countExecuting(1);
    try {
      return await running;
    } finally {
      this.countExecuting(scope, -1);
    }
  }

  /** Notes that the function of a context has settled. Code that still runs inside the context no longer counts. */
  finish(scope: Scope): void {
    scope.finish();
    this.#suspension.check();
  }

  noteStuck(scope: Scope, error: Error): void {
    this.#suspension.noteStuck(scope, error);
  }

  regainPermits(scope: Scope): Promise<void> | undefined {
    return regainPermits(scope, this.#suspension);
  }

  /** Begins to wait until the status of an operation is no longer `status`. */
  wait(of: Recorded & { readonly key: RecordKey }, status: string, dueMs: number | undefined): PendingOperation {
    const { scope, ledger, key } = of;
    return new PendingOperation({ scope, ledger, key, status, dueMs }, this.#suspension);
  }

  async sendRemaining(): Promise<void> {
    this.#over = true;
    this.#suspension.close();
    await this.#coalescer.sendRemaining();
  }

  /** Sends the update that ends the execution, after `sendRemaining`. */
  async sendLast(update: OperationUpdate): Promise<void> {
    await this.#coalescer.sendLast(update);
  }

  close(): void {
    this.#over = true;
    this.#suspension.close();
    this.#timers.close();
    this.#coalescer.close();
  }
}
