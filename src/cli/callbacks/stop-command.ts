import { DurableError } from "../../core/errors.ts";
import { LocalEngine } from "../../local/engine.ts";
import { ExitCode } from "../exit-code.ts";
import { findExecution } from "../find-execution.ts";
import { openJournalToRead } from "../journal-file.ts";
import type { Output } from "../output.ts";
import { deliver } from "./callback-delivery.ts";

export async function stopCommand(output: Output, target: string, { db }: { db: string }): Promise<ExitCode> {
  const { arn, name } = await openExecution(db, target);
  const doneBy = await deliver(db, { action: "stop", executionArn: arn });
  if (output.json) output.printJson({ type: "stopped", arn, name, doneBy });
  else output.say(`Execution ${name} is stopped. What its code does at this moment is not interrupted.`);
  return ExitCode.OK;
}

async function openExecution(db: string, target: string): Promise<{ arn: string; name: string }> {
  const engine = new LocalEngine({ journal: openJournalToRead(db) });
  try {
    const { arn, name, status } = findExecution(engine, target);
    if (status === "RUNNING") return { arn, name };
    throw new DurableError("ERR_EXECUTION_ENDED", `The execution ${name} has ended already, as ${status}.`);
  } finally {
    await engine.close();
  }
}
