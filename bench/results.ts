import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, platform } from "node:os";
import { dirname, join } from "node:path";
import type { Sample } from "./child.ts";
import type { MicroRow } from "./micro.ts";
import type { ProfileRow } from "./profile.ts";
import type { State, Subject } from "./works.ts";

export interface WorkResult {
  readonly items: number;
  readonly cold: Readonly<Partial<Record<Subject, readonly Sample[]>>>;
  readonly warm: Readonly<Partial<Record<Subject, readonly Sample[]>>>;
  readonly error?: string;
}

/** The file that `npm run bench` writes. docs/benchmarks.md is made from it. */
export interface Results {
  /** ISO 8601. */
  readonly date: string;
  readonly seconds: number;
  readonly machine: string;
  readonly packages: Readonly<Record<string, string>>;
  /** The load average (of one minute) before and after the measurement. */
  readonly load: string;
  /** Later measurements that replaced some works: date, names of the works, and load. */
  readonly again: readonly string[];
  readonly works: Readonly<Record<string, WorkResult>>;
  readonly micro: readonly MicroRow[];
  /** Profiles of this package for missed targets. The keys are the work and the state. */
  readonly profiles: Readonly<Record<string, Readonly<Partial<Record<State, readonly ProfileRow[]>>>>>;
}

/** Milliseconds of one process of `bench:lambda`. */
export interface LambdaSample {
  /** From the start of the process until it asks for its first event. In this time it has a whole processor. */
  readonly init: number;
  readonly firstEvent: number;
  readonly secondEvent: number;
}

export interface LambdaRow {
  readonly memoryMb: number;
  readonly work: string;
  readonly subject: string;
  readonly samples: readonly LambdaSample[];
}

/** The file that `npm run bench:lambda` writes. */
export interface LambdaResults {
  readonly date: string;
  readonly node: string;
  readonly isLimited: boolean;
  readonly sizes: readonly { readonly subject: string; readonly kilobytes: number; readonly gzipped: number }[];
  readonly rows: readonly LambdaRow[];
}

const ROOT = join(import.meta.dirname, "..");
export const RESULTS = join(ROOT, "bench/results/latest.json");
export const LAMBDA_RESULTS = join(ROOT, "bench/results/lambda.json");

export const loadNow = (): string => (loadavg()[0] as number).toFixed(2);

export const thisMachine = (): string =>
  `${cpus().length} cores of an ${cpus()[0]?.model.trim()}, ${platform()}, Node ${process.versions.node}`;

export function packageVersions(): Record<string, string> {
  const official = "@aws/durable-execution-sdk-js";
  const versionOf = (path: string) =>
    (JSON.parse(readFileSync(join(ROOT, path), "utf8")) as { version: string }).version;
  return {
    "durable-fanout": versionOf("package.json"),
    [official]: versionOf(`node_modules/${official}/package.json`),
  };
}

/**
 * Writes each sample in one line. Numbers are rounded to five significant digits, because more digits have no meaning.
 */
export function writeResults(file: string, results: Results | LambdaResults): void {
  const rounded = (_: string, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(5)) : value);
  const text = JSON.stringify(results, rounded, 1).replace(/[{[][^{}[\]]*[}\]]/g, (inner) =>
    inner.replace(/\s+/g, " "),
  );
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${text}\n`);
}

export function readResults<T extends Results | LambdaResults>(file: string): T | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as T) : undefined;
}

export function merge(first: Results, second: Results): Results {
  const { date, load, works, micro } = second;
  const names = [...Object.keys(works), ...(micro.length > 0 ? ["micro"] : [])];
  return {
    ...first,
    again: [...first.again, `${date}: ${names.join("; ")} (load ${load})`],
    works: { ...first.works, ...works },
    micro: micro.length > 0 ? micro : first.micro,
  };
}
