import { meter } from "./meter.ts";
import type { Sample, Scenario, SubjectName } from "./scenario.ts";

const BUILT = new URL("../dist/index.mjs", import.meta.url).href;

/** Imports the built package in a process that has not loaded it, as a cold start does. */
export async function runImport(scenario: Scenario, subject: SubjectName): Promise<Sample> {
  const reading = await meter(async () => {
    const names = Object.keys(await import(subject === "ours" ? BUILT : "@aws/durable-execution-sdk-js"));
    if (!names.includes("withDurableExecution")) throw new Error("The package lacks withDurableExecution.");
    await scenario.handler({ count: 1 }, undefined as never);
  });
  return {
    wallMs: reading.wallMs,
    cpuMicros: reading.cpuMicros,
    serviceMicros: 0,
    ...(reading.peakMegabytes === undefined ? {} : { peakMegabytes: reading.peakMegabytes }),
    delayMaxMs: reading.delayMaxMs,
    delayP99Ms: reading.delayP99Ms,
    updates: 0,
    requests: 0,
    bytes: 0,
    operations: 0,
    dollars: 0,
    invocations: 0,
    itemsPerSecond: 1_000 / reading.wallMs,
  };
}
