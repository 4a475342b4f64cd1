import { environment } from "../../core/environment.ts";
import { RUNTIME_TABLE } from "../../core/settings.ts";
import { workerPools } from "../../core/worker-pools.ts";
import { followStandardError } from "../line-start.ts";

/**
 * Sends what the handler and its threads print to standard error. Only `Output` then prints to standard output. The
 * output of `fs.writeSync` and of child processes is not redirected.
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

/** Passes limits to the runtime, so that the runtime warns before they are reached. A variable that is set wins. */
export function tellQuotas(maxOperations: number | undefined, maxDataBytes: number | undefined): void {
  const set = (variable: `DURABLE_FANOUT_${string}`, limit: number | undefined, most: number): void => {
    // A limit that the setting does not allow is passed on as `unlimited`.
    if (limit !== undefined) environment()[variable] ||= limit <= most ? String(limit) : "unlimited";
  };
  const { operations, dataBytes } = RUNTIME_TABLE.quotas;
  set("DURABLE_FANOUT_QUOTA_OPERATIONS", maxOperations, operations.most);
  set("DURABLE_FANOUT_QUOTA_DATA_BYTES", maxDataBytes, dataBytes.most);
}

/** Lifts the quotas for a plan, because a plan must find out what exceeds them. */
export function liftQuotas(): void {
  environment().DURABLE_FANOUT_QUOTA_OPERATIONS = "unlimited";
  environment().DURABLE_FANOUT_QUOTA_DATA_BYTES = "unlimited";
}
