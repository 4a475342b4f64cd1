import { environment } from "./environment.ts";
import { warnOfUnknown } from "./nearest.ts";
import { PREFIX } from "./setting.ts";
import { settingVariables } from "./settings.ts";

/** The settings of `workers` are not in every bundle, so their variables are repeated. A test compares the names. */
export const WORKER_VARIABLES: readonly string[] = [
  "DURABLE_FANOUT_WORKERS_GRACE_MS",
  "DURABLE_FANOUT_WORKERS_HEAP_MB",
  "DURABLE_FANOUT_WORKERS_IDLE_MS",
  "DURABLE_FANOUT_WORKERS_MIN_TASK_MICROS",
  "DURABLE_FANOUT_WORKERS_MODE",
  "DURABLE_FANOUT_WORKERS_THREADS",
  "DURABLE_FANOUT_WORKERS_TIMEOUT_MS",
];

/** Warns once in a process of each variable that has this package's prefix and that nothing reads. */
export function warnOfUnknownVariables(): void {
  for (const name of Object.keys(environment())) {
    if (!name.startsWith(PREFIX)) continue;
    const known = [...settingVariables().values(), ...WORKER_VARIABLES];
    warnOfUnknown("environment variable", name, known, "DURABLE_FANOUT_UNKNOWN_VARIABLE");
  }
}
