import pc from "picocolors";
import { counted, formatBytes, formatCount, formatDuration } from "../../core/quantity.ts";
import { type WorkerStatistics, workerStatistics } from "../../core/worker-pools.ts";
import type { ErrorTrace } from "../../journal/journal.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import type { LocalExecution } from "../../local/local-execution.ts";
import type { ExecutionOutcome } from "../../service/execution-outcome.ts";
import { type Cost, estimateCost, meteredOperations, quotaOperations, refusals } from "../cost.ts";
import { errorDocument, usageDocument } from "../documents.ts";
import { ExitCode, exitCodeOf } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { formatDollars } from "../quantity.ts";
import type { HandlerModule } from "./handler-module.ts";
import type { Interruption } from "./interruption.ts";
import type { RunTotals } from "./run-watch.ts";

/** In most cases the last stacks are those of the handler and of the operations that made the handler fail. */
const TRACES_SHOWN = 3;

interface End {
  record: ExecutionSummary;
  outcome: ExecutionOutcome;
  module: HandlerModule;
  /** Undefined if the execution had ended before this process continued it. */
  run: RunTotals | undefined;
  /** The stacks of the errors that the execution threw, the earliest first. Empty if the execution succeeded. */
  traces: readonly ErrorTrace[];
}

export function reportEnd(output: Output, end: End): ExitCode {
  const { record, outcome, module, run } = end;
  const { counters } = record;
  const metered = meteredOperations(counters);
  const cost = estimateCost(counters);
  const refusedByAws = refusals(quotaOperations(counters), counters.dataBytes);
  const exitCode = outcome.status === "SUCCEEDED" ? ExitCode.OK : ExitCode.EXECUTION_FAILED;
  if (output.json) {
    output.printJson({
      type: "finished",
      ...describeEnd(end),
      cost,
      refusedByAws,
    });
  }
  if (run === undefined) {
    const when = new Date(record.endTimestamp ?? record.startTimestamp).toISOString();
    output.say(`This execution ended on ${when}. ${pc.cyan("run --fresh --name <name>")} starts a new execution.`);
  }
  output.say(headline(outcome, run));
  const advice = adviceFor(outcome.error?.ErrorMessage);
  if (advice !== undefined) output.say(advice);
  if (output.verbose) for (const { text } of end.traces.slice(-TRACES_SHOWN)) output.say(pc.dim(text));
  for (const [label, text] of summaryRows(record, run, metered, cost)) output.say(`  ${label.padEnd(12)} ${text}`);
  if (refusedByAws.length > 0) {
    output.say(pc.yellow(`  AWS would refuse this execution: ${refusedByAws.join("; ")}.`));
  }
  if (!output.json && outcome.status === "SUCCEEDED") printResult(output, outcome.result, module);
  return exitCode;
}

export function reportInterruption(
  output: Output,
  interruption: Interruption,
  { execution, hint, outcome }: { execution: LocalExecution; hint: string; outcome: ExecutionOutcome | undefined },
): ExitCode {
  if ("error" in interruption) {
    output.fail(interruption.error);
    output.say(`To continue: ${pc.cyan(hint)}`);
    return exitCodeOf(interruption.error);
  }
  const { signal, exitCode } = interruption;
  const { arn, name } = execution;
  if (output.json) output.printJson({ type: "interrupted", execution: { arn, name }, signal, resume: hint });
  if (outcome === undefined) {
    output.say(`Interrupted; everything acknowledged is in the journal. To continue: ${pc.cyan(hint)}`);
  } else output.say(`The execution has just ended as ${outcome.status}. To see its result: ${pc.cyan(hint)}`);
  return exitCode;
}

function adviceFor(message = ""): string | undefined {
  if (message.includes("serialize a BigInt")) {
    return "The result of a handler is always JSON, whatever the codec is. Return the BigInt as text, as in String(value).";
  }
  if (/EXECUTION output payload size/.test(message)) {
    return "The result of an execution may have 6 MB. Store the data elsewhere and return a reference to it.";
  }
  return undefined;
}

function headline(outcome: ExecutionOutcome, run: RunTotals | undefined): string {
  const { status, error } = outcome;
  const time = run === undefined ? "" : ` after ${formatDuration(run.wallMs)}`;
  if (status === "SUCCEEDED") return pc.green(`✔ SUCCEEDED${time}`);
  // An execution that was stopped without a reason has an error without type and message.
  const parts = [error?.ErrorType ?? (error?.ErrorMessage ? "Error" : undefined), error?.ErrorMessage];
  return pc.red([`✖ ${status}${time}`, ...parts.filter((part) => part)].join(": "));
}

function summaryRows(
  record: ExecutionSummary,
  run: RunTotals | undefined,
  metered: number,
  cost: Cost,
): [label: string, text: string][] {
  const { counters } = record;
  const rows: [string, string][] = [];
  const items = run && countItems(run);
  if (run !== undefined && items !== undefined && items.succeeded + items.failed + items.notFinished > 0) {
    const { succeeded, failed, notFinished } = items;
    const counts = [
      `${formatCount(succeeded)} succeeded`,
      failed === 0 ? "0 failed" : pc.red(`${formatCount(failed)} failed`),
      ...(notFinished === 0 ? [] : [pc.yellow(`${formatCount(notFinished)} not finished`)]),
    ];
    rows.push(["items", `${counts.join(", ")}; ${formatCount(perSecond(run))} a second in this run`]);
  } else if (run !== undefined && run.endedHere > 0) {
    rows.push(["steps", `${formatCount(run.endedHere)} in this run, ${formatCount(perSecond(run))} a second`]);
  }
  const workers = workerStatistics();
  if (workers !== undefined && run !== undefined) rows.push(["threads", describeWorkers(workers)]);
  const failures = counters.invocationFailures;
  rows.push(
    ["operations", `${formatCount(quotaOperations(counters))}${retriesOf(counters.retries)}`],
    ["updates", `${formatCount(counters.updates)} in ${counted(counters.checkpoints, "request")}`],
    ["written", `${formatBytes(counters.dataBytes)} of data, ${formatBytes(counters.requestBytes)} of requests`],
    ["invocations", `${counters.invocations}${failures > 0 ? `, of which ${failures} failed` : ""}`],
    [
      "cost on AWS",
      `${formatDollars(cost.totalUsd)}: ${formatDollars(cost.operationsUsd)} for ${counted(metered, "metered operation")}, ` +
        `${formatDollars(cost.dataWrittenUsd)} for data written`,
    ],
    ["", `not included: ${cost.notIncluded.join(", ")} (${formatDollars(cost.keptPerMonthUsd)} a month)`],
  );
  return rows;
}

function retriesOf(retries: number): string {
  if (retries === 0) return "";
  return retries === 1 ? ", 1 retry" : `, ${formatCount(retries)} retries`;
}

function perSecond(run: RunTotals): number {
  return Math.round(run.endedHere / (run.wallMs / 1_000));
}

/** Includes the items that were recorded before this process continued the execution. */
function countItems({ batches }: RunTotals): { succeeded: number; failed: number; notFinished: number } {
  const counts = { succeeded: 0, failed: 0, notFinished: 0 };
  for (const { done, failed, total } of batches) {
    counts.succeeded += done;
    counts.failed += failed;
    counts.notFinished += Math.max(0, (total ?? 0) - done - failed);
  }
  return counts;
}

function describeWorkers(workers: WorkerStatistics): string {
  const { maxThreads, utilisation, tasks, messages, tasksInPlace, restarts } = workers;
  return [
    `${counted(tasks, "task")} in ${counted(messages, "message")} on ${counted(maxThreads, "thread")}`,
    `${Math.round(100 * utilisation)} % busy`,
    ...(tasksInPlace > 0 ? [`${formatCount(tasksInPlace)} in place`] : []),
    ...(restarts > 0 ? [`${formatCount(restarts)} restarted`] : []),
  ].join(", ");
}

function describeEnd({ record, outcome, run, traces }: End): object {
  const { arn, name, functionName, counters } = record;
  const { status, error } = outcome;
  return {
    execution: { arn, name, functionName, status },
    ...(run !== undefined && {
      wallMs: Math.round(run.wallMs),
      items: run.endedHere,
      itemsPerSecond: perSecond(run),
      itemCounts: countItems(run),
      batches: run.batches,
    }),
    usage: usageDocument(counters),
    ...(run !== undefined && { workers: workerStatistics() }),
    ...(status === "SUCCEEDED" && { result: parseResult(outcome.result) }),
    ...(status !== "SUCCEEDED" && {
      error: {
        code: "ERR_EXECUTION_FAILED",
        ...errorDocument(error ?? {}, traces.at(-1)?.text),
        message: error?.ErrorMessage ?? `The execution ended as ${status}.`,
      },
    }),
  };
}

function printResult(output: Output, result: string | undefined, module: HandlerModule): void {
  const value = parseResult(result);
  if (value === undefined) return;
  if (module.formatResult !== undefined) {
    try {
      output.print(String(module.formatResult(value)));
      return;
    } catch (error) {
      output.say(pc.yellow(`formatResult of ${module.file} failed (${(error as Error).message}); this is the result:`));
    }
  }
  output.print(JSON.stringify(value, undefined, 2));
}

function parseResult(result: string | undefined): unknown {
  if (result === undefined || result === "") return undefined;
  try {
    return JSON.parse(result);
  } catch {
    return result;
  }
}
