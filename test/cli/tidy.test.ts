// cspell:ignore COCURRENCY
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { documentsOf, HANDLERS, runCli, startCli, temporaryFolder } from "../support/cli.ts";

const names = async (cwd: string) => documentsOf(await runCli(["list", "--json"], { cwd })).map(({ name }) => name);

describe.concurrent("stop", () => {
  test("ends an execution that a process runs, and that process says so", async () => {
    const cwd = temporaryFolder();
    const run = startCli(["run", HANDLERS, "--export", "waiting", "--name", "long", "--json"], { cwd });
    await run.said("To continue");
    const stopped = await runCli(["stop", "long", "--json"], { cwd });
    expect(documentsOf(stopped)).toMatchObject([{ type: "stopped", name: "long", doneBy: "running process" }]);
    const ended = await run.ended;
    expect(ended.exitCode).toBe(1);
    expect(documentsOf(ended).at(-1)).toMatchObject({ type: "finished", execution: { status: "STOPPED" } });
    expect(ended.stderr).toMatch(/✖ STOPPED after [^:\n]+\n/);
  });

  test("ends one that no process runs, once", async () => {
    const cwd = temporaryFolder();
    const run = startCli(["run", HANDLERS, "--export", "waiting", "--name", "long"], { cwd });
    await run.said("waits for wait");
    run.child.kill("SIGKILL");
    await run.ended;
    expect((await runCli(["stop", "long"], { cwd })).exitCode).toBe(0);
    const again = await runCli(["stop", "long", "--json"], { cwd });
    expect([again.exitCode, documentsOf(again)]).toMatchObject([2, [{ error: { code: "ERR_EXECUTION_ENDED" } }]]);
  });
});

describe.concurrent("delete and prune", () => {
  test("delete removes one that has ended, and refuses one that has not", async () => {
    const cwd = temporaryFolder();
    for (const name of ["one", "two"]) await runCli(["run", HANDLERS, "--name", name], { cwd });
    expect(documentsOf(await runCli(["delete", "one", "--json"], { cwd }))).toMatchObject([
      { type: "deleted", name: "one" },
    ]);
    expect(await names(cwd)).toEqual(["two"]);
    expect((await runCli(["delete", "one"], { cwd })).exitCode).toBe(6);
    const run = startCli(["run", HANDLERS, "--export", "waiting", "--name", "long"], { cwd });
    await run.said("waits for wait");
    expect((await runCli(["delete", "two"], { cwd })).exitCode).toBe(5);
    run.child.kill("SIGKILL");
    await run.ended;
    const refused = await runCli(["delete", "long"], { cwd });
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringMatching(/has not ended.* stop long/)]);
  });

  test("prune removes what ended long ago, with what that invoked, and asks for an age", async () => {
    const cwd = temporaryFolder();
    const functions = ["--plain-function", `double=${HANDLERS}#double`, "--function", `child=${HANDLERS}#formatted`];
    const event = ["--event", '{"n":1}'];
    await runCli(["run", HANDLERS, "--export", "invoking", "--name", "parent", ...event, ...functions], { cwd });
    expect(await names(cwd)).toHaveLength(2);
    await runCli(["prune", "--older-than", "7d"], { cwd });
    expect(await names(cwd)).toHaveLength(2);
    expect((await runCli(["prune", "--older-than", "0m"], { cwd })).stderr).toContain("2 executions deleted.");
    expect(await names(cwd)).toEqual([]);
    expect((await runCli(["prune"], { cwd })).exitCode).toBe(2);
    expect((await runCli(["prune", "--older-than", "soon"], { cwd })).exitCode).toBe(2);
  });
});

test("J4: an execution is known where the log beside its journal is lost, and the run begins anew under its name", async () => {
  const cwd = temporaryFolder();
  const run = startCli(["run", HANDLERS, "--export", "waiting", "--name", "kept"], { cwd });
  await run.said("waits for wait");
  run.child.kill("SIGKILL");
  await run.ended;
  copyFileSync(join(cwd, ".durable-fanout/journal.db"), join(cwd, "copy.db"));
  const listed = documentsOf(await runCli(["list", "--db", "copy.db", "--json"], { cwd }));
  expect(listed).toMatchObject([{ name: "kept", status: "INTERRUPTED" }]);
  const resumed = await runCli(["resume", "kept", "--db", "copy.db", "--virtual-time"], { cwd });
  expect(resumed.stdout).toBe('"awake"\n');
});

describe.concurrent("decode", () => {
  // Of `{ when: new Date(0) }`, by the codec `typed`.
  const PACKED = "~1m1HJAkaR3aGVu1v8AAAAA";
  const VALUE = { type: "payload", value: { when: "1970-01-01T00:00:00.000Z" }, packed: true, bytes: PACKED.length };

  test.for([
    ["as it is", PACKED],
    ["in quotes", `"${PACKED}"`],
    ["broken over lines", `${PACKED.slice(0, 10)}\n  ${PACKED.slice(10)}\n`],
    ["with what stands around it in a history", `{"Result":{"Payload":"${PACKED}","Truncated":`],
  ] as const)("reads a packed payload %s, from an argument, a file or standard input", async ([, text]) => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "copied.txt"), text);
    const results = await Promise.all([
      runCli(["decode", text, "--json"], { cwd }),
      runCli(["decode", "@copied.txt", "--json"], { cwd }),
      runCli(["decode", "-", "--json"], { cwd, stdin: text }),
    ]);
    for (const result of results) expect(documentsOf(result)).toEqual([VALUE]);
    expect((await runCli(["decode", text], { cwd })).stdout).toBe("{ when: 1970-01-01T00:00:00.000Z }\n");
  });

  test("prints JSON over lines, and refuses what is neither", async () => {
    const cwd = temporaryFolder();
    expect((await runCli(["decode", '{"a":[1]}'], { cwd })).stdout).toBe('{\n  "a": [\n    1\n  ]\n}\n');
    for (const text of ["hello", "~9x", "~1zabc"]) {
      const result = await runCli(["decode", text, "--json"], { cwd });
      expect([result.exitCode, documentsOf(result)]).toMatchObject([
        2,
        [{ error: { code: "ERR_PAYLOAD_UNREADABLE" } }],
      ]);
    }
    expect((await runCli(["decode", "-"], { cwd })).exitCode).toBe(2);
  });
});

test("export writes one execution with what people read and what programs do", async () => {
  const cwd = temporaryFolder();
  await runCli(["run", HANDLERS, "--export", "packed", "--name", "packed", "--event", '{"n":1}'], { cwd });
  const documents = documentsOf(await runCli(["export", "packed"], { cwd }));
  expect(documents).toHaveLength(1);
  expect(documents[0]).toMatchObject({
    ...{ type: "export", version: 1 },
    execution: { name: "packed", status: "SUCCEEDED", input: { n: 1 }, wire: { input: '{"n":1}' } },
    operations: [
      { name: "rows", wire: { Name: "rows", Type: "STEP", StepDetails: { Result: expect.stringMatching(/^~1/) } } },
      { name: "day" },
      { name: "inside" },
      { name: "deep", result: "found", wire: { StepDetails: { Result: '"found"' } } },
    ],
    events: expect.arrayContaining([
      expect.objectContaining({ event: "ExecutionStarted", wire: expect.objectContaining({ EventId: 1 }) }),
    ]),
  });
});

describe.concurrent("doctor", () => {
  test("says where each setting comes from, and how the journal is", async () => {
    const cwd = temporaryFolder();
    const none = await runCli(["doctor"], { cwd });
    expect([none.exitCode, none.stdout]).toEqual([
      0,
      expect.stringMatching(
        /of the runtime[\s\S]*runtime\.codec[\s\S]*of the embedded engine.*\nquotas\.operations[\s\S]*Nothing is wrong/,
      ),
    ]);
    await runCli(["run", HANDLERS], { cwd });
    await runCli(["run", HANDLERS, "--export", "failing"], { cwd });
    const env = { DURABLE_FANOUT_CONCURRENCY: "8" };
    const [document] = documentsOf(await runCli(["doctor", "--json"], { cwd, env }));
    expect(document).toMatchObject({
      type: "doctor",
      versions: { node: process.version },
      vcpus: expect.any(Number),
      journal: { exists: true, readable: true, inUse: false, executions: { SUCCEEDED: 1, FAILED: 1 } },
      problems: [],
    });
    expect(document?.["settings"]).toEqual(
      expect.arrayContaining([
        { setting: "runtime.concurrency", value: 8, from: "DURABLE_FANOUT_CONCURRENCY" },
        { setting: "runtime.codec", value: "compact", from: "default" },
        { setting: "workers.mode", value: "auto", from: "default" },
        { setting: "workers.threads", value: expect.any(Number), from: "default" },
        { setting: "quotas.operations", value: 3_000, from: "default" },
      ]),
    );
  });

  test("ends with 1 and says what to do when something is wrong", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "broken.db"), "no journal at all");
    const env = { DURABLE_FANOUT_CODEC: "zip", DURABLE_FANOUT_COCURRENCY: "8", DURABLE_FANOUT_FOO: "1" };
    const result = await runCli(["doctor", "--db", "broken.db"], { cwd, env });
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toMatch(/DURABLE_FANOUT_CODEC is "zip"; allowed: .*\n {2}Unset DURABLE_FANOUT_CODEC/);
    expect(result.stdout).toMatch(/DURABLE_FANOUT_COCURRENCY\.\n {2}Unset it, or call it DURABLE_FANOUT_CONCURRENCY/);
    expect(result.stdout).toMatch(/variable DURABLE_FANOUT_FOO\.\n {2}Unset DURABLE_FANOUT_FOO\.\n/);
    expect(result.stdout).toMatch(/allowed: .* \(ERR_SETTING_INVALID\)\n/);
    expect(result.stdout).toMatch(/broken\.db is not a journal of durable-fanout/);
  });
});

describe.concurrent("every command", () => {
  const COMMANDS = async () => {
    const { stdout } = await runCli(["--help"]);
    const listed = stdout.slice(stdout.indexOf("Commands:"), stdout.indexOf("Exit codes:"));
    return [...listed.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name as string).filter((name) => name !== "help");
  };

  test("has an example in its help", async () => {
    const commands = await COMMANDS();
    expect(commands.length).toBeGreaterThan(15);
    for (const command of commands) {
      expect((await runCli([command, "--help"])).stdout).toMatch(/Examples:\n {2}\S/);
    }
  });

  test("with --json writes one document a line and nothing else, each with its type, whatever a handler writes", async () => {
    const cwd = temporaryFolder();
    const db = ["--name", "talk"];
    const run = await runCli(["run", HANDLERS, "--export", "talkative", ...db, "--json"], { cwd });
    const retry = await runCli(["retry", "talk", "--json"], { cwd });
    const waiting = startCli(["run", HANDLERS, "--export", "asking", "--name", "asks", "--json"], { cwd });
    await waiting.said("To continue");
    let callbacks = await runCli(["callbacks", "--json"], { cwd });
    while (callbacks.stdout === "") callbacks = await runCli(["callbacks", "--json"], { cwd });
    const results = [run, retry, callbacks];
    for (const args of [
      ["heartbeat", "approval"],
      ["complete", "approval", "--result", "yes"],
      ["fail", "nobody"],
      ["stop", "asks"],
      ["list"],
      ["show", "asks"],
      ["history", "talk"],
      ["export", "talk"],
      ["decode", "[1]"],
      ["doctor"],
    ]) {
      results.push(await runCli([...args, "--json"], { cwd }));
    }
    results.push(await waiting.ended, await runCli(["resume", "talk", "--json"], { cwd }));
    results.push(await runCli(["delete", "talk", "--json"], { cwd }));
    results.push(await runCli(["prune", "--older-than", "0m", "--json"], { cwd }));
    for (const result of results) {
      const documents = documentsOf(result);
      expect(documents.length).toBeGreaterThan(0);
      for (const document of documents) {
        expect(document["type"]).toMatch(/^[a-z-]+$/);
        expect(Object.keys(document).filter((name) => !/^[a-z][A-Za-z]*$/.test(name))).toEqual([]);
      }
    }
  });
});
