import { describe, expect, test } from "vitest";
import { documentsOf, HANDLERS, runCli, startCli, temporaryFolder } from "../support/cli.ts";

const RUN = ["run", HANDLERS, "--export", "invoking", "--event", '{"n":21}', "--name", "calls"];
const PLAIN = ["--plain-function", `double=${HANDLERS}#double`];
const DURABLE = ["--function", `child=${HANDLERS}#child`];

describe.concurrent("functions that a handler invokes", () => {
  test("are named on the command line, and remembered when the execution is resumed", async () => {
    const cwd = temporaryFolder();
    const run = startCli([...RUN, ...PLAIN, ...DURABLE], { cwd });
    await run.said("Waits for callback more");
    run.child.kill("SIGKILL");
    await run.ended;
    const resumed = startCli(["resume", "calls"], { cwd });
    await resumed.said(/recorded already/);
    while (
      JSON.stringify(documentsOf(await runCli(["complete", "more", "--result", "1", "--json"], { cwd }))).includes(
        "error",
      )
    );
    const { exitCode, stdout } = await resumed.ended;
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual([42, 22]);
  });

  test("are told of when they are not named: to the handler in a run, to the user in a resume", async () => {
    const cwd = temporaryFolder();
    const unnamed = await runCli(RUN, { cwd });
    expect(unnamed.exitCode).toBe(1);
    expect(unnamed.stderr).toMatch(/InvokeError: No function "double" is registered \(known: cli-handlers\)/);
    const run = startCli([...RUN.slice(0, -1), "other", ...PLAIN, ...DURABLE], { cwd });
    await run.said("Waits for callback more");
    run.child.kill("SIGKILL");
    await run.ended;
    // The name now belongs to a function of another kind.
    const wrong = await runCli(["resume", "other", "--plain-function", `child=${HANDLERS}#double`, "--json"], { cwd });
    expect(wrong.exitCode).toBe(3);
    expect(documentsOf(wrong)).toEqual([
      {
        type: "error",
        error: {
          code: "ERR_FUNCTION_UNKNOWN",
          message: expect.stringMatching(/"child".* was a durable function .* On the command line: --function <name>=/),
        },
      },
    ]);
  });

  test("are refused when the option or the file is not what it is to be", async () => {
    const cwd = temporaryFolder();
    const spelled = await runCli([...RUN, "--function", HANDLERS], { cwd });
    expect([spelled.exitCode, spelled.stderr]).toEqual([
      2,
      expect.stringMatching(/Give <name>=<file> or <name>=<file>#<export>/),
    ]);
    const missing = await runCli([...RUN, "--function", "child=nowhere.ts"], { cwd });
    expect([missing.exitCode, missing.stderr]).toEqual([3, expect.stringMatching(/no handler file .*nowhere\.ts/)]);
    const unexported = await runCli([...RUN, "--function", `child=${HANDLERS}#nobody`], { cwd });
    expect([unexported.exitCode, unexported.stderr]).toEqual([3, expect.stringMatching(/has no export "nobody"/)]);
  });
});
