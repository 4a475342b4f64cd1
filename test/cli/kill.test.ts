import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LocalEngine, SqliteJournal } from "../../src/testing.ts";
import { Random } from "../simulation/random.ts";
import { documentsOf, HANDLERS, runCli, startCli, temporaryFolder } from "../support/cli.ts";
import { FIRST_SEED } from "../support/exploration.ts";

const KILLS = 20;
const ITEMS = 500;
/** When a process is killed; how far it is by then, the machine decides. */
const random = new Random(FIRST_SEED);
const STEP_MS = 60;
/** Random, but for less than a run needs on its own, so that every kill meets the same job. */
const MAX_LIFE_MS = 200;

interface Line {
  entry: string;
  attempt: number;
}

function readLog(file: string): Line[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => {
    const [, entry = "", attempt = ""] = line.split(" ");
    return { entry, attempt: Number(attempt) };
  });
}

function runArguments(log: string, db: string): string[] {
  const event = JSON.stringify({ log, count: ITEMS, stepMs: STEP_MS });
  return ["run", HANDLERS, "--export", "ledger", "--event", event, "--name", "ledger", "--db", db, "--json"];
}

/** What the journal has acknowledged: an entry for each finished attempt of a step. */
async function acknowledgedAttempts(db: string): Promise<Set<string>> {
  const engine = new LocalEngine({ journal: new SqliteJournal(db, { readOnly: true }) });
  const acknowledged = new Set<string>();
  const { arn } = engine.find("ledger") ?? { arn: "" };
  for (const { Name, StepDetails } of engine.operations(arn)) {
    for (let attempt = 1; attempt <= (StepDetails?.Attempt ?? 0); attempt++) acknowledged.add(`${Name} ${attempt}`);
  }
  await engine.close();
  return acknowledged;
}

test(`a job killed with SIGKILL ${KILLS} times ends with the same answer and repeats no acknowledged step`, {
  timeout: 120_000,
}, async () => {
  const folder = temporaryFolder();
  const plainLog = join(folder, "plain.log");
  const plain = await runCli(runArguments(plainLog, join(folder, "plain.db")));
  const expected = documentsOf(plain).at(-1)?.["result"];
  expect(expected).toEqual({ sum: (3 * ITEMS * (ITEMS - 1)) / 2, count: ITEMS });

  const log = join(folder, "killed.log");
  const db = join(folder, "killed.db");
  let acknowledged = new Set<string>();
  let kills = 0;
  while (kills < KILLS) {
    const linesBefore = readLog(log).length;
    const run = startCli(runArguments(log, db));
    await run.said("To continue");
    await new Promise((resolve) => setTimeout(resolve, random.next() * MAX_LIFE_MS));
    run.child.kill("SIGKILL");
    const killed = await run.ended;
    expect(killed.signal).toBe("SIGKILL");
    kills++;
    const repeated = readLog(log)
      .slice(linesBefore)
      .filter(({ entry, attempt }) => acknowledged.has(`${entry} ${attempt}`));
    expect(repeated).toEqual([]);
    const now = await acknowledgedAttempts(db);
    expect([...acknowledged].filter((attempt) => !now.has(attempt))).toEqual([]);
    acknowledged = now;
  }

  // The kills met a job that was under way.
  expect(acknowledged.size).toBeGreaterThan(0);
  expect(acknowledged.size).toBeLessThan(ITEMS);

  const linesBefore = readLog(log).length;
  const last = await runCli(["resume", "ledger", "--db", db, "--json"]);
  expect(documentsOf(last).at(-1)).toMatchObject({ execution: { status: "SUCCEEDED" }, result: expected });
  const repeated = readLog(log)
    .slice(linesBefore)
    .filter(({ entry, attempt }) => acknowledged.has(`${entry} ${attempt}`));
  expect(repeated).toEqual([]);

  const executed = (file: string): string[] =>
    [...new Set(readLog(file).map(({ entry, attempt }) => `${entry} ${attempt}`))].sort();
  expect(executed(log)).toEqual(executed(plainLog));
});
