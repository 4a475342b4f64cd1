import { childPath, type OperationId, type OperationPath } from "../core/ids.ts";
import type { Permit } from "../core/semaphore.ts";
import type { AnySerdes, AnySerdesDeserializer } from "../core/serdes.ts";
import type { ReplayMode } from "./active.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { LoggerSetup } from "./logger.ts";

interface ScopeOptions {
  readonly path?: OperationPath;
  readonly parent?: Scope;
  /** The wire id that operations in this context name as their parent. */
  readonly parentId?: OperationId | undefined;
  readonly mode: ReplayMode;
  readonly ledger: Ledger;
  readonly logger: LoggerSetup;
}

/** What has a signal that is aborted with that of the context around it. */
interface Follower {
  abort(reason: Error): void;
}

/**
 * One context's counters: which operation comes next, and what is alive below it.
 *
 * T1  `executing`, `waiting` and `wanting` count the whole subtree, so that the root's counts are the invocation's.
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
  /** The innermost context around its operations that plugins know, whether that has an operation at the service or not. */
  owner: { readonly id: OperationId } | undefined;
  /** The branch's place in the window of its map or parallel, where it gives way while it only waits. */
  permit: Permit | undefined;
  /** Called when the first signal of the invocation is asked for. */
  onSignal: (() => void) | undefined;
  /** In this subtree: operations whose code runs. To be changed by `countExecuting`; the same goes for those below. */
  executing = 0;
  /** Awaited operations that wait for a timer or for somebody outside. */
  waiting = 0;
  /** Branches that want their places back before their code goes on. */
  wanting = 0;
  #controller: AbortController | undefined;
  /** Contexts and steps inside this one, under way, whose signal somebody has. */
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

  /** A context inside this one. */
  child(path: OperationPath, parentId: OperationId | undefined, mode: ReplayMode, ledger = this.ledger): Scope {
    return new Scope({ path, parent: this, parentId, mode, ledger, logger: this.logger });
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

  // T1, T2; each is written out, since a member whose name varies is slow, and each operation comes here.
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

  /** Aborted when a context around this one is over before it is, or the invocation nears its end. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      this.#follow();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  /** Aborts `follower` as the signal of this context is aborted, until `unfollow`. */
  follow(follower: Follower): void {
    this.#followers ??= new Set();
    this.#followers.add(follower);
    this.#follow();
    if (this.#abortReason !== undefined) follower.abort(this.#abortReason);
  }

  unfollow(follower: Follower): void {
    this.#followers?.delete(follower);
  }

  /** From now on this context hears of the end of those around it. */
  #follow(): void {
    if (this.#isFollowing || this.#finished) return;
    this.#isFollowing = true;
    this.parent?.follow(this);
    this.onSignal?.();
  }

  /** Aborts the signals of this context and of what is under way inside it. */
  abort(reason: Error): void {
    this.#abortReason ??= reason;
    if (!this.#settled) this.#controller?.abort(reason);
    this.#abortFollowers(reason);
  }

  #abortFollowers(reason: Error): void {
    for (const follower of this.#followers ?? []) follower.abort(reason);
    this.#followers = undefined;
  }

  /** The context's own function has settled, and its signal is never aborted any more. */
  settle(): void {
    this.#settled = true;
    if (this.#isFollowing && (this.#followers?.size ?? 0) === 0) this.parent?.unfollow(this);
  }

  /** The context's own function has settled, and nothing that is still under way inside counts any more. */ // T2
  finish(): void {
    if (this.#finished) return;
    this.settle();
    this.parent?.unfollow(this);
    if (this.#followers !== undefined)
      this.#abortFollowers(new DOMException("The context around it is over.", "AbortError"));
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
