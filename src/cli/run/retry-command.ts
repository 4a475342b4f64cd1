import { DurableError } from "../../core/errors.ts";
import { counted } from "../../core/quantity.ts";
import type { LocalEngine } from "../../local/engine.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import { type FailedItems, failedItems } from "../../redrive/failed-items.ts";
import { commandHint } from "../command-hint.ts";
import type { ExitCode } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { drive } from "./drive.ts";
import { withFunctionHint } from "./function-option.ts";
import { type ResumeOptions, withEarlier } from "./run-command.ts";
import { toMetadata } from "./run-settings.ts";

export interface RetryOptions extends ResumeOptions {
  failed?: true;
  /** Also what another retry has run again already. */
  again?: true;
  name?: string;
}

/** Runs the failed items of an execution that has ended, in a new one that takes over the rest. */
export async function retryCommand(output: Output, target: string, options: RetryOptions): Promise<ExitCode> {
  if (options.failed !== true) {
    const message = "Say what is to run again: retry --failed runs the items of maps and parallels that failed.";
    throw new DurableError("ERR_USAGE", message);
  }
  return withEarlier(target, options, async ({ engine, earlier, module, settings }) => {
    if (options.again !== true) refuseTwice(engine, earlier, options.db);
    let found: FailedItems | undefined;
    const execution = withFunctionHint(() =>
      engine.redrive(earlier.arn, {
        amend: (operations) => {
          found = failedItems(operations);
          return found;
        },
        name: options.name ?? freeRetryName(engine, earlier.name),
        metadata: toMetadata(settings),
      }),
    );
    const failed = counted(found?.failedCount ?? 0, "failed item");
    output.say(`Running ${failed} of ${earlier.name} again, and what follows. What else it did is taken over.`);
    const begun = engine.find(execution.arn);
    return drive({
      output,
      engine,
      module,
      settings,
      db: options.db,
      earlier: begun,
      named: false,
      begin: () => execution,
    });
  });
}

/** The items that failed there may have succeeded in a retry meanwhile. */
function refuseTwice(engine: LocalEngine, earlier: ExecutionSummary, db: string): void {
  const retries = engine.list().filter(({ redriveOf }) => redriveOf === earlier.arn);
  const last = retries.toSorted((a, b) => a.startTimestamp - b.startTimestamp).at(-1);
  if (last === undefined) return;
  const next =
    last.status === "RUNNING"
      ? `It has not ended: ${commandHint(["resume", last.name], db)}`
      : `What failed in that one: ${commandHint(["retry", last.name, "--failed"], db)}`;
  throw new DurableError(
    "ERR_RETRIED_ALREADY",
    `${earlier.name} has been retried already, by ${last.name} (${last.status}). ${next}. ` +
      `With --again the failed items of ${earlier.name} run once more, those that have succeeded since then as well.`,
  );
}

/** `friday-retry`, `friday-retry-2` …, also from one of these. */
function freeRetryName(engine: LocalEngine, name: string): string {
  const base = `${name.replace(/-retry(-\d+)?$/, "")}-retry`;
  let free = base;
  for (let number = 2; engine.find(free)?.name === free; number++) free = `${base}-${number}`;
  return free;
}
