import { environment } from "../../core/environment.ts";
import { workerPools } from "../../core/worker-pools.ts";
import { followStandardError } from "../line-start.ts";

/**
 * Sends everything that the handler writes to standard output to standard error: its console, the loggers of contexts,
 * the usage line, and the output of its threads. Standard output is reserved for the result, which `Output` writes with
 * the original `write`. Lines of the command begin on a new line, even if the handler has not ended its own line.
 */
export function quietStandardOutput(): void {
  followStandardError();
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
  // Replacing `write` is not enough, because the methods of `console` choose colours by their stream.
  const { error } = console;
  console.log = error;
  console.info = error;
  console.debug = error;
  workerPools().standardOutput = process.stderr;
}

/** A larger limit counts as no limit. */
const LARGEST_QUOTA = 1_000_000_000;

/** Tells the runtime the limits of this run, so that it warns before these limits. Keeps variables that are set. */
export function tellQuotas(maxOperations: number | undefined, maxDataBytes: number | undefined): void {
  const set = (variable: `DURABLE_FANOUT_${string}`, limit: number | undefined): void => {
    if (limit !== undefined) environment()[variable] ||= limit <= LARGEST_QUOTA ? String(limit) : "unlimited";
  };
  set("DURABLE_FANOUT_QUOTA_OPERATIONS", maxOperations);
  set("DURABLE_FANOUT_QUOTA_DATA_BYTES", maxDataBytes);
}

/** Lifts the quotas for a plan, because a plan must find out what exceeds them. */
export function liftQuotas(): void {
  environment().DURABLE_FANOUT_QUOTA_OPERATIONS = "unlimited";
  environment().DURABLE_FANOUT_QUOTA_DATA_BYTES = "unlimited";
}
