import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runInProcess } from "./run-process.ts";

/** A function and its own share of the processor time of a run. */
export interface ProfileRow {
  readonly name: string;
  /** File and line, or where it belongs to no file. */
  readonly at: string;
  readonly percent: number;
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Runs a scenario once with our package under V8's sampling profiler: what took longest, idle time left out. */
export async function profile(scenario: string, items: number, timeoutMs: number): Promise<ProfileRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "durable-fanout-profile-"));
  try {
    const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
    const report = await runInProcess({ name: scenario, subject: "ours", items, mode: "warm", timeoutMs, flags });
    if ("error" in report) return [];
    const file = readdirSync(folder).find((name) => name.endsWith(".cpuprofile"));
    return file === undefined ? [] : ownTimes(JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const LONGEST = 12;
/** Loading of modules, which the samples leave out as well. */
const STARTUP = /^(node:internal\/(bootstrap|modules|deps)|wasm:)/;

function ownTimes({ nodes, samples, timeDeltas }: CpuProfile): ProfileRow[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, { name: string; at: string; micros: number }>();
  let total = 0;
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    const micros = timeDeltas[index] ?? 0;
    if (frame === undefined || frame.functionName === "(idle)" || STARTUP.test(frame.url)) continue;
    total += micros;
    const at = frame.url === "" ? "" : `${shorten(frame.url)}:${frame.lineNumber + 1}`;
    const name = frame.functionName === "" ? "(anonymous)" : frame.functionName;
    const known = times.get(`${name} ${at}`) ?? { name, at, micros: 0 };
    known.micros += micros;
    times.set(`${name} ${at}`, known);
  }
  return [...times.values()]
    .sort((a, b) => b.micros - a.micros)
    .slice(0, LONGEST)
    .map(({ name, at, micros }) => ({ name, at, percent: (100 * micros) / total }));
}

function shorten(url: string): string {
  const path = url.startsWith("file://") ? fileURLToPath(url) : url;
  const inModules = path.lastIndexOf("node_modules/");
  return inModules >= 0 ? path.slice(inModules) : path.replace(ROOT, "");
}
