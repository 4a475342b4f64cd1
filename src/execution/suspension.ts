import type { Coalescer } from "./checkpoint-coalescer.ts";
import { forcePermits, type Wanted } from "./permits.ts";
import type { Scope } from "./scope.ts";

/** Why an invocation ends before its handler does. */
export type Termination =
  /** Everything waits: answer PENDING. */
  | { readonly end: "suspend" }
  /** The execution cannot go on: answer FAILED. */
  | { readonly end: "fail"; readonly error: unknown }
  /** The invocation cannot go on: reject, and the service invokes again. */
  | { readonly end: "reject"; readonly error: unknown };

/** An awaited operation; `giveWay` gives up the places it waits in, and says whether there were any. */
interface Waiting {
  giveWay(): boolean;
}

/** A suspended invocation goes on later, a failed one does not: before that, code gets this many times the grace. */
const STUCK_GRACES = 250;
const MIN_STUCK_MS = 250;

/**
 * Decides when an invocation has nothing left to do: no update is on its way, no operation's code runs, and at least
 * one operation that somebody awaits waits for a timer or for somebody outside. Code between operations is invisible, so
 * it gets a moment (`graceMs`) to reach its next operation; whatever happens meanwhile calls the decision off.
 *
 * D1  What is not recorded yet is written first, and when that is recorded the question is asked anew: the answer may
 *     bring what was waited for.
 */
export class Suspension {
  readonly #root: Scope;
  readonly #coalescer: Coalescer;
  readonly #graceMs: number;
  readonly #flush: () => boolean;
  readonly #end: (termination: Termination) => void;
  #open = true;
  #endsSoon = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stuck: { scope: Scope; error: Error } | undefined;
  readonly #waiting = new Set<Waiting>();
  /** Places that branches want back. */
  readonly #wanted = new Set<Wanted>();

  /** `flush` writes what is not recorded yet, and says whether that was anything; `end` ends the invocation. */
  constructor(
    root: Scope,
    coalescer: Coalescer,
    graceMs: number,
    flush: () => boolean,
    end: (termination: Termination) => void,
  ) {
    this.#root = root;
    this.#coalescer = coalescer;
    this.#graceMs = graceMs;
    this.#flush = flush;
    this.#end = end;
  }

  /** Whether the invocation goes on. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** To be called after every change of what runs, waits or is queued. */
  check(): void {
    const then = this.#next();
    if (then === undefined) this.#cancel();
    else
      this.#timer ??= setTimeout(
        () => {
          this.#timer = undefined;
          const now = this.#next();
          if (now?.end !== then.end || this.#makeRoom() || now.end === "standstill" || this.#flush())
            this.check(); // D1
          else this.#end(now);
        },
        then.end === "fail" ? Math.max(MIN_STUCK_MS, this.#graceMs * STUCK_GRACES) : this.#graceMs,
      );
  }

  /** An operation in `scope` will never go on: if that keeps the scope from ending, the execution fails with `error`. */
  noteStuck(scope: Scope, error: Error): void {
    if (this.#stuck === undefined || this.#stuck.scope.isOver) this.#stuck = { scope, error };
    this.check();
  }

  /** Something waits that may hold places which others could use. */
  addWaiting(waiting: Waiting): void {
    this.#waiting.add(waiting);
  }

  removeWaiting(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  /** A branch wants its place back, until the returned function is called. When all stand still, it has the place. */
  wants(wanted: Wanted): () => void {
    this.#wanted.add(wanted);
    this.check();
    return () => void this.#wanted.delete(wanted);
  }

  /** Work was left for the next invocation: this one ends as soon as nothing runs, whether anything waits or not. */
  endSoon(): void {
    this.#endsSoon = true;
    this.check();
  }

  /** The invocation ends for another reason. */
  close(): void {
    this.#open = false;
    this.#cancel();
  }

  #cancel(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Whether a branch that has come to only wait gave up a place: then others may have something to do. */
  #makeRoom(): boolean {
    let lent = false;
    for (const waiting of this.#waiting) if (waiting.giveWay()) lent = true;
    if (!lent) forcePermits(this.#wanted);
    return lent;
  }

  #next(): Exclude<Termination, { end: "reject" }> | Standstill | undefined {
    if (!this.#open || this.#root.executing > 0 || !this.#coalescer.idle) return undefined;
    // Nobody awaits what an ended map has left behind: it has to wait for its turn.
    for (const wanted of this.#wanted) {
      if (!wanted.scope.isOver) return STANDSTILL;
      this.#wanted.delete(wanted);
    }
    if (this.#root.waiting > 0 || this.#endsSoon) return { end: "suspend" };
    if (this.#stuck === undefined || this.#stuck.scope.isOver) return undefined;
    return { end: "fail", error: this.#stuck.error };
  }
}

/** Nothing executes, and branches want their places back that others have, who wait in memory. */
type Standstill = { readonly end: "standstill" };
const STANDSTILL: Standstill = { end: "standstill" };

/** A promise for what will not go on in this invocation. Its caller's code stops here, without an error. */
export function park(): Promise<never> {
  return new Promise(() => {});
}
