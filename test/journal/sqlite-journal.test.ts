import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { noCounters } from "../../src/journal/journal.ts";
import { SqliteJournal, type SqliteJournalOptions } from "../../src/testing.ts";
import { checkpointEntry, executionHeader } from "../support/journal-entries.ts";

const WRITER = join(import.meta.dirname, "../support/journal-writer.ts");
const header = executionHeader("e", '{"n":1}');

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "journal-"));
  file = join(folder, "journal.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

function writeJournal(tokens: number): void {
  const journal = new SqliteJournal(file);
  journal.create(header);
  for (let token = 1; token <= tokens; token++) journal.append(header.arn, [checkpointEntry(token)], noCounters());
  journal.close();
}

function readTokens(options?: SqliteJournalOptions, arn = header.arn): number[] {
  const journal = new SqliteJournal(file, options);
  try {
    return Array.from(journal.entries(arn), (entry) => (entry.kind === "checkpoint" ? entry.token : -1));
  } finally {
    journal.close();
  }
}

function refusal(code: string, message = new RegExp(file)): object {
  return expect.objectContaining({ code, message: expect.stringMatching(message) });
}

const opening = (options?: SqliteJournalOptions) => () => new SqliteJournal(file, options).close();

test("a journal reopened has all that was written", () => {
  writeJournal(3);
  const journal = new SqliteJournal(file);
  expect(journal.executions()).toMatchObject([{ header: { arn: header.arn, input: header.input }, status: "RUNNING" }]);
  journal.append(header.arn, [checkpointEntry(4)], noCounters());
  journal.close();
  expect(readTokens()).toEqual([1, 2, 3, 4]);
});

test.for(["off", "normal", "full"] as const)("a journal works with synchronous %s", (synchronous) => {
  const journal = new SqliteJournal(file, { synchronous });
  journal.create(header);
  journal.close();
  expect(readTokens()).toEqual([]);
  // @ts-expect-error What JavaScript may pass.
  expect(opening({ synchronous: "sometimes" })).toThrow(refusal("ERR_SETTING_INVALID", /"sometimes".*"normal"/));
});

test("J1: a process killed at any instant loses nothing that was acknowledged, and the next one goes on at once", async () => {
  const acknowledged = await writeUntilKilled(400);
  const arn = executionHeader("killed").arn;
  const seen = readTokens({ readOnly: true }, arn);
  expect(seen.length).toBeGreaterThanOrEqual(acknowledged);
  expect(seen.length).toBeLessThanOrEqual(acknowledged + 1);
  expect(seen).toEqual(seen.map((_, index) => index + 1));
  const journal = new SqliteJournal(file);
  expect(journal.executions()[0]?.counters.checkpoints).toBe(seen.length);
  journal.append(arn, [checkpointEntry(seen.length + 1)], noCounters());
  journal.close();
  expect(readTokens({}, arn)).toHaveLength(seen.length + 1);
});

/** Lets another process write so many entries at least, kills it, and returns the last one that it was sure of. */
async function writeUntilKilled(entries: number): Promise<number> {
  const child = spawn(process.execPath, ["--no-warnings", WRITER, file], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (output.split("\n").length > entries) child.kill("SIGKILL");
  });
  const signal = await new Promise((resolve) => child.on("close", (_code, by) => resolve(by)));
  expect(signal).toBe("SIGKILL");
  return Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1));
}

test("a failed append leaves nothing behind, and the journal usable", () => {
  const journal = new SqliteJournal(file);
  journal.create(header);
  const unwritable = { ...checkpointEntry(2), atMs: 1n as unknown as number };
  expect(() => journal.append(header.arn, [checkpointEntry(1), unwritable], noCounters())).toThrow(/BigInt/);
  journal.append(header.arn, [checkpointEntry(3)], noCounters());
  journal.close();
  expect(readTokens()).toEqual([3]);
});

test("J2: a journal in use is refused to a second writer, by any of its names, until the first is closed", () => {
  const first = new SqliteJournal(file);
  first.create(header);
  expect(opening()).toThrow(refusal("ERR_JOURNAL_IN_USE", /in use by another process.*another path/));
  const alias = join(folder, "alias.db");
  symlinkSync(file, alias);
  expect(() => new SqliteJournal(alias)).toThrow(refusal("ERR_JOURNAL_IN_USE", /alias\.db/));
  first.close();
  first.close();
  expect(opening()).not.toThrow();
});

test("a journal that another process writes is refused to a writer but not to a reader, until that process dies", async () => {
  const child = spawn(process.execPath, ["--no-warnings", WRITER, file], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.on("close", resolve));
  try {
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.stdout.resume();
    expect(opening()).toThrow(refusal("ERR_JOURNAL_IN_USE", /in use by another process/));
    expect(readTokens({ readOnly: true }, executionHeader("killed").arn).length).toBeGreaterThan(0);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
  expect(opening()).not.toThrow();
});

test("a journal can be looked at while it is written", () => {
  const writer = new SqliteJournal(file);
  writer.create(header);
  writer.append(header.arn, [checkpointEntry(1)], noCounters());
  const reader = new SqliteJournal(file, { readOnly: true });
  expect(reader.readOnly).toBe(true);
  expect([...reader.entries(header.arn)]).toHaveLength(1);
  writer.append(header.arn, [checkpointEntry(2)], noCounters());
  expect([...reader.entries(header.arn)]).toHaveLength(2);
  expect(() => reader.create(executionHeader("other"))).toThrow(refusal("ERR_JOURNAL_READ_ONLY", /without readOnly/));
  expect(() => reader.append(header.arn, [], noCounters())).toThrow(refusal("ERR_JOURNAL_READ_ONLY"));
  reader.close();
  writer.close();
});

test("a closed journal says so", () => {
  const journal = new SqliteJournal(file);
  journal.close();
  expect(() => journal.executions()).toThrow(refusal("ERR_JOURNAL_CLOSED"));
  expect(() => journal.create(header)).toThrow(refusal("ERR_JOURNAL_CLOSED"));
  expect(() => [...journal.entries(header.arn)]).toThrow(refusal("ERR_JOURNAL_CLOSED"));
});

test("looking at a journal that is missing creates nothing", () => {
  expect(opening({ readOnly: true })).toThrow(refusal("ERR_JOURNAL_MISSING"));
  expect(readdirSync(folder)).toEqual([]);
});

test.for([
  ["text", () => writeFileSync(file, "Notes that nobody wants to lose.\n".repeat(200)), /no SQLite database/],
  ["short text", () => writeFileSync(file, "SQLite format 3\0"), /no SQLite database/],
  ["another program's database", () => writeOtherDatabase(), /another program/],
] as const)("J3: %s is refused and stays as it is, byte for byte", ([, write, reason]) => {
  write();
  const before = readFileSync(file);
  const names = readdirSync(folder);
  for (const readOnly of [false, true]) {
    expect(opening({ readOnly })).toThrow(refusal("ERR_JOURNAL_NOT_OURS"));
    expect(opening({ readOnly })).toThrow(reason);
  }
  expect(readFileSync(file).equals(before)).toBe(true);
  expect(readdirSync(folder)).toEqual(names);
});

function writeOtherDatabase(): void {
  const database = new DatabaseSync(file);
  database.exec("CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('Gloria')");
  database.close();
}

test("a folder is refused", () => {
  mkdirSync(file);
  expect(opening()).toThrow(refusal("ERR_JOURNAL_NOT_OURS", /it is a folder/));
});

test("an empty file becomes a journal, as mktemp makes one, but is none to look at", () => {
  writeFileSync(file, "");
  expect(opening({ readOnly: true })).toThrow(refusal("ERR_JOURNAL_NOT_OURS", /it is empty/));
  writeJournal(1);
  expect(readTokens()).toEqual([1]);
});

test("a journal of the first version is read as it is, and can be looked up by index once it is written", () => {
  writeJournal(1);
  const database = new DatabaseSync(file);
  database.exec("DROP INDEX execution_name; DROP INDEX execution_id; PRAGMA user_version = 1");
  database.close();
  for (const readOnly of [true, false]) {
    const journal = new SqliteJournal(file, { readOnly });
    expect(journal.find("name", "e")?.header.arn).toBe(header.arn);
    expect(journal.find("id", "1")?.header.arn).toBe(header.arn);
    journal.close();
  }
  const upgraded = new DatabaseSync(file, { readOnly: true });
  expect(upgraded.prepare("PRAGMA user_version").get()).toEqual({ user_version: 2 });
  const plan = (where: string) =>
    upgraded.prepare(`EXPLAIN QUERY PLAN SELECT id FROM execution WHERE ${where} = ?`).get()?.["detail"];
  expect(plan("header -> '$.name'")).toMatch(/USING.* INDEX execution_name/);
  expect(plan("replace(arn, rtrim(arn, replace(arn, '/', '')), '')")).toMatch(/USING.* INDEX execution_id/);
  upgraded.close();
});

test("a journal of a newer version is refused, to read and to write", () => {
  writeJournal(1);
  const database = new DatabaseSync(file);
  database.exec("PRAGMA user_version = 999");
  database.close();
  for (const readOnly of [false, true]) {
    expect(opening({ readOnly })).toThrow(refusal("ERR_JOURNAL_NEWER", /newer version.*999.*Update/));
  }
});

test("a damaged journal is reported as such", () => {
  writeJournal(500);
  const bytes = readFileSync(file);
  bytes.fill(0x5a, 4096);
  writeFileSync(file, bytes);
  for (const readOnly of [false, true]) {
    expect(opening({ readOnly })).toThrow(refusal("ERR_JOURNAL_CORRUPT", /damaged.*copy/));
  }
});

test("a journal that was cut off is reported as damaged at the latest when the missing part is read", () => {
  writeJournal(500);
  truncateSync(file, 20_480);
  expect(() => readTokens()).toThrow(refusal("ERR_JOURNAL_CORRUPT"));
});

test("a row that is no JSON is reported as damage", () => {
  writeJournal(1);
  const database = new DatabaseSync(file);
  database.exec("UPDATE entry SET entry = substr(entry, 1, 10)");
  database.close();
  expect(() => readTokens()).toThrow(refusal("ERR_JOURNAL_CORRUPT"));
});

test("a journal that may not be written is refused, but can be looked at", (context) => {
  if (process.getuid?.() === 0) context.skip("root may write everything");
  writeJournal(2);
  rmSync(`${file}-lock`, { force: true });
  chmodSync(file, 0o444);
  expect(opening()).toThrow(refusal("ERR_JOURNAL_READ_ONLY"));
  chmodSync(folder, 0o555);
  try {
    expect(opening()).toThrow(refusal("ERR_JOURNAL_READ_ONLY"));
    expect(readTokens({ readOnly: true })).toEqual([1, 2]);
  } finally {
    chmodSync(folder, 0o755);
  }
});

test("a journal in a folder that does not exist is refused", () => {
  file = join(folder, "none", "journal.db");
  expect(opening()).toThrow(refusal("ERR_JOURNAL_READ_ONLY"));
  expect(existsSync(join(folder, "none"))).toBe(false);
});

test("a full disk is reported, and what was acknowledged stays", (context) => {
  // A disk of 600 kB that lives as long as its shell.
  const small = (command: string, ...args: string[]) => {
    const script = `mount -t tmpfs -o size=600k tmpfs "${folder}" && ${command}`;
    return spawnSync("unshare", ["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", ...args]);
  };
  if (small("true").status !== 0) context.skip("this system lets nobody mount a small disk");
  const { stdout } = small('exec "$@"', process.execPath, "--no-warnings", WRITER, file);
  const lines = stdout.toString().trim().split("\n");
  const failure = lines.pop();
  expect(failure).toMatch(/^ERR_JOURNAL_DISK_FULL .*is full.*free some space/);
  expect(failure).toContain(`${lines.length} kept`);
  expect(lines.length).toBeGreaterThan(20);
});
