import { childPath, type OperationId, type OperationPath } from "../core/ids.ts";
import type { AnySerdes, AnySerdesDeserializer } from "../core/serdes.ts";
import type { LoggerSetup } from "./logger.ts";
import type { ReplayMode } from "./replay-mode.ts";

/** A branch's place in a fan-out: see `Slot`. */
export interface Place {
  /** Whether others have it now, and the branch will want it again. */
  readonly lent: boolean;
  /** The branch has come to only wait for an acknowledgement. */
  offer(): void;
  /** Gives the place to others while the branch waits at the service; whether it had one to give. */
  lendWhileWaiting(): boolean;
  /** An acknowledgement of the branch has come in. */
  acknowledged(): void;
  /** Resolves when the branch has its place again. */
  regain(): Promise<void>;
  /** An operation of the branch has failed for good. */
  doubt(): void;
  /** The branch has gone on regardless. */
  trust(): void;
}

interface ScopeOptions {
  readonly path: OperationPath | undefined;
  readonly parent: Scope | undefined;
  /** The wire id that operations in this context name as their parent. */
  readonly parentId: OperationId | undefined;
  readonly mode: ReplayMode;
  readonly defaultSerdes: AnySerdes | undefined;
  readonly defaultCallbackDeserializer: AnySerdesDeserializer | undefined;
  readonly logger: LoggerSetup;
}

/**
 * One context's counters: which operation comes next, and what is alive below it.
 *
 * T1  `executing`, `waiting`, `running` and `settling` count the whole subtree, so that the root's counts are the
 *     invocation's.
 * T2  A finished scope has left its ancestors' counts: what still runs below it keeps nothing alive, and its
 *     updates are dropped.
 * T3  A context's function counts as running but for the time from when it begins to await an operation until one of
 *     those that it awaits has settled. Code that it runs beside them is not seen.
 */
export class Scope {
  readonly path: OperationPath | undefined;
  readonly parent: Scope | undefined;
  readonly parentId: OperationId | undefined;
  /** Nothing new may begin here: the result of this context is recorded already. */
  readonly sealed: boolean;
  mode: ReplayMode;
  defaultSerdes: AnySerdes | undefined;
  defaultCallbackDeserializer: AnySerdesDeserializer | undefined;
  logger: LoggerSetup;
  /** Levels of contexts, from this one on, whose operations stay with the service when they are finished. */
  keptLevels = 0;
  /** The place in a map or parallel that this context's code runs in. */
  place: Place | undefined;
  /** Called when the first signal of the invocation is asked for. */
  onSignal: (() => void) | undefined;
  #controller: AbortController | undefined;
  /** Contexts inside this one whose signal somebody has. */
  readonly #signalled = new Set<Scope>();
  #created = 0;
  #executing = 0;
  #waiting = 0;
  #running = 0;
  #settling = 0;
  #function: "none" | "runs" | "awaits" = "none";
  #finished = false;

  constructor(options: ScopeOptions) {
    this.path = options.path;
    this.parent = options.parent;
    this.parentId = options.parentId;
    this.mode = options.mode;
    this.sealed = options.mode === "replay-succeeded" || (options.parent?.sealed ?? false);
    this.defaultSerdes = options.defaultSerdes;
    this.defaultCallbackDeserializer = options.defaultCallbackDeserializer;
    this.logger = options.logger;
  }

  /** A context inside this one. */
  child(path: OperationPath, parentId: OperationId | undefined, mode: ReplayMode): Scope {
    return new Scope({
      path,
      parent: this,
      parentId,
      mode,
      defaultSerdes: this.defaultSerdes,
      defaultCallbackDeserializer: this.defaultCallbackDeserializer,
      logger: this.logger,
    });
  }

  /** The path of the next operation, which is used up. */
  nextPath(): OperationPath {
    this.#created++;
    return childPath(this.path, this.#created);
  }

  /** Leaves out the next operation: its path is never used. */
  skipPath(): void {
    this.#created++;
  }

  /** The path of the next operation, which stays unused. */
  peekPath(): OperationPath {
    return childPath(this.path, this.#created + 1);
  }

  /** Operations whose code runs, in this subtree. */
  get executing(): number {
    return this.#executing;
  }

  /** Operations that wait for a timer or for somebody outside, in this subtree. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Functions of contexts that may go on by themselves, in this subtree. */ // T3
  get running(): number {
    return this.#running;
  }

  /** Operations that have ended and wait for the acknowledgement, in this subtree. */
  get settling(): number {
    return this.#settling;
  }

  // T1, T2
  count(executing: number, waiting: number, running: number, settling: number): void {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      if (scope.#finished) return;
      scope.#executing += executing;
      scope.#waiting += waiting;
      scope.#running += running;
      scope.#settling += settling;
    }
  }

  /** Aborted when a context around this one is over before it is, or the invocation nears its end. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.parent !== undefined) {
        this.parent.#signalled.add(this);
        // Makes those of the contexts around it as well, so that it hears of each one's end.
        const { signal } = this.parent;
        if (signal.aborted) this.#controller.abort(signal.reason);
      }
      this.onSignal?.();
    }
    return this.#controller.signal;
  }

  /** Aborts the signals of this context and of those inside it. */
  abort(reason: Error): void {
    this.#controller?.abort(reason);
    this.#abortInner(reason);
  }

  #abortInner(reason: Error): void {
    for (const scope of this.#signalled) scope.abort(reason);
    this.#signalled.clear();
  }

  /** The context's own function begins. A context without code of the user's never says so. */ // T3
  enter(): void {
    this.#function = "runs";
    this.count(0, 0, 1, 0);
  }

  /** The function awaits an operation that has not settled. */
  block(): void {
    if (this.#function !== "runs") return;
    this.#function = "awaits";
    this.count(0, 0, -1, 0);
  }

  /** An operation that the function awaits has settled. */
  unblock(): void {
    if (this.#function !== "awaits") return;
    this.#function = "runs";
    this.count(0, 0, 1, 0);
  }

  /** The function has settled. */
  leave(): void {
    this.block();
    this.#function = "none";
  }

  /** The context's own function has settled. */ // T2
  finish(): void {
    if (this.#finished) return;
    if (this.parent !== undefined) this.parent.#signalled.delete(this);
    if (this.#signalled.size > 0) this.#abortInner(new DOMException("The context around it is over.", "AbortError"));
    this.parent?.count(-this.#executing, -this.#waiting, -this.#running, -this.#settling);
    this.#finished = true;
  }

  /** Whether this context, or one around it, has finished. */
  get isOver(): boolean {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      if (scope.#finished) return true;
    }
    return false;
  }
}
