import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Bench } from "tinybench";
import type { Scenario } from "./scenarios.ts";
import type { BareService } from "./service.ts";
import { subjects } from "./subjects.ts";

export type SubjectName = keyof typeof subjects;
export const subjectNames = Object.keys(subjects) as SubjectName[];

/** What one subject's runs of one scenario came to. */
export interface Measurement {
  /** Median of the runs: processor time of the whole process, microseconds an item. */
  readonly cpuMicros: number;
  /** Fastest and slowest run. */
  readonly cpuRange: readonly [number, number];
  /** Median wall time of a run, milliseconds. */
  readonly wallMs: number;
  readonly updates: number;
  readonly requests: number;
  readonly bytes: number;
  /** Peak resident memory over the idle process, megabytes, in a process of its own. */
  readonly peakMegabytes: number;
}

/** Runs every subject in turn, `runs` times over, so that a busy moment of the machine meets them alike. */
export async function measure(scenario: Scenario, runs: number): Promise<Record<SubjectName, Measurement>> {
  const cpu = new Map<SubjectName, number[]>(subjectNames.map((name) => [name, []]));
  const wall = new Map<SubjectName, number[]>(subjectNames.map((name) => [name, []]));
  const prepared = new Map<SubjectName, BareService>();
  const round = () => {
    const bench = new Bench({ iterations: 1, time: 0, warmup: false, throws: true });
    for (const name of subjectNames) {
      const work = async () => {
        const before = process.cpuUsage();
        await subjects[name](scenario.handler, prepared.get(name) as BareService, scenario.settings);
        const { user, system } = process.cpuUsage(before);
        cpu.get(name)?.push((user + system) / scenario.items);
      };
      const beforeEach = async () => {
        prepared.set(name, await scenario.prepare(subjects[name], { countBytes: false }));
        globalThis.gc?.();
      };
      bench.add(name, work, { beforeEach });
    }
    return bench;
  };
  // The first round warms up.
  for (let count = 0; count <= runs; count++) {
    const bench = round();
    await bench.run();
    for (const task of bench.tasks) {
      if (task.result.state === "completed") wall.get(task.name as SubjectName)?.push(task.result.latency.mean);
    }
  }
  const measured = subjectNames.map(async (name): Promise<[SubjectName, Measurement]> => {
    const samples = (cpu.get(name) as number[]).slice(1).sort((a, b) => a - b);
    const counted = await scenario.prepare(subjects[name], { countBytes: true });
    await subjects[name](scenario.handler, counted, scenario.settings);
    return [
      name,
      {
        cpuMicros: median(samples),
        cpuRange: [samples[0] as number, samples.at(-1) as number],
        wallMs: median((wall.get(name) as number[]).slice(1).sort((a, b) => a - b)),
        updates: counted.updates,
        requests: counted.requests,
        bytes: counted.bytes,
        peakMegabytes: peakMegabytes(scenario, name),
      },
    ];
  });
  return Object.fromEntries(await Promise.all(measured)) as Record<SubjectName, Measurement>;
}

function peakMegabytes(scenario: Scenario, subject: SubjectName): number {
  const entry = fileURLToPath(new URL("./peak.ts", import.meta.url));
  return Number(execFileSync(process.execPath, [entry, scenario.name, subject], { encoding: "utf8" }));
}

export function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
