/** A piece below this time is not counted, because on a cold start the code of this package alone takes this time. */
const MIN_PIECE_MS = 0.5;
/** `isLong` reads the clock only once in this number of calls. */
const LOOKS_A_CLOCK = 16;

/**
 * Lets the event loop run between pieces of user code that could all run in one tick. So requests leave, timers fire
 * and signals arrive while the items of a large map compute. A piece is the code of a function up to its first await. A
 * piece is never interrupted.
 *
 * V1  In each tick at least one of the waiting pieces may run.
 * V2  Pieces run in the order of their calls of `take`. When one piece waits, all later pieces wait behind it.
 * V3  Each piece continues in a microtask of its own, so that its time is counted before the next piece continues.
 * V4  While the pieces of a tick compute for less than `maxMs`, and no earlier piece waits, no piece waits. Requests
 *     then have as many updates as without this class. With 0 each piece waits.
 * V5  Code that continues from records in memory, without waiting for the service, may run for `maxMs` in one tick.
 *     Then the code waits for the next tick.
 */
export class Tick {
  readonly #maxMs: number;
  /** Called with 1 when pieces begin to wait, and with -1 when no piece waits any more. */
  readonly #onWaiting: (change: 1 | -1) => void;
  #computedMs = 0;
  #isWaitedFor = false;
  #waiting: (() => void)[] = [];
  #cursor = 0;
  #looks = 0;
  #beganMs: number | undefined;

  constructor(maxMs: number, onWaiting: (change: 1 | -1) => void) {
    this.#maxMs = maxMs;
    this.#onWaiting = onWaiting;
  }

  /** Resolves when a piece may run; undefined if it may run now. The caller runs the piece right after the await. */
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

  /** Whether code that continues from records in memory must wait for the next tick. */ // V5
  get isLong(): boolean {
    // The clock is not read at each call, because a reading costs as much as the work between two calls.
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

  #shift(): (() => void) | undefined {
    const first = this.#waiting[this.#cursor];
    if (first !== undefined && ++this.#cursor * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#cursor);
      this.#cursor = 0;
    }
    return first;
  }
}
