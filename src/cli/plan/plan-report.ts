import pc from "picocolors";
import { MAX_DATA_BYTES, MAX_INVOCATION_MS, MAX_OPERATIONS } from "../../core/limits.ts";
import { counted, formatBytes, formatCount, formatDuration } from "../../core/quantity.ts";
import { errorText } from "../error-text.ts";
import type { Output } from "../output.ts";
import { formatDollars, shorten } from "../quantity.ts";
import { renderTable } from "../table.ts";
import { canShare, type Figures, type Prediction } from "./plan-model.ts";
import type { FanOutNode } from "./plan-tree.ts";

/** A setting is comfortable if it uses at most this share of the quotas. */
const COMFORTABLE = 0.8;
/** A time or cost counts as equally good if it is at most this many times the least time or cost. */
const AS_GOOD_RATIO = 1.25;
/** A time also counts as equally good if it is at most this many milliseconds above the least time. */
const AS_GOOD_MS = 1_000;
/** A cost also counts as equally good if it is at most this many dollars above the least cost. */
const AS_GOOD_DOLLARS = 0.01;
const MAX_FAULT_LENGTH = 100;

/**
 * The maps, or the parallels, with the same name. `form` and `batchItems` are those of the last one with sampled items.
 */
export interface FanOutSummary {
  readonly name: string;
  readonly kind: "map" | "parallel";
  readonly form: FanOutNode["form"];
  readonly batchItems: number | undefined;
  /** How many maps or parallels with this name are in the plan tree, which leaves out items that have not ended. */
  readonly seen: number;
  /** The sum of their numbers of items, including items that have not run. */
  readonly total: number;
  /** The number of items from which figures are computed (see `FanOutNode.items`). */
  readonly sampled: number;
  readonly failed: number;
  /** The error of the first failed item in `items`, as `type: message`. Absent if no item failed. */
  readonly error?: string;
  /** Whether the plan can compute all of them that have sampled items with batches. False if none has such items. */
  readonly canShare: boolean;
}

/** A row of the plan's table. All figures are absent if the process that tried the setting made no plan. */
export interface Setting extends Omit<Prediction, keyof Figures>, Partial<Figures> {
  /** The tried settings. The keys are paths in `runtime`. Absent in a row that was not tried. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Why the handler does not work in this setting. Absent if it works, and in a row that was not tried. */
  readonly fault?: string;
}

export interface PlanReport {
  readonly functionName: string;
  readonly latencyMs: number;
  /** How the execution ended. Absent if the trial stopped the execution. */
  readonly execution?: {
    readonly status: string;
    readonly error?: { readonly type: string; readonly message: string };
  };
  /** Why the sample failed. No setting is then recommended. Absent if the sample has not failed. */
  readonly fault?: string;
  readonly sample: Required<Figures>;
  readonly maps: readonly FanOutSummary[];
  readonly settings: readonly Setting[];
  readonly notes: readonly string[];
}

export function summariseFanOuts(fanOuts: Iterable<FanOutNode>): FanOutSummary[] {
  const byName = new Map<string, FanOutSummary>();
  for (const fanOut of fanOuts) {
    const { name, kind, total, items } = fanOut;
    const key = `${kind} ${name}`;
    const before = byName.get(key);
    const isEmpty = items.length === 0;
    const known = before?.sampled ? before : undefined;
    const { form, batchItems } = isEmpty && known ? known : fanOut;
    const failures = items.flatMap(({ outcome }) => (outcome.mark === "F" ? [outcome.error ?? {}] : []));
    const [first] = failures;
    const error = before?.error ?? (first && errorText(first));
    byName.set(key, {
      ...{ name, kind, form, batchItems },
      seen: (before?.seen ?? 0) + 1,
      total: (before?.total ?? 0) + total,
      sampled: (before?.sampled ?? 0) + items.length,
      failed: (before?.failed ?? 0) + failures.length,
      ...(error === undefined ? {} : { error }),
      canShare: isEmpty ? (known?.canShare ?? false) : (known?.canShare ?? true) && canShare(fanOut),
    });
  }
  return [...byName.values()];
}

/** Why a sample is not valid: its execution ended without success, or at least half of a map's sampled items failed. */
export function faultOf({ execution, maps }: Pick<PlanReport, "execution" | "maps">): string | undefined {
  if (execution !== undefined && execution.status !== "SUCCEEDED") {
    const { type = "Error", message = "" } = execution.error ?? {};
    return `the execution ended as ${execution.status}: ${type}: ${message}`;
  }
  return failuresIn(maps, () => 0.5);
}

/**
 * The fault of a tried setting: the fault that `faultOf` finds, or a map whose share of failed items is at least one
 * percentage point higher than without the setting. Undefined if there is no fault.
 */
export function faultBeside(
  tried: Pick<PlanReport, "execution" | "maps">,
  asIs: Pick<PlanReport, "maps">,
): string | undefined {
  const before = (name: string): number => {
    const map = asIs.maps.find((one) => one.name === name);
    return map === undefined || map.sampled === 0 ? 0 : map.failed / map.sampled;
  };
  return faultOf(tried) ?? failuresIn(tried.maps, (name) => before(name) + 0.01);
}

function failuresIn(maps: readonly FanOutSummary[], allowed: (name: string) => number): string | undefined {
  const map = maps.find(({ name, failed, sampled }) => failed > 0 && failed / sampled >= allowed(name));
  return map && `${map.failed} of ${counted(map.sampled, "item")} of "${map.name}" failed: ${map.error}`;
}

/**
 * Chooses among the settings that work and that AWS accepts: among the comfortable settings (see `COMFORTABLE`), or
 * among all if none is comfortable. The first setting wins that is about as fast as the fastest and about as cheap as
 * the cheapest, or else the first that is about as fast. Times count only if each of these settings has a time. The
 * computed settings have an order: early settings change the handler less, and repeat less work after a crash.
 */
export function recommend(settings: readonly Setting[]): Setting | undefined {
  const taken = settings.filter(isTaken);
  const comfortable = taken.filter(
    ({ operations, dataBytes }) =>
      operations <= MAX_OPERATIONS * COMFORTABLE && dataBytes <= MAX_DATA_BYTES * COMFORTABLE,
  );
  const choice = comfortable.length > 0 ? comfortable : taken;
  const wereRun = choice.every(({ wallMs }) => wallMs !== undefined);
  const msOf = ({ wallMs = 0 }: Figures): number => (wereRun ? wallMs : 0);
  const leastMs = Math.min(...choice.map(msOf));
  const leastDollars = Math.min(...choice.map(({ dollars }) => dollars));
  const fast = choice.filter((setting) => msOf(setting) <= Math.max(leastMs * AS_GOOD_RATIO, leastMs + AS_GOOD_MS));
  return (
    fast.find(({ dollars }) => dollars <= Math.max(leastDollars * AS_GOOD_RATIO, leastDollars + AS_GOOD_DOLLARS)) ??
    fast[0]
  );
}

function isTaken(setting: Setting): setting is Setting & Figures {
  return setting.operations !== undefined && setting.fault === undefined && setting.refusedByAws.length === 0;
}

export function printPlan(output: Output, report: PlanReport): void {
  const { functionName, latencyMs, fault, sample, maps, settings, notes } = report;
  const recommended = fault === undefined ? recommend(settings) : undefined;
  if (output.json) {
    const rows = settings.map((setting) => ({ ...rounded(setting), recommended: setting === recommended }));
    return output.printJson({ type: "plan", ...report, sample: rounded(sample), settings: rows });
  }
  output.print(pc.bold(`${functionName}, at ${formatDuration(latencyMs)} a checkpoint`));
  for (const map of maps) output.print(`  ${describeFanOut(map)}`);
  output.print("");
  for (const line of tableOf(report, recommended)) output.print(line);
  output.print("");
  output.print("Figures with ~ are computed from the sample, the others are measured.");
  const refused = settings.find(({ refusedByAws }) => refusedByAws.length > 0);
  if (refused !== undefined) {
    output.print(pc.red(`AWS would refuse it "${refused.name}": ${refused.refusedByAws.join("; ")}.`));
  }
  for (const line of [...sayRecommended(report, recommended), ...notes]) output.print(line);
}

function rounded<T extends Partial<Figures>>(figures: T): T {
  return figures.wallMs === undefined ? figures : { ...figures, wallMs: Math.round(figures.wallMs) };
}

function tableOf({ sample, settings }: PlanReport, recommended: Setting | undefined): string[] {
  const isPartOnly = settings[0]?.measured.length === 0;
  const measured = Object.keys(sample).filter((key) => key !== "dollars") as Prediction["measured"];
  const own: Setting = { name: "the sample", ...sample, measured, refusedByAws: [], how: "" };
  const rows = isPartOnly ? [own, ...settings] : settings;
  const figures: readonly (readonly [head: string, key: keyof Figures, format: (value: number) => string])[] = [
    ["operations", "operations", formatCount],
    ["retries", "retries", formatCount],
    ["requests", "requests", formatCount],
    ["data", "dataBytes", formatBytes],
    ["time", "wallMs", formatDuration],
    ["cost on AWS", "dollars", formatDollars],
  ];
  const shown = figures.filter(([, key]) => key !== "retries" || rows.some(({ retries = 0 }) => retries > 0));
  const cells = rows.map((row) => [
    row.name,
    ...shown.map(([, key, format]) => {
      const value = row[key];
      if (value === undefined) return "–";
      return row.measured.includes(key) ? format(value) : `~${format(value)}`;
    }),
    remarkOn(row, recommended),
  ]);
  const [head = "", ...lines] = renderTable(["setting", ...shown.map(([name]) => name), ""], cells);
  const paint = (line: string, row: Setting | undefined): string => {
    if (row === recommended) return pc.green(line);
    return row?.fault !== undefined || (row?.refusedByAws.length ?? 0) > 0 ? pc.red(line) : line;
  };
  return [pc.dim(head), ...lines.map((line, index) => paint(line, rows[index]))];
}

function remarkOn(setting: Setting, recommended: Setting | undefined): string {
  if (setting === recommended) return "recommended";
  if (setting.fault !== undefined) return shorten(setting.fault, MAX_FAULT_LENGTH);
  return setting.refusedByAws.length > 0 ? "AWS refuses it" : "";
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
  const what =
    form === "batched" ? `, in batches of ${batchItems}` : form === undefined ? "" : `, ${form.toUpperCase()}`;
  const times = seen > 1 ? `, ${formatCount(seen)} times` : "";
  const sample = sampled < total ? `, computed from ${formatCount(sampled)} of them` : "";
  const alone =
    kind === "map" && sampled > 0 && !shares
      ? "; its items have a map, a callback or an invoke inside: not computed with batches"
      : "";
  return `${kind} "${name}": ${counted(total, noun)}${times}${what}${sample}${alone}`;
}

function sayRecommended({ fault, settings }: PlanReport, recommended: Setting | undefined): string[] {
  if (fault !== undefined) return [pc.red(`Nothing is recommended, since the sample failed: ${fault}.`)];
  if (recommended === undefined) {
    const hasWorking = settings.some((setting) => setting.fault === undefined);
    return [
      hasWorking
        ? pc.red("AWS refuses all of these. Split the input over several executions.")
        : pc.red("Nothing is recommended: the handler works in none of these settings."),
    ];
  }
  const { how, wallMs } = recommended;
  const [, batch] = /^batch: (\d+)$/.exec(recommended.name) ?? [];
  return [
    pc.green(how),
    ...(batch === undefined
      ? []
      : [`This has the lowest computed cost. To measure its time too, run the sample with it: --try batch=${batch}`]),
    ...(wallMs !== undefined && wallMs > MAX_INVOCATION_MS
      ? ["It takes longer than one invocation may (15 minutes): it goes on in the next."]
      : []),
  ];
}
