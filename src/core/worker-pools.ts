/**
 * The member of an item's context that is the same object in all items of a batch, and undefined outside of batches.
 * Calls that these items make of one function of `workers` in the same tick go to a thread in one message.
 */
export const SHARED_BATCH = Symbol.for("durable-fanout.shared-batch");

/** The work of all pools of worker threads since their first task. */
export interface WorkerStatistics {
  /** The number of living threads. `maxThreads` is the number of threads that the pools may have. */
  threads: number;
  maxThreads: number;
  /**
   * The number of ended calls on threads. `tasksInPlace` is the number of ended calls on the calling thread. Calls that
   * were aborted before they began count too. Calls from the items of a batch count one by one.
   */
  tasks: number;
  tasksInPlace: number;
  /** The number of ended calls that failed, were aborted, or ended their thread. */
  failures: number;
  /** The number of messages with calls that were submitted to threads. */
  messages: number;
  /**
   * The number of calls in the messages that threads have taken, also calls that have ended there or not begun yet.
   * `waiting` is the number of calls whose message waits for a thread. Calls on the calling thread do not count.
   */
  running: number;
  waiting: number;
  /**
   * The milliseconds that messages waited for a thread, in total. `runMs` is the milliseconds that threads ran, in
   * total.
   */
  waitMs: number;
  runMs: number;
  /** The time that threads ran, divided by the time that all threads could have run while there was work: 0 to 1. */
  utilisation: number;
  /** The number of threads that died, that could not start, or that were ended because their call did not end. */
  restarts: number;
}

/** The part of a pool that the statistics and `closeWorkers` use. */
export interface WorkerPoolPort {
  statistics(): WorkerStatistics;
  /** Ends the pool's threads. Calls that have not ended on threads fail. A later call opens the pool again. */
  close(): Promise<void>;
}

interface WorkerPools {
  readonly pools: Set<WorkerPoolPort>;
  statistics(): WorkerStatistics | undefined;
  /** The stream for text that threads write to standard output. Undefined for the standard output of this process. */
  standardOutput?: NodeJS.WritableStream | undefined;
}

const holder = globalThis as { [key: symbol]: WorkerPools | undefined };
const KEY = Symbol.for("durable-fanout.worker-pools");

/** The pools of this process. The global object keeps them, because a process may load several copies of this file. */
export function workerPools(): WorkerPools {
  const pools = new Set<WorkerPoolPort>();
  holder[KEY] ??= { pools, statistics: () => sumOf(pools) };
  return holder[KEY];
}

/** The sum of the statistics of all pools in this process; undefined if there has been no pool. */
export function workerStatistics(): WorkerStatistics | undefined {
  return holder[KEY]?.statistics();
}

function sumOf(pools: ReadonlySet<WorkerPoolPort>): WorkerStatistics | undefined {
  if (pools.size === 0) return undefined;
  const sum: WorkerStatistics = {
    ...{ threads: 0, maxThreads: 0, tasks: 0, tasksInPlace: 0, failures: 0, messages: 0 },
    ...{ running: 0, waiting: 0, waitMs: 0, runMs: 0, utilisation: 0, restarts: 0 },
  };
  let capacityMs = 0;
  for (const pool of pools) {
    const one = pool.statistics();
    if (one.utilisation > 0) capacityMs += one.runMs / one.utilisation;
    for (const key of Object.keys(sum) as (keyof WorkerStatistics)[]) sum[key] += one[key];
  }
  sum.utilisation = capacityMs > 0 ? Math.min(1, sum.runMs / capacityMs) : 0;
  return sum;
}

/**
 * Ends the threads of all pools in this process. Calls that have not ended on threads fail with
 * `ERR_WORKER_POOL_CLOSED`. A later call opens its pool again.
 */
export async function closeWorkers(): Promise<void> {
  await Promise.all([...workerPools().pools].map((pool) => pool.close()));
}
