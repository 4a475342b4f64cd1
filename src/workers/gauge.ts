/** The gauge measures this many messages on threads before it decides for the first time. */
const FIRST_LOOK = 16;
/** The share of each later message in the average. */
const WEIGHT = 1 / 16;
/**
 * A function returns to threads when its average is this many times the limit. If this were 1, a function near the
 * limit would change places all the time.
 */
const RETURN_FACTOR = 2;

/**
 * Measures whether the messages of a function take long enough to be worth the way to a thread and back. The first
 * messages run on threads, because a long message that runs in place (in the calling thread) would block that thread.
 */
export class Gauge {
  readonly #minMs: number;
  #seen = 0;
  #averageMs = 0;
  #inPlace = false;

  constructor(minTaskMicros: number) {
    this.#minMs = minTaskMicros / 1_000;
  }

  /** Whether the next message is to run in place. */
  get prefersInPlace(): boolean {
    return this.#inPlace;
  }

  /** Notes how long the calls of a message ran, on a thread or in place. The time of the transport does not count. */
  note(runMs: number): void {
    this.#seen++;
    const weight = Math.max(WEIGHT, 1 / this.#seen);
    this.#averageMs += (runMs - this.#averageMs) * weight;
    if (this.#inPlace) {
      // A single very long message is enough to return to threads, because it blocks the main thread.
      if (runMs > this.#minMs * RETURN_FACTOR * FIRST_LOOK || this.#averageMs > this.#minMs * RETURN_FACTOR) {
        this.#inPlace = false;
      }
    } else {
      this.#inPlace = this.#seen >= FIRST_LOOK && this.#averageMs < this.#minMs;
    }
  }
}
