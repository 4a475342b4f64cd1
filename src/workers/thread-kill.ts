type Listener = () => void;

/**
 * Ends the thread of one message. It has what the pool needs of an `AbortSignal`, and costs nothing to make: there is one
 * for each message, and hardly ever is one used.
 */
export class ThreadKill {
  aborted = false;
  #listener: Listener | undefined;

  addEventListener(_: "abort", listener: Listener): void {
    this.#listener = listener;
  }

  removeEventListener(): void {
    this.#listener = undefined;
  }

  abort(): void {
    this.aborted = true;
    this.#listener?.();
  }
}
