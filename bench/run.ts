/**
 * Measures this package beside the official SDK: `npm run bench -- [--filter text] [--runs n] [--quick] [--json]`.
 * See bench/README.md for what the numbers mean.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { resolveSettings } from "../src/core/settings.ts";
import { measureCodecs } from "./codec.ts";
import { writeDocuments } from "./docs.ts";
import { measureMicros } from "./micro.ts";
import { type ProfileRow, profile } from "./profile.ts";
import {
  latestResults,
  loadNow,
  merge,
  packageVersions,
  type Results,
  readResults,
  type ScenarioResult,
  summarize,
  thisMachine,
  type WorkerRow,
  writeResults,
} from "./results.ts";
import { runInProcess } from "./run-process.ts";
import type { Mode, Sample, Scenario, SubjectName } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";
import { consoleTable } from "./tables.ts";
import { judge } from "./targets.ts";

const { values } = parseArgs({
  options: {
    filter: { type: "string", multiple: true, default: [] },
    runs: { type: "string" },
    out: { type: "string" },
    quick: { type: "boolean", default: false },
    merge: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
/** Warm runs of a scenario that has no number of its own. */
const RUNS = 3;
const runs = values.quick ? 1 : Number(values.runs ?? RUNS);
if (!Number.isInteger(runs) || runs < 1) {
  console.error(`--runs is "${values.runs}"; it takes a whole number from 1.`);
  process.exit(2);
}

/** Items of a smoke run. */
const QUICK_ITEMS = 40;
const TIMEOUT_MS = 180_000;

const wanted = (name: string) => values.filter.length === 0 || values.filter.some((part) => name.includes(part));

function itemsFor({ items, official = true }: Scenario, subject: SubjectName): number {
  const most = subject === "official" && typeof official === "number" ? Math.min(items, official) : items;
  return values.quick ? Math.min(most, QUICK_ITEMS) : most;
}

/** As many as the scenario says, or fewer if fewer are asked for. */
function runsOf(scenario: Scenario): number {
  const most = scenario.runs ?? runs;
  return values.quick || values.runs !== undefined ? Math.min(runs, most) : most;
}

/** Why a scenario cannot run here, or undefined. */
function obstacle({ settings, on }: Scenario): string | undefined {
  if (on === "import" && !existsSync(new URL("../dist/index.mjs", import.meta.url))) {
    return "The package is not built; `npm run build` does that.";
  }
  try {
    resolveSettings(settings, {});
  } catch (error) {
    return `This version lacks a setting: ${(error as Error).message}`;
  }
  return undefined;
}

/** Runs every subject in turn, so that a busy moment of the machine meets them alike. */
async function measure(scenario: Scenario): Promise<ScenarioResult> {
  const { name, group, why, items, latencyMs, official = true } = scenario;
  const about = { name, group, why, items, ...(latencyMs === undefined ? {} : { latencyMs }) };
  const leftOut = obstacle(scenario);
  if (leftOut !== undefined) return { ...about, subjects: {}, seconds: 0, leftOut };
  const begin = performance.now();
  const samples: Record<Mode, Record<SubjectName, Sample[]>> = {
    cold: { official: [], ours: [] },
    warm: { official: [], ours: [] },
  };
  const errors: Partial<Record<SubjectName, string>> = {};
  const subjects: SubjectName[] = official === false ? ["ours"] : ["official", "ours"];
  const warmRuns = Array.from({ length: runsOf(scenario) }, () => "warm" as const);
  const modes: readonly Mode[] = scenario.on === undefined ? ["cold", ...warmRuns] : warmRuns;
  for (const [run, mode] of modes.entries()) {
    for (const subject of run % 2 === 0 ? subjects : subjects.toReversed()) {
      if (errors[subject] !== undefined) continue;
      if (subject === "official" && scenario.slow && mode === "warm") continue;
      const items = itemsFor(scenario, subject);
      const report = await runInProcess({ name, subject, items, mode, timeoutMs: TIMEOUT_MS });
      if ("sample" in report) samples[mode][subject].push(report.sample);
      else errors[subject] = report.error;
    }
  }
  if (scenario.slow) samples.warm.official = samples.cold.official;
  return {
    ...about,
    ...(scenario.slow ? { slow: true } : {}),
    subjects: Object.fromEntries(
      subjects
        .filter((subject) => samples.warm[subject].length > 0)
        .map((subject) => [
          subject,
          summarize(itemsFor(scenario, subject), samples.warm[subject], samples.cold[subject]),
        ]),
    ),
    seconds: Math.round((performance.now() - begin) / 100) / 10,
    ...(Object.keys(errors).length > 0 ? { errors } : {}),
  };
}

/** The benchmark of worker threads is a program of its own. */
function measureWorkers(): WorkerRow[] {
  const entry = fileURLToPath(new URL("./workers.ts", import.meta.url));
  if (values.quick || !wanted("workers") || !existsSync(entry)) return [];
  console.error("workers");
  try {
    const output = execFileSync(process.execPath, ["--expose-gc", entry, "--json"], { encoding: "utf8" });
    return JSON.parse(output) as WorkerRow[];
  } catch (error) {
    console.error(`  failed: ${(error as Error).message}`);
    return [];
  }
}

/** Profiles our package in each scenario that missed a target. */
async function profileMisses(results: Results): Promise<Record<string, ProfileRow[]>> {
  const profiles: Record<string, ProfileRow[]> = {};
  if (values.quick) return profiles;
  const missed = judge(results).filter(({ outcome }) => outcome === "missed");
  for (const scenario of scenarios.filter(({ name }) => missed.some((verdict) => verdict.scenario === name))) {
    console.error(`profile of ${scenario.name}`);
    profiles[scenario.name] = await profile(scenario.name, itemsFor(scenario, "ours"), TIMEOUT_MS);
  }
  return profiles;
}

const startedAt = performance.now();
const date = new Date().toISOString();
const loadBefore = loadNow();
const measured: ScenarioResult[] = [];
const chosen = scenarios.filter(({ name, group }) => wanted(name) || wanted(group));
for (const [at, scenario] of chosen.entries()) {
  console.error(`${at + 1}/${chosen.length} ${scenario.name}`);
  const result = await measure(scenario);
  measured.push(result);
  if (result.leftOut !== undefined) console.error(`  left out: ${result.leftOut}`);
  for (const [subject, error] of Object.entries(result.errors ?? {})) console.error(`  ${subject} failed: ${error}`);
}
const unexplained: Results = {
  date,
  quick: values.quick,
  filter: values.filter.join(", "),
  runs,
  machine: thisMachine(),
  packages: packageVersions(),
  scenarios: measured,
  micro: wanted("micro") ? await measureMicros(values.quick) : [],
  codecs: wanted("codec") ? await measureCodecs() : [],
  workers: measureWorkers(),
  profiles: {},
  load: { before: loadBefore, after: loadNow() },
  seconds: 0,
};
const profiles = await profileMisses(unexplained);
const results: Results = { ...unexplained, profiles, seconds: Math.round((performance.now() - startedAt) / 1_000) };

const latest = latestResults();
const isWhole = values.filter.length === 0 && !values.quick;
if (values.merge && latest !== undefined) {
  const merged = merge(readResults(latest), results);
  console.error(`\nMerged into ${writeResults(merged, values.out ?? latest)}`);
  writeDocuments(merged);
} else if (isWhole || values.out !== undefined) {
  console.error(`\nWritten to ${writeResults(results, values.out)}`);
  if (isWhole) writeDocuments(results);
}
console.log(values.json ? JSON.stringify(results, null, 2) : consoleTable(results));
