import type { Coalescer } from "./coalescer.ts";
import type { Scope } from "./scope.ts";

/**
 * Decides when an invocation has nothing left to do: no update is on its way, no operation's code runs, and at least
 * one operation waits for a timer or for somebody outside. Code between operations is invisible, so it gets a
 * moment (`graceMs`) to reach its next operation; whatever happens meanwhile calls the decision off.
 */
export class Suspension {
  readonly #root: Scope;
  readonly #coalescer: Coalescer;
  readonly #graceMs: number;
  readonly #suspend: () => void;
  #open = true;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(root: Scope, coalescer: Coalescer, graceMs: number, suspend: () => void) {
    this.#root = root;
    this.#coalescer = coalescer;
    this.#graceMs = graceMs;
    this.#suspend = suspend;
  }

  /** To be called after every change of what runs, waits or is queued. */
  check(): void {
    if (!this.#isQuiet()) this.#cancel();
    else
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        if (this.#isQuiet()) this.#suspend();
      }, this.#graceMs);
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

  #isQuiet(): boolean {
    return this.#open && this.#root.executing === 0 && this.#root.waiting > 0 && this.#coalescer.idle;
  }
}

/** A promise for what will not go on in this invocation. Its caller's code stops here, without an error. */
export function park(): Promise<never> {
  return new Promise(() => {});
}
