import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { documentsOf, HANDLERS, runCli, shownBy, startCli, temporaryFolder } from "../support/cli.ts";

const MOMENT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe.concurrent("looking into a journal", () => {
  test("list shows the executions, newest first", async () => {
    const cwd = temporaryFolder();
    await runCli(["run", HANDLERS, "--name", "older"], { cwd });
    await runCli(["run", HANDLERS, "--name", "newer", "--export", "failing"], { cwd });
    const text = await runCli(["list"], { cwd });
    expect(text.exitCode).toBe(0);
    expect(text.stdout).toMatch(/newer .*FAILED.*\n.*older .*SUCCEEDED/);
    expect(documentsOf(await runCli(["list", "--json"], { cwd }))).toMatchObject([
      { type: "execution", name: "newer", status: "FAILED", functionName: "cli-handlers", startedAt: MOMENT },
      { type: "execution", name: "older", status: "SUCCEEDED", usage: { operations: 7 } },
    ]);
  });

  test("list shows those of a status or a function, and so many", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "other.ts"), `export { formatted as handler } from ${JSON.stringify(HANDLERS)};`);
    await runCli(["run", HANDLERS, "--name", "good"], { cwd });
    await runCli(["run", HANDLERS, "--name", "bad", "--export", "failing"], { cwd });
    await runCli(["run", "other.ts", "--name", "other"], { cwd });
    const names = async (...options: string[]) =>
      documentsOf(await runCli(["list", "--json", ...options], { cwd })).map(({ name }) => name);
    expect(await names("--status", "failed")).toEqual(["bad"]);
    expect(await names("--function", "cli-handlers")).toEqual(["bad", "good"]);
    expect(await names("--limit", "2")).toEqual(["other", "bad"]);
    expect((await runCli(["list", "--status", "lost"], { cwd })).exitCode).toBe(2);
  });

  test("an execution whose process was killed is interrupted, with the way to continue, and its duration stands", async () => {
    const cwd = temporaryFolder();
    const run = startCli(["run", HANDLERS, "--export", "waiting", "--name", "killed"], { cwd });
    await run.said(/waits for wait a long while \(until /);
    expect(documentsOf(await runCli(["list", "--json"], { cwd }))).toMatchObject([{ status: "RUNNING" }]);
    run.child.kill("SIGKILL");
    await run.ended;
    const [first] = documentsOf(await runCli(["list", "--json"], { cwd }));
    const [later] = documentsOf(await runCli(["list", "--json"], { cwd }));
    expect(first).toMatchObject({ status: "INTERRUPTED", lastSeenAt: MOMENT });
    expect(later).toEqual(first);
    const { stdout } = await runCli(["show", "killed"], { cwd });
    expect(stdout).toMatch(/No process runs it; .* To continue: node .*main\.ts resume killed/);
    expect(stdout).toMatch(/waits {3}wait a long while \(until \d{4}-/);
    const { execution } = await shownBy(["killed"], { cwd });
    expect(execution["waitsFor"]).toMatchObject([{ kind: "wait", name: "a long while", until: MOMENT }]);
  });

  test("show decodes payloads, cuts long ones, and shows the whole of one operation", async () => {
    const cwd = temporaryFolder();
    await runCli(["run", HANDLERS, "--export", "packed", "--name", "packed"], { cwd });
    const { stdout } = await runCli(["show", "packed"], { cwd });
    expect(stdout).toMatch(/✔ rows .* → \[ \{ id: 0, at: 1970-01-01T00:00:00\.000Z .*; the whole: --operation rows\)/);
    expect(stdout).toContain("→ Map(1) { 'at' => 1970-01-01T00:00:00.000Z }");
    expect(stdout).not.toContain("~1");
    const whole = await runCli(["show", "packed", "--operation", "rows"], { cwd });
    expect(whole.stdout).toMatch(/rows {2}Step\n.*\n {2}status {4}SUCCEEDED[\s\S]*id: 299, at: /);
    expect((await runCli(["show", "packed", "--full"], { cwd })).stdout).toContain("id: 299, at: ");
    const { operations } = await shownBy(["packed"], { cwd });
    expect(operations.find(({ name }) => name === "rows")?.["result"]).toHaveLength(300);
    expect(operations.find(({ name }) => name === "deep")).toMatchObject({
      kind: "Step",
      result: "found",
      attempts: 1,
    });
    const unknown = await runCli(["show", "packed", "--operation", "nothing"], { cwd });
    expect([unknown.exitCode, unknown.stderr]).toEqual([
      6,
      expect.stringMatching(/There are: rows, day, inside, deep/),
    ]);
  });

  test("show counts as many operations as it has documents for", async () => {
    const cwd = temporaryFolder();
    await runCli(["run", HANDLERS, "--event", '{"count":30}'], { cwd });
    const { execution, operations } = await shownBy([], { cwd });
    expect(execution["usage"]).toMatchObject({ operations: operations.length });
    expect((await runCli(["show"], { cwd })).stdout).toContain(`${operations.length} operations,`);
  });

  test("show has where a step threw, and its causes, those of an item of a batch as well", async () => {
    const cwd = temporaryFolder();
    await runCli(["run", HANDLERS, "--export", "caused", "--name", "caused"], { cwd });
    const { stdout } = await runCli(["show", "caused"], { cwd });
    expect(stdout).toMatch(/RangeError: the shelf is empty\n +at .*cli-handlers\.ts:\d+/);
    expect(stdout).toMatch(/Caused by: TypeError: no supplier\n +at .*cli-handlers\.ts:\d+/);
    const { operations } = await shownBy(["caused"], { cwd });
    const error = { type: "RangeError", message: "the shelf is empty", trace: expect.stringContaining("no supplier") };
    expect(operations).toMatchObject([{ name: "doomed", error }]);
    const event = '{"count":6,"batch":3,"failing":[4]}';
    await runCli(["run", HANDLERS, "--export", "batched", "--event", event, "--name", "batched"], { cwd });
    expect((await runCli(["show", "batched"], { cwd })).stdout).toContain("where errors were thrown: --full");
    expect((await runCli(["show", "batched", "--full"], { cwd })).stdout).toMatch(
      /item 4 .*\n.*RangeError: 4 has no score\n.* at .*cli-handlers\.ts:\d+/,
    );
  });

  test("show has the attempts of the items of a batch that waits", async () => {
    const cwd = temporaryFolder();
    const event = '{"count":4,"batch":4,"waiting":[2]}';
    const run = startCli(["run", HANDLERS, "--export", "batched", "--event", event, "--name", "batched"], { cwd });
    await run.said("waits for retry of score[0..3]");
    run.child.kill("SIGKILL");
    await run.ended;
    expect((await runCli(["show", "batched"], { cwd })).stdout).toMatch(/item 2 {2}score pending, 1 attempt/);
  });

  test("show draws the tree with durations and cuts long lists short, and --all does not", async () => {
    const cwd = temporaryFolder();
    await runCli(["run", HANDLERS, "--event", '{"count":30}'], { cwd });
    const short = await runCli(["show"], { cwd });
    expect(short.stdout).toMatch(/└─ ✔ squares {2}Map {2}\d+ ms/);
    expect(short.stdout).toContain("├─ ✔ map-item-0  MapIteration");
    expect(short.stdout).toMatch(/└─ ✔ square {2}Step {2}\d+ ms/);
    expect(short.stdout).toContain("└─ … 18 more: 18 succeeded");
    expect(short.stdout).not.toContain("map-item-29");
    const all = await runCli(["show", "--all"], { cwd });
    expect(all.stdout).toContain("map-item-29");
    expect((await shownBy([], { cwd })).execution).toMatchObject({ type: "execution", status: "SUCCEEDED" });
  });

  test("show names the error of a failed step", async () => {
    const cwd = temporaryFolder();
    await runCli(["run", HANDLERS, "--export", "failing"], { cwd });
    const shown = await runCli(["show", "last"], { cwd });
    expect(shown.stdout).toMatch(/✖ doomed {2}Step .*RangeError: the shelf is empty/);
    expect(shown.stdout).toMatch(/error {3}StepError: the shelf is empty/);
  });

  test("history prints the service's events in order, with their data on request", async () => {
    const cwd = temporaryFolder();
    await runCli(["run", HANDLERS, "--event", '{"count":1}'], { cwd });
    const types = (stdout: string): (string | undefined)[] =>
      stdout.split("\n").map((line) => /\b((?:Execution|Context|Step|Invocation)\w+)/.exec(line)?.[1]);
    const text = await runCli(["history"], { cwd });
    expect(types(text.stdout).slice(0, 4)).toEqual([
      "ExecutionStarted",
      "ContextStarted",
      "ContextStarted",
      "StepStarted",
    ]);
    expect(types(text.stdout).at(-2)).toBe("ExecutionSucceeded");
    const data = await runCli(["history", "--data"], { cwd });
    expect(data.stdout).toContain('{"input":{"count":1}}');
    const [document] = documentsOf(await runCli(["history", "--json"], { cwd }));
    expect(document).toEqual({
      ...{ type: "event", eventId: 1, event: "ExecutionStarted", at: MOMENT },
      ...{ operationId: expect.any(String), name: expect.any(String), details: { input: { count: 1 } } },
    });
    const ofOne = documentsOf(await runCli(["history", "--json", "--operation", "square"], { cwd }));
    expect(ofOne.map(({ event }) => event)).toEqual(["StepStarted", "StepSucceeded"]);
    expect(ofOne[1]).toMatchObject({ details: { result: 0, currentAttempt: 1 } });
  });

  test("--help names every exit code", async () => {
    const help = await runCli(["--help"]);
    expect(help.exitCode).toBe(0);
    for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 8, 70, 130, 143]) {
      expect(help.stdout).toMatch(new RegExp(`^ +${code} {2}\\w`, "m"));
    }
  });
});
