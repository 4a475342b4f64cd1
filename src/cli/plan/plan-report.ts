import pc from "picocolors";
import { MAX_DATA_BYTES, MAX_INVOCATION_MS, MAX_OPERATIONS } from "../../core/limits.ts";
import { counted, formatBytes, formatCount } from "../../core/quantity.ts";
import type { ErrorObject } from "../../core/wire.ts";
import type { Output } from "../output.ts";
import { formatDollars, formatDuration } from "../quantity.ts";
import { renderTable } from "../table.ts";
import { canShare, type Prediction } from "./plan-model.ts";
import type { FanOutNode } from "./plan-tree.ts";

/** A setting is comfortable while it leaves this share of the quotas. */
const COMFORTABLE = 0.8;
/** Times and costs this close to the least are as good. */
const AS_GOOD_RATIO = 1.25;
const AS_GOOD_MS = 1_000;
const AS_GOOD_DOLLARS = 0.01;

/** All maps of a name. */
export interface FanOutSummary {
  readonly name: string;
  readonly kind: "map" | "parallel";
  readonly form: FanOutNode["form"];
  readonly batchItems: number | undefined;
  /** How many of them were seen, and their items: in all, and in the sample. */
  readonly seen: number;
  readonly total: number;
  readonly sampled: number;
  /** Of the items that were seen: those that failed, and the first one's error. */
  readonly failed: number;
  readonly error?: string;
  readonly canShare: boolean;
}

export interface PlanReport {
  readonly functionName: string;
  /** How the execution ended; absent when the sample ended before. */
  readonly execution: { readonly status: string; readonly error?: ErrorObject | undefined } | undefined;
  readonly latencyMs: number;
  readonly maps: readonly FanOutSummary[];
  readonly predictions: readonly Prediction[];
  /** What should be known beside the numbers. */
  readonly notes: readonly string[];
}

/** Sums up the maps by their names, in the order in which they began. */
export function summariseFanOuts(fanOuts: Iterable<FanOutNode>): FanOutSummary[] {
  const byName = new Map<string, FanOutSummary>();
  for (const fanOut of fanOuts) {
    const { name, kind, form, batchItems, total, items } = fanOut;
    const key = `${kind} ${name}`;
    const before = byName.get(key);
    byName.set(key, {
      ...{ name, kind, form, batchItems },
      seen: (before?.seen ?? 0) + 1,
      total: (before?.total ?? 0) + total,
      sampled: (before?.sampled ?? 0) + items.length,
      ...addFailures(before, items),
      canShare: (before?.canShare ?? true) && canShare(fanOut),
    });
  }
  return [...byName.values()];
}

function addFailures(
  before: FanOutSummary | undefined,
  items: FanOutNode["items"],
): Pick<FanOutSummary, "failed" | "error"> {
  const failures = items.flatMap(({ outcome }) => (outcome.mark === "F" ? [outcome.error ?? {}] : []));
  const [first] = failures;
  const error = before?.error ?? (first && `${first.ErrorType ?? "Error"}: ${first.ErrorMessage ?? ""}`);
  return { failed: (before?.failed ?? 0) + failures.length, ...(error === undefined ? {} : { error }) };
}

/**
 * The setting to choose: of those that AWS takes, and comfortably so if there is one, the first in the order of the table
 * that is about as fast as the fastest and as cheap as the cheapest. The order puts what changes least, and loses least in a crash, first.
 */
export function recommend(predictions: readonly Prediction[]): Prediction | undefined {
  const taken = predictions.filter(({ refusedByAws }) => refusedByAws.length === 0);
  const comfortable = taken.filter(
    ({ operations, dataBytes }) =>
      operations <= MAX_OPERATIONS * COMFORTABLE && dataBytes <= MAX_DATA_BYTES * COMFORTABLE,
  );
  const choice = comfortable.length > 0 ? comfortable : taken;
  const leastMs = Math.min(...choice.map(({ wallMs }) => wallMs));
  const leastDollars = Math.min(...choice.map(({ dollars }) => dollars));
  const fast = choice.filter(({ wallMs }) => wallMs <= Math.max(leastMs * AS_GOOD_RATIO, leastMs + AS_GOOD_MS));
  return (
    fast.find(({ dollars }) => dollars <= Math.max(leastDollars * AS_GOOD_RATIO, leastDollars + AS_GOOD_DOLLARS)) ??
    fast[0]
  );
}

export function printPlan(output: Output, report: PlanReport): void {
  const { functionName, execution, latencyMs, maps, predictions, notes } = report;
  const recommended = recommend(predictions);
  if (output.json) {
    const settings = predictions.map((prediction) => {
      const { differs: _, wallMs, ...rest } = prediction;
      return { ...rest, wallMs: Math.round(wallMs), recommended: prediction === recommended };
    });
    return output.printJson({ type: "plan", functionName, latencyMs, execution, maps, settings, notes });
  }
  output.print(pc.bold(`${functionName}, at ${formatDuration(latencyMs)} a checkpoint`));
  for (const map of maps) output.print(`  ${describeFanOut(map)}`);
  output.print("");
  const rows = predictions.map((prediction) => [
    prediction.name,
    formatCount(prediction.operations),
    formatCount(prediction.requests),
    formatBytes(prediction.dataBytes),
    `~${formatDuration(prediction.wallMs)}`,
    formatDollars(prediction.dollars),
    prediction === recommended ? "recommended" : prediction.refusedByAws.length > 0 ? "AWS refuses it" : "",
  ]);
  const [head = "", ...lines] = renderTable(
    ["setting", "operations", "requests", "data", "time", "cost on AWS", ""],
    rows,
  );
  output.print(pc.dim(head));
  for (const [index, line] of lines.entries()) output.print(paint(line, predictions[index], recommended));
  output.print("");
  const refused = predictions.find(({ refusedByAws }) => refusedByAws.length > 0);
  if (refused !== undefined) {
    output.print(pc.red(`AWS would refuse it "${refused.name}": ${refused.refusedByAws.join("; ")}.`));
  }
  for (const note of [...sayRecommended(recommended), ...notes]) output.print(note);
}

function paint(line: string, prediction: Prediction | undefined, recommended: Prediction | undefined): string {
  if (prediction === recommended) return pc.green(line);
  return (prediction?.refusedByAws.length ?? 0) > 0 ? pc.red(line) : line;
}

function describeFanOut({
  name,
  kind,
  form,
  batchItems,
  seen,
  total,
  sampled,
  canShare: shares,
}: FanOutSummary): string {
  const noun = kind === "map" ? "item" : "branch";
  const what = form === "batched" ? `in batches of ${batchItems}` : form.toUpperCase();
  const times = seen > 1 ? `, ${formatCount(seen)} times` : "";
  const sample = sampled < total ? `, ${formatCount(sampled)} of them run` : "";
  const alone = kind === "map" && !shares ? "; its items need operations of their own: no batches" : "";
  return `${kind} "${name}": ${counted(total, noun)}${times}, ${what}${sample}${alone}`;
}

function sayRecommended(recommended: Prediction | undefined): string[] {
  if (recommended === undefined) {
    return [pc.red("AWS refuses all of these. Split the input over several executions.")];
  }
  const { name, wallMs } = recommended;
  const way =
    name === "as is"
      ? "The handler can stay as it is."
      : name === "flat"
        ? 'Give the map { nesting: "FLAT" }.'
        : `Give the map { ${name} }, or set DURABLE_FANOUT_BATCH=${name.split(" ")[1]} for those that say nothing.`;
  const long =
    wallMs > MAX_INVOCATION_MS ? ["It takes longer than one invocation may (15 minutes): it goes on in the next."] : [];
  return [pc.green(way), ...long];
}
