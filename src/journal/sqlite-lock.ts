import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DurableError } from "../core/errors.ts";
import { isFailureOf, journalError } from "./sqlite-failure.ts";

/** Milliseconds to wait for the lock. The operating system releases the locks of a killed process a moment later. */
const PATIENCE_MS = 250;

/** Whether a process has opened the journal for writing now. Undefined if the lock file cannot be read. */
export function isJournalInUse(path: string): boolean | undefined {
  const file = lockFile(path);
  if (!existsSync(file)) return false;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    // This read locks the file for a moment. A process that opens the journal at this moment waits for the lock.
    database.exec("PRAGMA busy_timeout = 0; SELECT count(*) FROM sqlite_schema");
    return false;
  } catch (error) {
    return isFailureOf(error, "busy") ? true : undefined;
  } finally {
    database?.close();
  }
}

/** Links are resolved, so that two paths of the same journal have the same lock file. */
function lockFile(path: string): string {
  return `${existsSync(path) ? realpathSync(path) : resolve(path)}-lock`;
}

/**
 * Prevents that another process, or another `SqliteJournal` of this process, writes to the journal. The lock is a
 * transaction that never ends, in an empty database beside the journal, so that the journal can still be read. The lock
 * file is never deleted. Otherwise a second process could create and lock a new file of the same name, while the first
 * process still has its lock.
 */
export class JournalLock {
  readonly #database: DatabaseSync;

  constructor(path: string) {
    const file = lockFile(path);
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(file);
      database.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}; BEGIN EXCLUSIVE`);
      this.#database = database;
    } catch (error) {
      database?.close();
      if (!isFailureOf(error, "busy")) throw journalError(path, error);
      throw new DurableError(
        "ERR_JOURNAL_IN_USE",
        `The journal ${path} is in use by another process. Wait until it ends, end it, or choose another path.`,
        { cause: error },
      );
    }
  }

  release(): void {
    this.#database.close();
  }
}
