import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { documentsOf, runCli, startCli, temporaryFolder } from "../support/cli.ts";

const EXAMPLE = resolve(import.meta.dirname, "../../examples/nearest-airports.ts");
const ARGUMENTS = ["run", EXAMPLE, "--name", "airports", "--event", '{"cities":4000}'];

test("the main job, killed half-way and started again, gives the answer of an uninterrupted run", async () => {
  const cwd = temporaryFolder();
  const plain = await runCli([...ARGUMENTS, "--db", "plain.db"], { cwd });
  expect(plain.exitCode).toBe(0);
  expect(plain.stdout).toMatch(/^4,000 cities with 1,988,764,272 people, 5,653 airports\.\n/);
  expect(plain.stdout).toMatch(/Singa +Sudan +250,000 +309\.4 +KRT Khartoum/);

  const killed = startCli([...ARGUMENTS, "--db", "killed.db"], { cwd });
  // The first line of progress comes after a second; by then steps are recorded, and the retries still wait.
  await killed.said(/operations, .* written/);
  killed.child.kill("SIGKILL");
  await killed.ended;

  const again = await runCli([...ARGUMENTS, "--db", "killed.db"], { cwd });
  expect(again.exitCode).toBe(0);
  expect(again.stdout).toBe(plain.stdout);
});

test("the main job retries the few cities that fail at first", async () => {
  const cwd = temporaryFolder();
  const result = await runCli([...ARGUMENTS, "--json"], { cwd });
  const finished = documentsOf(result).at(-1) as { usage: { retries: number }; result: { cities: number } };
  expect(finished.result.cities).toBe(4_000);
  // Only what is left when nothing else runs is retried by the service: on a slow machine most fall due before.
  expect(finished.usage.retries).toBeGreaterThan(0);
});

test("npm start runs the main job over at least 20,000 cities, and lifts no limit", () => {
  const folder = join(EXAMPLE, "../..");
  const { scripts } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { scripts: { start: string } };
  const [, event = ""] = /examples\/nearest-airports\.ts .*--event @(\S+)/.exec(scripts.start) ?? [];
  const { cities } = JSON.parse(readFileSync(join(folder, event), "utf8")) as { cities: number };
  expect(cities).toBeGreaterThanOrEqual(20_000);
  expect(scripts.start).not.toMatch(/--max-/);
});
