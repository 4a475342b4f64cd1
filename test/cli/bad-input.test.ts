import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { type CliResult, documentsOf, HANDLERS, runCli, shownBy, startCli, temporaryFolder } from "../support/cli.ts";
import { packedPackage } from "../support/packed-package.ts";

function expectRefusal(result: CliResult, exitCode: number, code: string, message: RegExp): void {
  expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({
    exitCode,
    stderr: expect.stringMatching(message),
  });
  expect(documentsOf(result).at(-1)).toEqual({
    type: "error",
    error: { code, message: expect.stringMatching(message) },
  });
  expect(result.stderr).toMatch(new RegExp(`^error: [^]*\\(${code}\\)$`, "m"));
  expect(result.stderr).not.toMatch(/^\s+at /m);
}

/** Runs a shell's command with the folder `small` on a disk of so many kilobytes, which lives as long as the shell. */
function onSmallDisk(sizeKilobytes: number, command: string): string[] {
  const mount = `mount -t tmpfs -o size=${sizeKilobytes}k tmpfs small && ${command}`;
  return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"];
}

function canMount(cwd: string): boolean {
  const [command = "", ...args] = onSmallDisk(100, "true");
  return spawnSync(command, args, { cwd }).status === 0;
}

describe.concurrent("a handler file", () => {
  test("that is missing is named, and no journal is made", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", "nowhere.ts", "--json"], { cwd });
    expectRefusal(result, 3, "ERR_HANDLER_MISSING", /There is no handler file .*nowhere\.ts/);
    expect(existsSync(join(cwd, ".durable-fanout"))).toBe(false);
  });

  test("that is a directory is named", async () => {
    const cwd = temporaryFolder();
    expectRefusal(await runCli(["run", ".", "--json"], { cwd }), 3, "ERR_HANDLER_MISSING", /is a directory/);
  });

  test("without the export is told which functions it has", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--export", "nothing", "--json"], { cwd });
    expectRefusal(result, 3, "ERR_HANDLER_EXPORT", /has no export "nothing"\. It exports .*failing/);
    const other = await runCli(["run", HANDLERS, "--export", "notAFunction", "--json"], { cwd });
    expectRefusal(other, 3, "ERR_HANDLER_EXPORT", /exports "notAFunction", which is not a function/);
  });

  test("whose setting is refused at import has the code of the setting, and the exit code of a handler", async () => {
    const cwd = temporaryFolder();
    const library = pathToFileURL(join(import.meta.dirname, "../../src/index.ts")).href;
    const source = `import { withDurableExecution } from "${library}";
      export const handler = withDurableExecution(async () => 1, { runtime: { concurrency: 0 } });`;
    writeFileSync(join(cwd, "setting.mjs"), source);
    const result = await runCli(["run", "setting.mjs", "--json"], { cwd });
    expectRefusal(result, 3, "ERR_SETTING_INVALID", /setting\.mjs cannot be imported: .*concurrency/);
  });

  test("that throws at import shows its error and its line, and the stack with --verbose", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "broken.mjs"), 'throw new TypeError("no configuration");');
    const result = await runCli(["run", "broken.mjs", "--json"], { cwd });
    expectRefusal(
      result,
      3,
      "ERR_HANDLER_IMPORT",
      /broken\.mjs cannot be imported: TypeError: no configuration \(.*broken\.mjs:\d+\)/,
    );
    const verbose = await runCli(["run", "broken.mjs", "--verbose"], { cwd });
    expect(verbose.stderr).toMatch(/^\s+at .*broken\.mjs/m);
  });

  test("with a mistake in its syntax is named", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "typo.mjs"), "export const handler = (;");
    expectRefusal(
      await runCli(["run", "typo.mjs", "--json"], { cwd }),
      3,
      "ERR_HANDLER_IMPORT",
      /typo\.mjs.*SyntaxError/,
    );
  });

  test.each([
    ["imports.ts", 'import { existsSync } from "node:fs"; export const handler = existsSync;'],
    ["exports.ts", "export const handler = async (event: number) => event;"],
  ])("that is an ES module where package.json says CommonJS is told how to change that: %s", async (name, source) => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "package.json"), '{ "type": "commonjs" }');
    writeFileSync(join(cwd, name), source);
    const result = await runCli(["run", name, "--json"], { cwd });
    expectRefusal(result, 3, "ERR_HANDLER_IMPORT", /says "type": "commonjs"\. Run "npm pkg set type=module"/);
  });

  test.each([
    ["answers with no status", "export const handler = async () => 42;"],
    ["wants steps", "export const handler = async (_, ctx) => ctx.step('a', async () => 1);"],
    ["wants a logger", "export const handler = async (_, ctx) => { ctx.logger.info('begun'); return 1; };"],
    ["is not asynchronous", "export const handler = (_, context) => context.map([1], async () => 1);"],
  ])("that is a plain function is told once to wrap it: one that %s", async (_what, source) => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "plain.mjs"), source);
    const advice = /"handler" of .*plain\.mjs is a plain function: wrap it in withDurableExecution/;
    const result = await runCli(["run", "plain.mjs", "--name", "friday", "--json"], { cwd });
    expectRefusal(result, 3, "ERR_HANDLER_NOT_DURABLE", advice);
    expect(documentsOf(result).map(({ type }) => type)).toEqual(["started", "error"]);
    expect(result.stderr).not.toMatch(/cost on AWS|retry|✖/);
    expect(documentsOf(await runCli(["list", "--json"], { cwd }))).toEqual([]);
    const plan = await runCli(["plan", "plain.mjs", "--event", "{}", "--yes", "--json"], { cwd });
    expectRefusal(plan, 3, "ERR_HANDLER_NOT_DURABLE", advice);
  });

  test("that has become a plain function does not end an execution that can be continued", async () => {
    const cwd = temporaryFolder();
    const library = pathToFileURL(join(import.meta.dirname, "../../src/index.ts")).href;
    const durable = `import { withDurableExecution } from "${library}";
      export const handler = withDurableExecution(async (_, ctx) => { await ctx.createCallback("go"); process.exit(1); });`;
    writeFileSync(join(cwd, "changed.mjs"), durable);
    await runCli(["run", "changed.mjs", "--name", "friday"], { cwd });
    writeFileSync(join(cwd, "changed.mjs"), "export const handler = async () => 1;");
    const resumed = await runCli(["resume", "friday", "--json"], { cwd });
    expectRefusal(resumed, 3, "ERR_HANDLER_NOT_DURABLE", /plain function/);
    expect((await shownBy(["friday"], { cwd })).execution.status).toBe("INTERRUPTED");
    writeFileSync(join(cwd, "changed.mjs"), durable.replace("process.exit(1)", "return 42"));
    expect((await runCli(["resume", "friday"], { cwd })).stdout).toBe("42\n");
  });

  test("in TypeScript, on a Node that cannot load it, is told which can", async () => {
    const { project } = await packedPackage();
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "typed.ts"), "export const handler = async () => 42;");
    const command = [join(project, "node_modules/durable-fanout/dist/cli.mjs"), "run", "typed.ts"];
    const { stderr } = spawnSync(process.execPath, ["--no-experimental-strip-types", ...command], {
      cwd,
      encoding: "utf8",
    });
    expect(stderr).toMatch(
      /typed\.ts cannot be imported: .*Node loads TypeScript from 22\.18 on .* or give a JavaScript file that is built/is,
    );
  });

  test("may be CommonJS", async () => {
    const cwd = temporaryFolder();
    writeFileSync(
      join(cwd, "old.cjs"),
      "const names = {}; names.handler = async () => ({ Status: 'SUCCEEDED' }); module.exports = names;",
    );
    expect((await runCli(["run", "old.cjs"], { cwd })).exitCode).toBe(0);
  });

  test("that waits for what nothing can settle ends the run, where no time-out is left to wait for", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--export", "stuck", "--virtual-time"], { cwd });
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toMatch(/waits for a promise that nothing can settle/);
  });

  test("that waits for what nothing can settle ends the run within a moment, also where time is the system's", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--export", "stuck", "--json"], { cwd });
    expectRefusal(result, 3, "ERR_HANDLER_STUCK", /waits for a promise that nothing can settle/);
  });

  test.for([0, 7])("that ends the process with %i is told so, and the run can be continued", async (code) => {
    const cwd = temporaryFolder();
    const event = JSON.stringify({ code });
    const result = await runCli(["run", HANDLERS, "--export", "exiting", "--event", event, "--json"], { cwd });
    expectRefusal(result, 3, "ERR_HANDLER_EXITED", /ended the process, by process\.exit\(\d\)/);
    expect(result.stderr).toContain("Nothing recorded is lost. To continue: node");
  });

  test("with a mistake in its syntax, or in that of a file that it imports, is told file and line", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "typo.mjs"), "\nexport const a = (;");
    writeFileSync(join(cwd, "typo.ts"), "\n\nexport const a: number = (;");
    writeFileSync(join(cwd, "imports.mjs"), 'import "./typo.mjs"; export const handler = 1;');
    for (const [file, place] of [
      ["typo.mjs", /\/typo\.mjs:2\)/],
      ["typo.ts", /\/typo\.ts:3\)/],
      ["imports.mjs", /\/typo\.mjs:2\)/],
    ] as const) {
      expectRefusal(await runCli(["run", file, "--json"], { cwd }), 3, "ERR_HANDLER_IMPORT", place);
    }
  });

  test("with TypeScript that Node does not take is told how it can", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "helper.ts"), "export const a = 1;");
    writeFileSync(join(cwd, "enum.ts"), "enum Colour { red } export const handler = () => Colour.red;");
    writeFileSync(join(cwd, "import.ts"), 'import { a } from "./helper"; export const handler = () => a;');
    for (const [file, advice] of [
      ["enum.ts", /enum is not supported.*NODE_OPTIONS="--import tsx"/],
      ["import.ts", /let the import end in "\.ts", or .*NODE_OPTIONS="--import tsx"/],
    ] as const) {
      expectRefusal(await runCli(["run", file, "--json"], { cwd }), 3, "ERR_HANDLER_IMPORT", advice);
    }
  });

  test("whose error escapes ends the run with the way to continue", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--export", "crashing", "--name", "crash"], { cwd });
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toMatch(/escaped from the handler.*thrown from a timer/);
    expect(result.stderr).toContain("To continue: node");
    expect((await shownBy(["crash"], { cwd })).execution.status).toBe("INTERRUPTED");
  });
});

describe.concurrent("an event", () => {
  test("that is larger than an execution takes is refused", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "large.json"), JSON.stringify("x".repeat(7_000_000)));
    const result = await runCli(["run", HANDLERS, "--event", "@large.json", "--json"], { cwd });
    expectRefusal(result, 2, "ERR_INPUT_TOO_LARGE", /7000002 bytes; the limit is 6291456/);
  });

  test.for([
    ['{"a":x}', /unexpected "x" at line 1, column 6/],
    ['{"a": 1,\n "b": tru}', /unexpected "t" at line 2, column 7/],
    ['{"a": [1, 2', /ends too early at line 1, column 12/],
    ["{'a': 1}", /unexpected "'" at line 1, column 2/],
    ['{"a":1}}', /unexpected "}" at line 1, column 8/],
    ["", /is empty/],
  ] as const)("that is not JSON, %s, is refused with the position", async ([event, message]) => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--event", event, "--json"], { cwd });
    expectRefusal(result, 2, "ERR_EVENT_INVALID", message);
    expect(existsSync(join(cwd, ".durable-fanout"))).toBe(false);
  });

  test("that is not JSON is told to be quoted only where a shell has read it", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "bad.json"), "{count: 1}");
    const ofFile = await runCli(["run", HANDLERS, "--event", "@bad.json"], { cwd });
    expect(ofFile.stderr).toMatch(
      /^error: The event file bad\.json is not JSON: unexpected "c" at line 1, column 2\. \(ERR_EVENT_INVALID\)$/m,
    );
    const ofInput = await runCli(["run", HANDLERS, "--event", "-"], { cwd, stdin: "{count: 1}" });
    expect(ofInput.stderr).not.toContain("Quote it");
    const ofShell = await runCli(["run", HANDLERS, "--event", "{count: 1}"], { cwd });
    expect(ofShell.stderr).toContain("Quote it for the shell, or use --event @file.json.");
  });

  test("in a missing file is named", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--event", "@none.json", "--json"], { cwd });
    expectRefusal(result, 2, "ERR_EVENT_UNREADABLE", /none\.json cannot be read: there is no such file/);
  });
});

describe.concurrent("a command line", () => {
  test.for([
    [["frobnicate"], /unknown command/],
    [["run"], /missing required argument/],
    [["run", HANDLERS, "--no-such-option"], /unknown option/],
    [["run", HANDLERS, "--max-operations", "many"], /whole number/],
    [["run", HANDLERS, "--max-data", "-1"], /Give bytes/],
    [["run", HANDLERS, "--name", "last"], /choose another name/],
    [["run", HANDLERS, "--name", "with space"], /1 to 64 letters/],
  ] as const)("that is wrong, %j, ends with 2", async ([args, message]) => {
    const result = await runCli([...args, "--json"], { cwd: temporaryFolder() });
    expectRefusal(result, 2, "ERR_USAGE", message);
  });
});

describe.concurrent("a journal", () => {
  test("that is another program's database is refused and left as it is", async () => {
    const cwd = temporaryFolder();
    const file = join(cwd, "other.db");
    const database = new DatabaseSync(file);
    database.exec("CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('Gloria')");
    database.close();
    const before = readFileSync(file);
    for (const args of [["run", HANDLERS], ["list"]]) {
      const result = await runCli([...args, "--db", file, "--json"], { cwd });
      expectRefusal(result, 4, "ERR_JOURNAL_NOT_OURS", /other\.db/);
    }
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test("that is no database is refused and left as it is", async () => {
    const cwd = temporaryFolder();
    const file = join(cwd, "notes.txt");
    writeFileSync(file, "These are notes, and nobody wants to lose them.\n".repeat(100));
    const result = await runCli(["run", HANDLERS, "--db", file, "--json"], { cwd });
    expectRefusal(result, 4, "ERR_JOURNAL_NOT_OURS", /notes\.txt/);
    expect(readFileSync(file, "utf8")).toMatch(/^These are notes/);
  });

  test("whose pages are damaged is reported as corrupt", async () => {
    const cwd = temporaryFolder();
    const file = join(cwd, "journal.db");
    await runCli(["run", HANDLERS, "--event", '{"count":200}', "--db", file], { cwd });
    const bytes = readFileSync(file);
    bytes.fill(0x5a, 4096);
    writeFileSync(file, bytes);
    const result = await runCli(["list", "--db", file, "--json"], { cwd });
    expectRefusal(result, 4, "ERR_JOURNAL_CORRUPT", /journal\.db/);
    expect((await runCli(["run", HANDLERS, "--db", file, "--json"], { cwd })).exitCode).toBe(4);
  });

  test("from a newer version is refused", async () => {
    const cwd = temporaryFolder();
    const file = join(cwd, "journal.db");
    await runCli(["run", HANDLERS, "--db", file], { cwd });
    const database = new DatabaseSync(file);
    database.exec("PRAGMA user_version = 999");
    database.close();
    const result = await runCli(["run", HANDLERS, "--db", file, "--json"], { cwd });
    expectRefusal(result, 4, "ERR_JOURNAL_NEWER", /newer/);
  });

  test("that cannot be written is refused, but can be looked at", async (context) => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, "small"));
    if (!canMount(cwd)) context.skip("this system lets nobody mount a small disk");
    await runCli(["run", HANDLERS, "--name", "kept", "--db", "journal.db"], { cwd });
    const under = onSmallDisk(5_000, 'cp journal.db small && mount -o remount,ro small && "$@"');
    const args = ["--db", "small/journal.db", "--json"];
    const result = await runCli(["run", HANDLERS, ...args], { cwd, under });
    expectRefusal(result, 4, "ERR_JOURNAL_READ_ONLY", /small\/journal\.db/);
    const [listed] = documentsOf(await runCli(["list", ...args], { cwd, under }));
    expect(listed).toMatchObject({ type: "execution", name: "kept" });
  });

  test("whose folder cannot be made is refused", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "file"), "");
    const result = await runCli(["run", HANDLERS, "--db", "file/journal.db", "--json"], { cwd });
    expectRefusal(result, 4, "ERR_JOURNAL_READ_ONLY", /folder .*file cannot be created/);
  });

  test("that is missing is not made by looking at it", async () => {
    const cwd = temporaryFolder();
    for (const command of ["list", "show", "history"]) {
      expectRefusal(await runCli([command, "--json"], { cwd }), 4, "ERR_JOURNAL_MISSING", /There is no journal/);
    }
    expect(existsSync(join(cwd, ".durable-fanout"))).toBe(false);
  });

  test("in use by another process is refused to a second one, but can be looked at", async () => {
    const cwd = temporaryFolder();
    const first = startCli(["run", HANDLERS, "--export", "waiting", "--name", "long"], { cwd });
    await first.said("To continue");
    const second = await runCli(["run", HANDLERS, "--json"], { cwd });
    expectRefusal(second, 5, "ERR_JOURNAL_IN_USE", /in use/);
    expectRefusal(await runCli(["resume", "--json"], { cwd }), 5, "ERR_JOURNAL_IN_USE", /in use/);
    const listed = documentsOf(await runCli(["list", "--json"], { cwd }))[0];
    expect(listed).toMatchObject({ name: "long", status: "RUNNING" });
    expect((await runCli(["show", "long"], { cwd })).stdout).toContain("first");
    expect((await runCli(["history", "long"], { cwd })).stdout).toContain("ExecutionStarted");
    first.child.kill("SIGINT");
    expect((await first.ended).exitCode).toBe(130);
  });

  test("on a full disk ends the run, and the run continues once there is room", async (context) => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, "small"));
    if (!canMount(cwd)) context.skip("this system lets nobody mount a small disk");
    // What is left of the journal is moved to another disk, as a user would do.
    const under = onSmallDisk(1_500, '"$@"; code=$?; cp -r small kept; exit $code');
    const event = ["--event", '{"megabytes":3}'];
    const db = ["--db", "small/journal.db"];
    const args = ["run", HANDLERS, "--export", "writing", "--name", "full", ...event, ...db, "--json"];
    const result = await runCli(args, { cwd, under });
    expectRefusal(result, 8, "ERR_JOURNAL_DISK_FULL", /small\/journal\.db/);
    const { operations } = await shownBy(["full", "--db", "kept/journal.db"], { cwd });
    expect(operations.filter(({ status }) => status === "SUCCEEDED").length).toBeGreaterThan(2);
    const resumed = await runCli(["resume", "full", "--db", "kept/journal.db"], { cwd });
    expect({ exitCode: resumed.exitCode, stdout: resumed.stdout }).toEqual({ exitCode: 0, stdout: "3\n" });
  });
});

describe.concurrent("an execution", () => {
  test("that is unknown is named", async () => {
    const cwd = temporaryFolder();
    await runCli(["run", HANDLERS], { cwd });
    for (const command of ["resume", "show", "history"]) {
      const result = await runCli([command, "nobody", "--json"], { cwd });
      expectRefusal(result, 6, "ERR_EXECUTION_UNKNOWN", /no execution "nobody"/);
    }
  });

  test("whose name has another input is kept, and the name refused", async () => {
    const cwd = temporaryFolder();
    const args = ["run", HANDLERS, "--name", "taken", "--json", "--event"];
    await runCli([...args, '{"count":4}'], { cwd });
    const result = await runCli([...args, '{"count":5}'], { cwd });
    expectRefusal(result, 7, "ERR_EXECUTION_NAME_TAKEN", /taken/);
    expect(documentsOf(await runCli([...args, '{"count":4}'], { cwd })).at(-1)).toMatchObject({ result: { sum: 14 } });
  });

  test("whose name belongs to another handler is refused", async () => {
    const cwd = temporaryFolder();
    await runCli(["run", HANDLERS, "--name", "taken"], { cwd });
    const result = await runCli(["run", HANDLERS, "--name", "taken", "--export", "talkative", "--json"], { cwd });
    expectRefusal(result, 7, "ERR_EXECUTION_NAME_TAKEN", /taken/);
  });

  test("with a payload over the limit fails once, naming the operation, its size and the limit", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--export", "large", "--json"], { cwd });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/export rows.*(300,?0\d\d|293|300\.0).*(262,?144|256)/);
    expect(documentsOf(result).at(-1)).toMatchObject({ usage: { invocations: 1, retries: 0 } });
  });

  test("whose step's result is not serializable fails with the step's name", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--export", "unserializableStep"], { cwd });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/FAILED.*step "count atoms".*BigInt/i);
  });

  test("whose result is not serializable fails with the reason", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--export", "unserializable"], { cwd });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/FAILED.*BigInt\nThe result of a handler is always JSON, .*String\(value\)/);
  });

  test("whose result is too large is told to return a reference", async () => {
    const cwd = temporaryFolder();
    const result = await runCli(["run", HANDLERS, "--export", "oversized"], { cwd });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/FAILED.*6291456 bytes\.\nThe result of an execution may have 6 MB\. .*reference/);
  });
});
