import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { MemoryJournal, SqliteJournal } from "../../src/testing.ts";
import { journalSuite } from "../suites/journal-suite.ts";

const folder = mkdtempSync(join(tmpdir(), "journal-"));
let files = 0;
afterAll(() => rmSync(folder, { recursive: true }));

journalSuite("in memory", () => new MemoryJournal());
journalSuite("SQLite in memory", () => new SqliteJournal(":memory:"));
journalSuite("SQLite in a file", () => new SqliteJournal(join(folder, `${++files}.db`)));
