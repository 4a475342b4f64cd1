import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, platform, totalmem } from "node:os";
import { join } from "node:path";
import type { CodecRow } from "./codec.ts";
import type { MicroRow } from "./micro.ts";
import type { ProfileRow } from "./profile.ts";
import { METRICS, type Metric, type Sample, type Scenario, type SubjectName } from "./scenario.ts";

/** Of several runs. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Measured {
  readonly runs: number;
  readonly items: number;
  readonly metrics: Partial<Record<Metric, Spread>>;
}

export interface ScenarioResult {
  readonly name: string;
  readonly group: Scenario["group"];
  readonly why: string;
  readonly items: number;
  readonly latencyMs?: number;
  /** The official figures are those of one cold run. */
  readonly slow?: boolean;
  readonly subjects: Partial<Record<SubjectName, Measured>>;
  /** How long all runs of it took. */
  readonly seconds: number;
  /** Why a subject has no figures. */
  readonly errors?: Partial<Record<SubjectName, string>>;
  /** Why nothing was run. */
  readonly leftOut?: string;
}

/** A row of the worker threads' own benchmark, `bench/workers.ts --json`. */
export interface WorkerRow {
  readonly scenario: string;
  readonly metric: string;
  readonly unit: string;
  readonly official?: number;
  readonly ours: number;
  readonly target?: number | string;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly system: string;
  readonly node: string;
}

/** One file of `bench/results/`. */
export interface Results {
  readonly date: string;
  readonly quick: boolean;
  /** What `--filter` left; empty for a whole run. */
  readonly filter: string;
  readonly runs: number;
  readonly seconds: number;
  /** Later runs of some scenarios whose figures stand in place of the first ones: when, which, and the load. */
  readonly again?: readonly string[];
  readonly machine: Machine;
  /** Load average of the last minute before the first and after the last run. */
  readonly load: { readonly before: number; readonly after: number };
  readonly packages: Readonly<Record<string, string>>;
  readonly scenarios: readonly ScenarioResult[];
  readonly micro: readonly MicroRow[];
  readonly codecs: readonly CodecRow[];
  readonly workers: readonly WorkerRow[];
  /** Of the scenarios that missed a target. */
  readonly profiles: Readonly<Record<string, readonly ProfileRow[]>>;
}

const ROOT = join(import.meta.dirname, "..");
export const RESULTS_FOLDER = join(ROOT, "bench/results");

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** @param cold first runs of processes, which tell of memory and of what a warm-up hides */
export function summarize(items: number, warm: readonly Sample[], cold: readonly Sample[]): Measured {
  const samples: Partial<Sample>[] = [
    ...warm,
    ...cold.map(({ wallMs, cpuMicros, peakMegabytes }) => ({
      coldWallMs: wallMs,
      coldCpuMicros: cpuMicros,
      ...(peakMegabytes === undefined ? {} : { peakMegabytes }),
    })),
  ];
  const metrics: Partial<Record<Metric, Spread>> = {};
  for (const metric of METRICS) {
    const values = samples.map((sample) => sample[metric]).filter((value) => value !== undefined);
    if (values.length === 0) continue;
    metrics[metric] = { median: median(values), min: Math.min(...values), max: Math.max(...values) };
  }
  return { runs: warm.length, items, metrics };
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 1e9),
    system: `${platform()} ${arch()}`,
    node: process.version,
  };
}

export const loadNow = (): number => Math.round((loadavg()[0] as number) * 100) / 100;

export function packageVersions(): Record<string, string> {
  const read = (path: string) => (JSON.parse(readFileSync(join(ROOT, path), "utf8")) as { version: string }).version;
  const official = "@aws/durable-execution-sdk-js";
  return { "durable-fanout": read("package.json"), [official]: read(`node_modules/${official}/package.json`) };
}

/** Writes `bench/results/<date>.json`, or `file`, and returns its path. */
export function writeResults(results: Results, file?: string): string {
  const path = file ?? join(RESULTS_FOLDER, `${results.date.slice(0, 16).replace(":", "")}.json`);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, `${JSON.stringify(results, compactNumber, 1)}\n`);
  return path;
}

/** Figures have no more digits than they mean. */
function compactNumber(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}

/** @throws Error when the file is missing or holds no results. */
export function readResults(file: string): Results {
  const results = JSON.parse(readFileSync(file, "utf8")) as Partial<Results>;
  if (!Array.isArray(results.scenarios) || typeof results.date !== "string") {
    throw new Error(`${file} holds no results of the benchmark suite.`);
  }
  return results as Results;
}

/** The file of the last run, or undefined if there is none. */
export function latestResults(): string | undefined {
  if (!existsSync(RESULTS_FOLDER)) return undefined;
  const names = readdirSync(RESULTS_FOLDER).filter((name) => /^\d{4}-\d\d-\d\dT\d{4}\.json$/.test(name));
  const last = names.sort().at(-1);
  return last === undefined ? undefined : join(RESULTS_FOLDER, last);
}

/** `first` with the rows of `second` in place of its own: a scenario is run again without all the others. */
export function merge(first: Results, second: Results): Results {
  const again = new Map(second.scenarios.map((scenario) => [scenario.name, scenario]));
  const kept = first.scenarios.map((scenario) => again.get(scenario.name) ?? scenario);
  const known = new Set(first.scenarios.map(({ name }) => name));
  const { date, runs, filter, load } = second;
  return {
    ...first,
    again: [...(first.again ?? []), `${date}: ${filter} (up to ${runs} runs, load ${load.before} to ${load.after})`],
    scenarios: [...kept, ...second.scenarios.filter(({ name }) => !known.has(name))],
    micro: second.micro.length > 0 ? second.micro : first.micro,
    codecs: second.codecs.length > 0 ? second.codecs : first.codecs,
    workers: second.workers.length > 0 ? second.workers : first.workers,
    profiles: { ...first.profiles, ...second.profiles },
  };
}
