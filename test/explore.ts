import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";

/**
 * Looks for counterexamples where `npm test` does not: the properties with a random seed and ten times as many runs, then
 * random simulated executions. `npm run test:explore -- [seed]` repeats what a seed found.
 */
const seed = process.argv[2] ?? String(randomInt(1, 2 ** 31 - 1));
const FACTOR = "10";
const SIMULATED = "20000";

console.log(`seed ${seed}`);
const env = { ...process.env, DURABLE_FANOUT_TEST_SEED: seed, DURABLE_FANOUT_TEST_FACTOR: FACTOR };
const properties = ["--config", ".vitest.config.ts", "--testTimeout", "3600000", "test/properties", "test/codec"];
const runs = [
  ["node_modules/vitest/vitest.mjs", "run", ...properties],
  ["test/simulation/main.ts", "--seed", seed, "--seeds", SIMULATED],
];
for (const args of runs) {
  const { status } = spawnSync(process.execPath, args, { env, stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
