import { describe, expect, test } from "vitest";
import { documentsOf, HANDLERS, runCli, temporaryFolder } from "../support/cli.ts";

describe.concurrent("looking into a journal", () => {
  test("list shows the executions, newest first", async () => {
    const cwd = temporaryFolder();
    await runCli(["run", HANDLERS, "--name", "older"], { cwd });
    await runCli(["run", HANDLERS, "--name", "newer", "--export", "failing"], { cwd });
    const text = await runCli(["list"], { cwd });
    expect(text.exitCode).toBe(0);
    expect(text.stdout).toMatch(/newer .*FAILED.*\n.*older .*SUCCEEDED/);
    expect(documentsOf(await runCli(["list", "--json"], { cwd }))).toMatchObject([
      {
        executions: [
          { name: "newer", status: "FAILED", functionName: "cli-handlers", startTimestamp: expect.any(Number) },
          { name: "older", status: "SUCCEEDED", counters: { operations: expect.any(Number) } },
        ],
      },
    ]);
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
    const [document] = documentsOf(await runCli(["show", "--json"], { cwd }));
    expect(document).toMatchObject({ execution: { status: "SUCCEEDED" }, operations: expect.any(Array) });
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
    expect(data.stdout).toContain('{"count":1}'.replaceAll('"', '\\"'));
    const [document] = documentsOf(await runCli(["history", "--json"], { cwd }));
    expect(document).toMatchObject({
      executionArn: expect.any(String),
      events: expect.arrayContaining([expect.objectContaining({ EventId: 1, EventType: "ExecutionStarted" })]),
    });
  });

  test("--help names every exit code", async () => {
    const help = await runCli(["--help"]);
    expect(help.exitCode).toBe(0);
    for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 8, 70, 130, 143]) {
      expect(help.stdout).toMatch(new RegExp(`^ +${code} {2}\\w`, "m"));
    }
  });
});
