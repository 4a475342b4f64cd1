import { childPath, type OperationId, type OperationPath } from "../core/ids.ts";
import type { Permit } from "../core/semaphore.ts";
import type { AnySerdes, AnySerdesDeserializer } from "../core/serdes.ts";
import type { ReplayMode } from "./active.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { LoggerSetup } from "./logger.ts";

interface ScopeOptions {
  readonly path?: OperationPath;
  readonly parent?: Scope;
  /** The parent id of operations in this context. */
  readonly parentId?: OperationId | undefined;
  readonly mode: ReplayMode;
  readonly ledger: Ledger;
  readonly logger: LoggerSetup;
}

/** An object whose signal is aborted when the context around it is aborted or is over. */
interface Follower {
  abort(reason: Error): void;
}

/**
 * The counters of one context: the number of the next operation, and the operations that execute or wait inside the
 * context.
 *
 * T1  `executing`, `waiting` and `wanting` count in this context and in all contexts inside it. So the root's counters
 *     are those of the invocation.
 * T2  When a context finishes, its counts are subtracted from the counts of the contexts around it. Code that still
 *     runs inside the context no longer counts, and its updates are dropped.
 */
export class Scope {
  readonly path: OperationPath | undefined;
  readonly parent: Scope | undefined;
  readonly parentId: OperationId | undefined;
  readonly ledger: Ledger;
  /** Whether only virtual contexts may begin, because this context or one around it only makes its result again. */
  readonly sealed: boolean;
  mode: ReplayMode;
  defaultSerdes: AnySerdes | undefined;
  defaultCallbackDeserializer: AnySerdesDeserializer | undefined;
  logger: LoggerSetup;
  /** How many levels of contexts, this one included, keep their operations at the service after they have finished. */
  keptLevels = 0;
  /** The parent of this context's operations for plugins: from this context outwards, the first that is not virtual. */
  owner: { readonly id: OperationId } | undefined;
  /** The permit that this branch may lend (PM1). Undefined if this context is no branch, or if the branch keeps it. */
  permit: Permit | undefined;
  /** Called when a signal inside this context is read for the first time. */
  onSignal: (() => void) | undefined;
  /**
   * The number of attempts of steps and conditions inside this context whose end is not yet recorded. Work of
   * `keepAwake` counts too, and at the root also code that waits for the next tick.
   */
  executing = 0;
  /** The number of awaited operations that wait for a timer or for an external system. */
  waiting = 0;
  /** The number of calls of `regainPermits` inside this context that still wait for permits. */
  wanting = 0;
  #controller: AbortController | undefined;
  /** The running contexts and steps directly inside this one whose signal, or a signal inside them, was read. */
  #followers: Set<Follower> | undefined;
  #isFollowing = false;
  #settled = false;
  #abortReason: Error | undefined;
  #created = 0;
  #finished = false;

  constructor(options: ScopeOptions) {
    this.path = options.path;
    this.parent = options.parent;
    this.parentId = options.parentId;
    this.ledger = options.ledger;
    this.mode = options.mode;
    this.sealed = options.mode === "replay-succeeded" || (options.parent?.sealed ?? false);
    this.owner = options.parent?.owner;
    this.defaultSerdes = options.parent?.defaultSerdes;
    this.defaultCallbackDeserializer = options.parent?.defaultCallbackDeserializer;
    this.logger = options.logger;
  }

  child(path: OperationPath, parentId: OperationId | undefined, mode: ReplayMode, ledger = this.ledger): Scope {
    return new Scope({ path, parent: this, parentId, mode, ledger, logger: this.logger });
  }

  nextPath(): OperationPath {
    this.#created++;
    return childPath(this.path, this.#created);
  }

  peekPath(): OperationPath {
    return childPath(this.path, this.#created + 1);
  }

  // T1, T2. Each counter has a method of its own: a computed member name is slow, and each operation runs this code.
  countExecuting(change: number): void {
    for (let scope: Scope | undefined = this; scope !== undefined && !scope.#finished; scope = scope.parent) {
      scope.executing += change;
    }
  }

  countWaiting(change: number): void {
    for (let scope: Scope | undefined = this; scope !== undefined && !scope.#finished; scope = scope.parent) {
      scope.waiting += change;
    }
  }

  countWanting(change: number): void {
    for (let scope: Scope | undefined = this; scope !== undefined && !scope.#finished; scope = scope.parent) {
      scope.wanting += change;
    }
  }

  /** Aborted when a context around this one ends before it, or shortly before the platform stops the invocation. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      this.#follow();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  /** Aborts `follower` when this context is aborted or is over, until `unfollow` is called. */
  follow(follower: Follower): void {
    this.#followers ??= new Set();
    this.#followers.add(follower);
    this.#follow();
    if (this.#finished) this.#abortFollowers(overReason());
    else if (this.#abortReason !== undefined) follower.abort(this.#abortReason);
  }

  unfollow(follower: Follower): void {
    this.#followers?.delete(follower);
  }

  #follow(): void {
    if (this.#isFollowing || this.#finished) return;
    this.#isFollowing = true;
    this.parent?.follow(this);
    this.onSignal?.();
  }

  /** Aborts the signal, unless the function of this context has settled, and the signals inside this context. */
  abort(reason: Error): void {
    this.#abortReason ??= reason;
    if (!this.#settled) this.#controller?.abort(reason);
    this.#abortFollowers(reason);
  }

  #abortFollowers(reason: Error): void {
    for (const follower of this.#followers ?? []) follower.abort(reason);
    this.#followers = undefined;
  }

  /** From now on the signal of this context is not aborted, because its function has settled. */
  settle(): void {
    this.#settled = true;
    if (this.#isFollowing && (this.#followers?.size ?? 0) === 0) this.parent?.unfollow(this);
  }

  /** Notes that the context is over. Code that still runs inside the context no longer counts. */ // T2
  finish(): void {
    if (this.#finished) return;
    this.settle();
    this.parent?.unfollow(this);
    if (this.#followers !== undefined) this.#abortFollowers(overReason());
    if (this.executing !== 0) this.parent?.countExecuting(-this.executing);
    if (this.waiting !== 0) this.parent?.countWaiting(-this.waiting);
    if (this.wanting !== 0) this.parent?.countWanting(-this.wanting);
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

function overReason(): DOMException {
  return new DOMException("The context around it is over.", "AbortError");
}
