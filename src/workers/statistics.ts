import type { WorkerStatistics } from "../core/worker-pools.ts";

export class PoolMeter {
  readonly #counts = { tasks: 0, tasksInPlace: 0, failures: 0, messages: 0, waitMs: 0, runMs: 0, restarts: 0 };
  #underWay = 0;
  /** Milliseconds of all ended busy times. In a busy time, at least one message is under way. */
  #busyMs = 0;
  /** When the last busy time began. */
  #busySinceMs = 0;

  begins(): void {
    this.#counts.messages++;
    if (this.#underWay++ === 0) this.#busySinceMs = performance.now();
  }

  ends(waitMs = 0, runMs = 0): void {
    this.#counts.waitMs += waitMs;
    this.#counts.runMs += runMs;
    if (--this.#underWay === 0) this.#busyMs += performance.now() - this.#busySinceMs;
  }

  readonly settled = (failed: boolean): void => {
    this.#counts.tasks++;
    if (failed) this.#counts.failures++;
  };

  readonly settledInPlace = (failed: boolean): void => {
    this.#counts.tasksInPlace++;
    if (failed) this.#counts.failures++;
  };

  /** A thread died, could not be started, or was ended because its call did not end. */
  restarted(): void {
    this.#counts.restarts++;
  }

  read(now: Pick<WorkerStatistics, "threads" | "maxThreads" | "running" | "waiting">): WorkerStatistics {
    const busyMs = this.#busyMs + (this.#underWay > 0 ? performance.now() - this.#busySinceMs : 0);
    const utilisation = busyMs > 0 ? Math.min(1, this.#counts.runMs / (busyMs * now.maxThreads)) : 0;
    return { ...this.#counts, ...now, utilisation };
  }
}
