/**
 * On the context of an item that shares an operation with others: an object that the items of its batch have in
 * common. Calls that these items make in the same tick travel to a thread together.
 */
export const SHARED_BATCH = Symbol.for("durable-fanout.shared-batch");

/** The work of all pools of worker threads since their first task. */
export interface WorkerStatistics {
  /** The number of living threads, and the greatest number of threads. */
  threads: number;
  maxThreads: number;
  /** Calls that have ended, on threads and on the calling thread. An item of a batch is a call. */
  tasks: number;
  tasksInPlace: number;
  /** The ended calls that failed, were aborted, or ended their thread. */
  failures: number;
  /** Messages that carried the calls to threads. */
  messages: number;
  /** Calls that run now, and calls that wait for a thread now. */
  running: number;
  waiting: number;
  /** Milliseconds that messages waited for a thread, and milliseconds that threads ran, in total. */
  waitMs: number;
  runMs: number;
  /** Run time as a share of the time that all threads could have run while there was work, 0 to 1. */
  utilisation: number;
  /** Threads that died, or that were ended because their task did not stop. New threads replaced them. */
  restarts: number;
}

/** A pool, as tools see the pool. */
export interface WorkerPoolPort {
  statistics(): WorkerStatistics;
  /** Ends the pool's threads. Calls that have not ended fail. A later task opens the pool again. */
  close(): Promise<void>;
}

interface WorkerPools {
  readonly pools: Set<WorkerPoolPort>;
  statistics(): WorkerStatistics | undefined;
  /** The stream for output that threads write to standard output; undefined for standard output itself. */
  standardOutput?: NodeJS.WritableStream | undefined;
}

const holder = globalThis as { [key: symbol]: WorkerPools | undefined };
const KEY = Symbol.for("durable-fanout.worker-pools");

/**
 * The pools of this process. The set is kept outside of this module, because the command line and the two builds of the
 * package (ESM and CommonJS) each have a copy of the module.
 */
export function workerPools(): WorkerPools {
  const pools = new Set<WorkerPoolPort>();
  holder[KEY] ??= { pools, statistics: () => sumOf(pools) };
  return holder[KEY];
}

/**
 * The sum over all pools; undefined when there was no pool. A bundle of a handler without threads contains nothing else
 * of the pools.
 */
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

/** Ends the threads of all pools. */
export async function closeWorkers(): Promise<void> {
  await Promise.all([...workerPools().pools].map((pool) => pool.close()));
}
