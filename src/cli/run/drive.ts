import pc from "picocolors";
import { isDurableError } from "../../core/errors.ts";
import { MAX_DATA_BYTES, MAX_OPERATIONS } from "../../core/limits.ts";
import { counted, formatBytes, formatCount } from "../../core/quantity.ts";
import type { LocalEngine } from "../../local/engine.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import type { LocalExecution } from "../../local/local-execution.ts";
import { CallbackWatch } from "../callbacks/callback-watch.ts";
import { resumeHint } from "../command-hint.ts";
import { quotaOperations } from "../cost.ts";
import { type ExitCode, exitCodeOf } from "../exit-code.ts";
import { findExecution } from "../find-execution.ts";
import { openExistingJournal } from "../journal-file.ts";
import type { Output } from "../output.ts";
import { type HandlerModule, NOT_DURABLE, type WatchedHandler } from "./handler-module.ts";
import { type Interruption, InterruptionWatch } from "./interruption.ts";
import { ItemFailures, writeFailures } from "./item-failures.ts";
import { sayHowToRetry } from "./retry-hint.ts";
import { reportEnd, reportInterruption } from "./run-report.ts";
import type { RunSettings } from "./run-settings.ts";
import { RunWatch } from "./run-watch.ts";

export interface Drive {
  output: Output;
  engine: LocalEngine;
  module: HandlerModule;
  settings: RunSettings;
  db: string;
  /** The file that gets one line for each failed item of an ended execution. Undefined: no file is written. */
  failures?: string | undefined;
  /** The state of the execution before `begin` is called. Undefined if `begin` creates the execution. */
  earlier: ExecutionSummary | undefined;
  /** Whether this process has created the execution. Default: whether `earlier` is undefined. */
  isNew?: boolean;
  named: boolean;
  /** Resolves if the handler turns out to be a plain function. Otherwise never settles. */
  refused: WatchedHandler["refused"];
  begin: () => LocalExecution;
}

/** For an execution that has ended before, reports the recorded outcome. */
export async function drive(given: Drive): Promise<ExitCode> {
  const { output, engine, module, settings, db, earlier, named, begin } = given;
  let hint = "";
  const interruption = new InterruptionWatch((error) => {
    output.fail(error);
    if (hint !== "") output.say(`Nothing recorded is lost. To continue: ${pc.cyan(hint)}`);
  });
  const watch = new RunWatch({ output, engine, maxOperations: settings.maxOperations });
  const failures = new ItemFailures();
  const callbacks = new CallbackWatch({ output, engine, db, virtualTime: settings.virtualTime });
  try {
    callbacks.start();
    const execution = begin();
    hint = resumeHint({ name: execution.name, named, db });
    failures.start(execution.arn);
    const ended = earlier !== undefined && earlier.status !== "RUNNING";
    announce(output, execution, { earlier, hint, settings });
    if (!ended) watch.start(execution.arn, earlier === undefined ? [] : engine.operations(execution.arn));
    callbacks.recall();
    const first = await Promise.race([execution.result.catch(asInterruption), interruption.interrupted, given.refused]);
    watch.stop();
    callbacks.stop();
    if ("status" in first) {
      const record = findExecution(engine, execution.arn);
      const traces = first.status === "SUCCEEDED" ? [] : engine.traces(record.arn);
      const run = ended ? undefined : watch.totals();
      const code = reportEnd(output, { record, outcome: first, module, run, traces });
      const operations = engine.operations(execution.arn);
      const failed = failures.of(operations);
      if (given.failures !== undefined) writeFailures(given.failures, failed);
      sayHowToRetry(output, { record, operations, failed, db, failures: given.failures });
      return code;
    }
    if ("signal" in first) output.say("Stopping; another signal ends it at once.");
    // The journal must be closed, because `removeExecution` opens it again.
    await engine.close();
    if ("error" in first && isRefusal(first.error) && (given.isNew ?? earlier === undefined)) {
      removeExecution(db, execution.arn);
      output.fail(first.error);
      return exitCodeOf(first.error);
    }
    // While the engine closes, the execution may still end.
    const outcome = "signal" in first ? await execution.result.catch(() => undefined) : undefined;
    return reportInterruption(output, first, { execution, hint, outcome });
  } finally {
    failures.stop();
    watch.stop();
    callbacks.stop();
    interruption.stop();
  }
}

function isRefusal(error: unknown): boolean {
  return isDurableError(error) && error.code === NOT_DURABLE;
}

/** Frees the name of an execution whose handler is a plain function, so that the corrected handler can use the name. */
function removeExecution(db: string, arn: string): void {
  const journal = openExistingJournal(db);
  journal.remove([arn]);
  journal.close();
}

/** A `result` rejects in most cases because the journal cannot be written. The user can fix the cause and resume. */
function asInterruption(error: unknown): Interruption {
  return { error };
}

function announce(
  output: Output,
  execution: LocalExecution,
  { earlier, hint, settings }: { earlier: ExecutionSummary | undefined; hint: string; settings: RunSettings },
): void {
  const continued = earlier?.status === "RUNNING";
  if (output.json) {
    const { arn, name } = execution;
    output.printJson({ type: "started", execution: { arn, name }, continued, resume: hint });
  }
  output.say(`${pc.bold(execution.name)}  ${pc.dim(execution.arn)}`);
  if (earlier === undefined || continued) output.say(`To continue after an interruption: ${pc.cyan(hint)}`);
  if (continued) {
    const { dataBytes } = earlier.counters;
    // The plan of a retry, printed before, may have a smaller number, because the plan counts only ended operations.
    const operations = `${counted(quotaOperations(earlier.counters), "operation")} (ended or not)`;
    output.say(`Continuing: ${operations} and ${formatBytes(dataBytes)} are recorded already.`);
  }
  if (earlier !== undefined && !continued) return;
  if (settings.maxOperations > MAX_OPERATIONS) {
    const limit = formatCount(MAX_OPERATIONS);
    output.say(pc.yellow(`The limit of operations is lifted here: AWS would refuse this beyond ${limit} operations.`));
  }
  if (settings.maxDataBytes > MAX_DATA_BYTES) {
    const limit = formatBytes(MAX_DATA_BYTES);
    output.say(pc.yellow(`The limit of data is lifted here: AWS would refuse this beyond ${limit} written.`));
  }
}
