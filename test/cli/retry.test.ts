import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { documentsOf, HANDLERS, runCli, temporaryFolder } from "../support/cli.ts";

/** A folder with a run of 10 items, of which 3 and 7 have failed. */
async function mendingRun(batch: number | false): Promise<{ cwd: string; log: () => string[]; mend: () => void }> {
  const cwd = temporaryFolder();
  const [broken, log] = [join(cwd, "broken"), join(cwd, "log")];
  writeFileSync(broken, "");
  const event = JSON.stringify({ count: 10, batch, broken, log });
  const run = await runCli(["run", HANDLERS, "--export", "mending", "--event", event, "--name", "friday"], { cwd });
  expect(JSON.parse(run.stdout)).toEqual({ succeeded: 8, failed: 2 });
  return { cwd, log: () => readFileSync(log, "utf8").trim().split("\n"), mend: () => rmSync(broken) };
}

describe.concurrent("retry --failed", () => {
  test.for([
    ["in batches", 4],
    ["without batches", false],
  ] as const)("runs only the items that failed, %s, in an execution of its own", async ([, batch]) => {
    const { cwd, log, mend } = await mendingRun(batch);
    mend();
    const retried = await runCli(["retry", "friday", "--failed", "--json"], { cwd });
    expect(retried.exitCode).toBe(0);
    expect(retried.stderr).toContain("Running 2 failed items of friday again, and the operations after their maps.");
    expect(documentsOf(retried)[0]).toMatchObject({
      type: "started",
      execution: { name: "friday-retry" },
      resume: expect.stringMatching(/resume friday-retry$/),
    });
    expect(documentsOf(retried).at(-1)).toMatchObject({
      execution: { status: "SUCCEEDED", name: "friday-retry" },
      result: { succeeded: 10, failed: 0 },
      items: 2,
      batches: [{ name: "mend", done: 10, failed: 0, total: 10, ended: true }],
    });
    expect(log().slice(8).toSorted()).toEqual(["3", "7"]);
    const shown = (await runCli(["show", "friday-retry"], { cwd })).stdout;
    expect(shown).toMatch(/retry of arn:.*\/friday\//);
    expect((await runCli(["show", "friday"], { cwd })).stdout).toContain("SUCCEEDED");
  });

  test("says what each of its counts of operations counts", async () => {
    const { cwd, mend } = await mendingRun(false);
    mend();
    const dry = await runCli(["retry", "friday", "--failed", "--dry-run"], { cwd });
    expect(dry.stdout).toContain("Taken over from friday: 16 operations that ended.");
    const retried = await runCli(["retry", "friday", "--failed"], { cwd });
    expect(retried.stderr).toMatch(/Continuing: 19 operations \(ended or not\) and .* are recorded already\./);
  });

  test("takes another name each time, and says so when nothing is left to retry", async () => {
    const { cwd, mend } = await mendingRun(4);
    const again = await runCli(["retry", "--failed"], { cwd });
    expect(again.stderr).toMatch(/^friday-retry {2}arn:/m);
    expect(JSON.parse(again.stdout)).toEqual({ succeeded: 8, failed: 2 });
    mend();
    const third = await runCli(["retry", "--failed"], { cwd });
    expect(third.stderr).toMatch(/^friday-retry-2 {2}arn:/m);
    expect(JSON.parse(third.stdout)).toEqual({ succeeded: 10, failed: 0 });
    const named = await runCli(["retry", "friday", "--failed", "--again", "--name", "saturday"], { cwd });
    expect(named.stderr).toMatch(/^saturday {2}arn:/m);
    const done = await runCli(["retry", "saturday", "--failed"], { cwd });
    expect(done.exitCode).toBe(2);
    expect(done.stderr).toContain("No item of a map or parallel of this execution has failed");
    const taken = await runCli(["retry", "friday", "--failed", "--again", "--name", "saturday"], { cwd });
    expect(taken.exitCode).toBe(7);
  });

  test("is refused the second time: what has succeeded meanwhile must not run again", async () => {
    const { cwd, log, mend } = await mendingRun(4);
    mend();
    expect((await runCli(["retry", "friday", "--failed"], { cwd })).exitCode).toBe(0);
    const ran = log().length;
    const second = await runCli(["retry", "friday", "--failed"], { cwd });
    expect(second.exitCode).toBe(2);
    expect(second.stderr).toContain("friday has been retried already, by friday-retry (SUCCEEDED).");
    expect(second.stderr).toMatch(
      /retry friday-retry --failed\. With --again the failed items of friday run once more/,
    );
    expect(log()).toHaveLength(ran);
    const again = await runCli(["retry", "friday", "--failed", "--again"], { cwd });
    expect(again.exitCode).toBe(0);
    expect(log().slice(ran).toSorted()).toEqual(["3", "7"]);
  });

  test("is refused without a word on what to retry, and for an execution that does not exist", async () => {
    const { cwd } = await mendingRun(4);
    const silent = await runCli(["retry", "friday"], { cwd });
    expect(silent.exitCode).toBe(2);
    expect(silent.stderr).toContain("retry --failed runs the failed items of its maps and parallels again");
    expect((await runCli(["retry", "monday", "--failed"], { cwd })).exitCode).toBe(6);
  });
});
