import pc from "picocolors";
import { formatBytes, formatCount } from "../../core/quantity.ts";
import type { Output } from "../output.ts";
import { formatDollars, formatDuration, shorten } from "../quantity.ts";
import { renderTable } from "../table.ts";
import { environmentOf, type Overrides, runtimeOf } from "./tune-sweep.ts";
import type { Tried } from "./tune-trial.ts";

/** Times this close to the shortest are as good: two runs of the same differ by as much. */
const AS_GOOD_RATIO = 1.3;
const AS_GOOD_MS = 500;
/** So are costs. */
const AS_GOOD_COST_RATIO = 2;
const AS_GOOD_DOLLARS = 0.001;
const BAR_CELLS = 24;
const MAX_FAULT_LENGTH = 100;

/**
 * The setting to choose: of those in which the handler works and that AWS takes, about the fastest, then about the
 * cheapest, then the one that changes least, has the smallest batches (a crash repeats less) and the fewest items at once.
 */
export function recommendTried(tried: readonly Tried[]): Tried | undefined {
  const works = tried.filter(({ fault, refusedByAws }) => fault === undefined && refusedByAws.length === 0);
  const leastMs = Math.min(...works.map(({ wallMs }) => wallMs));
  const fast = works.filter(({ wallMs }) => wallMs <= Math.max(leastMs * AS_GOOD_RATIO, leastMs + AS_GOOD_MS));
  const leastDollars = Math.min(...fast.map(({ dollars }) => dollars));
  const cheap = fast.filter(
    ({ dollars }) => dollars <= Math.max(leastDollars * AS_GOOD_COST_RATIO, leastDollars + AS_GOOD_DOLLARS),
  );
  return cheap.toSorted(
    (a, b) =>
      a.overrides.size - b.overrides.size ||
      numberOf(a.overrides, "batch", 1) - numberOf(b.overrides, "batch", 1) ||
      numberOf(a.overrides, "concurrency", LIFTED) - numberOf(b.overrides, "concurrency", LIFTED),
  )[0];
}

const LIFTED = Number.MAX_SAFE_INTEGER;

function numberOf(overrides: Overrides, path: string, otherwise: number): number {
  const value = Number(overrides.get(path));
  return Number.isNaN(value) ? otherwise : value;
}

export interface TuneReport {
  readonly functionName: string;
  readonly latencyMs: number;
  readonly tried: readonly Tried[];
  readonly notes: readonly string[];
}

export function printTuning(output: Output, { functionName, latencyMs, tried, notes }: TuneReport): void {
  const recommended = recommendTried(tried);
  if (output.json) {
    const settings = tried.map((setting) => {
      const { maps: _, overrides, wallMs, ...rest } = setting;
      const overridden = Object.fromEntries(overrides);
      return { ...rest, settings: overridden, wallMs: Math.round(wallMs), recommended: setting === recommended };
    });
    return output.printJson({ type: "tuning", functionName, latencyMs, settings, notes });
  }
  output.print(pc.bold(`${functionName}, at ${formatDuration(latencyMs)} a checkpoint`));
  const longestMs = Math.max(...tried.map(({ wallMs }) => wallMs));
  const rows = tried.map((setting) => [
    setting.name,
    formatCount(setting.operations),
    formatCount(setting.requests),
    formatBytes(setting.dataBytes),
    formatDollars(setting.dollars),
    `~${formatDuration(setting.wallMs)}`,
    setting.fault === undefined ? bar(setting.wallMs / longestMs) : "",
    remarkOn(setting, recommended),
  ]);
  const [head = "", ...lines] = renderTable(
    ["setting", "operations", "requests", "data", "cost on AWS", "time", "", ""],
    rows,
  );
  output.print(pc.dim(head));
  for (const [index, line] of lines.entries()) {
    const setting = tried[index];
    const isBad = setting?.fault !== undefined || (setting?.refusedByAws.length ?? 0) > 0;
    output.print(setting === recommended ? pc.green(line) : isBad ? pc.red(line) : line);
  }
  output.print("");
  for (const line of [...sayRecommended(recommended), ...notes]) output.print(line);
}

function bar(share: number): string {
  return "━".repeat(Math.max(1, Math.round(share * BAR_CELLS)));
}

function remarkOn(setting: Tried, recommended: Tried | undefined): string {
  if (setting === recommended) return "recommended";
  if (setting.fault !== undefined) return shorten(setting.fault, MAX_FAULT_LENGTH);
  return setting.refusedByAws.length > 0 ? "AWS refuses it" : "";
}

function sayRecommended(recommended: Tried | undefined): string[] {
  if (recommended === undefined)
    return [pc.red("The handler works in none of these settings, or AWS refuses it in all.")];
  if (recommended.overrides.size === 0) return [pc.green("The handler can stay as it is.")];
  const environment = Object.entries(environmentOf(recommended.overrides)).map(([name, value]) => `${name}=${value}`);
  return [
    pc.green(`Set ${environment.join(" ")}, or give withDurableExecution { ${runtimeOf(recommended.overrides)} }.`),
  ];
}

const ROW_HEIGHT = 24;
const LABEL_WIDTH = 320;
const CHART_WIDTH = 640;
const MARGIN = 16;

/** The same as a picture: a bar of the time of each setting. */
export function drawTuning({ functionName, latencyMs, tried }: TuneReport): string {
  const recommended = recommendTried(tried);
  const longestMs = Math.max(1, ...tried.map(({ wallMs }) => wallMs));
  const height = MARGIN * 2 + ROW_HEIGHT * (tried.length + 1);
  const width = LABEL_WIDTH + CHART_WIDTH + 120;
  const rows = tried.map((setting, index) => {
    const y = MARGIN + ROW_HEIGHT * (index + 1);
    const isBad = setting.fault !== undefined || setting.refusedByAws.length > 0;
    const color = setting === recommended ? "#2e7d32" : isBad ? "#c62828" : "#607d8b";
    const barWidth = Math.max(1, Math.round((setting.wallMs / longestMs) * CHART_WIDTH));
    const remark = setting === recommended ? ", recommended" : isBad ? ", no" : "";
    const text = `${formatDuration(setting.wallMs)}, ${formatDollars(setting.dollars)}${remark}`;
    return [
      `<text x="${LABEL_WIDTH - 8}" y="${y + 16}" text-anchor="end">${escapeXml(setting.name)}</text>`,
      `<rect x="${LABEL_WIDTH}" y="${y + 4}" width="${barWidth}" height="${ROW_HEIGHT - 8}" fill="${color}"/>`,
      barWidth > CHART_WIDTH / 2
        ? `<text x="${LABEL_WIDTH + barWidth - 6}" y="${y + 16}" text-anchor="end" fill="#fff">${escapeXml(text)}</text>`
        : `<text x="${LABEL_WIDTH + barWidth + 6}" y="${y + 16}">${escapeXml(text)}</text>`,
    ].join("\n");
  });
  const title = `${functionName}: time of the whole input, at ${formatDuration(latencyMs)} a checkpoint`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${MARGIN}" y="${MARGIN + 8}" font-size="14" font-weight="bold">${escapeXml(title)}</text>`,
    ...rows,
    "</svg>\n",
  ].join("\n");
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
