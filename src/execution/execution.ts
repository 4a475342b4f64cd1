import type { DurableExecutionClient } from "../client/client.ts";
import type { Codec } from "../codec/codec.ts";
import { type OperationId, type OperationPath, operationId } from "../core/ids.ts";
import type { Settings } from "../core/settings.ts";
import type { OperationUpdate, WireOperation } from "../core/wire.ts";
import { active } from "./active.ts";
import { classifyCheckpointFailure } from "./checkpoint-failure.ts";
import { Coalescer } from "./coalescer.ts";
import type { LoggerSetup } from "./logger.ts";
import type { Observer } from "./observer.ts";
import { PendingOperation } from "./pending-operation.ts";
import { QuotaWatch } from "./quota-watch.ts";
import { Scope } from "./scope.ts";
import { offerPlaces, placeOf, regainPlaces } from "./slot.ts";
import type { RecordedState } from "./state.ts";
import { Suspension } from "./suspension.ts";
import type { Termination } from "./termination.ts";
import { Timers } from "./timers.ts";
import { Turn } from "./turn.ts";
import { UsageCounter } from "./usage.ts";

const MIN_RESERVE_MS = 1_000;
const MAX_RESERVE_MS = 30_000;
const RESERVE_SHARE = 0.1;

/** Signals are aborted so long before the platform cuts the invocation off: time to let go and to record what is there. */
const DEADLINE_RESERVE_MS = 2_000;

/** What the history calls the wait that brings the next invocation about. */
const CONTINUATION = "continued in the next invocation";

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
  readonly #whenClosing = new Set<() => void>();
  #unacknowledged = 0;

  constructor(options: ExecutionOptions) {
    this.arn = options.arn;
    this.state = options.state;
    this.codec = options.codec;
    this.settings = options.settings;
    this.observer = options.observer;
    if (options.codec.name !== "typed") this.onResult = options.client.onResult?.bind(options.client);
    this.root = new Scope({
      path: undefined,
      parent: undefined,
      parentId: undefined,
      mode: options.state.isReplay ? "replay" : "execution",
      defaultSerdes: undefined,
      defaultCallbackDeserializer: undefined,
      logger: options.logger,
    });
    this.root.onSignal = () => this.#timers.before(DEADLINE_RESERVE_MS, () => this.root.abort(nearDeadline()));
    this.root.keptLevels = (options.childOperationsDepth ?? 0) + 1;
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
    const { graceMs, reserveMs = defaultReserveMs(options.remainingMs()) } = options.settings.suspension;
    this.#isTimeUp = reserveMs > 0 && (() => options.remainingMs() <= reserveMs);
    if (reserveMs > 0) this.#timers.before(reserveMs, () => this.#close());
    this.turn = new Turn(options.settings.turnMs, (change) => {
      // Code that is about to run keeps the invocation awake, but nothing has begun with it.
      this.root.count(change, 0, 0, 0);
      if (change === -1) this.#suspension.check();
    });
    this.#suspension = new Suspension(this.root, this.#coalescer, graceMs, (termination) =>
      this.terminate(termination),
    );
  }

  /** Ends the invocation; the first reason counts, and nothing is queued after it. */
  terminate(termination: Termination): void {
    this.#over = true;
    this.#coalescer.seal();
    this.#terminate(termination);
  }

  /** Says something of the invocation as a whole, by the handler's logger. */
  log(level: "info" | "warn", message: string | object): void {
    active.run({ contextId: "root", enteredIn: "execution" }, () => {
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

  /** The code of a step or condition is about to run. */
  noteRun(): void {
    this.#hasRun = true;
  }

  /** Whether such code has run: then this invocation has taken the execution further. */
  get hasRun(): boolean {
    return this.#hasRun;
  }

  /** Calls when the deadline nears, until the returned function is called. */
  onClosing(action: () => void): () => void {
    this.#whenClosing.add(action);
    return () => void this.#whenClosing.delete(action);
  }

  /**
   * Something would have begun and must not, so the next invocation has to. A wait of a second, which no replay ever
   * asks for, makes the service begin it even if nothing else waits.
   */
  refuse(): void {
    if (this.#refused) return;
    this.#refused = true;
    const id = operationId(`deadline ${process.getBuiltinModule("node:crypto").randomUUID()}` as OperationPath);
    const kind = { Id: id, Type: "WAIT", SubType: "Wait", Action: "START", Name: CONTINUATION } as const;
    this.record(this.root, { ...kind, WaitOptions: { WaitSeconds: 1 } });
    if (!this.#closing) this.#close();
    this.#suspension.endSoon();
  }

  #close(): void {
    this.#closing = true;
    this.#coalescer.hurry();
    for (const action of [...this.#whenClosing]) action();
    this.#suspension.check();
  }

  /** Queues an update that nobody waits for. An update below a finished context is dropped. */
  record(scope: Scope, update: OperationUpdate): void {
    if (!scope.isOver) this.#coalescer.enqueue(update);
  }

  /** Records that an operation begins; with `elideStarts` that may be left to what follows. */
  recordStart(scope: Scope, update: OperationUpdate): void {
    if (scope.isOver) return;
    if (this.settings.checkpoint.elideStarts) this.#coalescer.hold(update);
    else this.#coalescer.enqueue(update);
  }

  /** Queues an update and resolves when it is recorded, with `value`; never, if that cannot happen any more. */
  recorded<T = void>(scope: Scope, update: OperationUpdate, value?: T): Promise<T> {
    return new Promise((resolve) => {
      if (!scope.isOver) this.#coalescer.enqueue(update, () => resolve(value as T));
    });
  }

  /**
   * As `recorded`, for the end of an operation whose code has run: a branch that waits for nothing else may lend its
   * place, and has it again when this resolves.
   */
  settled<T>(scope: Scope, update: OperationUpdate, value: T): Promise<T> {
    return new Promise((resolve) => {
      if (scope.isOver) return;
      this.#unacknowledged++;
      scope.count(0, 0, 0, 1);
      this.#coalescer.enqueue(update, () => {
        this.#unacknowledged--;
        scope.count(0, 0, 0, -1);
        const regained = regainPlaces(scope);
        placeOf(scope)?.acknowledged();
        if (regained === undefined) resolve(value);
        else void regained.then(() => resolve(value));
      });
    });
  }

  /** Ends of operations that are on their way: what would run again after a crash. */
  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  /** As `recorded`, and resolves with the operation as the service has it then. */
  async recordedAs(scope: Scope, update: OperationUpdate, id: OperationId): Promise<WireOperation | undefined> {
    let latest: WireOperation | undefined;
    this.state.watch(id, (operation) => {
      latest = operation;
    });
    await this.recorded(scope, update);
    this.state.unwatch(id);
    return latest;
  }

  /** An operation's own code begins (1) or ends (-1). */
  countExecuting(scope: Scope, change: 1 | -1): void {
    scope.count(change, 0, 0, 0);
    if (change === 1) {
      this.#hasBegun = true;
      return;
    }
    offerPlaces(scope);
    this.#suspension.check();
  }

  /** Resolves when `running`, which never rejects, has settled; until then nothing is suspended. */
  async keepAwake(scope: Scope, running: Promise<unknown>): Promise<void> {
    scope.count(1, 0, 0, 0);
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

  /** Begins to wait for an operation's status to become other than `status`. */
  wait(scope: Scope, id: OperationId, status: string, dueMs: number | undefined): PendingOperation {
    return new PendingOperation(this.state, this.#suspension, this.#timers, scope, { id, status, dueMs });
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
