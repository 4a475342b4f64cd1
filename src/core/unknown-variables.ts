import { environment } from "./environment.ts";
import { warnOfUnknown } from "./nearest.ts";
import { PREFIX } from "./setting.ts";
import { settingVariables } from "./settings.ts";

/**
 * The variables of `workers`, whose table may be in another bundle. A test holds that both lists have the same names.
 */
export const WORKER_VARIABLES: readonly string[] = [
  "DURABLE_FANOUT_WORKERS_GRACE_MS",
  "DURABLE_FANOUT_WORKERS_HEAP_MB",
  "DURABLE_FANOUT_WORKERS_IDLE_MS",
  "DURABLE_FANOUT_WORKERS_MIN_TASK_MICROS",
  "DURABLE_FANOUT_WORKERS_MODE",
  "DURABLE_FANOUT_WORKERS_THREADS",
  "DURABLE_FANOUT_WORKERS_TIMEOUT_MS",
];

/**
 * Warns of each variable with this package's prefix that nothing reads, once in a process, and names the nearest known
 * name.
 */
export function warnOfUnknownVariables(): void {
  for (const name of Object.keys(environment())) {
    if (!name.startsWith(PREFIX)) continue;
    const known = [...settingVariables().values(), ...WORKER_VARIABLES];
    warnOfUnknown("environment variable", name, known, "DURABLE_FANOUT_UNKNOWN_VARIABLE");
  }
}
