/** Messages that are measured on threads before anything is concluded. */
const FIRST_LOOK = 16;
/** Of each further message, what it changes of the average. */
const WEIGHT = 1 / 16;
/** Back to the threads when calls take this many times what was too short for them. */
const RETURN_FACTOR = 2;

/**
 * Finds out whether a function's messages are long enough to pay for the way to a thread and back. It begins on threads:
 * what is long must not stop the main thread even once.
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

  /** A message took so long: without the way there, wherever it ran. */
  note(runMs: number): void {
    this.#seen++;
    const weight = Math.max(WEIGHT, 1 / this.#seen);
    this.#averageMs += (runMs - this.#averageMs) * weight;
    if (this.#inPlace) {
      // One long one is enough: each stops the main thread.
      if (runMs > this.#minMs * RETURN_FACTOR * FIRST_LOOK || this.#averageMs > this.#minMs * RETURN_FACTOR) {
        this.#inPlace = false;
      }
    } else {
      this.#inPlace = this.#seen >= FIRST_LOOK && this.#averageMs < this.#minMs;
    }
  }
}
