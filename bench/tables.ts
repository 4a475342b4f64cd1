import type { CodecRow } from "./codec.ts";
import type { MicroRow } from "./micro.ts";
import type { Results, ScenarioResult, Spread } from "./results.ts";
import type { Metric, SubjectName } from "./scenario.ts";
import type { Verdict } from "./targets.ts";

/** How a metric is headed and shown. */
export const SHOWN: Record<Metric, { readonly title: string; readonly show: (value: number) => string }> = {
  wallMs: { title: "wall, ms", show: significant },
  cpuMicros: { title: "CPU, us an item", show: significant },
  serviceMicros: { title: "the service's own, us an item", show: significant },
  coldWallMs: { title: "first run, wall, ms", show: significant },
  coldCpuMicros: { title: "first run, CPU, us an item", show: significant },
  peakMegabytes: { title: "peak memory, MB", show: significant },
  delayMaxMs: { title: "longest turn, ms", show: significant },
  delayP99Ms: { title: "99 % of turns, ms", show: significant },
  updates: { title: "updates", show: whole },
  requests: { title: "requests", show: whole },
  bytes: { title: "sent, kB", show: (value) => whole(value / 1_000) },
  operations: { title: "operations", show: whole },
  dollars: { title: "dollars", show: (value) => `$${value.toPrecision(2)}` },
  invocations: { title: "invocations", show: whole },
  firstResultMs: { title: "first result, ms", show: significant },
  itemsPerSecond: { title: "items a second", show: whole },
};

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-GB");
}

/** Two digits that mean something; small times do not vanish. */
export function significant(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 100) return whole(value);
  return Number(value.toPrecision(2)).toString();
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, at) => (row[at] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}

const figure = (result: ScenarioResult, subject: SubjectName, metric: Metric): Spread | undefined =>
  result.subjects[subject]?.metrics[metric];

/** What can be compared even if the official SDK had fewer items. */
const PER_ITEM: readonly Metric[] = ["cpuMicros", "coldCpuMicros", "itemsPerSecond"];

/** Ours as a share of the official figure, or undefined where there is none. */
export function share(result: ScenarioResult, metric: Metric): number | undefined {
  const official = figure(result, "official", metric)?.median;
  const ours = figure(result, "ours", metric)?.median;
  if (official === undefined || ours === undefined || official === 0) return undefined;
  const sameItems = result.subjects.official?.items === result.subjects.ours?.items;
  return sameItems || PER_ITEM.includes(metric) ? ours / official : undefined;
}

/** `official / ours (ratio)`; with `spread` the fastest and slowest run follow. */
export function compare(result: ScenarioResult, metric: Metric, spread = false): string {
  const { show } = SHOWN[metric];
  const text = (subject: SubjectName) => {
    const found = figure(result, subject, metric);
    if (found === undefined) return "–";
    const range = spread && found.max > found.min * 1.005 ? ` [${show(found.min)}–${show(found.max)}]` : "";
    return show(found.median) + range;
  };
  const ratio = share(result, metric);
  return `${text("official")} / ${text("ours")}${ratio === undefined ? "" : ` (${ratio.toFixed(2)})`}`;
}

export function scenarioTable(results: readonly ScenarioResult[], metrics: readonly Metric[], spread = false): string {
  return markdownTable(
    ["official / ours (ratio)", ...metrics.map((metric) => SHOWN[metric].title)],
    results.map((result) => [nameOf(result), ...metrics.map((metric) => compare(result, metric, spread))]),
  );
}

function nameOf(result: ScenarioResult): string {
  const official = result.subjects.official?.items;
  const ours = result.subjects.ours?.items;
  if (official === undefined || ours === undefined) return result.name;
  const remarks = [
    ...(official === ours ? [] : [`${whole(official)} items`]),
    ...(result.slow ? ["one cold run"] : []),
  ];
  return remarks.length === 0 ? result.name : `${result.name} (official: ${remarks.join(", ")})`;
}

/** Every row of the design's table, with what was measured beside what was asked for. */
export function targetTable(verdicts: readonly Verdict[]): string {
  return markdownTable(
    ["work", "official", "ours", "measured", "target", ""],
    verdicts.map((verdict) => [
      verdict.work + (verdict.label === "" ? "" : `: ${verdict.label}`),
      shownFigure(verdict, verdict.official),
      shownFigure(verdict, verdict.ours),
      shownMeasured(verdict),
      verdict.limit === undefined
        ? ""
        : `${verdict.direction === "at most" ? "<=" : ">="} ${shownLimit(verdict, verdict.limit)}`,
      verdict.outcome === "missed" ? "**missed**" : verdict.outcome,
    ]),
  );
}

function shownFigure({ kind, metric }: Verdict, value: number | undefined): string {
  if (value === undefined) return "–";
  if (kind === "growth") return `${significant(value)}x`;
  return metric === undefined ? significant(value) : SHOWN[metric].show(value);
}

export function shownMeasured(verdict: Verdict): string {
  const { kind, measured } = verdict;
  if (measured === undefined) return "–";
  if (kind === "ratio" || kind === "worker") return measured.toFixed(measured < 0.1 ? 3 : 2);
  return shownFigure(verdict, measured);
}

function shownLimit(verdict: Verdict, limit: number | string): string {
  if (typeof limit === "string") return limit;
  return verdict.kind === "ratio" || verdict.kind === "worker" ? `${limit}` : shownFigure(verdict, limit);
}

export function microTable(rows: readonly MicroRow[]): string {
  return markdownTable(
    ["mechanism", "one of these", "official, ns", "ours, ns (median)", "error of the mean"],
    rows.map(({ name, unit, nanos, marginPercent, officialNanos }) => [
      name,
      unit,
      officialNanos === undefined ? "–" : significant(officialNanos),
      significant(nanos),
      `± ${significant(marginPercent)} %`,
    ]),
  );
}

export function codecTable(rows: readonly CodecRow[]): string {
  return markdownTable(
    ["payload", "json, bytes", "compact, bytes", "share", "json, us", "compact, us"],
    rows.map((row) => [
      row.sample,
      whole(row.jsonBytes),
      whole(row.compactBytes),
      `${Math.round((100 * row.compactBytes) / row.jsonBytes)} %`,
      significant(row.jsonMicros),
      significant(row.compactMicros),
    ]),
  );
}

/** What a run prints. */
export function consoleTable({ scenarios, micro, codecs, machine, runs }: Results): string {
  const measured = scenarios.filter(({ subjects }) => Object.keys(subjects).length > 0);
  const metrics: readonly Metric[] = [
    "wallMs",
    "cpuMicros",
    "peakMegabytes",
    "delayMaxMs",
    "updates",
    "requests",
    "bytes",
  ];
  return [
    `\n${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; medians of up to ${runs} interleaved runs`,
    ...(measured.length === 0 ? [] : [scenarioTable(measured, metrics)]),
    ...(micro.length === 0 ? [] : [microTable(micro)]),
    ...(codecs.length === 0 ? [] : [codecTable(codecs)]),
  ].join("\n\n");
}
