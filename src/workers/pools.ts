import { workerPools } from "../core/worker-pools.ts";
import { WorkerPool } from "./pool.ts";
import type { PoolSettings } from "./settings.ts";

const pools = new Map<string, WorkerPool>();

/** The pool of all modules with these settings. It has no threads before its first task. */
export function poolFor(settings: PoolSettings): WorkerPool {
  const { threads, idleMs, resourceLimits = {} } = settings;
  const key = JSON.stringify([threads, String(idleMs), Object.entries(resourceLimits).sort()]);
  let pool = pools.get(key);
  if (pool === undefined) {
    pool = new WorkerPool(settings);
    pools.set(key, pool);
    workerPools().pools.add(pool);
  }
  return pool;
}
