/**
 * Measures this package and the official SDK: `npm run bench -- [--only text] [--runs n] [--quick] [--out file]`.
 * bench/README.md explains the figures.
 */
import { parseArgs } from "node:util";
import type { Order, Sample } from "./child.ts";
import { targetTable, writeDocuments } from "./docs.ts";
import { runInProcess, withRecord } from "./process.ts";
import { profile } from "./profile.ts";
import {
  loadNow,
  merge,
  packageVersions,
  RESULTS,
  type Results,
  readResults,
  thisMachine,
  type WorkResult,
  writeResults,
} from "./results.ts";
import { DIST } from "./subjects.ts";
import { judge, targets } from "./targets.ts";
import { STATES, type State, SUBJECTS, type Subject, type Work, works } from "./works.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    runs: { type: "string" },
    quick: { type: "boolean", default: false },
    out: { type: "string" },
    dist: { type: "string", default: DIST },
  },
});
/** The samples of each package in each state, if neither `--quick` nor `--runs` nor the work gives a number. */
const RUNS = 5;
const QUICK_ITEMS = 40;
if (!/^[1-9]\d*$/.test(values.runs ?? "1"))
  throw new Error(`--runs is "${values.runs}"; it takes a whole number from 1.`);
const { quick, dist, only } = values;

/** Whether `--only` selects a work. The text must be part of the work's name, or of a row that the work measures. */
function isWanted({ name }: { readonly name: string }): boolean {
  const rows = targets.filter(
    ({ checks }) => Array.isArray(checks) && checks.some(({ work, from }) => [work, from].includes(name)),
  );
  return (
    only.length === 0 || only.some((text) => [name, ...rows.map(({ row }) => row)].some((one) => one.includes(text)))
  );
}

const itemsOf = ({ items }: Work): number => (quick ? Math.min(items, QUICK_ITEMS) : items);
const runsOf = (work: Work): number => (quick ? 1 : Number(values.runs ?? work.runs ?? RUNS));

/** The packages take turns, so that other load of the machine affects all of them equally. */
async function measure(work: Work): Promise<WorkResult> {
  const samples: Record<State, Record<Subject, Sample[]>> = {
    cold: { official: [], ours: [] },
    warm: { official: [], ours: [] },
  };
  const subjects = work.onEngine || work.official === false ? (["ours"] as const) : SUBJECTS;
  const items = itemsOf(work);
  const order = (subject: Subject): Order => ({ work: work.name, subject, state: "cold", items, dist });
  let first: string | undefined;
  const takeTurns = async (orders: Readonly<Record<Subject, Order>>, run: number, state: State) => {
    for (const subject of run % 2 === 0 ? subjects : subjects.toReversed()) {
      const { sample, result } = await runInProcess({ ...orders[subject], state });
      samples[state][subject].push(sample);
      first ??= result;
      if (result !== first) throw new Error(`${work.name}: results differ: ${first} and ${result}`.slice(0, 500));
    }
  };
  try {
    await withRecord(order("official"), (official) =>
      withRecord(order("ours"), async (ours) => {
        for (let run = 0; run < runsOf(work); run++) {
          for (const state of STATES) await takeTurns({ official, ours }, run, state);
        }
      }),
    );
  } catch (error) {
    console.error(`  ${(error as Error).message}`);
    return { items, ...samples, error: (error as Error).message };
  }
  return { items, ...samples };
}

async function profilesOf(results: Results, measured: readonly Work[]): Promise<Results["profiles"]> {
  const profiles: Record<string, Results["profiles"][string]> = {};
  const verdicts = judge(results);
  for (const work of measured) {
    const missed = new Set(
      verdicts.filter((verdict) => verdict.work === work.name).flatMap((verdict) => verdict.missed),
    );
    for (const state of missed) {
      console.error(`profile: ${work.name}, ${state}`);
      // If a profile fails, the measured figures are still written.
      const rows = await profile(work, { state, dist }).catch((error: Error) => console.error(`  ${error.message}`));
      if (rows) profiles[work.name] = { ...profiles[work.name], [state]: rows };
    }
  }
  return profiles;
}

const startedAt = performance.now();
const date = new Date().toISOString();
const loadBefore = loadNow();
const chosen = works.filter(isWanted);
const measured: Record<string, WorkResult> = {};
for (const [at, work] of chosen.entries()) {
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  console.error(`${at + 1}/${chosen.length} ${work.name} (after ${seconds} s)`);
  measured[work.name] = await measure(work);
}
const micro = isWanted({ name: "micro" }) ? await (await import("./micro.ts")).measureMicros(quick) : [];
const now: Results = {
  date,
  seconds: Math.round((performance.now() - startedAt) / 1_000),
  ...{ machine: thisMachine(), packages: packageVersions(), load: `${loadBefore} to ${loadNow()}`, again: [] },
  ...{ works: measured, micro, profiles: {} },
};
const before = only.length > 0 && !quick ? readResults<Results>(RESULTS) : undefined;
const all = before === undefined ? now : merge(before, now);
const profiles = quick ? {} : await profilesOf(all, chosen);
const results: Results = { ...all, profiles: { ...all.profiles, ...profiles } };

if (values.out !== undefined) writeResults(values.out, results);
else if (!quick && (only.length === 0 || before !== undefined)) {
  writeResults(RESULTS, results);
  writeDocuments(results);
}
console.log(targetTable(judge(results)));
if (quick) console.log("\nA smoke run of few items: these figures say nothing about speed.");
process.exitCode = Object.values(measured).some(({ error }) => error !== undefined) ? 1 : 0;
