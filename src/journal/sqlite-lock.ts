import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DurableError } from "../core/errors.ts";
import { isFailureOf, journalError } from "./sqlite-failure.ts";

/** Milliseconds. After a process was killed, the system needs a moment to drop its locks. */
const PATIENCE_MS = 250;

/** Whether a process runs on the journal at this moment. Undefined when that cannot be found out. */
export function isJournalInUse(path: string): boolean | undefined {
  const file = lockFile(path);
  if (!existsSync(file)) return false;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    // The read takes a moment. A process that begins to run waits longer than that.
    database.exec("PRAGMA busy_timeout = 0; SELECT count(*) FROM sqlite_schema");
    return false;
  } catch (error) {
    return isFailureOf(error, "busy") ? true : undefined;
  } finally {
    database?.close();
  }
}

/** Two names of one file are one journal. */
function lockFile(path: string): string {
  return `${existsSync(path) ? realpathSync(path) : resolve(path)}-lock`;
}

/**
 * Keeps other writers away from a journal during the life of the process. The lock is a transaction that never ends, on
 * an empty database beside the journal. Readers of the journal do not notice it, and the system drops it with the
 * process. The file stays: if it were deleted, two processes could hold two files of one name.
 */
export class JournalLock {
  readonly #database: DatabaseSync;

  /** @throws DurableError `ERR_JOURNAL_IN_USE`, or another error of `journalError`. */
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
