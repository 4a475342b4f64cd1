import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { readBatches } from "../../src/cli/inspect/batch-view.ts";
import { LocalEngine, SqliteJournal } from "../../src/testing.ts";
import { Random } from "../simulation/random.ts";
import { documentsOf, runCli, startCli, temporaryFolder } from "../support/cli.ts";
import { FIRST_SEED } from "../support/exploration.ts";

const HANDLERS = resolve(import.meta.dirname, "../support/kill-handlers.ts");
const ITEMS = 400;
/** When a process is killed; how far it is by then, the machine decides. */
const random = new Random(FIRST_SEED);
const STEP_MS = 12;
const MAX_LIFE_MS = 250;

const linesOf = (log: string): string[] => (existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : []);

/** What the journal says need not run any more: steps of items that have ended, and ended steps of those that wait. */
async function acknowledged(db: string, name: string): Promise<(line: string) => boolean> {
  const engine = new LocalEngine({ journal: new SqliteJournal(db, { readOnly: true }) });
  const { arn } = engine.find(name) ?? { arn: "" };
  const ended = new Set<string>();
  const weighed = new Set<string>();
  for (const { items } of readBatches(engine.operations(arn)).values()) {
    for (const { index, status, operations = [] } of items) {
      if (status === "SUCCEEDED" || status === "FAILED") ended.add(String(index));
      if (operations.some((of) => of.path === "1" && of.status === "SUCCEEDED")) weighed.add(String(index));
    }
  }
  await engine.close();
  return (line) => {
    const [step, order = ""] = line.split(" ");
    return ended.has(order) || (step === "weigh" && weighed.has(order));
  };
}

/** Starts these commands in turn and kills each after a moment, the last one over and over; the rest runs to its end. */
async function runKilled(
  commands: string[][],
  kills: number,
  { db, log, name }: { db: string; log: string; name: string },
) {
  let done = 0;
  let isAcknowledged = (_line: string): boolean => false;
  for (;;) {
    const before = linesOf(log).length;
    const run = startCli([...(commands[Math.min(done, commands.length - 1)] as string[]), "--db", db, "--json"]);
    if (done < kills) {
      await run.said("To continue");
      await new Promise((wait) => setTimeout(wait, random.next() * MAX_LIFE_MS));
      run.child.kill("SIGKILL");
    }
    const end = await run.ended;
    expect(linesOf(log).slice(before).filter(isAcknowledged)).toEqual([]);
    if (done++ >= kills) return documentsOf(end).at(-1);
    expect(end.signal).toBe("SIGKILL");
    isAcknowledged = await acknowledged(db, name);
  }
}

test("a stream in batches, and a redrive of it, killed at any time: the same answer, and nothing acknowledged runs again", {
  timeout: 120_000,
}, async () => {
  const folder = temporaryFolder();
  const [db, log, broken] = [join(folder, "killed.db"), join(folder, "log"), join(folder, "broken")];
  const run = (to: string): string[] => {
    const event = JSON.stringify({ log: to, count: ITEMS, stepMs: STEP_MS, broken });
    return ["run", HANDLERS, "--export", "orders", "--event", event, "--name", "orders"];
  };
  const plainLog = join(folder, "plain.log");
  const plain = await runCli([...run(plainLog), "--db", join(folder, "plain.db"), "--json"]);
  const expected = documentsOf(plain).at(-1)?.["result"] as { sum: number };
  expect(expected).toMatchObject({ priced: ITEMS, failed: 0 });

  writeFileSync(broken, "");
  const failing = Math.ceil(ITEMS / 3);
  const first = await runKilled([run(log)], 6, { db, log, name: "orders" });
  expect(first).toMatchObject({ execution: { status: "SUCCEEDED" } });
  expect(first?.["result"]).toMatchObject({ priced: ITEMS - failing, failed: failing });

  rmSync(broken);
  const before = linesOf(log).length;
  const commands = [
    ["retry", "orders", "--failed"],
    ["resume", "orders-retry"],
  ];
  const redriven = await runKilled(commands, 3, { db, log, name: "orders-retry" });
  expect(redriven).toMatchObject({ execution: { status: "SUCCEEDED" }, result: expected });
  // Only items that had failed ran again.
  const again = new Set(
    linesOf(log)
      .slice(before)
      .map((line) => Number(line.split(" ")[1])),
  );
  expect([...again].filter((order) => order % 3 !== 0)).toEqual([]);
  expect(again.size).toBe(failing);
});

test("functions on worker threads, killed while they compute: the same answer, and nothing acknowledged runs again", {
  timeout: 120_000,
}, async () => {
  const folder = temporaryFolder();
  const [db, log] = [join(folder, "killed.db"), join(folder, "log")];
  const event = JSON.stringify({ log, count: 60, stepMs: 40 });
  const command = ["run", HANDLERS, "--export", "grinding", "--event", event, "--name", "orders"];
  const end = await runKilled([command], 3, { db, log, name: "orders" });
  expect(end).toMatchObject({ execution: { status: "SUCCEEDED" }, result: (59 * 60 * 119) / 6 });
  expect(new Set(linesOf(log)).size).toBe(60);
});
