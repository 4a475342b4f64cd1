import { forcePermits, type Wanted } from "./branch-permits.ts";
import type { Coalescer } from "./checkpoint-coalescer.ts";
import type { Scope } from "./scope.ts";

/** A reason to end an invocation, which replaces the outcome of its handler. */
export type Termination =
  /** Another invocation may continue the execution. The response is PENDING. */
  | { readonly end: "suspend" }
  /** The execution cannot continue. The response is FAILED. */
  | { readonly end: "fail"; readonly error: unknown }
  /** The invocation cannot continue. The invocation rejects, and the service starts another one. */
  | { readonly end: "reject"; readonly error: unknown };

/** `giveWay` lends the permits around an awaited operation, and returns whether a permit was lent. */
interface Waiting {
  giveWay(): boolean;
}

/** Before `noteStuck` fails the execution, code gets this number of grace periods, and at least `MIN_STUCK_MS`. */
const STUCK_GRACES = 250;
const MIN_STUCK_MS = 1_000;

/**
 * Ends an invocation that has nothing left to do: no update is on its way, no operation's code runs, and an awaited
 * operation waits for a timer or for an external system, or work was left, or an operation never continues. Code that
 * runs between operations is not counted. So this code has a grace period (`graceMs`) to reach its next operation. The
 * invocation does not end if an operation executes or an update is on its way when this period is over.
 *
 * D1  Before the end, `flush` ends the waits that are due, or writes the unrecorded changes. If `flush` did something,
 *     the invocation does not end yet, because code may continue.
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
  /** Whether `#timer` is to fail the execution. */
  #isFailing = false;
  #stuck: { scope: Scope; error: Error } | undefined;
  readonly #waiting = new Set<Waiting>();
  readonly #wanted = new Set<Wanted>();

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

  get isOpen(): boolean {
    return this.#open;
  }

  /** Decides whether the invocation ends, after a change of what runs, waits or is queued. */
  check(): void {
    const then = this.#next();
    const isFailure = then?.end === "fail";
    // The long time before a failure must not delay a suspension.
    if (then === undefined || (this.#isFailing && !isFailure)) this.#cancel();
    if (then === undefined || this.#timer !== undefined) return;
    this.#isFailing = isFailure;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const now = this.#next();
        if (now?.end !== then.end || this.#makeRoom() || now.end === "stall" || this.#flush())
          this.check(); // D1
        else this.#end(now);
      },
      isFailure ? Math.max(MIN_STUCK_MS, this.#graceMs * STUCK_GRACES) : this.#graceMs,
    );
  }

  /**
   * Notes that an operation in `scope` never continues. The execution fails with `error` when nothing else can
   * continue, unless `scope` is over.
   */
  noteStuck(scope: Scope, error: Error): void {
    if (this.#stuck === undefined || this.#stuck.scope.isOver) this.#stuck = { scope, error };
    this.check();
  }

  /** Notes a waiting operation. The branches around it may hold permits that other branches could use. */
  addWaiting(waiting: Waiting): void {
    this.#waiting.add(waiting);
  }

  removeWaiting(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  wants(wanted: Wanted): () => void {
    this.#wanted.add(wanted);
    this.check();
    return () => void this.#wanted.delete(wanted);
  }

  /** Notes that work was left. This invocation ends soon after nothing runs, even if no operation waits. */
  endSoon(): void {
    this.#endsSoon = true;
    this.check();
  }

  /** From now on nothing is decided, because the invocation ends. */
  close(): void {
    this.#open = false;
    this.#cancel();
  }

  #cancel(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Lends the permits of branches that only wait, or else forces permits (PM3). Returns whether a permit was lent. */
  #makeRoom(): boolean {
    let lent = false;
    for (const waiting of this.#waiting) if (waiting.giveWay()) lent = true;
    if (!lent) forcePermits(this.#wanted);
    return lent;
  }

  #next(): Exclude<Termination, { end: "reject" }> | Stall | undefined {
    if (!this.#open || this.#root.executing > 0 || !this.#coalescer.idle) return undefined;
    // A branch that an ended map has left must not cause a stall, because nobody awaits the branch.
    for (const wanted of this.#wanted) {
      if (!wanted.scope.isOver) return STANDSTILL;
      this.#wanted.delete(wanted);
    }
    if (this.#root.waiting > 0 || this.#endsSoon) return { end: "suspend" };
    if (this.#stuck === undefined || this.#stuck.scope.isOver) return undefined;
    return { end: "fail", error: this.#stuck.error };
  }
}

/** A stall: nothing executes, and branches want permits that are held by branches which wait in memory. */
type Stall = { readonly end: "stall" };
const STANDSTILL: Stall = { end: "stall" };

/** A promise that never settles, so that code which awaits the promise stops without an error. */
export function park(): Promise<never> {
  return new Promise(() => {});
}
