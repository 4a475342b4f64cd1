import { environment } from "../../core/environment.ts";
import { workerPools } from "../../core/worker-pools.ts";
import { followStandardError } from "../line-start.ts";

/**
 * What a handler writes to standard output by any way is said along the way, that of its threads too: its console, the
 * loggers of contexts, the usage line. Standard output is for the result; `Output` has kept its own way there. Lines of the command
 * do not continue what the handler has written.
 */
export function quietStandardOutput(): void {
  followStandardError();
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
  // The stream decides about colours.
  const { error } = console;
  console.log = error;
  console.info = error;
  console.debug = error;
  workerPools().standardOutput = process.stderr;
}

/** From here on a limit is none. */
const LARGEST_QUOTA = 1_000_000_000;

/** Lets the runtime warn by the limits of this run, not by those that were lifted; a variable that is set stays. */
export function tellQuotas(maxOperations: number | undefined, maxDataBytes: number | undefined): void {
  const set = (variable: `DURABLE_FANOUT_${string}`, limit: number | undefined): void => {
    if (limit !== undefined) environment()[variable] ||= limit <= LARGEST_QUOTA ? String(limit) : "unlimited";
  };
  set("DURABLE_FANOUT_QUOTA_OPERATIONS", maxOperations);
  set("DURABLE_FANOUT_QUOTA_DATA_BYTES", maxDataBytes);
}

/** For a run that is to find out what would be too much. */
export function liftQuotas(): void {
  environment().DURABLE_FANOUT_QUOTA_OPERATIONS = "unlimited";
  environment().DURABLE_FANOUT_QUOTA_DATA_BYTES = "unlimited";
}
