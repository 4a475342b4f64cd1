/** Writes docs/benchmarks.md and the README's six rows from the files in bench/results: `npm run bench:docs`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sample } from "./child.ts";
import { LAMBDA_RESULTS, type LambdaResults, RESULTS, type Results, readResults, type WorkResult } from "./results.ts";
import { markdownTable, median, significant, spread } from "./table.ts";
import { judge, type Verdict } from "./targets.ts";
import { STATES, SUBJECTS } from "./works.ts";

const ROOT = join(import.meta.dirname, "..");
const BEGIN = "<!-- benchmarks: written by `node bench/docs.ts` -->";
const END = "<!-- /benchmarks -->";

export function writeDocuments(results: Results, lambda = readResults<LambdaResults>(LAMBDA_RESULTS)): void {
  writeFileSync(join(ROOT, "docs/benchmarks.md"), benchmarksPage(results, lambda));
  const readme = join(ROOT, "README.md");
  writeFileSync(readme, withSection(readFileSync(readme, "utf8"), readmeSection(results, lambda)));
}

export function withSection(text: string, section: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`The README lacks the marks ${BEGIN} and ${END}.`);
  return `${text.slice(0, begin + BEGIN.length)}\n\n${section}\n\n${text.slice(end)}`;
}

const STATES_SAID =
  "**Cold**: the first execution of a new process, as after a scale-out. **Warm**: an execution of 50 items has run in it before. Official SDK / ours (ratio), medians of runs in turn, one process each; growth is that of ten times the items.";

export function benchmarksPage(results: Results, lambda?: LambdaResults): string {
  const verdicts = judge(results, lambda);
  return `${[
    "# Benchmarks",
    // The page has no link to bench/README.md, because the published package has the page but not the folder bench.
    "Written by `npm run bench` in a checkout, not edited. `bench/README.md` there says how it is measured, and what the figures leave out.",
    STATES_SAID,
    targetTable(verdicts),
    tally(verdicts),
    provenance(results),
    ...misses(results, verdicts),
    "## Every work",
    "Median, in brackets the fastest and the slowest run; official / ours. Updates, requests and bytes are the same in every run.",
    workTable(results),
    ...(lambda === undefined ? [] : ["## As Lambda would see it", lambdaTables(lambda)]),
    ...(results.micro.length === 0 ? [] : ["## Mechanisms, warm", microTable(results)]),
  ].join("\n\n")}\n`;
}

const README_ROWS: readonly (readonly [title: string, shown: string])[] = [
  ["CPU per item, NESTED 10,000", "processor time an item, map of 10,000"],
  ["CPU per item, `batch: 100`: 100,000", "processor time an item, map of 100,000, `batch: 100`"],
  ["map of 10, cold, wall", "time of a map of 10"],
  ["1,000 items, 10 ms a checkpoint, wall: `batch: 100`", "time of a map of 1,000, `batch: 100`, 10 ms a checkpoint"],
  ["peak memory, map of 10,000", "peak memory, map of 10,000"],
  [
    "first invocation of hello at 128 MB, no client at the top of the handler",
    "first invocation with 128 MB of memory, a handler that returns at once",
  ],
];

export function readmeSection(results: Results, lambda?: LambdaResults): string {
  const verdicts = judge(results, lambda);
  const { machine, date, packages } = results;
  const rows = README_ROWS.map(([title, shown]) => {
    const verdict = verdicts.find((one) => one.title === title);
    if (verdict === undefined) throw new Error(`There is no row "${title}" in bench/targets.ts for the README.`);
    return [shown, `${runsOf(verdict, results, lambda)}`, verdict.cold, verdict.warm || "–"];
  });
  return [
    markdownTable(["official SDK / this package (ratio)", "N", "cold", "warm"], rows),
    `Baseline: official SDK ${packages["@aws/durable-execution-sdk-js"]}, which has no batches and runs without. Medians of N runs of each; ${machine}; ${date.slice(0, 10)}. **Cold**: the first execution of a new process, as after a scale-out. **Warm**: an execution of 50 items has run in it before.`,
    `${tally(verdicts)} [All figures, and profiles of what is missed](docs/benchmarks.md).`,
  ].join("\n\n");
}

/** The number of samples of this package in the cold state. A row without a work comes from `bench:lambda`. */
function runsOf({ work }: Verdict, { works }: Results, lambda: LambdaResults | undefined): number {
  if (work !== undefined) return works[work]?.cold.ours?.length ?? 0;
  return lambda?.rows.find((row) => row.memoryMb === 128 && row.work === "hello")?.samples.length ?? 0;
}

export function targetTable(verdicts: readonly Verdict[]): string {
  return markdownTable(
    ["work", "cold", "warm", "target", ""],
    verdicts.map(({ title, cold, warm, target, outcome, missed }) => {
      const [only = ""] = missed.length === 1 && warm !== "" ? missed : [];
      const where = target.endsWith(only) ? "" : ` ${only}`;
      return [title, cold, warm, target, outcome === "missed" ? `**missed**${where}` : outcome];
    }),
  );
}

function tally(verdicts: readonly Verdict[]): string {
  const count = (outcome: Verdict["outcome"]) => verdicts.filter((verdict) => verdict.outcome === outcome).length;
  return `${count("met")} of ${verdicts.length} targets are met, ${count("missed")} missed, ${count("not measured")} not measured.`;
}

function provenance({ date, machine, packages, load, seconds, again, works }: Results): string {
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return [
    `- ${date.slice(0, 16).replace("T", " ")} UTC, ${machine}; ${versions.join(", ")}; load average ${load}; ${Math.ceil(seconds / 60)} min`,
    `- loading the package, which comes before a cold execution and is not in it: ${loading(works)}`,
    ...again.map((rerun) => `- measured again: ${rerun}`),
    ...Object.values(works).flatMap(({ error }) => (error === undefined ? [] : [`- failed: ${error}`])),
  ].join("\n");
}

function loading(works: Results["works"]): string {
  const times = SUBJECTS.map((subject) =>
    Object.values(works).flatMap(({ cold }) =>
      cold.official ? (cold[subject] ?? []).map(({ loadMs }) => loadMs) : [],
    ),
  );
  return times.some((list) => list.length === 0) ? "not measured" : `${times.map(spread).join(" / ")} ms`;
}

function misses({ profiles }: Results, verdicts: readonly Verdict[]): string[] {
  const missed = new Map(
    verdicts.flatMap((one) => (one.missed.length > 0 && one.work ? [[one.work, one] as const] : [])),
  );
  const sections = [...missed].flatMap(([work, { reason }]) =>
    STATES.flatMap((state) => {
      const rows = profiles[work]?.[state];
      if (rows === undefined) return [];
      const table = rows.map(([place, percent]) => [`\`${place}\``, `${significant(percent)} %`]);
      return [
        `### ${work}, ${state}`,
        ...(reason ? [reason] : []),
        markdownTable(["ours, own time of functions", ""], table),
      ];
    }),
  );
  return sections.length === 0 ? [] : ["## What is missed, with its profile", ...sections];
}

const COLUMNS: readonly [title: string, metric: keyof Sample, show: (values: readonly number[]) => string][] = [
  ["wall, ms", "wallMs", spread],
  ["CPU, us an item", "cpuMicros", spread],
  ["peak memory, MB", "peakMegabytes", spread],
  ["updates", "updates", (values) => significant(median(values))],
  ["requests", "requests", (values) => significant(median(values))],
  ["sent, kB", "bytes", (values) => significant(median(values) / 1_000)],
];

function workTable({ works }: Results): string {
  const rows = Object.entries(works).flatMap(([name, work]) => STATES.map((state) => workRow(name, state, work)));
  return markdownTable(["work", "state", "runs", ...COLUMNS.map(([title]) => title)], rows);
}

function workRow(name: string, state: (typeof STATES)[number], work: WorkResult): string[] {
  const cells = COLUMNS.map(([, metric, show]) => {
    const texts = SUBJECTS.map((subject) => {
      const values = (work[state][subject] ?? []).flatMap((sample) => sample[metric] ?? []);
      return values.length === 0 ? "–" : show(values);
    });
    return texts.join(" / ");
  });
  return [name, state, `${work[state].ours?.length ?? 0}`, ...cells];
}

export function lambdaTables({ date, node, isLimited, sizes, rows }: LambdaResults): string {
  const all = (["init", "firstEvent", "secondEvent"] as const).map(
    (metric) => (row: (typeof rows)[number]) => spread(row.samples.map((sample) => sample[metric])),
  );
  return [
    `${date.slice(0, 10)}, Node ${node}${isLimited ? "" : ", with no limits of memory and processor"}; milliseconds.`,
    markdownTable(
      ["MB", "work", "package", "init", "first event", "second event"],
      rows.map((row) => [`${row.memoryMb}`, row.work, row.subject, ...all.map((show) => show(row))]),
    ),
    markdownTable(
      ["bundle, minified", "kB", "kB gzipped"],
      sizes.map(({ subject, kilobytes, gzipped }) => [subject, significant(kilobytes), significant(gzipped)]),
    ),
  ].join("\n\n");
}

function microTable({ micro }: Results): string {
  return markdownTable(
    ["mechanism", "one of these", "official, ns", "ours, ns"],
    micro.map(({ name, unit, official, ours }) => [
      ...[name, unit, official === undefined ? "–" : significant(official), significant(ours)],
    ]),
  );
}

if (import.meta.main) {
  const results = readResults<Results>(RESULTS);
  if (results === undefined) {
    console.error("There are no results yet: run `npm run bench` first.");
    process.exitCode = 2;
  } else writeDocuments(results);
}
