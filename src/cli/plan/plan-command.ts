import { createInterface } from "node:readline/promises";
import { DurableError } from "../../core/errors.ts";
import { MAX_OPERATIONS } from "../../core/limits.ts";
import { counted, formatCount } from "../../core/quantity.ts";
import { closeWorkers } from "../../core/worker-pools.ts";
import { readEvent } from "../event.ts";
import { ExitCode } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { formatDuration } from "../quantity.ts";
import { loadHandlerModule, wrappedHandler } from "../run/handler-module.ts";
import { liftQuotas, quietStandardOutput } from "../run/surroundings.ts";
import { PlanModel, type Variant } from "./plan-model.ts";
import { type PlanReport, printPlan, summariseFanOuts } from "./plan-report.ts";
import { type FanOutNode, fanOutsIn, readPlanTree } from "./plan-tree.ts";
import { runTrial, type Trial, TrialInterrupted } from "./trial.ts";

export interface PlanOptions {
  event: string;
  export?: string;
  /** Milliseconds. */
  latency: number;
  /** Infinity for all. */
  sample: number;
  items?: number;
  yes?: true;
}

const BATCHES = [10, 100, 1_000];
const LARGEST_BATCH = 10_000;
/** Of the quota, for a batch that is made to fit. */
const COMFORTABLE_OPERATIONS = MAX_OPERATIONS * 0.8;

export async function planCommand(output: Output, handlerFile: string, options: PlanOptions): Promise<ExitCode> {
  quietStandardOutput();
  liftQuotas();
  const input = await readEvent(options.event);
  const { latency: latencyMs, sample: sampleItems } = options;
  const module = await loadHandlerModule(handlerFile, options.export);
  const scope = Number.isFinite(sampleItems)
    ? `the first ${counted(sampleItems, "item")} of each map, and those under way beside them`
    : "the whole input";
  const warning = `This really runs the handler for ${scope}: whatever its steps do to other systems is done.`;
  await confirmSideEffects(output, warning, options.yes === true);
  let trial: Trial;
  try {
    const handler = wrappedHandler(module);
    trial = await runTrial({ module: { ...module, handler }, input, latencyMs, sampleItems });
  } catch (error) {
    if (error instanceof TrialInterrupted) return error.interruption.exitCode;
    throw error;
  } finally {
    await closeWorkers();
  }
  printPlan(output, planFrom(trial, { functionName: module.functionName, latencyMs, itemsOfStreams: options.items }));
  return trial.outcome === undefined || trial.outcome.status === "SUCCEEDED" ? ExitCode.OK : ExitCode.EXECUTION_FAILED;
}

/** Asks on a terminal; elsewhere only `--yes` will do. */
export async function confirmSideEffects(output: Output, warning: string, isConfirmed: boolean): Promise<void> {
  output.say(warning);
  if (isConfirmed) return;
  const refusal = new DurableError("ERR_USAGE", "Nothing was run. Say --yes to run it.");
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw refusal;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question("Run it? [y/N] ").finally(() => terminal.close());
  if (!/^y(es)?$/i.test(answer.trim())) throw refusal;
}

interface PlanSetup {
  readonly functionName: string;
  readonly latencyMs: number;
  readonly itemsOfStreams: number | undefined;
}

/** @throws DurableError `ERR_PLAN_ITEMS_UNKNOWN` */
export function planFrom(trial: Trial, { functionName, latencyMs, itemsOfStreams }: PlanSetup): PlanReport {
  const nodes = readPlanTree(trial, itemsOfStreams);
  const fanOuts = [...fanOutsIn(nodes)];
  for (const fanOut of fanOuts) if (itemsOfStreams === undefined) refuseUnknownTotal(fanOut);
  const model = new PlanModel(nodes, trial, latencyMs);
  const variants: Variant[] = [
    { way: "as is" },
    { way: "flat" },
    ...BATCHES.map((items): Variant => ({ way: "batch", items })),
  ];
  const predictions = variants.map((variant) => model.predict(variant));
  if (predictions.every(({ refusedByAws }) => refusedByAws.length > 0)) {
    const most = Math.max(...fanOuts.map(({ total }) => total));
    const items = Math.min(LARGEST_BATCH, Math.ceil(most / COMFORTABLE_OPERATIONS / 100) * 100);
    predictions.push(model.predict({ way: "batch", items }));
  }
  return {
    ...{ functionName, latencyMs },
    execution: trial.outcome && { status: trial.outcome.status, error: trial.outcome.error },
    maps: summariseFanOuts(fanOuts),
    predictions: predictions.filter(({ differs }, index) => index === 0 || differs),
    notes: notesOn(trial, fanOuts),
  };
}

function refuseUnknownTotal({ name, isTotalKnown, hasEnded }: FanOutNode): void {
  if (isTotalKnown || hasEnded) return;
  throw new DurableError(
    "ERR_PLAN_ITEMS_UNKNOWN",
    `Map "${name}" reads its items one after the other, so that nobody knows how many there are. ` +
      "Say how many with --items, or run all of them with --sample all.",
  );
}

function notesOn({ outcome, skippedMs }: Trial, fanOuts: readonly FanOutNode[]): string[] {
  const notes: string[] = [];
  const open = fanOuts.filter(({ hasEnded }) => !hasEnded);
  if (outcome === undefined) {
    const names = [...new Set(open.map(({ name }) => `"${name}"`))].join(", ");
    notes.push(`The sample ended in ${names}: what the handler does after that is not in these numbers.`);
  } else if (outcome.status !== "SUCCEEDED") {
    const { ErrorType: type = "Error", ErrorMessage: message = "" } = outcome.error ?? {};
    notes.push(`The execution ended as ${outcome.status}: ${type}: ${message}. The numbers are those up to then.`);
  }
  const unseen = open
    .filter(({ items }) => items.length === 0)
    .map(({ name, total }) => `"${name}" (${formatCount(total)})`);
  if (unseen.length > 0)
    notes.push(`No item of ${unseen.join(", ")} was seen: what they take is not in these numbers.`);
  if (skippedMs > 0) notes.push(`Waits and retry delays come on top: ${formatDuration(skippedMs)} in what was run.`);
  if (open.length > 0) notes.push("Early ends by a completion policy are not foreseen.");
  notes.push("Cost is that of operations and data written (us-east-1), without Lambda compute and requests.");
  return notes;
}
