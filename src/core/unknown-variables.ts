import { warnOfUnknown } from "./nearest.ts";
import { settingVariables } from "./settings.ts";

const PREFIX = "DURABLE_FANOUT_";

/** Those of `workers`, which may be in another bundle. */
export const WORKER_VARIABLES: readonly string[] = [
  "DURABLE_FANOUT_WORKERS_GRACE_MS",
  "DURABLE_FANOUT_WORKERS_HEAP_MB",
  "DURABLE_FANOUT_WORKERS_IDLE_MS",
  "DURABLE_FANOUT_WORKERS_MIN_TASK_MICROS",
  "DURABLE_FANOUT_WORKERS_MODE",
  "DURABLE_FANOUT_WORKERS_THREADS",
  "DURABLE_FANOUT_WORKERS_TIMEOUT_MS",
];

/** Warns of variables with our prefix that nothing reads, of each once in a process, and names the nearest that is read. */
export function warnOfUnknownVariables(environment: NodeJS.ProcessEnv = process.env): void {
  for (const name of Object.keys(environment)) {
    if (!name.startsWith(PREFIX)) continue;
    const known = [...settingVariables().values(), ...WORKER_VARIABLES];
    warnOfUnknown("environment variable", name, known, "DURABLE_FANOUT_UNKNOWN_VARIABLE");
  }
}
