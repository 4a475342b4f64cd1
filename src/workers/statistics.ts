import type { WorkerStatistics } from "../core/worker-pools.ts";

/** Counts what a pool does. */
export class PoolMeter {
  readonly #counts = { tasks: 0, tasksInPlace: 0, failures: 0, messages: 0, waiting: 0, waitMs: 0, runMs: 0 };
  readonly #maxThreads: number;
  #restarts = 0;
  #running = 0;
  #messagesRunning = 0;
  /** Milliseconds in which at least one message was under way, and since when one is. */
  #busyMs = 0;
  #busySinceMs = 0;

  constructor(maxThreads: number) {
    this.#maxThreads = maxThreads;
  }

  /** Calls begin to wait for a thread; gives when. */
  submitted(tasks: number): number {
    this.#counts.waiting += tasks;
    return performance.now();
  }

  /** They wait no more; `sent` of them are still wanted. */
  dispatched(waited: number, sent: number, submittedMs: number): void {
    this.#counts.waiting -= waited;
    this.#counts.waitMs += performance.now() - submittedMs;
    this.#running += sent;
    if (sent > 0) this.#counts.messages++;
  }

  /** A message goes to a thread. */
  begins(): void {
    if (this.#messagesRunning++ === 0) this.#busySinceMs = performance.now();
  }

  /** Its thread is free again. */
  ends(runMs: number): void {
    this.#counts.runMs += runMs;
    if (--this.#messagesRunning === 0) this.#busyMs += performance.now() - this.#busySinceMs;
  }

  /** Its calls run no more. */
  ended(sent: number): void {
    this.#running -= sent;
  }

  /** What became of a call is known. */
  readonly settled = (failed: boolean): void => {
    this.#counts.tasks++;
    if (failed) this.#counts.failures++;
  };

  readonly settledInPlace = (failed: boolean): void => {
    this.#counts.tasksInPlace++;
    if (failed) this.#counts.failures++;
  };

  /** A thread died, or was ended. */
  restarted(): void {
    this.#restarts++;
  }

  read(threads: number): WorkerStatistics {
    const busyMs = this.#busyMs + (this.#messagesRunning > 0 ? performance.now() - this.#busySinceMs : 0);
    const { runMs } = this.#counts;
    return {
      ...{ threads, maxThreads: this.#maxThreads, ...this.#counts, running: this.#running, restarts: this.#restarts },
      utilisation: busyMs > 0 ? Math.min(1, runMs / (busyMs * this.#maxThreads)) : 0,
    };
  }
}
