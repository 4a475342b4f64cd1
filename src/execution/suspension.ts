import type { Coalescer } from "./coalescer.ts";
import type { Scope } from "./scope.ts";
import type { Termination } from "./termination.ts";

/** An awaited operation; `lend` gives up the places it waits in, and says whether there were any. */
interface Waiting {
  lend(): boolean;
}

/** A suspended invocation goes on later, a failed one does not: before that, code gets this many times the grace. */
const STUCK_GRACES = 250;

/**
 * Decides when an invocation has nothing left to do: no update is on its way, no operation's code runs, and at least
 * one operation waits for a timer or for somebody outside. Code between operations is invisible, so it gets a
 * moment (`graceMs`) to reach its next operation; whatever happens meanwhile calls the decision off.
 */
export class Suspension {
  readonly #root: Scope;
  readonly #coalescer: Coalescer;
  readonly #graceMs: number;
  readonly #end: (termination: Termination) => void;
  #open = true;
  #endsSoon = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stuck: { scope: Scope; error: Error } | undefined;
  readonly #waiting = new Set<Waiting>();

  constructor(root: Scope, coalescer: Coalescer, graceMs: number, end: (termination: Termination) => void) {
    this.#root = root;
    this.#coalescer = coalescer;
    this.#graceMs = graceMs;
    this.#end = end;
  }

  /** To be called after every change of what runs, waits or is queued. */
  check(): void {
    const then = this.#next();
    if (then === undefined) this.#cancel();
    else
      this.#timer ??= setTimeout(
        () => {
          this.#timer = undefined;
          const termination = this.#next();
          if (termination?.end === then.end && !this.#makeRoom()) this.#end(termination);
          else this.check();
        },
        then.end === "suspend" ? this.#graceMs : this.#graceMs * STUCK_GRACES,
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
    for (const waiting of this.#waiting) if (waiting.lend()) lent = true;
    return lent;
  }

  #next(): Termination | undefined {
    if (!this.#open || this.#root.executing > 0 || !this.#coalescer.idle) return undefined;
    if (this.#root.waiting > 0 || this.#endsSoon) return { end: "suspend" };
    if (this.#stuck === undefined || this.#stuck.scope.isOver) return undefined;
    return { end: "fail", error: this.#stuck.error };
  }
}

/** A promise for what will not go on in this invocation. Its caller's code stops here, without an error. */
export function park(): Promise<never> {
  return new Promise(() => {});
}
