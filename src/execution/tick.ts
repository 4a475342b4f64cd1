/** Computing that takes less is taken for none: the way through this package alone takes as long when it is cold. */
const MIN_PIECE_MS = 0.5;
/** How often `isLong` is asked for each look at the clock. */
const LOOKS_A_CLOCK = 16;

/**
 * Lets the event loop turn between pieces of user code that could all run at once: however much the items of a large map
 * compute, requests leave, timers fire and signals arrive in between. A piece is what a function does until it first
 * awaits; it is never cut.
 *
 * V1  The first piece of a turn may always run.
 * V2  Pieces run in the order in which they came: once one waits, all later ones wait behind it.
 * V3  Each goes on in a microtask of its own, so that the time it took is seen before the next one goes on.
 * V4  Code that computes little never waits: requests are as full as if there were no turns.
 * V5  What goes on with nothing but memory in between goes on in the next turn, once the turn has lasted for `maxMs`.
 */
export class Tick {
  readonly #maxMs: number;
  /** Told when pieces begin to wait (1), and when none waits any more (-1). */
  readonly #onWaiting: (change: 1 | -1) => void;
  #computedMs = 0;
  #isWaitedFor = false;
  #waiting: (() => void)[] = [];
  #cursor = 0;
  #looks = 0;
  #beganMs: number | undefined;

  /** When pieces have computed for `maxMs` in one turn, further ones wait for the next turn; with 0 each one does. */
  constructor(maxMs: number, onWaiting: (change: 1 | -1) => void) {
    this.#maxMs = maxMs;
    this.#onWaiting = onWaiting;
  }

  /**
   * Resolves when a piece of user code may run; undefined if it may at once. Whoever awaits it runs the piece right
   * behind, without a function of its own in between that would put it off by a microtask (V3).
   */
  take(): Promise<void> | undefined {
    if (!this.#isWaitedFor && this.#computedMs < this.#maxMs) return undefined; // V4
    return new Promise((goOn) => {
      this.#waiting.push(goOn);
      if (this.#isWaitedFor) return; // V2
      this.#isWaitedFor = true;
      this.#onWaiting(1);
      setImmediate(this.#next);
    });
  }

  /** Whether what goes on in memory has kept the event loop for so long that it has to turn first. */ // V5
  get isLong(): boolean {
    // A look at the clock costs as much as what it is to bound.
    if (this.#maxMs === Number.POSITIVE_INFINITY || ++this.#looks % LOOKS_A_CLOCK !== 0) return false;
    const nowMs = performance.now();
    if (this.#beganMs === undefined) {
      this.#beganMs = nowMs;
      setImmediate(() => {
        this.#beganMs = undefined;
      });
    }
    return nowMs - this.#beganMs > this.#maxMs;
  }

  /** Runs a piece, and counts the time that it takes. */
  run<T>(piece: () => T): T {
    const beginMs = performance.now();
    try {
      return piece();
    } finally {
      const tookMs = performance.now() - beginMs;
      if (tookMs >= MIN_PIECE_MS) this.#count(tookMs);
    }
  }

  #count(ms: number): void {
    if (this.#computedMs === 0) {
      setImmediate(() => {
        this.#computedMs = 0; // V1
      });
    }
    this.#computedMs += ms;
  }

  readonly #next = (): void => {
    if (this.#computedMs > 0 && this.#computedMs >= this.#maxMs) {
      setImmediate(this.#next);
      return;
    }
    const goOn = this.#shift();
    if (goOn === undefined) {
      this.#isWaitedFor = false;
      this.#onWaiting(-1);
      return;
    }
    goOn();
    queueMicrotask(this.#next); // V3
  };

  /** Those that went on are dropped once they are the larger part: a queue that never runs dry does not grow. */
  #shift(): (() => void) | undefined {
    const first = this.#waiting[this.#cursor];
    if (first !== undefined && ++this.#cursor * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#cursor);
      this.#cursor = 0;
    }
    return first;
  }
}
