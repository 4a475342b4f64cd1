import { DurableError } from "../../core/errors.ts";
import { counted, formatCount } from "../../core/quantity.ts";
import type { LocalEngine } from "../../local/engine.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import { planRedrive, RedriveError, type RedrivePlan } from "../../redrive/plan.ts";
import { commandHint } from "../command-hint.ts";
import { readEvent } from "../event.ts";
import { ExitCode } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { drive } from "./drive.ts";
import { withFunctionHint } from "./function-option.ts";
import { exceededQuota } from "./retry-hint.ts";
import { describePlan, planDocument } from "./retry-plan.ts";
import { type Earlier, freeName, type ResumeOptions, withEarlier } from "./run-command.ts";
import { type RunSettings, toMetadata } from "./run-settings.ts";

export interface RetryOptions extends ResumeOptions {
  failed?: true;
  /** The name or id of the operation from which the code runs again. */
  from?: string;
  dryRun?: true;
  event?: string;
  /** Allows another retry of an execution. Operations that succeeded in the earlier retries run again. */
  again?: true;
  name?: string;
}

export async function retryCommand(output: Output, target: string, options: RetryOptions): Promise<ExitCode> {
  if (options.failed === true && options.from !== undefined) {
    const message = "Give --failed, for the failed items of maps, or --from, to go back to an operation; not both.";
    throw new DurableError("ERR_USAGE", message);
  }
  const input = options.event === undefined ? undefined : await readEvent(options.event);
  return withEarlier(target, options, async (found) => {
    const { engine, earlier, settings } = found;
    refuseRunning(earlier, options);
    if (options.again !== true) refuseTwice(engine, earlier, options);
    refuseQuota(earlier, settings);
    const plan = await makePlan(found, input, options);
    if (options.dryRun === true) {
      if (output.json) output.printJson(planDocument(earlier, plan));
      else for (const line of describePlan(earlier, plan)) output.print(line);
      return ExitCode.OK;
    }
    const execution = withFunctionHint(() =>
      engine.redrive(earlier.arn, {
        amend: () => plan,
        name: options.name ?? freeRetryName(engine, earlier.name),
        metadata: toMetadata(settings),
        ...(input === undefined ? {} : { input }),
      }),
    );
    if (options.failed === true) {
      const failed = counted(plan.failedItems, "failed item");
      output.say(
        `Running ${failed} of ${earlier.name} again, and the operations after their maps. The other results are taken over.`,
      );
    } else for (const line of describePlan(earlier, plan)) output.say(line);
    const begun = engine.find(execution.arn);
    return drive({
      output,
      ...found,
      earlier: begun,
      isNew: true,
      named: false,
      begin: () => execution,
    });
  });
}

async function makePlan(
  { engine, earlier, module }: Earlier,
  input: string | undefined,
  { failed, from, db }: RetryOptions,
): Promise<RedrivePlan> {
  try {
    return await planRedrive(engine, earlier.arn, { failed, from, input, handlerFile: module.file });
  } catch (error) {
    if (!(error instanceof RedriveError)) throw error;
    const hint = commandHint(["retry", earlier.name, "--from", error.from], db);
    throw new DurableError(error.code, `${error.message} On the command line: ${hint}`, { cause: error });
  }
}

function refuseRunning(earlier: ExecutionSummary, { failed, from, db }: RetryOptions): void {
  const { name, status } = earlier;
  if (status === "RUNNING") {
    const message = `${name} has not ended. To continue: ${commandHint(["resume", name], db)}`;
    throw new DurableError("ERR_EXECUTION_RUNNING", message);
  }
  if (status !== "SUCCEEDED" || failed === true || from !== undefined) return;
  throw new DurableError(
    "ERR_NOTHING_FAILED",
    `${name} has succeeded. retry --failed runs the failed items of its maps and parallels again, and ` +
      "--from <operation> goes back to an operation.",
  );
}

/** The operations that a retry takes over count for its quota. So with the same limit, the retry may fail at once. */
function refuseQuota({ name, error }: ExecutionSummary, settings: RunSettings): void {
  const quota = exceededQuota({ error });
  if (quota === undefined) return;
  const { what, limit, option } = quota;
  if ((what === "operations" ? settings.maxOperations : settings.maxDataBytes) > limit) return;
  throw new DurableError(
    "ERR_USAGE",
    `${name} failed because ${formatCount(limit)} ${what} are all that it may have, and what it did counts for the ` +
      `retry as well. Give ${option} with a higher limit, or "unlimited".`,
  );
}

/** Another retry needs `--again`, because what failed may have succeeded in an earlier retry. */
function refuseTwice(engine: LocalEngine, earlier: ExecutionSummary, { db, failed }: RetryOptions): void {
  const retries = engine.list().filter(({ redriveOf }) => redriveOf === earlier.arn);
  const last = retries.toSorted((a, b) => a.startTimestamp - b.startTimestamp).at(-1);
  if (last === undefined) return;
  const flags = failed === true ? ["--failed"] : [];
  const next =
    last.status === "RUNNING"
      ? `That retry has not ended. To continue: ${commandHint(["resume", last.name], db)}`
      : last.status === "SUCCEEDED" && failed !== true
        ? "Nothing is left to retry"
        : `To retry what failed in that retry: ${commandHint(["retry", last.name, ...flags], db)}`;
  const what = failed === true ? `the failed items of ${earlier.name} run` : `what failed in ${earlier.name} runs`;
  throw new DurableError(
    "ERR_RETRIED_ALREADY",
    `${earlier.name} has been retried already, by ${last.name} (${last.status}). ${next}. ` +
      `With --again ${what} once more, also what has succeeded since then.`,
  );
}

/** The first free name of `friday-retry`, `friday-retry-2` … A retry of `friday-retry` gets a name of the same list. */
function freeRetryName(engine: LocalEngine, name: string): string {
  return freeName(engine, `${name.replace(/-retry(-\d+)?$/, "")}-retry`);
}
