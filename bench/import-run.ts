import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Sample, Scenario, SubjectName } from "./scenario.ts";

const PROGRAM = fileURLToPath(new URL("./cold-start.ts", import.meta.url));
const FILES: Readonly<Record<SubjectName, string>> = {
  ours: new URL("../dist/index.mjs", import.meta.url).href,
  official: import.meta.resolve("@aws/durable-execution-sdk-js"),
};

/** Imports the built package in a process that has loaded nothing of it, nor of Node's own modules, as a cold start does. */
export function runImport({ importsToo = [], items }: Scenario, subject: SubjectName): Sample {
  const count = items > 1 ? items : 0;
  const args = ["--disable-warning=ExperimentalWarning", PROGRAM, FILES[subject], `${count}`, ...importsToo];
  const printed = execFileSync(process.execPath, args, { encoding: "utf8" });
  const { wallMs, cpuMs, megabytes } = JSON.parse(printed) as { wallMs: number; cpuMs: number; megabytes: number };
  return {
    wallMs,
    cpuMicros: (cpuMs * 1_000) / items,
    serviceMicros: 0,
    peakMegabytes: Math.max(0, megabytes),
    // It is all one turn, but for what is read from the disk.
    delayMaxMs: wallMs,
    delayP99Ms: wallMs,
    updates: 0,
    requests: 0,
    bytes: 0,
    operations: 0,
    dollars: 0,
    invocations: 0,
    itemsPerSecond: 1_000 / wallMs,
  };
}
