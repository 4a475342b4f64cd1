import type { CodecRow } from "./codec.ts";
import type { Measurement, SubjectName } from "./harness.ts";
import { growthPairs } from "./scenarios.ts";

type Results = Record<string, Record<SubjectName, Measurement>>;

/** One row a scenario; each cell has the official figure, ours, and ours as a share of it. */
export function scenarioTable(results: Results): string {
  const columns: [string, (measured: Measurement) => number, number][] = [
    ["CPU us/item", (measured) => measured.cpuMicros, 1],
    ["wall ms", (measured) => measured.wallMs, 0],
    ["updates", (measured) => measured.updates, 0],
    ["requests", (measured) => measured.requests, 0],
    ["sent kB", (measured) => measured.bytes / 1_000, 0],
    ["peak MB", (measured) => measured.peakMegabytes, 0],
  ];
  const rows = Object.entries(results).map(([name, { official, ours }]) => [
    name,
    ...columns.map(([, read, digits]) => compare(read(official), read(ours), digits)),
  ]);
  return table([["scenario", ...columns.map(([title]) => title)], ...rows]);
}

/** How the cost of a run grows when the items become ten times as many. */
export function growthTable(results: Results): string {
  const rows = growthPairs.flatMap(([small, large]) => {
    const [from, to] = [results[small], results[large]];
    if (from === undefined || to === undefined) return [];
    const growth = (name: SubjectName) => `${((10 * to[name].cpuMicros) / from[name].cpuMicros).toFixed(1)}x`;
    return [[`${small} to ten times as many`, growth("official"), growth("ours")]];
  });
  return rows.length === 0 ? "" : table([["CPU growth", "official", "durable-fanout"], ...rows]);
}

export function codecTable(rows: readonly CodecRow[]): string {
  return table([
    ["payload", "json bytes", "compact bytes", "share", "json us", "compact us"],
    ...rows.map((row) => [
      row.sample,
      row.jsonBytes.toString(),
      row.compactBytes.toString(),
      `${Math.round((100 * row.compactBytes) / row.jsonBytes)} %`,
      row.jsonMicros.toFixed(1),
      row.compactMicros.toFixed(1),
    ]),
  ]);
}

function compare(official: number, ours: number, digits: number): string {
  const ratio = official > 0 ? ` (${(ours / official).toFixed(2)})` : "";
  return `${official.toFixed(digits)} / ${ours.toFixed(digits)}${ratio}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const [head, ...body] = rows.map(line);
  return [head, `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...body].join("\n");
}
