import type { WorkerStatistics } from "../core/worker-pools.ts";
import type { Task } from "./task.ts";

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
  dispatched(tasks: readonly Task[], sent: number, submittedMs: number): void {
    this.#counts.waiting -= tasks.length;
    this.#counts.waitMs += performance.now() - submittedMs;
    this.#running += sent;
    const dropped = tasks.length - sent;
    this.#counts.tasks += dropped;
    this.#counts.failures += dropped;
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

  /** What became of its calls is known; those that are sent again are not among `settled`. */
  ended(sent: number, settled: readonly Task[]): void {
    this.#running -= sent;
    this.#counts.tasks += settled.length;
    for (const task of settled) if (task.hasFailed) this.#counts.failures++;
  }

  ranInPlace(failed: boolean): void {
    this.#counts.tasksInPlace++;
    if (failed) this.#counts.failures++;
  }

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
