import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { documentsOf, runCli, temporaryFolder } from "../support/cli.ts";

const HANDLERS = resolve(import.meta.dirname, "../support/redrive-handlers.ts");

/** A folder with the files of the handler `orders`, and a run that has failed there. */
async function failedRun(rows: string[], code: object) {
  const cwd = temporaryFolder();
  const file = (name: string) => join(cwd, name);
  const write = (name: string, text: string) => writeFileSync(file(name), text);
  write("rows", rows.join("\n"));
  write("code", JSON.stringify(code));
  write("log", "");
  const event = JSON.stringify({ log: file("log"), rows: file("rows"), code: file("code") });
  const run = await runCli(["run", HANDLERS, "--export", "orders", "--event", event, "--name", "friday"], { cwd });
  expect(run.exitCode).toBe(1);
  const ran = () => readFileSync(file("log"), "utf8").trim().split("\n");
  const before = ran().length;
  return { cwd, write, run, ranSince: () => ran().slice(before), event };
}

const rows = Array.from({ length: 30 }, (_, n) => `${n}`);

describe.concurrent("retry", () => {
  test("goes on from the step that failed, and says before what it will do", async () => {
    const { cwd, write, run, ranSince } = await failedRun(rows, { fails: "no printer" });
    expect(run.stderr).toMatch(/retry friday$/m);
    write("code", "{}");
    const dry = await runCli(["retry", "friday", "--dry-run"], { cwd });
    expect(dry).toMatchObject({
      exitCode: 0,
      stdout:
        'Taken over from friday: 61 operations that ended.\nRuns again: Step "report".\n' +
        `Goes on with: Step "report" (${/\((.*)\)/.exec(dry.stdout)?.[1]}).\n`,
    });
    expect(dry.stdout).toMatch(/redrive-handlers\.ts:\d+\)/);
    const plan = documentsOf(await runCli(["retry", "friday", "--dry-run", "--json"], { cwd }));
    expect(plan).toMatchObject([{ type: "retry-plan", kept: 61, again: [{ name: "report", status: "FAILED" }] }]);
    expect(ranSince()).toEqual([""].slice(1));
    const retried = await runCli(["retry", "friday"], { cwd });
    expect(retried).toMatchObject({ exitCode: 0, stdout: "435\n" });
    expect(retried.stderr).toContain("friday-retry");
    expect(ranSince()).toEqual(["report"]);
  });

  test("goes on behind a late throw, and runs nothing while the handler still throws", async () => {
    const { cwd, write, ranSince } = await failedRun(rows, { throws: "total is undefined" });
    const early = await runCli(["retry", "friday"], { cwd });
    expect(early.exitCode).toBe(2);
    expect(early.stderr).toContain(
      "The handler fails again before it reaches an operation that could run: TypeError: total",
    );
    write("code", "{}");
    expect(await runCli(["retry", "friday"], { cwd })).toMatchObject({ exitCode: 0, stdout: "435\n" });
    expect(ranSince()).toEqual([]);
  });

  test("lists what a renamed operation would cost, and goes back when asked to", async () => {
    const { cwd, write, ranSince } = await failedRun(rows, { throws: "too late" });
    write("code", '{"name":"summary"}');
    const refused = await runCli(["retry", "friday"], { cwd });
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toMatch(
      /asks for Step "summary" \(.*redrive-handlers\.ts:\d+\) where Step "report" is recorded.*Step "report" would begin anew\..*retry friday --from report/,
    );
    expect(ranSince()).toEqual([]);
    const back = await runCli(["retry", "friday", "--from", "report"], { cwd });
    expect(back).toMatchObject({ exitCode: 0, stdout: "435\n" });
    expect(back.stderr).toContain('Begins anew: Step "report".');
    expect(ranSince()).toEqual(["summary"]);
    const unknown = await runCli(["retry", "friday", "--again", "--from", "nobody"], { cwd });
    expect([unknown.exitCode, unknown.stderr]).toEqual([6, expect.stringContaining('name or id "nobody"')]);
    const both = await runCli(["retry", "friday", "--from", "report", "--failed"], { cwd });
    expect([both.exitCode, both.stderr]).toEqual([2, expect.stringContaining("not both")]);
  });

  test("runs the item again whose row of the input file is mended, and is refused the second time", async () => {
    const { cwd, write, ranSince } = await failedRun(rows.with(29, "bad"), {});
    write("rows", rows.join("\n"));
    expect(await runCli(["retry", "friday"], { cwd })).toMatchObject({ exitCode: 0, stdout: "435\n" });
    expect(ranSince()).toEqual(["charge 29", "report"]);
    const second = await runCli(["retry", "friday"], { cwd });
    expect(second.exitCode).toBe(2);
    expect(second.stderr).toContain("friday has been retried already, by friday-retry (SUCCEEDED)");
    const done = await runCli(["retry", "friday-retry"], { cwd });
    expect([done.exitCode, done.stderr]).toEqual([2, expect.stringContaining("friday-retry has succeeded.")]);
  });

  test("takes another input for a handler that gets the rest of its work from it", async () => {
    const { cwd, write, ranSince, event } = await failedRun(rows, { fails: "no printer" });
    write("other", "{}");
    const changed = JSON.stringify({ ...JSON.parse(event), code: join(cwd, "other") });
    const retried = await runCli(["retry", "friday", "--event", changed], { cwd });
    expect(retried).toMatchObject({ exitCode: 0, stdout: "435\n" });
    expect(ranSince()).toEqual(["report"]);
  });

  test("goes on with a function that was not given before, of which the run says how to give it", async () => {
    const cwd = temporaryFolder();
    const log = join(cwd, "log");
    const event = JSON.stringify({ log });
    const run = await runCli(["run", HANDLERS, "--export", "invoking", "--event", event, "--name", "pay"], { cwd });
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toMatch(/retry pay --function payments=<file>#<export>/);
    const given = ["--plain-function", `payments=${HANDLERS}#payments`];
    expect(await runCli(["retry", "pay", ...given], { cwd })).toMatchObject({ exitCode: 0, stdout: "8\n" });
    expect(readFileSync(log, "utf8")).toBe("before\n");
  });

  test("asks for a higher quota, and goes on under it", async () => {
    const cwd = temporaryFolder();
    const log = join(cwd, "log");
    const event = JSON.stringify({ log, count: 12 });
    const few = ["--max-operations", "8"];
    const run = await runCli(["run", HANDLERS, "--export", "many", "--event", event, ...few], { cwd });
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toMatch(/may have 8 operations, .* retry .*--max-operations 16$/m);
    expect(run.stderr).not.toContain("after you fix the cause");
    const refused = await runCli(["retry"], { cwd });
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining("Give --max-operations")]);
    const lines = () => readFileSync(log, "utf8").trim().split("\n");
    const recorded = lines().length - 1;
    expect((await runCli(["retry", "--max-operations", "unlimited"], { cwd })).exitCode).toBe(0);
    for (let n = 0; n < recorded; n++) expect(lines().filter((line) => line === `step ${n}`)).toHaveLength(1);
  });
});
