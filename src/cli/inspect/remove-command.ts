import { DurableError } from "../../core/errors.ts";
import { counted } from "../../core/quantity.ts";
import { LocalEngine } from "../../local/engine.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import { commandHint } from "../command-hint.ts";
import { ExitCode } from "../exit-code.ts";
import { findExecution } from "../find-execution.ts";
import { openExistingJournal } from "../journal-file.ts";
import { isoMoment } from "../moment.ts";
import type { Output } from "../output.ts";

interface RemoveOptions {
  db: string;
}

/** An execution, and all executions that it invoked, directly or through other executions. */
type Family = readonly ExecutionSummary[];

export async function deleteCommand(output: Output, target: string, { db }: RemoveOptions): Promise<ExitCode> {
  return removeFrom(output, db, (engine) => {
    const family = familyOf(findExecution(engine, target), engine.list());
    const open = family.find(({ status }) => status === "RUNNING");
    if (open === undefined) return [family];
    const stop = commandHint(["stop", open.name], db);
    const message = `The execution ${open.name} has not ended. Resume it, or end it before it is deleted: ${stop}`;
    throw new DurableError("ERR_EXECUTION_RUNNING", message);
  });
}

/** Deletes the families of which each execution ended more than `olderThan` milliseconds ago. */
export async function pruneCommand(
  output: Output,
  _target: string,
  { db, olderThan }: RemoveOptions & { olderThan: number },
): Promise<ExitCode> {
  const beforeMs = Date.now() - olderThan;
  return removeFrom(output, db, (engine) => {
    const all = engine.list();
    const families = all.filter(({ parent }) => parent === undefined).map((root) => familyOf(root, all));
    return families.filter((family) =>
      family.every(({ endTimestamp: endMs }) => endMs !== undefined && endMs < beforeMs),
    );
  });
}

async function removeFrom(
  output: Output,
  db: string,
  choose: (engine: LocalEngine) => readonly Family[],
): Promise<ExitCode> {
  const journal = openExistingJournal(db);
  const engine = new LocalEngine({ journal });
  try {
    const removed = choose(engine).flat();
    journal.remove(removed.map(({ arn }) => arn));
    if (removed.length > 0) journal.compact();
    for (const { arn, name, endTimestamp } of removed) {
      if (output.json) output.printJson({ type: "deleted", arn, name, endedAt: isoMoment(endTimestamp) });
    }
    if (!output.json) output.say(`${counted(removed.length, "execution")} deleted.`);
    return ExitCode.OK;
  } finally {
    await engine.close();
  }
}

function familyOf(root: ExecutionSummary, all: readonly ExecutionSummary[]): Family {
  const family = [root];
  // The loop also visits the executions that it appends.
  for (const { arn } of family) family.push(...all.filter(({ parent }) => parent?.arn === arn));
  return family;
}
