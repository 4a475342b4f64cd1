import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { LocalEngine, type LocalHandler, SqliteJournal } from "../../src/testing.ts";
import { documentsOf, runCli, temporaryFolder } from "../support/cli.ts";
import * as handlers from "../support/replay-handlers.ts";
import { type Run, runOfficial } from "../support/service.ts";

const HANDLERS = resolve(import.meta.dirname, "../support/replay-handlers.ts");
const AWS_HISTORY = resolve(import.meta.dirname, "../replay/order-history.json");

/** Runs `replay`, and holds that no body ran. */
async function replay(target: string, handler: string, ...flags: string[]) {
  const cwd = temporaryFolder();
  const log = join(cwd, "log");
  const args = ["replay", target, HANDLERS, "--export", handler, ...flags];
  const result = await runCli(args, { cwd, env: { REPLAY_TEST_LOG: log } });
  expect(existsSync(log)).toBe(false);
  return result;
}

describe.concurrent("replay of a recording that the official SDK made", () => {
  let exported: string;
  let history: string;
  beforeAll(async () => {
    // What it recorded, as an export and as the service's history.
    const run: Run = await runOfficial(
      async ({ order }: { order: string }, ctx) => {
        const loaded = await ctx.step("load order", async () => ({ id: order, lines: [3, 4, 5] }));
        const batch = await ctx.map("price lines", loaded.lines, (item, line) =>
          item.step("price", async () => line * 10),
        );
        await ctx.wait("cooling off", { seconds: 30 });
        const text = await ctx.runInChildContext("report", (child) => child.step("render", async () => "text"));
        await ctx.step("archive", async () => text.length);
        return batch.getResults();
      },
      { input: { order: "o-17" } },
    );
    const cwd = temporaryFolder();
    exported = join(cwd, "export.json");
    history = join(cwd, "history.json");
    writeFileSync(exported, JSON.stringify({ operations: run.operations, input: { order: "o-17" } }));
    writeFileSync(history, JSON.stringify({ Events: run.history }));
  });

  test("matches the same code, from an export and from a history", async () => {
    for (const file of [exported, history]) {
      const { exitCode, stdout } = await replay(file, "same");
      expect([exitCode, stdout]).toEqual([
        0,
        expect.stringContaining("✔ The code matches the record: 12 operations recorded, of which the code asked for "),
      ]);
      expect(stdout).toContain("The handler returned.");
    }
  });

  test("says where the code asks for another name, with both sides and the line", async () => {
    const { exitCode, stdout } = await replay(exported, "renamed");
    expect(exitCode).toBe(1);
    const line =
      readFileSync(HANDLERS, "utf8")
        .split("\n")
        .findIndex((text) => text.includes('"store"')) + 1;
    expect(stdout).toContain('recorded  Step "archive" (SUCCEEDED), STEP, position 5, id e4da3b7fbbce2345');
    expect(stdout).toMatch(
      new RegExp(`asked {5}Step "store", STEP, position 5, id e4da3b7fbbce2345 \\(.*replay-handlers\\.ts:${line}\\)`),
    );
  });

  test("says where the code asks for another type, in JSON as well", async () => {
    const { exitCode, ...result } = await replay(history, "retyped", "--json");
    expect(exitCode).toBe(1);
    expect(documentsOf({ exitCode, ...result })).toEqual([
      expect.objectContaining({
        type: "replay",
        matches: false,
        divergence: {
          kind: "operation",
          message: expect.stringContaining('Expected type "WAIT", but got "STEP"'),
          recorded: expect.objectContaining({ type: "WAIT", name: "cooling off", status: "SUCCEEDED", position: "3" }),
          asked: expect.objectContaining({ type: "STEP", name: "cooling off", position: "3", site: expect.anything() }),
        },
      }),
    ]);
  });

  test("says so when the code ends before what is recorded, and when it goes on behind that", async () => {
    const shortened = await replay(exported, "shortened");
    expect(shortened.exitCode).toBe(1);
    expect(shortened.stdout).toContain(
      'The handler returned without asking for RunInChildContext "report", which is recorded.',
    );
    const longer = await replay(exported, "longer");
    expect(longer.exitCode).toBe(0);
    expect(longer.stdout).toMatch(/Reached the end of what was recorded: Step "tell" \(.*replay-handlers\.ts:\d+\)\./);
  });
});

describe.concurrent("replay of a history from AWS", () => {
  test("ends where the service has cut a payload, and finds differences before that", async () => {
    const matching = await replay(AWS_HISTORY, "renamed");
    expect(matching.exitCode).toBe(0);
    expect(matching.stdout).toMatch(
      /The record has cut what RunInChildContext "report" .* gave: nothing after it was checked\./,
    );
    expect((await replay(AWS_HISTORY, "retyped")).exitCode).toBe(1);
  });

  test("is refused without data, without all pages, without an input, and where it is none", async () => {
    const cwd = temporaryFolder();
    const write = (name: string, document: unknown): string => {
      const file = join(cwd, name);
      writeFileSync(file, typeof document === "string" ? document : JSON.stringify(document));
      return file;
    };
    const { Events: events } = JSON.parse(readFileSync(AWS_HISTORY, "utf8"));
    const bare = JSON.parse(JSON.stringify(events, (key, value) => (key === "Payload" ? undefined : value)));
    const cut = events.with(0, { ...events[0], ExecutionStartedDetails: { Input: { Truncated: true } } });
    const cases: [string, string][] = [
      [write("bare.json", { Events: bare }), "--include-execution-data"],
      [write("page.json", { Events: events, NextMarker: "more" }), "one page of several"],
      [write("cut.json", { Events: cut }), "Give the input with --event"],
      [write("other.json", { hello: 1 }), 'neither "Events"'],
      [write("text.json", "hello"), "cannot be read as JSON"],
      [join(cwd, "nowhere.json"), "There is no file"],
    ];
    for (const [file, message] of cases) {
      const { exitCode, stderr } = await replay(file, "same");
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
    }
    const given = await replay(cases[2]?.[0] ?? "", "same", "--event", '{"order":"o-17"}');
    expect(given.exitCode).toBe(0);
  });
});

test("replay of an execution of the journal guards its batches that are under way", async () => {
  const cwd = temporaryFolder();
  const db = join(cwd, "journal.db");
  // Stopped when it was suspended: then all that it did is recorded.
  const engine = new LocalEngine({ journal: new SqliteJournal(db) });
  engine.register("batches", handlers.batches as unknown as LocalHandler);
  const input = JSON.stringify({ rows: Array.from({ length: 10 }, (_, n) => n) });
  const { arn, result } = engine.start({ functionName: "batches", name: "friday", input });
  await new Promise<void>((settle) => void engine.subscribe(({ type }) => type === "invocation-ended" && settle()));
  engine.stop(arn);
  await result;
  await engine.close();

  const same = await replay("friday", "batches", "--db", db);
  expect([same.exitCode, same.stdout]).toEqual([0, expect.stringContaining("✔ The code matches the record")]);
  expect(same.stdout).toMatch(/Reached the end of what was recorded: Wait "settled" \(.*replay-handlers\.ts:\d+\)/);
  const names = await replay("friday", "batchesOfOtherNames", "--db", db);
  expect([names.exitCode, names.stdout]).toEqual([1, expect.stringContaining("do not have the recorded names")]);
  const steps = await replay("friday", "batchesOfOtherSteps", "--db", db);
  expect(steps.exitCode).toBe(1);
  expect(steps.stdout).toMatch(/recorded {2}Step "pay" \(SUCCEEDED\), STEP, position 1-1-1/);
  expect(steps.stdout).toMatch(/asked {5}Step "charge", STEP, position 1-1-1, id \w+ \(.*replay-handlers\.ts:\d+\)/);
  const fewer = await replay("last", "batches", "--db", db, "--event", JSON.stringify({ rows: [0, 1, 2] }));
  expect([fewer.exitCode, fewer.stdout]).toEqual([1, expect.stringContaining("✖ The code and the record part.")]);
  expect((await replay("monday", "batches", "--db", db)).exitCode).toBe(6);
});

test("replay reads what export writes", async () => {
  const cwd = temporaryFolder();
  const handlers = join(import.meta.dirname, "../support/cli-handlers.ts");
  await runCli(["run", handlers, "--export", "batched", "--event", '{"count":4,"batch":2}', "--name", "b"], { cwd });
  const { stdout } = await runCli(["export", "b"], { cwd });
  writeFileSync(join(cwd, "b.json"), stdout);
  const same = await runCli(["replay", "b.json", handlers, "--export", "batched"], { cwd });
  expect([same.exitCode, same.stderr, same.stdout]).toEqual([0, "", expect.stringContaining("The code matches")]);
  const other = await runCli(["replay", "b.json", handlers, "--export", "asking"], { cwd });
  expect([other.exitCode, other.stdout]).toEqual([1, expect.stringContaining("The code and the record part.")]);
  writeFileSync(join(cwd, "newer.json"), JSON.stringify({ ...JSON.parse(stdout), version: 9 }));
  const newer = await runCli(["replay", "newer.json", handlers, "--export", "batched"], { cwd });
  expect([newer.exitCode, newer.stderr]).toEqual([2, expect.stringContaining("export of version 9")]);
});
