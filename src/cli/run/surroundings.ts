import { environment } from "../../core/environment.ts";
import { workerPools } from "../../core/worker-pools.ts";
import { followStandardError } from "../line-start.ts";

/** Sends all output of the handler and its threads to standard error. Only `Output` still writes to standard output. */
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

/** The greatest value of the setting for the quota of operations. A greater limit is passed on as `unlimited`. */
const LARGEST_QUOTA = 1_000_000_000;

/** Tells the runtime the limits of this run, so that the runtime warns before them. Keeps variables that are set. */
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
