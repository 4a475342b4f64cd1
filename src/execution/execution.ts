import type { DurableExecutionClient } from "../client/client.ts";
import type { Codec } from "../codec/codec.ts";
import { type OperationPath, operationId } from "../core/ids.ts";
import { CONTINUATION } from "../core/operation-name.ts";
import type { Settings } from "../core/settings.ts";
import type { OperationUpdate, WireOperation } from "../core/wire.ts";
import { active } from "./active.ts";
import { Coalescer } from "./checkpoint-coalescer.ts";
import { classifyCheckpointFailure } from "./checkpoint-failure.ts";
import type { Ledger, RecordKey } from "./ledger/ledger.ts";
import { ServiceLedger } from "./ledger/service-ledger.ts";
import { SharedLedgers } from "./ledger/shared-ledgers.ts";
import type { LoggerSetup } from "./logger.ts";
import type { Observer } from "./observer.ts";
import { PendingOperation } from "./pending-operation.ts";
import { regainPlaces } from "./places.ts";
import { QuotaWatch } from "./quota-watch.ts";
import { Scope } from "./scope.ts";
import type { RecordedState } from "./state.ts";
import { Suspension, type Termination } from "./suspension.ts";
import { Timers } from "./timers.ts";
import { Turn } from "./turn.ts";
import { UsageCounter } from "./usage.ts";

/** How long code between two operations may take in a rehearsal. */
const REHEARSAL_GRACE_MS = 250;
const MIN_RESERVE_MS = 1_000;
const MAX_RESERVE_MS = 30_000;
const RESERVE_SHARE = 0.1;

/** Signals are aborted so long before the platform cuts the invocation off: time to let go and to record what is there. */
const DEADLINE_RESERVE_MS = 2_000;

function defaultReserveMs(remainingMs: number): number {
  // At least half of the time is for work: otherwise a short invocation would only ever suspend.
  return Math.min(MAX_RESERVE_MS, Math.max(MIN_RESERVE_MS, remainingMs * RESERVE_SHARE), remainingMs / 2);
}

function nearDeadline(): DOMException {
  return new DOMException("The invocation is about to be cut off.", "TimeoutError");
}

export interface ExecutionOptions {
  readonly arn: string;
  /** The invocation's id, as the platform gives it. */
  readonly requestId: string;
  readonly token: string;
  readonly client: DurableExecutionClient;
  readonly state: RecordedState;
  readonly codec: Codec;
  readonly settings: Settings;
  readonly logger: LoggerSetup;
  /** Only where there are plugins. */
  readonly observer?: Observer | undefined;
  /** Levels of finished child contexts whose operations the service is asked to keep. Default 0. */
  readonly childOperationsDepth?: number;
  /** Milliseconds until the platform cuts the invocation off. */
  readonly remainingMs: () => number;
}

/** Whose record it is, and where it is kept. */
interface Recorded {
  readonly scope: Scope;
  readonly ledger: Ledger;
}

/** One invocation's memory: what operations are given to work with. It knows no operation by name. */
export class Execution {
  readonly arn: string;
  readonly state: RecordedState;
  readonly codec: Codec;
  readonly settings: Settings;
  readonly root: Scope;
  readonly observer: Observer | undefined;
  readonly usage: UsageCounter;
  readonly quotas: QuotaWatch;
  /** The batches whose items share an operation. */
  readonly batches: SharedLedgers;
  /** Is shown each result before the codec writes it, where somebody looks on. */
  readonly onResult: DurableExecutionClient["onResult"];
  /** Lets the event loop turn between pieces of user code. */
  readonly turn: Turn;
  /** Resolves with the first reason to end, or never. */
  readonly terminated: Promise<Termination>;
  readonly #coalescer: Coalescer;
  readonly #suspension: Suspension;
  readonly #timers: Timers;
  #terminate!: (termination: Termination) => void;
  #lost: Termination | undefined;
  #over = false;
  #closing = false;
  #hasBegun = false;
  #hasRun = false;
  readonly #isTimeUp: false | (() => boolean);
  #refused = false;
  #continuesMs = Number.POSITIVE_INFINITY;

  constructor(options: ExecutionOptions) {
    this.arn = options.arn;
    this.state = options.state;
    this.codec = options.codec;
    this.settings = options.settings;
    this.observer = options.observer;
    if (options.codec.name !== "typed") this.onResult = options.client.onResult?.bind(options.client);
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
    this.#timers = new Timers((answered) => this.#coalescer.poll(answered), options.remainingMs);
    const ledger = new ServiceLedger({
      state: this.state,
      coalescer: this.#coalescer,
      timers: this.#timers,
      codec: this.codec,
      maxPayloadBytes: this.settings.quotas.payloadBytes,
      elidesStarts: this.settings.checkpoint.elideStarts,
    });
    const mode = options.state.isReplay ? "replay" : "execution";
    this.root = new Scope({ mode, ledger, logger: options.logger });
    this.root.onSignal = () => this.#timers.before(DEADLINE_RESERVE_MS, () => this.root.abort(nearDeadline()));
    this.root.keptLevels = (options.childOperationsDepth ?? 0) + 1;
    const { graceMs, reserveMs = defaultReserveMs(options.remainingMs()) } = options.settings.suspension;
    this.#isTimeUp = reserveMs > 0 && (() => options.remainingMs() <= reserveMs);
    if (reserveMs > 0) this.#timers.before(reserveMs, () => this.#close());
    this.turn = new Turn(options.settings.turnMs, (change) => {
      // Code that is about to run keeps the invocation awake, but nothing has begun with it.
      this.root.countExecuting(change);
      if (change === -1) this.#suspension.check();
    });
    this.batches = new SharedLedgers({
      service: ledger,
      codec: this.codec,
      timers: this.#timers,
      turn: this.turn,
      settings: this.settings,
      isOver: () => this.#over,
      isObserved: this.observer?.followsAttempts === true,
      continueAt: (dueMs) => this.#continueAt(dueMs),
    });
    this.#suspension = new Suspension(
      this.root,
      this.#coalescer,
      // No next invocation would go on with what is cut off.
      this.state.onClaim ? REHEARSAL_GRACE_MS : graceMs,
      () => this.#flush(),
      (termination) => this.terminate(termination),
    );
  }

  /** Ends the invocation; the first reason counts, and nothing is queued after it. */
  terminate(termination: Termination): void {
    this.#over = true;
    this.#suspension.close();
    this.#coalescer.seal();
    this.#terminate(termination);
  }

  /** Says something of the invocation as a whole, by the handler's logger. */
  log(level: "info" | "warn", message: string | object): void {
    active.run({ contextId: "root", scope: this.root }, () => {
      try {
        this.root.logger.logger[level](message);
      } catch {
        // A logger that fails changes nothing of the execution.
      }
    });
  }

  #cutOff(termination: Termination): void {
    this.#lost = termination;
    this.terminate(termination);
  }

  /** Set when updates could not be recorded: then the handler's own outcome does not count, even if it came first. */
  get lost(): Termination | undefined {
    return this.#lost;
  }

  /** Whether the invocation is ending: what begins now would not be recorded. */
  get isOver(): boolean {
    return this.#over;
  }

  /**
   * Whether the deadline is near: nothing new may begin, unless nothing has begun at all. However little time an
   * invocation has, and however much of it the replay took, it takes the execution one step further.
   */
  get isClosing(): boolean {
    // Code that never lets go of the thread keeps the timer from it.
    return this.#hasBegun && (this.#closing || (this.#isTimeUp !== false && this.#isTimeUp()));
  }

  /** An item has ended that had no code of steps to run: that takes the execution further as well. */
  noteItem(): void {
    this.#hasBegun = true;
  }

  /** The code of a step or condition is about to run. */
  noteRun(): void {
    this.#hasRun = true;
  }

  /** Whether such code has run: then this invocation has taken the execution further. */
  get hasRun(): boolean {
    return this.#hasRun;
  }

  /** Something would have begun and must not, so the next invocation has to. */
  refuse(): void {
    if (this.#refused) return;
    this.#refused = true;
    if (!this.#closing) this.#close();
    this.#suspension.endSoon();
  }

  #close(): void {
    this.#closing = true;
    this.#coalescer.hurry();
    // What still runs may not end in time: what has ended must not wait for it.
    this.batches.writeAll();
    this.#suspension.check();
  }

  /** Before the invocation ends: writes what is not recorded yet; whether that was anything. */
  #flush(): boolean {
    const wrote = this.batches.flush(this.#refused);
    // What was left must not wait for somebody outside, or for a timer of a day.
    const continues = this.#refused && this.#continueAt(Date.now());
    return wrote || continues;
  }

  /**
   * Makes the service begin the next invocation by `dueMs` (epoch), unless it does so anyway: by a wait that no replay ever
   * asks for. Whether one had to be recorded.
   */
  #continueAt(dueMs: number): boolean {
    const nowMs = Date.now();
    const delaySeconds = Math.max(1, Math.ceil((dueMs - nowMs) / 1_000));
    // A further wait would not be over earlier than this.
    const wakesMs = nowMs + delaySeconds * 1_000;
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

  /** Records a change that nobody waits for. A change below a finished context is dropped. */
  record({ scope, ledger }: Recorded, update: OperationUpdate): void {
    if (!this.#over && !scope.isOver) ledger.record(update);
  }

  /** Records that an operation begins; `isNew` when nothing is recorded of it yet. */
  recordStart({ scope, ledger }: Recorded, update: OperationUpdate, isNew: boolean): void {
    if (!this.#over && !scope.isOver) ledger.start(update, isNew);
  }

  /** Records a change and resolves when it is recorded, with `value`; never, if that cannot happen any more. */
  recorded<T = void>({ scope, ledger }: Recorded, update: OperationUpdate, value?: T): Promise<T> {
    return new Promise((resolve) => {
      if (!this.#over && !scope.isOver) ledger.record(update, () => resolve(value as T));
    });
  }

  /** As `recorded`, and resolves with the operation as it is recorded then. */
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

  /** An operation's own code begins (1), or has ended and is recorded (-1); 0 when nothing else but what waits has changed. */
  countExecuting(scope: Scope, change: 1 | 0 | -1): void {
    scope.countExecuting(change);
    if (change === 1) this.#hasBegun = true;
    else this.#suspension.check();
  }

  /** Resolves when `running`, which never rejects, has settled; until then nothing is suspended. */
  async keepAwake(scope: Scope, running: Promise<unknown>): Promise<void> {
    scope.countExecuting(1);
    await running;
    this.countExecuting(scope, -1);
  }

  /** A context's function has settled: what still runs below it counts no more. */
  finish(scope: Scope): void {
    scope.finish();
    this.#suspension.check();
  }

  /** An operation in `scope` will never go on. Unless its scope ends without it, the execution fails with `error`. */
  noteStuck(scope: Scope, error: Error): void {
    this.#suspension.noteStuck(scope, error);
  }

  /** Resolves when the branches around `scope` have their places; undefined if they have. */
  regainPlaces(scope: Scope): Promise<void> | undefined {
    return regainPlaces(scope, this.#suspension);
  }

  /** Begins to wait for an operation's status to become other than `status`. */
  wait(of: Recorded & { readonly key: RecordKey }, status: string, dueMs: number | undefined): PendingOperation {
    const { scope, ledger, key } = of;
    return new PendingOperation({ scope, ledger, key, status, dueMs }, this.#suspension);
  }

  /** Sends what is queued and accepts nothing more. */
  async drain(): Promise<void> {
    this.#over = true;
    this.#suspension.close();
    await this.#coalescer.drain();
  }

  /** Sends the update that ends the execution, after `drain`. */
  async sendLast(update: OperationUpdate): Promise<void> {
    await this.#coalescer.sendLast(update);
  }

  /** Stops every timer. */
  close(): void {
    this.#over = true;
    this.#suspension.close();
    this.#timers.close();
    this.#coalescer.close();
  }
}
