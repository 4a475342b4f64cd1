import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { durableCost } from "../src/core/cost.ts";
import { type DurableExecutionHandler, withDurableExecution } from "../src/index.ts";
import { LocalEngine, SqliteJournal } from "../src/testing.ts";
import { meter } from "./meter.ts";
import type { BenchInput, Sample, Scenario } from "./scenario.ts";
import { withoutQuotas } from "./subjects.ts";

const WARM_UP_ITEMS = 1_000;
const WARM_UP_ROUNDS = 3;

/**
 * Runs a scenario on the embedded engine, every checkpoint synced to an SQLite file. Engine and journal are part of
 * what is measured here.
 */
export async function runOnEngine(scenario: Scenario, items: number): Promise<Sample> {
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await execute(scenario, Math.min(items, WARM_UP_ITEMS));
  let counters: Awaited<ReturnType<typeof execute>> | undefined;
  const reading = await meter(async () => {
    counters = await execute(scenario, items);
  });
  if (counters === undefined) throw new Error(`${scenario.name} has no counters.`);
  const { operations, retries, dataBytes, updates, checkpoints, requestBytes, invocations } = counters;
  return {
    wallMs: reading.wallMs,
    cpuMicros: reading.cpuMicros / items,
    serviceMicros: 0,
    ...(reading.peakMegabytes === undefined ? {} : { peakMegabytes: reading.peakMegabytes }),
    delayMaxMs: reading.delayMaxMs,
    delayP99Ms: reading.delayP99Ms,
    updates,
    requests: checkpoints,
    bytes: requestBytes,
    operations: operations - retries - 1,
    dollars: durableCost(operations, dataBytes).totalUsd,
    invocations,
    itemsPerSecond: items / (reading.wallMs / 1_000),
  };
}

async function execute(scenario: Scenario, items: number) {
  const folder = mkdtempSync(join(tmpdir(), "durable-fanout-bench-"));
  const journal = new SqliteJournal(join(folder, "journal.db"), { synchronous: "full" });
  const operations = scenario.settings?.quotas?.operations ?? Number.POSITIVE_INFINITY;
  const engine = new LocalEngine({ journal, quotas: { operations } });
  try {
    const handler = scenario.handler as unknown as DurableExecutionHandler<BenchInput, unknown>;
    engine.register("bench", withDurableExecution(handler, { runtime: withoutQuotas(scenario.settings) }));
    const running = engine.start({ functionName: "bench", input: JSON.stringify({ count: items }) });
    const { status, error } = await running.result;
    if (status !== "SUCCEEDED") throw new Error(`${scenario.name} ended as ${status}: ${error?.ErrorMessage}`);
    const counters = engine.find(running.arn)?.counters;
    if (counters === undefined) throw new Error(`${scenario.name} is not in the journal.`);
    return counters;
  } finally {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
