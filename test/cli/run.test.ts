import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { documentsOf, HANDLERS, runCli, temporaryFolder } from "../support/cli.ts";

describe.concurrent("the run command", () => {
  test("prints id and resume command first, then a summary, and the result alone on standard output", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--event", '{"count":4}', "--name", "squares"], { cwd });
    expect(result.exitCode).toBe(0);
    expect(JSON.parse(result.stdout)).toEqual({ sum: 14 });
    const lines = result.stderr.split("\n");
    expect(lines[0]).toMatch(/^squares {2}arn:.*\/durable-execution\/squares\//);
    expect(lines[1]).toMatch(/^To continue after an interruption: node .*main\.ts resume squares$/);
    expect(result.stderr).toContain("✔ SUCCEEDED after");
    for (const label of ["items", "operations", "updates", "written", "invocations", "cost on AWS", "not included:"]) {
      expect(result.stderr).toContain(label);
    }
  });

  test("with --json prints one document a line: started, then finished with counters, cost and result", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--event", '{"count":4}', "--json"], { cwd });
    expect(result.exitCode).toBe(0);
    const documents = documentsOf(result);
    expect(documents[0]).toMatchObject({ type: "started", continued: false, execution: { arn: expect.any(String) } });
    expect(documents.at(-1)).toMatchObject({
      type: "finished",
      execution: { status: "SUCCEEDED", functionName: "cli-handlers" },
      result: { sum: 14 },
      items: 4,
      batches: [{ name: "squares", done: 4, failed: 0, running: 0, ended: true }],
      itemCounts: { succeeded: 4, failed: 0, notFinished: 0 },
      usage: { operations: 9, meteredOperations: 10, updates: expect.any(Number), requestBytes: expect.any(Number) },
      cost: { totalUsd: expect.any(Number), notIncluded: expect.any(Array) },
      refusedByAws: [],
    });
  });

  test("reads the event from a file and from standard input", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "event.json"), '\uFEFF{\n  "count": 3\n}\n');
    const fromFile = await runCli(["run", HANDLERS, "--event", "@event.json"], { cwd });
    expect(JSON.parse(fromFile.stdout)).toEqual({ sum: 5 });
    const fromStdin = await runCli(["run", HANDLERS, "--event", "-"], { cwd, stdin: '{"count":2}' });
    expect(JSON.parse(fromStdin.stdout)).toEqual({ sum: 1 });
  });

  test("lets the module print its own result, and keeps what it says itself off standard output", async () => {
    const cwd = temporaryFolder();
    const formatted = await runCli(["run", HANDLERS, "--export", "formatted"], { cwd });
    expect(formatted.stdout).toBe("formatted: plain\n");
    const talkative = await runCli(["run", HANDLERS, "--export", "talkative"], { cwd });
    expect(talkative.stdout).toBe('"quiet result"\n');
    for (const said of [
      ...["said by the handler", "logged by the handler", "written by the handler", "said on a console of its own"],
      '"type":"durable-fanout usage"',
    ]) {
      expect(talkative.stderr).toContain(said);
    }
    const documents = documentsOf(await runCli(["run", HANDLERS, "--export", "talkative", "--json"], { cwd }));
    expect(documents.map(({ type }) => type)).toEqual(["started", "finished"]);
  });

  test("begins its own lines on a line of their own, wherever the handler has left a line open", async () => {
    const cwd = temporaryFolder();
    for (const by of ["stdout", "stderr", "bytes"]) {
      const run = [HANDLERS, "--export", "unended", "--event", JSON.stringify({ by })];
      const { stderr } = await runCli(["run", ...run], { cwd });
      expect(stderr).toMatch(/left open\S*\n✔ SUCCEEDED after/);
    }
    const { stderr } = await runCli(["run", HANDLERS, "--export", "talkative"], { cwd });
    expect(stderr).not.toContain("\n\n");
  });

  test("called again with the same name and input it shows the answer, with --fresh it runs anew", async () => {
    const cwd = temporaryFolder();
    const args = ["run", HANDLERS, "--event", '{"count":4}', "--name", "again", "--json"];
    const first = documentsOf(await runCli(args, { cwd }));
    const second = await runCli(args, { cwd });
    expect(second.exitCode).toBe(0);
    expect(second.stderr).toContain("This execution ended on");
    expect(documentsOf(second).at(-1)).toMatchObject({
      execution: (first.at(-1) as { execution: object }).execution,
      result: { sum: 14 },
    });
    const fresh = documentsOf(await runCli([...args, "--fresh"], { cwd }));
    expect(fresh[0]).toMatchObject({ continued: false, execution: { name: "again-2" } });
    expect(documentsOf(await runCli(["list", "--json"], { cwd }))).toHaveLength(2);
  });

  test("a failed execution ends with 1, its error on standard error and in the JSON", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--export", "failing", "--json"], { cwd });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/✖ FAILED after .*: StepError: the shelf is empty/);
    expect(documentsOf(result).at(-1)).toMatchObject({
      type: "finished",
      execution: { status: "FAILED" },
      error: { code: "ERR_EXECUTION_FAILED", message: "the shelf is empty", type: "StepError" },
    });
  });

  test("--verbose shows where a failure was thrown, and its causes", async () => {
    const cwd = temporaryFolder();
    const plain = await runCli(["run", HANDLERS, "--export", "caused"], { cwd });
    expect(plain.stderr).not.toContain("cli-handlers.ts:");
    const { stderr } = await runCli(["run", HANDLERS, "--export", "caused", "--verbose"], { cwd });
    expect(stderr).toMatch(/RangeError: the shelf is empty\n +at .*cli-handlers\.ts:\d+/);
    expect(stderr).toMatch(/Caused by: TypeError: no supplier\n +at .*cli-handlers\.ts:\d+/);
  });

  test("--virtual-time skips an hour's wait", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--export", "waiting", "--virtual-time"], { cwd });
    expect(result.exitCode).toBe(0);
    expect(JSON.parse(result.stdout)).toBe("awake");
  });

  test("refuses more operations than the limit, and says loudly when the limit is lifted", async () => {
    const cwd = temporaryFolder();
    const args = ["run", HANDLERS, "--event", '{"count":20}', "--max-operations"];
    const limited = await runCli([...args, "10"], { cwd });
    expect(limited.exitCode).toBe(1);
    expect(limited.stderr).toMatch(/FAILED.*10/);
    const lifted = await runCli([...args, "unlimited"], { cwd });
    expect(lifted.exitCode).toBe(0);
    expect(lifted.stderr).toContain("AWS would refuse this beyond 3,000 operations");
  });

  test("warns of a map that cannot fit, by the limits of this run, and by AWS's where none are given", async () => {
    const cwd = temporaryFolder();
    const args = ["run", HANDLERS, "--event", '{"count":30}'];
    const limited = await runCli([...args, "--max-operations", "20"], { cwd });
    expect(limited.stderr).toContain('Map \\"squares\\" has 30 items: it needs at least 31 operations');
    const lifted = await runCli([...args, "--max-operations", "unlimited", "--max-data", "unlimited"], { cwd });
    expect(lifted.exitCode).toBe(0);
    expect(lifted.stderr).not.toContain('squares\\" has');
    const env = { DURABLE_FANOUT_QUOTA_OPERATIONS: "10" };
    const variable = await runCli([...args, "--max-operations", "unlimited"], { cwd, env });
    expect(variable.stderr).toContain("this execution has 10 of 10 left");
  });

  test.for([
    ["2GB", "2000000000"],
    ["1000GB", "1000000000000"],
    ["1001GB", "unlimited"],
  ] as const)("tells the runtime the limit of data, as far as the setting goes: %s", async ([limit, told]) => {
    const cwd = temporaryFolder();
    const result = "JSON.stringify(process.env.DURABLE_FANOUT_QUOTA_DATA_BYTES)";
    writeFileSync(join(cwd, "told.mjs"), `export const handler = () => ({ Status: "SUCCEEDED", Result: ${result} });`);
    const run = await runCli(["run", "told.mjs", "--max-data", limit], { cwd });
    expect([run.exitCode, run.stdout]).toEqual([0, `${JSON.stringify(told)}\n`]);
  });

  test("says after the run that AWS would refuse it", async () => {
    const cwd = temporaryFolder();
    const args = ["run", HANDLERS, "--event", '{"count":1600}', "--max-operations", "unlimited", "--json"];
    const result = await runCli(args, { cwd });
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toContain("AWS would refuse this execution: 3,20");
    expect(documentsOf(result).at(-1)).toMatchObject({ refusedByAws: [expect.stringContaining("3,000")] });
  });

  test("elsewhere than on a terminal progress is plain lines", async () => {
    const cwd = temporaryFolder();
    const log = join(cwd, "ledger.log");
    const event = JSON.stringify({ log, count: 100, stepMs: 100 });
    const result = await runCli(["run", HANDLERS, "--export", "ledger", "--event", event], { cwd });
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(
      /ledger: \d+(\/100)? (steps|items) done, .*\d of 3,000 operations, .* written, \d+ requests?/,
    );
    expect(result.stderr).not.toContain("\u001b[");
  });
});
