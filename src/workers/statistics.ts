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

  /** Calls begin to wait for a thread. */
  waits(calls: number): void {
    this.#counts.waiting += calls;
  }

  /** They wait no more. */
  readonly left = (calls: number, waitedMs: number): void => {
    this.#counts.waiting -= calls;
    this.#counts.waitMs += waitedMs;
  };

  /** A message goes to a thread, with so many calls that count as running. */
  begins(calls: number): void {
    this.#running += calls;
    this.#counts.messages++;
    if (this.#messagesRunning++ === 0) this.#busySinceMs = performance.now();
  }

  /** Its thread is free again. */
  ends(runMs: number): void {
    this.#counts.runMs += runMs;
    if (--this.#messagesRunning === 0) this.#busyMs += performance.now() - this.#busySinceMs;
  }

  /** Its calls run no more. */
  ended(calls: number): void {
    this.#running -= calls;
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

  /** `behind`: calls that wait on their thread, behind another one. */
  read(threads: number, behind: number): WorkerStatistics {
    const busyMs = this.#busyMs + (this.#messagesRunning > 0 ? performance.now() - this.#busySinceMs : 0);
    const { runMs, waiting } = this.#counts;
    return {
      ...{ threads, maxThreads: this.#maxThreads, ...this.#counts, waiting: waiting + behind },
      ...{ running: this.#running, restarts: this.#restarts },
      utilisation: busyMs > 0 ? Math.min(1, runMs / (busyMs * this.#maxThreads)) : 0,
    };
  }
}
