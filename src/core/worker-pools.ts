/**
 * On the context of an item that shares an operation with others: an object that the items of its batch have in
 * common. Calls that they make in the same turn travel to a thread together.
 */
export const SHARED_BATCH = Symbol.for("durable-fanout.shared-batch");

/** What pools of worker threads have done since their first task. */
export interface WorkerStatistics {
  /** Threads that are alive, and how many there may be. */
  threads: number;
  maxThreads: number;
  /** Calls that have ended: on threads, and in place. An item of a batch is a call. */
  tasks: number;
  tasksInPlace: number;
  /** Of these, those that failed, were aborted, or took their thread along. */
  failures: number;
  /** Messages that carried the calls to threads. */
  messages: number;
  /** Calls that run, and that wait for a thread, now. */
  running: number;
  waiting: number;
  /** Milliseconds that messages waited for a thread, and that threads ran, in all. */
  waitMs: number;
  runMs: number;
  /** Run time as a share of what all threads could have run while there was something to do, 0 to 1. */
  utilisation: number;
  /** Threads that died, or were ended because their task would not: new ones took their place. */
  restarts: number;
}

/** A pool, as tools see it. */
export interface WorkerPoolPort {
  statistics(): WorkerStatistics;
  /** Ends its threads; what has not ended fails. A later task opens the pool again. */
  close(): Promise<void>;
}

interface WorkerPools {
  readonly pools: Set<WorkerPoolPort>;
  statistics(): WorkerStatistics | undefined;
  /** Where threads write what they write to standard output; undefined for standard output. */
  standardOutput?: NodeJS.WritableStream | undefined;
}

const holder = globalThis as { [key: symbol]: WorkerPools | undefined };
const KEY = Symbol.for("durable-fanout.worker-pools");

/**
 * The pools of this process. They are kept outside of this module, since the command line and the two builds of the
 * package (ESM and CommonJS) each have a copy of it.
 */
export function workerPools(): WorkerPools {
  const pools = new Set<WorkerPoolPort>();
  holder[KEY] ??= { pools, statistics: () => sumOf(pools) };
  return holder[KEY];
}

/** Of all pools together; undefined when there has been none. Bundles of handlers without threads have no more of them. */
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
