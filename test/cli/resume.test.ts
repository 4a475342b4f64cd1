import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { documentsOf, HANDLERS, runCli, shownBy, startCli, temporaryFolder } from "../support/cli.ts";

function ledgerArguments(cwd: string, count: number): string[] {
  const event = JSON.stringify({ log: join(cwd, "ledger.log"), count, stepMs: 20 });
  return ["run", HANDLERS, "--export", "ledger", "--event", event, "--name", "ledger"];
}

function linesOf(cwd: string): number {
  const log = join(cwd, "ledger.log");
  return existsSync(log) ? readFileSync(log, "utf8").split("\n").length - 1 : 0;
}

async function untilLines(cwd: string, count: number): Promise<void> {
  while (linesOf(cwd) < count) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe.concurrent("an interrupted run", () => {
  test.for([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("ends on %s with %i and says how to continue, and resume continues", async ([signal, exitCode]) => {
    const cwd = temporaryFolder();
    const run = startCli([...ledgerArguments(cwd, 200), "--json"], { cwd });
    await untilLines(cwd, 40);
    run.child.kill(signal);
    const interrupted = await run.ended;
    expect(interrupted.exitCode).toBe(exitCode);
    expect(interrupted.stderr).toMatch(
      /Interrupted; everything acknowledged is in the journal\. To continue: node .* resume ledger/,
    );
    expect(documentsOf(interrupted).at(-1)).toMatchObject({ type: "interrupted", signal, resume: expect.any(String) });

    const before = await shownBy(["ledger"], { cwd });
    expect(before.execution.status).toBe("INTERRUPTED");
    const acknowledged = before.operations.filter(({ status }) => status === "SUCCEEDED").map(({ name }) => name);
    const linesBefore = linesOf(cwd);

    const resumed = await runCli(["resume"], { cwd });
    expect(resumed.exitCode).toBe(0);
    expect(resumed.stderr).toContain("Continuing:");
    expect(JSON.parse(resumed.stdout)).toEqual({ sum: 59_700, count: 200 });
    const later = readFileSync(join(cwd, "ledger.log"), "utf8").split("\n").slice(linesBefore);
    const ranAgain = later.map((line) => line.split(" ")[1]).filter((name) => acknowledged.includes(name));
    expect(ranAgain).toEqual([]);
    // The bodies that ran at the signal have ended and are recorded. Four items fail once.
    expect(linesOf(cwd)).toBe(204);
  });

  test("says so if the execution ends while it stops", async () => {
    const cwd = temporaryFolder();
    const event = JSON.stringify({ log: join(cwd, "ledger.log"), count: 1, stepMs: 500 });
    const run = startCli(["run", HANDLERS, "--export", "ledger", "--event", event, "--name", "ledger"], { cwd });
    await run.said("To continue");
    run.child.kill("SIGINT");
    const { exitCode, stderr } = await run.ended;
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(/has just ended as SUCCEEDED\. To see its result: .* resume ledger/);
    expect(JSON.parse((await runCli(["resume", "ledger"], { cwd })).stdout)).toEqual({ sum: 0, count: 1 });
  });

  test("is continued by the same run command as well", async () => {
    const cwd = temporaryFolder();
    const run = startCli(ledgerArguments(cwd, 100), { cwd });
    await untilLines(cwd, 20);
    run.child.kill("SIGINT");
    await run.ended;
    const again = await runCli([...ledgerArguments(cwd, 100), "--json"], { cwd });
    expect(again.exitCode).toBe(0);
    expect(documentsOf(again)[0]).toMatchObject({ type: "started", continued: true });
  });

  test("takes two signals at once, as npm passes them on, for one", async () => {
    const cwd = temporaryFolder();
    const run = startCli(["run", HANDLERS, "--export", "waiting"], { cwd });
    await run.said("To continue");
    run.child.kill("SIGINT");
    run.child.kill("SIGINT");
    const interrupted = await run.ended;
    expect(interrupted.exitCode).toBe(130);
    expect(interrupted.stderr).toContain("Interrupted; ");
  });

  test("ends on another signal while a step holds it up", async () => {
    const cwd = temporaryFolder();
    const run = startCli(["run", HANDLERS, "--export", "stuckStep"], { cwd });
    await run.said("step begun");
    run.child.kill("SIGINT");
    await run.said("another signal ends it at once");
    await new Promise((resolve) => setTimeout(resolve, 400));
    run.child.kill("SIGINT");
    expect((await run.ended).exitCode).toBe(130);
  });

  test.for([
    ["npm start", ["start", "start"], [], /^npm start$/],
    ["npm run job", ["run", "job"], [], /^npm run job$/],
    ["npm run job with further arguments", ["run", "job"], ["--name", "other"], /^node .*main\.ts resume other$/],
  ] as const)("during %s is told what continues it", async ([, [command, event], more, hint]) => {
    const cwd = temporaryFolder();
    const args = ["run", HANDLERS, "--export", "waiting", "--event", '{"n":1}', "--name", "wait"];
    // npm gives a script its own text, without the arguments after `--`.
    const script = `durable-fanout ${args.join("  ").replace('{"n":1}', String.raw`"{\"n\":1}"`)}`;
    const npm = { npm_command: command, npm_lifecycle_event: event, npm_lifecycle_script: script };
    const env = { ...npm, npm_config_user_agent: "npm/11.19.1 node/v24.21.0 linux x64" };
    const run = startCli([...args, ...more], { cwd, env });
    await run.said("To continue");
    run.child.kill("SIGINT");
    const [, said = ""] = /To continue: (.*)\n$/.exec((await run.ended).stderr) ?? [];
    expect(said).toMatch(hint);
  });

  test("during a script of another package manager is told to resume", async () => {
    const cwd = temporaryFolder();
    const args = ["run", HANDLERS, "--export", "waiting", "--name", "wait"];
    const script = `durable-fanout ${args.join(" ")}`;
    const npm = { npm_command: "run-script", npm_lifecycle_event: "job", npm_lifecycle_script: script };
    const run = startCli(args, { cwd, env: { ...npm, npm_config_user_agent: "pnpm/10.33.0 npm/? node/v24.21.0" } });
    await run.said("To continue");
    run.child.kill("SIGINT");
    expect((await run.ended).stderr).toMatch(/To continue: node .*main\.ts resume wait\n$/);
  });
});

describe.concurrent("the resume command", () => {
  test("keeps the limits of the run and shows the answer of an execution that has ended", async () => {
    const cwd = temporaryFolder();
    const args = ["run", HANDLERS, "--event", '{"count":20}', "--max-operations", "unlimited", "--name", "kept"];
    await runCli(args, { cwd });
    const resumed = await runCli(["resume", "kept"], { cwd });
    expect(resumed.exitCode).toBe(0);
    expect(JSON.parse(resumed.stdout)).toEqual({ sum: 2_470 });
  });

  test("finds an execution by its id, and another handler file with --handler", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "old.ts"), `export { waiting as handler } from ${JSON.stringify(HANDLERS)};`);
    const run = startCli(["run", "old.ts", "--name", "moved", "--json"], { cwd });
    await run.said("To continue");
    run.child.kill("SIGINT");
    const { arn } = (documentsOf(await run.ended)[0] as { execution: { arn: string } }).execution;
    renameSync(join(cwd, "old.ts"), join(cwd, "new.ts"));
    const moved = await runCli(["resume", arn], { cwd });
    expect([moved.exitCode, moved.stderr]).toEqual([
      3,
      expect.stringMatching(/If it has moved, name its file with --handler/),
    ]);
    const args = ["resume", arn, "--handler", "new.ts", "--virtual-time"];
    expect((await runCli(args, { cwd })).stdout).toBe('"awake"\n');
  });

  test("waits for a retry that was pending", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--export", "retrying"], { cwd });
    expect(result.stdout).toBe("2\n");
    const shown = await runCli(["show"], { cwd });
    expect(shown.stdout).toContain("attempt 2");
  });
});
