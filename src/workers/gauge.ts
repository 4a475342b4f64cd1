/** The number of messages that are measured on threads before the first decision. */
const FIRST_LOOK = 16;
/** The weight of a new message in the average, after the first 16 messages. */
const WEIGHT = 1 / 16;
/** A function returns to threads above this many times `minTaskMicros` on average. With 1, it would often switch. */
const RETURN_FACTOR = 2;

/**
 * Decides, for the mode `auto`, whether the messages of a function run long enough to be worth the way to a thread and
 * back. The first messages run on threads, because a long message would block the calling thread.
 */
export class Gauge {
  readonly #minMs: number;
  #seen = 0;
  #averageMs = 0;
  #inPlace = false;

  constructor(minTaskMicros: number) {
    this.#minMs = minTaskMicros / 1_000;
  }

  get prefersInPlace(): boolean {
    return this.#inPlace;
  }

  /** Notes for how many milliseconds the calls of a message ran, without their way to a thread and back. */
  note(runMs: number): void {
    this.#seen++;
    const weight = Math.max(WEIGHT, 1 / this.#seen);
    this.#averageMs += (runMs - this.#averageMs) * weight;
    if (this.#inPlace) {
      // A single very long message is enough to return to threads, because it blocks the calling thread.
      if (runMs > this.#minMs * RETURN_FACTOR * FIRST_LOOK || this.#averageMs > this.#minMs * RETURN_FACTOR) {
        this.#inPlace = false;
      }
    } else {
      this.#inPlace = this.#seen >= FIRST_LOOK && this.#averageMs < this.#minMs;
    }
  }
}
