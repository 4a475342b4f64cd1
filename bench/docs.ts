/**
 * Writes docs/benchmarks.md, its charts and the README's table from a file of results:
 * `node bench/docs.ts [bench/results/<date>.json]`, by default the last one.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { explanations, THREADS } from "./explanations.ts";
import { chartFiles } from "./figures.ts";
import { latestResults, type Results, readResults, type ScenarioResult } from "./results.ts";
import { GROUPS, type Metric } from "./scenario.ts";
import {
  codecTable,
  markdownTable,
  microTable,
  SHOWN,
  scenarioTable,
  share,
  significant,
  targetTable,
} from "./tables.ts";
import { judge, type Verdict } from "./targets.ts";

const ROOT = join(import.meta.dirname, "..");
const BEGIN = "<!-- benchmarks: written by `node bench/docs.ts` -->";
const END = "<!-- /benchmarks -->";

const COSTS: readonly Metric[] = ["wallMs", "cpuMicros", "coldWallMs", "coldCpuMicros", "peakMegabytes", "delayMaxMs"];
const COUNTS: readonly Metric[] = ["updates", "requests", "bytes", "operations", "dollars"];

/** Writes all documents that are made of results. */
export function writeDocuments(results: Results): void {
  const charts = chartFiles(results);
  mkdirSync(join(ROOT, "docs/charts"), { recursive: true });
  for (const { file, svg } of charts) writeFileSync(join(ROOT, "docs/charts", file), svg);
  writeFileSync(join(ROOT, "docs/benchmarks.md"), benchmarksPage(results, charts));
  const readme = join(ROOT, "README.md");
  writeFileSync(readme, withSection(readFileSync(readme, "utf8"), readmeSection(results)));
}

/** Puts `section` between the two marks of a text, which must be there. */
export function withSection(text: string, section: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`The README lacks the marks ${BEGIN} and ${END}.`);
  return `${text.slice(0, begin + BEGIN.length)}\n\n${section}\n\n${text.slice(end)}`;
}

/** The page as Markdown. */
export function benchmarksPage(results: Results, charts = chartFiles(results)): string {
  const verdicts = judge(results);
  return `${[
    "# Benchmarks",
    "This page is written by `npm run bench` and not edited. How it is measured, and what the figures leave out, is said in [bench/README.md](../bench/README.md). Every figure is a median, official SDK first, ours second, in brackets ours as a share of it: below 1 is better.",
    provenance(results),
    ...(results.quick ? ["**A smoke run with few items: these figures say nothing about speed.**"] : []),
    "## Targets",
    tally(verdicts),
    targetTable(verdicts),
    missing(verdicts),
    "## Charts",
    ...charts.map(({ file, title }) => `![${title}](charts/${file})`),
    "## Where ours is worse",
    losses(results.scenarios),
    ...misses(results, verdicts),
    ...GROUPS.flatMap((group) => groupSection(group, results)),
    ...inside(results),
    ...workers(results),
    failures(results),
    "## Not measured",
    "The network and the AWS client's serialization; Lambda's own start; AWS itself; other operating systems and processors. The official SDK beside ours on the embedded engine. Quotas: they are lifted, except where a scenario says that it stays within them.",
  ]
    .filter((part) => part !== "")
    .join("\n\n")}\n`;
}

function provenance({ date, machine, packages, load, runs, seconds, filter, again = [] }: Results): string {
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  const day = date.slice(0, 16).replace("T", " ");
  return markdownTable(
    ["", ""],
    [
      ["date", `${day} UTC`],
      [
        "machine",
        `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGigabytes} GB, ${machine.system}, Node ${machine.node}`,
      ],
      ["versions", versions.join(", ")],
      ["load average", `${load.before} before, ${load.after} after (the suite itself is about 1)`],
      ["runs", `up to ${runs} of each, interleaved, a process for each; ${Math.round(seconds / 60)} min in all`],
      ...(filter === "" ? [] : [["only", filter]]),
      ...again.map((rerun) => ["measured again", rerun]),
    ],
  );
}

function tally(verdicts: readonly Verdict[]): string {
  const count = (outcome: Verdict["outcome"]) => verdicts.filter((verdict) => verdict.outcome === outcome).length;
  return `${count("met")} of ${verdicts.length} targets are met, ${count("missed")} missed, ${count("not measured")} not measured.`;
}

function missing(verdicts: readonly Verdict[]): string {
  const notes = verdicts
    .filter(({ outcome, note }) => outcome === "not measured" && note !== "")
    .map(({ work, label, note }) => `- ${work}${label === "" ? "" : `: ${label}`}: ${note}`);
  return notes.length === 0 ? "" : `Not measured:\n\n${notes.join("\n")}`;
}

/** Differences below this are the machine's. */
const NOISE = 1.02;

function losses(scenarios: readonly ScenarioResult[]): string {
  const lost = scenarios.flatMap((result) =>
    [...COSTS, ...COUNTS].flatMap((metric) => {
      const ratio = share(result, metric);
      return ratio === undefined || ratio <= NOISE ? [] : [{ result, metric, ratio }];
    }),
  );
  if (lost.length === 0) return "In no scenario and no metric, as far as this run tells.";
  const rows = lost
    .sort((a, b) => b.ratio - a.ratio)
    .map(({ result, metric, ratio }) => [
      result.name,
      SHOWN[metric].title,
      ...(["official", "ours"] as const).map((subject) =>
        SHOWN[metric].show(result.subjects[subject]?.metrics[metric]?.median ?? 0),
      ),
      ratio.toFixed(2),
      overlap(result, metric) ? "runs overlap" : "",
    ]);
  return markdownTable(["scenario", "metric", "official", "ours", "ratio", ""], rows);
}

/** Whether the slowest official run was no better than our best one, so that the difference may be the machine's. */
function overlap({ subjects }: ScenarioResult, metric: Metric): boolean {
  const [official, ours] = [subjects.official?.metrics[metric], subjects.ours?.metrics[metric]];
  return official !== undefined && ours !== undefined && ours.min <= official.max;
}

function misses(results: Results, verdicts: readonly Verdict[]): string[] {
  const missed = verdicts.filter(({ outcome }) => outcome === "missed");
  const names = [...new Set(missed.flatMap(({ scenario }) => (scenario === undefined ? [] : [scenario])))];
  const ofThreads = missed.filter(({ kind }) => kind === "worker").map(({ label }) => `- ${label}`);
  if (missed.length === 0) return [];
  const parts = names.flatMap((name) => {
    const rows = results.profiles[name] ?? [];
    const table = rows.map((row) => [`\`${row.name}\``, row.at, `${significant(row.percent)} %`]);
    return [
      `### ${name}`,
      explanations[name] ?? "",
      ...(rows.length === 0 ? [] : [markdownTable(["function", "at", "own share of the CPU"], table)]),
    ];
  });
  return [
    "## The misses, with their profiles",
    "Processor time of one more run of ours, by function: warm-up and the service included, the loading of modules left out. The sentence before a profile is what we take for the reason, not a measurement.",
    ...parts,
    ...(ofThreads.length === 0 ? [] : ["### Worker threads", ofThreads.join("\n"), THREADS]),
  ];
}

function groupSection(group: string, { scenarios }: Results): string[] {
  const members = scenarios.filter((scenario) => scenario.group === group);
  if (members.length === 0) return [];
  const measured = members.filter(({ subjects }) => Object.keys(subjects).length > 0);
  const whys = [...new Map(members.map(({ name, why }) => [why, name])).entries()].map(([why, name]) => {
    const same = members.filter((member) => member.why === why).length;
    return same > 1 ? `- ${why}` : `- ${name}: ${why}`;
  });
  const costs: Metric[] = [...COSTS];
  if (group === "Checkpoint latency") costs.push("firstResultMs");
  if (group === "Embedded engine") costs.push("itemsPerSecond");
  return [
    `## ${group}`,
    whys.join("\n"),
    scenarioTable(measured, costs, true),
    ...(group === "Cold start" ? [] : [scenarioTable(measured, COUNTS)]),
  ];
}

function inside({ micro, codecs }: Results): string[] {
  return [
    ...(micro.length === 0
      ? []
      : ["## Mechanisms", "Beside the few that the official SDK exports.", microTable(micro)]),
    ...(codecs.length === 0 ? [] : ["## Codecs", codecTable(codecs)]),
  ];
}

function workers({ workers: rows }: Results): string[] {
  if (rows.length === 0) return [];
  const cell = (value: number | undefined) => (value === undefined ? "–" : significant(value));
  const table = rows.map(({ scenario, metric, unit, official, ours, target }) => [
    scenario,
    `${metric}, ${unit}`,
    cell(official),
    cell(ours),
    target === undefined ? "" : `${target}`,
  ]);
  return ["## Worker threads", markdownTable(["scenario", "metric", "official", "ours", "target"], table)];
}

function failures({ scenarios }: Results): string {
  const lines = scenarios.flatMap(({ name, errors, leftOut }) => [
    ...(leftOut === undefined ? [] : [`- ${name}: left out. ${leftOut}`]),
    ...Object.entries(errors ?? {}).map(([subject, error]) => `- ${name}, ${subject}: ${error}`),
  ]);
  return lines.length === 0 ? "" : `## What did not run\n\n${lines.join("\n")}`;
}

/** What the README shows: one scenario of each kind, losses included. */
const HIGHLIGHTS: readonly string[] = [
  "map, 1, nested",
  "map, 100, nested",
  "map, 1,000, nested",
  "map, 10,000, nested",
  "map, 10,000, flat",
  "map, 10,000, flat, 10 at once",
  "map, 10,000, batch of 100",
  "results of 2 kB rows, 1,000",
  "results of 6 kB noise, 1,000",
  "step, wait, step in 10,000 items",
  "each of 10,000 items fails once",
  "minSuccessful: 1 of 10,000",
  "steps in a row, 20,000",
  "replay of a finished map, 10,000, nested",
  "1,000 at once, 10 ms a checkpoint",
  "1,000, 10 at once, 10 ms a checkpoint",
  "1,000, batch of 100, 10 ms a checkpoint",
  "100 steps in a row, 10 ms a checkpoint",
];

function readmeSection(results: Results): string {
  const { machine, packages, date } = results;
  const shown = HIGHLIGHTS.flatMap((name) => results.scenarios.filter((scenario) => scenario.name === name));
  const official = packages["@aws/durable-execution-sdk-js"];
  const verdicts = judge(results);
  const where = `${machine.cores} cores of an ${machine.cpu}, Node ${machine.node.slice(1)}, ${date.slice(0, 10)}`;
  const missed = verdicts
    .filter(({ outcome }) => outcome === "missed")
    .map(({ work, label }) => `- ${work}${label === "" ? "" : `: ${label}`}`);
  return [
    `Official SDK ${official} / ours (ratio), medians, on ${where}:`,
    scenarioTable(shown, ["wallMs", "cpuMicros", "peakMegabytes", "requests", "bytes"]),
    `${tally(verdicts)} [All of it](docs/benchmarks.md), with charts, and with what is worse than in the official SDK.`,
    ...(missed.length === 0 ? [] : [`Missed:\n\n${missed.join("\n")}`]),
  ].join("\n\n");
}

if (import.meta.main) {
  const file = process.argv[2] ?? latestResults();
  if (file === undefined) {
    console.error("There are no results yet: run `npm run bench` first.");
    process.exitCode = 2;
  } else {
    writeDocuments(readResults(file));
    console.log(`docs/benchmarks.md, docs/charts and README.md are written from ${file}`);
  }
}
