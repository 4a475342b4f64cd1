import { existsSync, realpathSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { DurableError } from "../core/errors.ts";
import type {
  ErrorTrace,
  ExecutionCounters,
  ExecutionHeader,
  ExecutionKey,
  Journal,
  JournalEntry,
  JournalExecution,
  JournalSeed,
  LogLine,
} from "./journal.ts";
import { noCounters } from "./journal.ts";
import { isFailureOf, journalError } from "./sqlite-failure.ts";
import { APPLICATION_ID, inspectJournalFile, JOURNAL_VERSION, newerJournal } from "./sqlite-file.ts";
import { JournalLock } from "./sqlite-lock.ts";
import { parseExecution, parseRow } from "./sqlite-rows.ts";

export interface SqliteJournalOptions {
  /** Opens the journal for reading only. Another process may write meanwhile. The journal must exist. Default false. */
  readonly readOnly?: boolean;
  /**
   * When the operating system writes data to the disk. With `normal` (the default), data survives the death of the
   * process at any moment, but a crash of the machine may lose the last writes. With `full`, data also survives a crash
   * of the machine. With `off`, a crash of the machine may damage the journal.
   */
  readonly synchronous?: "off" | "normal" | "full";
}

/** Milliseconds to wait while another connection locks the database, for example to recover the write-ahead log. */
const BUSY_TIMEOUT_MS = 2_000;

// `execution` has large values that never change, and `progress` has the values that change. So a commit rewrites no
// large row. Entries are JSON, which escapes lone surrogates. In plain text, SQLite would replace them.
const SCHEMA = `
  CREATE TABLE execution (id INTEGER PRIMARY KEY, arn TEXT NOT NULL UNIQUE, header TEXT NOT NULL) STRICT;
  CREATE TABLE progress (
    execution INTEGER PRIMARY KEY REFERENCES execution (id), status TEXT NOT NULL, end_ms INTEGER, counters TEXT NOT NULL
  ) STRICT;
  CREATE TABLE entry (
    id INTEGER PRIMARY KEY, execution INTEGER NOT NULL REFERENCES execution (id), entry TEXT NOT NULL
  ) STRICT;
  CREATE INDEX entry_of_execution ON entry (execution);
`;

/** SQL expressions by which executions are found. The name is JSON, because SQLite replaces lone surrogates in text. */
const KEYS: Record<ExecutionKey, string> = {
  arn: "arn",
  name: "header -> '$.name'",
  // The text after the last slash. `rtrim` returns the text up to the last slash, and `replace` removes that text.
  id: "replace(arn, rtrim(arn, replace(arn, '/', '')), '')",
};

const INDEXES = `
  CREATE INDEX execution_name ON execution (${KEYS.name});
  CREATE INDEX execution_id ON execution (${KEYS.id});
`;

/** A table that journals of earlier releases may lack, and that earlier releases ignore. */
type Beside = "trace" | "log";

const createBeside = (table: Beside): string => `
  CREATE TABLE IF NOT EXISTS ${table} (
    id INTEGER PRIMARY KEY, execution INTEGER NOT NULL REFERENCES execution (id), ${table} TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS ${table}_of_execution ON ${table} (execution);
`;

const INSERT_ENTRY = "INSERT INTO entry (execution, entry) VALUES (?, ?)";

const SELECT_EXECUTION = `
  SELECT header, status, end_ms, counters, CASE WHEN status <> 'RUNNING' THEN (
    SELECT entry FROM entry WHERE entry.execution = execution.id ORDER BY entry.id DESC LIMIT 1
  ) END AS end_entry FROM execution JOIN progress ON progress.execution = execution.id
`;

/**
 * A journal in an SQLite file.
 *
 * J1  `create` and `append` are one transaction each. When the call has returned, its data survives the process.
 * J2  In all processes, only one `SqliteJournal` at a time can write to a file. The operating system releases the lock
 *     when the process ends, so that a crash leaves no lock.
 * J3  A file that is neither empty nor a journal of this package is never opened for writing.
 * J4  An execution that a caller starts is written to the file itself, and not only to the write-ahead log, unless a
 *     reader delays this. If the log is lost, the journal still knows that the execution exists.
 */
export class SqliteJournal implements Journal {
  readonly readOnly: boolean;
  readonly #path: string;
  readonly #lock: JournalLock | undefined;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #ids = new Map<string, number>();
  #open = true;

  /**
   * Opens the journal at `path`, or creates it unless `readOnly` is set. `:memory:` is a journal in memory.
   * @throws DurableError `ERR_SETTING_INVALID`, `ERR_JOURNAL_NOT_OURS`, `ERR_JOURNAL_NEWER`, `ERR_JOURNAL_MISSING`, and
   * these errors, which the methods may throw too: `ERR_JOURNAL_CORRUPT`, `ERR_JOURNAL_READ_ONLY`,
   * `ERR_JOURNAL_IN_USE`, `ERR_JOURNAL_DISK_FULL`, `ERR_JOURNAL_IO`. A method also throws `ERR_JOURNAL_CLOSED` after
   * `close`.
   */
  constructor(path: string, options: SqliteJournalOptions = {}) {
    const { readOnly = false, synchronous = "normal" } = options;
    if (!["off", "normal", "full"].includes(synchronous)) {
      const allowed = `"off", "normal" or "full"`;
      throw new DurableError(
        "ERR_SETTING_INVALID",
        `synchronous is ${JSON.stringify(synchronous)}; allowed: ${allowed}.`,
      );
    }
    this.readOnly = readOnly;
    this.#path = path;
    const inMemory = path === ":memory:";
    if (!inMemory) inspectJournalFile(path, { mustExist: readOnly }); // J3
    this.#lock = readOnly || inMemory ? undefined : new JournalLock(path); // J2
    let database: DatabaseSync | undefined;
    try {
      database = readOnly ? openToRead(path) : new DatabaseSync(path);
      database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
      this.#database = database;
      if (!readOnly) this.#prepareToWrite(synchronous);
      this.#check();
    } catch (error) {
      database?.close();
      this.#lock?.release();
      throw journalError(path, error);
    }
  }

  create(header: ExecutionHeader, seed?: JournalSeed): void {
    const { entries = [], counters = noCounters() } = seed ?? {};
    this.#write(() => {
      const { lastInsertRowid: id } = this.#prepared("INSERT INTO execution (arn, header) VALUES (?, ?)").run(
        header.arn,
        JSON.stringify(header),
      );
      const insert = "INSERT INTO progress (execution, status, counters) VALUES (?, 'RUNNING', ?)";
      this.#prepared(insert).run(id, JSON.stringify(counters));
      const insertEntry = this.#prepared(INSERT_ENTRY);
      for (const entry of entries) insertEntry.run(id, JSON.stringify(entry));
    });
    if (header.parent === undefined) this.#moveIntoFile(); // J4
  }

  append(arn: string, entries: readonly JournalEntry[], counters: ExecutionCounters): void {
    this.#write(() => {
      const id = this.#idOf(arn);
      if (id === undefined) throw new DurableError("ERR_EXECUTION_UNKNOWN", `The journal has no execution ${arn}.`);
      const insert = this.#prepared(INSERT_ENTRY);
      let end: Extract<JournalEntry, { kind: "end" }> | undefined;
      for (const entry of entries) {
        insert.run(id, JSON.stringify(entry));
        if (entry.kind === "end") end = entry;
      }
      const text = JSON.stringify(counters);
      if (end === undefined) {
        this.#prepared("UPDATE progress SET counters = ? WHERE execution = ?").run(text, id);
      } else {
        const update = "UPDATE progress SET counters = ?, status = ?, end_ms = ? WHERE execution = ?";
        this.#prepared(update).run(text, end.status, Math.trunc(end.atMs), id);
      }
    });
  }

  executions(): JournalExecution[] {
    return this.#guard(() =>
      this.#database.prepare(`${SELECT_EXECUTION} ORDER BY execution.id`).all().map(parseExecution),
    );
  }

  find(key: ExecutionKey, value: string): JournalExecution | undefined {
    return this.#guard(() => {
      const select = `${SELECT_EXECUTION} WHERE ${KEYS[key]} = ? ORDER BY execution.id LIMIT 1`;
      const row = this.#prepared(select).get(key === "name" ? JSON.stringify(value) : value);
      return row && parseExecution(row);
    });
  }

  last(): JournalExecution | undefined {
    return this.#guard(() => {
      const row = this.#prepared(
        `${SELECT_EXECUTION} WHERE header -> '$.parent' IS NULL ORDER BY execution.id DESC LIMIT 1`,
      ).get();
      return row && parseExecution(row);
    });
  }

  *entries(arn: string): Iterable<JournalEntry> {
    this.#checkOpen();
    try {
      const id = this.#idOf(arn);
      if (id === undefined) return;
      // Each reader has its own statement, because several readers may read at the same time.
      const statement = this.#database.prepare("SELECT entry FROM entry WHERE execution = ? ORDER BY id");
      for (const row of statement.iterate(id)) yield parseRow<JournalEntry>(row["entry"]);
    } catch (error) {
      throw journalError(this.#path, error);
    }
  }

  lastMs(arn: string): number | undefined {
    return this.#guard(() => {
      const select = "SELECT entry ->> '$.atMs' AS at_ms FROM entry WHERE execution = ? ORDER BY id DESC LIMIT 1";
      const row = this.#prepared(select).get(this.#idOf(arn) ?? 0);
      return row === undefined ? undefined : Number(row["at_ms"]);
    });
  }

  addTrace(arn: string, trace: ErrorTrace): void {
    this.#addBeside("trace", arn, trace);
  }

  traces(arn: string): ErrorTrace[] {
    return this.#readBeside<ErrorTrace>("trace", arn);
  }

  addLog(arn: string, line: LogLine): void {
    this.#addBeside("log", arn, line);
  }

  logs(arn: string): LogLine[] {
    return this.#readBeside<LogLine>("log", arn);
  }

  #addBeside(table: Beside, arn: string, row: object): void {
    this.#write(() => {
      const insert = `INSERT INTO ${table} (execution, ${table}) VALUES (?, ?)`;
      this.#prepared(insert).run(this.#idOf(arn) ?? 0, JSON.stringify(row));
    });
  }

  #readBeside<Row>(table: Beside, arn: string): Row[] {
    return this.#guard(() => {
      if (!this.#has(table)) return [];
      const select = `SELECT ${table} FROM ${table} WHERE execution = ? ORDER BY id`;
      return this.#prepared(select)
        .all(this.#idOf(arn) ?? 0)
        .map((row) => parseRow<Row>(row[table]));
    });
  }

  remove(arns: readonly string[]): void {
    this.#write(() => {
      for (const arn of arns) {
        const id = this.#idOf(arn);
        if (id === undefined) continue;
        for (const table of ["trace", "log", "entry", "progress"]) {
          this.#prepared(`DELETE FROM ${table} WHERE execution = ?`).run(id);
        }
        this.#prepared("DELETE FROM execution WHERE id = ?").run(id);
        this.#ids.delete(arn);
      }
    });
  }

  /** Makes the file smaller after `remove`. While this runs, the disk needs free space for up to two further copies. */
  compact(): void {
    this.#guard(() => this.#database.exec("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"));
  }

  /** A second call does nothing. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.#database.close();
    } finally {
      this.#lock?.release();
    }
  }

  #prepareToWrite(synchronous: string): void {
    this.#database.exec("BEGIN IMMEDIATE");
    if (this.#pragma("application_id") === 0) {
      // After `journal_mode = WAL`, the application id would be in the write-ahead log, and not in the file's header.
      this.#database.exec(
        `${SCHEMA} ${INDEXES} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${JOURNAL_VERSION}`,
      );
    } else if (this.#pragma("user_version") < JOURNAL_VERSION) {
      this.#database.exec(`${INDEXES} PRAGMA user_version = ${JOURNAL_VERSION}`);
    }
    for (const table of ["trace", "log"] as const) if (!this.#has(table)) this.#database.exec(createBeside(table));
    // This statement deletes nothing. It fails now if the file cannot be written. `BEGIN` alone would not fail.
    this.#database.exec("DELETE FROM execution WHERE false; COMMIT");
    this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}`);
  }

  /** Fails early if the file is too new, or so damaged that a read of one row of a main table shows it. */
  #check(): void {
    const version = this.#pragma("user_version");
    if (version > JOURNAL_VERSION) throw newerJournal(this.#path, version);
    for (const table of ["execution", "progress", "entry"]) {
      const order = table === "progress" ? "execution" : "id";
      this.#database.prepare(`SELECT * FROM ${table} ORDER BY ${order} DESC LIMIT 1`).get();
    }
  }

  #pragma(name: "application_id" | "user_version"): number {
    return Number(this.#database.prepare(`PRAGMA ${name}`).get()?.[name]);
  }

  #has(table: Beside): boolean {
    return this.#database.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(table) !== undefined;
  }

  /** Copies the write-ahead log into the file. If a reader still needs older data, a later call copies the rest. */
  #moveIntoFile(): void {
    this.#guard(() => this.#prepared("PRAGMA wal_checkpoint(PASSIVE)").get());
  }

  #idOf(arn: string): number | undefined {
    const kept = this.#ids.get(arn);
    if (kept !== undefined) return kept;
    const row = this.#prepared("SELECT id FROM execution WHERE arn = ?").get(arn);
    if (row === undefined) return undefined;
    this.#ids.set(arn, Number(row["id"]));
    return Number(row["id"]);
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #write(action: () => void): void {
    this.#guard(() => {
      if (this.readOnly) {
        const message = `The journal ${this.#path} was opened for reading only. Open it without readOnly to write.`;
        throw new DurableError("ERR_JOURNAL_READ_ONLY", message);
      }
      this.#prepared("BEGIN IMMEDIATE").run();
      try {
        action();
        this.#prepared("COMMIT").run(); // J1
      } catch (error) {
        this.#rollBack();
        throw error;
      }
    });
  }

  #rollBack(): void {
    try {
      this.#prepared("ROLLBACK").run();
    } catch {
      // After some failures, SQLite has rolled back already.
    }
  }

  #checkOpen(): void {
    if (!this.#open) throw new DurableError("ERR_JOURNAL_CLOSED", `The journal ${this.#path} is closed.`);
  }

  #guard<T>(action: () => T): T {
    this.#checkOpen();
    try {
      return action();
    } catch (error) {
      throw journalError(this.#path, error);
    }
  }
}

function openToRead(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return database;
  } catch (error) {
    database.close();
    // If there is no write-ahead log, and no file can be created in the folder, SQLite can open the journal only as
    // `immutable`. This is safe, because the file is complete and no process has opened the journal for writing yet.
    if (!isFailureOf(error, "access") || existsSync(`${realpathSync(path)}-wal`)) throw error;
    const url = pathToFileURL(path);
    url.searchParams.set("immutable", "1");
    return new DatabaseSync(url, { readOnly: true });
  }
}
