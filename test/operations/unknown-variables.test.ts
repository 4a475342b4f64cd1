import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { rowsOf, variableOf } from "../../src/core/setting.ts";
import { settingVariables } from "../../src/core/settings.ts";
import { WORKER_VARIABLES } from "../../src/core/unknown-variables.ts";
import { withDurableExecution } from "../../src/index.ts";
import { workersTable } from "../../src/workers/settings.ts";
import { warningsWith } from "../support/warnings.ts";

const warnings = warningsWith("DURABLE_FANOUT_UNKNOWN_VARIABLE");
afterEach(() => void vi.unstubAllEnvs());

async function load(): Promise<readonly string[]> {
  withDurableExecution(async () => 1);
  withDurableExecution(async () => 2);
  return warnings();
}

test.each([
  ["DURABLE_FANOUT_CONCURENCY", "DURABLE_FANOUT_CONCURRENCY"],
  ["DURABLE_FANOUT_MAX_BYTES", "DURABLE_FANOUT_BATCH"],
  ["DURABLE_FANOUT_WORKER_THREADS", "DURABLE_FANOUT_WORKERS_THREADS"],
  ["DURABLE_FANOUT_SUSPENSION_GRACE", "DURABLE_FANOUT_SUSPENSION_GRACE_MS"],
])("%s, which nothing reads, is warned of once, with the nearest name: %s", async (name, nearest) => {
  vi.stubEnv(name, "10");
  const expected = `Nothing reads the environment variable ${name}. The nearest name that is read is ${nearest}.`;
  expect(await load()).toEqual([expected]);
});

test("variables that are read, and those of others, are not warned of", async () => {
  for (const name of [...WORKER_VARIABLES, "DURABLE_FANOUT_CONCURRENCY", "DURABLE_FANOUT_TICK_MS"])
    vi.stubEnv(name, "");
  vi.stubEnv("DURABLE_EXECUTION_PLUGIN", "");
  expect(await load()).toEqual([]);
});

test("the variables of workers that a handler knows without loading them are those of their table", () => {
  const read = rowsOf(workersTable(false), "workers").flatMap(([path, row]) => variableOf(path, row) ?? []);
  expect([...WORKER_VARIABLES].sort()).toEqual(read.sort());
});

test("each variable that the sources name is known", () => {
  const known = [...settingVariables().values(), ...WORKER_VARIABLES];
  for (const file of ["core/settings.ts", "workers/settings.ts"]) {
    const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), "utf8");
    for (const [name] of source.matchAll(/DURABLE_FANOUT_[A-Z_]*[A-Z]/g)) expect(known).toContain(name);
  }
});
