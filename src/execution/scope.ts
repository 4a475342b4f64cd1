import { childPath, type OperationId, type OperationPath } from "../core/ids.ts";
import type { Permit } from "../core/semaphore.ts";
import type { AnySerdes, AnySerdesDeserializer } from "../core/serdes.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { LoggerSetup } from "./logger.ts";
import type { ReplayMode } from "./replay-mode.ts";

interface ScopeOptions {
  readonly path: OperationPath | undefined;
  readonly parent: Scope | undefined;
  /** The wire id that operations in this context name as their parent. */
  readonly parentId: OperationId | undefined;
  readonly mode: ReplayMode;
  readonly ledger: Ledger;
  readonly defaultSerdes: AnySerdes | undefined;
  readonly defaultCallbackDeserializer: AnySerdesDeserializer | undefined;
  readonly logger: LoggerSetup;
}

/**
 * One context's counters: which operation comes next, and what is alive below it.
 *
 * T1  `executing` and `waiting` count the whole subtree, so that the root's counts are the invocation's.
 * T2  A finished scope has left its ancestors' counts: what still runs below it keeps nothing alive, and its
 *     updates are dropped.
 */
export class Scope {
  readonly path: OperationPath | undefined;
  readonly parent: Scope | undefined;
  readonly parentId: OperationId | undefined;
  /** Where operations of this context keep their records. */
  readonly ledger: Ledger;
  /** Nothing new may begin here: the result of this context is recorded already. */
  readonly sealed: boolean;
  mode: ReplayMode;
  defaultSerdes: AnySerdes | undefined;
  defaultCallbackDeserializer: AnySerdesDeserializer | undefined;
  logger: LoggerSetup;
  /** Levels of contexts, from this one on, whose operations stay with the service when they are finished. */
  keptLevels = 0;
  /** The branch's place in the window of its map or parallel, where it gives way while it only waits. */
  place: Permit | undefined;
  /** Called when the first signal of the invocation is asked for. */
  onSignal: (() => void) | undefined;
  #controller: AbortController | undefined;
  /** Contexts inside this one whose signal somebody has. */
  readonly #signalled = new Set<Scope>();
  #created = 0;
  #executing = 0;
  #waiting = 0;
  #finished = false;

  constructor(options: ScopeOptions) {
    this.path = options.path;
    this.parent = options.parent;
    this.parentId = options.parentId;
    this.ledger = options.ledger;
    this.mode = options.mode;
    this.sealed = options.mode === "replay-succeeded" || (options.parent?.sealed ?? false);
    this.defaultSerdes = options.defaultSerdes;
    this.defaultCallbackDeserializer = options.defaultCallbackDeserializer;
    this.logger = options.logger;
  }

  /** A context inside this one. */
  child(path: OperationPath, parentId: OperationId | undefined, mode: ReplayMode, ledger = this.ledger): Scope {
    return new Scope({
      path,
      parent: this,
      parentId,
      mode,
      ledger,
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

  /** The path of the next operation, which stays unused. */
  peekPath(): OperationPath {
    return childPath(this.path, this.#created + 1);
  }

  /** Operations whose code runs, in this subtree. */
  get executing(): number {
    return this.#executing;
  }

  /** Awaited operations that wait for a timer or for somebody outside, in this subtree. */
  get waiting(): number {
    return this.#waiting;
  }

  // T1, T2
  countExecuting(change: number): void {
    for (let scope: Scope | undefined = this; scope !== undefined && !scope.#finished; scope = scope.parent) {
      scope.#executing += change;
    }
  }

  // T1, T2
  countWaiting(change: number): void {
    for (let scope: Scope | undefined = this; scope !== undefined && !scope.#finished; scope = scope.parent) {
      scope.#waiting += change;
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

  /** The context's own function has settled. */ // T2
  finish(): void {
    if (this.#finished) return;
    if (this.parent !== undefined) this.parent.#signalled.delete(this);
    if (this.#signalled.size > 0) this.#abortInner(new DOMException("The context around it is over.", "AbortError"));
    this.parent?.countExecuting(-this.#executing);
    this.parent?.countWaiting(-this.#waiting);
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
