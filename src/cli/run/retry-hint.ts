import pc from "picocolors";
import { counted, formatCount } from "../../core/quantity.ts";
import type { Operation } from "../../core/wire.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import { commandHint } from "../command-hint.ts";
import type { Output } from "../output.ts";
import type { ItemFailure } from "./item-failures.ts";

interface Ended {
  readonly record: ExecutionSummary;
  readonly operations: readonly Operation[];
  readonly failed: readonly ItemFailure[];
  readonly db: string;
  /** The file to which the failed items were written. Undefined if they were not written. */
  readonly failures: string | undefined;
}

export function sayHowToRetry(output: Output, { record, operations, failed, db, failures }: Ended): void {
  const { status, name } = record;
  const quota = exceededQuota(record);
  const more = quota === undefined ? [] : [quota.option, String(2 * quota.limit)];
  const retry = commandHint(["retry", name, ...more], db);
  if (failed.length > 0) {
    const verb = failed.length === 1 ? "it" : "them";
    const where = failures === undefined ? "" : ` (see ${failures})`;
    output.say(
      `${counted(failed.length, "item")} failed${where}. To run ${verb} again: ${pc.cyan(`${retry} --failed`)}`,
    );
  }
  if (status === "SUCCEEDED" || status === "RUNNING") return;
  const missing = missingFunctions(operations);
  if (quota !== undefined) {
    const what = `${formatCount(quota.limit)} ${quota.what}`;
    output.say(`The execution may have ${what}, and a retry counts what is used. With more: ${pc.cyan(retry)}`);
    return;
  }
  if (missing.length === 0) {
    output.say(`To continue where the execution ended, after you fix the cause: ${pc.cyan(retry)}`);
    return;
  }
  const flags = missing.map((missed) => `--function ${missed}=<file>#<export>`).join(" ");
  const names = missing.map((missed) => JSON.stringify(missed)).join(", ");
  output.say(
    `No function ${names} was given. To go on with it: ${pc.cyan(`${retry} ${flags}`)} ` +
      "(--plain-function if it is not durable)",
  );
}

/** Reads the message that the service writes when a quota is exceeded. Undefined for a message of another form. */
export function exceededQuota({ error }: Pick<ExecutionSummary, "error">) {
  const [, what, limit] = /(operations|bytes of data); the quota is (\d+)/.exec(error?.ErrorMessage ?? "") ?? [];
  if (what === undefined) return undefined;
  return { what, limit: Number(limit), option: what === "operations" ? "--max-operations" : "--max-data" };
}

/** The names of invoked functions that were not registered. */
function missingFunctions(operations: readonly Operation[]): string[] {
  const missing = new Set<string>();
  for (const { Type: type, Status: status, ChainedInvokeDetails: details } of operations) {
    if (type !== "CHAINED_INVOKE" || status !== "FAILED") continue;
    if (details?.Error?.ErrorType !== "ResourceNotFoundException") continue;
    const [, name] = /^No function "(.+)" is registered/.exec(details.Error.ErrorMessage ?? "") ?? [];
    if (name !== undefined) missing.add(name);
  }
  return [...missing];
}
