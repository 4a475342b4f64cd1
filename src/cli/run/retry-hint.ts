import pc from "picocolors";
import type { LocalEngine } from "../../local/engine.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import { commandHint } from "../command-hint.ts";
import type { Output } from "../output.ts";

/** Says how an execution that did not succeed goes on once what it failed by is mended. */
export function sayHowToRetry(output: Output, engine: LocalEngine, record: ExecutionSummary, db: string): void {
  const { status, name, arn } = record;
  if (status === "SUCCEEDED" || status === "RUNNING") return;
  const missing = missingFunctions(engine, arn);
  const retry = commandHint(["retry", name], db);
  if (missing.length === 0) {
    output.say(`To go on from where it failed, once that is mended: ${pc.cyan(retry)}`);
    return;
  }
  const flags = missing.map((missed) => `--function ${missed}=<file>#<export>`).join(" ");
  const names = missing.map((missed) => JSON.stringify(missed)).join(", ");
  output.say(
    `No function ${names} was given. To go on with it: ${pc.cyan(`${retry} ${flags}`)} ` +
      "(--plain-function if it is not durable)",
  );
}

/** Functions that the handler has invoked and the command line had not named. */
function missingFunctions(engine: LocalEngine, arn: string): string[] {
  const missing = new Set<string>();
  for (const { Type: type, Status: status, ChainedInvokeDetails: details } of engine.operations(arn)) {
    if (type !== "CHAINED_INVOKE" || status !== "FAILED") continue;
    if (details?.Error?.ErrorType !== "ResourceNotFoundException") continue;
    const [, name] = /^No function "(.+)" is registered/.exec(details.Error.ErrorMessage ?? "") ?? [];
    if (name !== undefined) missing.add(name);
  }
  return [...missing];
}
