import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DurableError } from "../core/errors.ts";
import { isFailureOf, journalError } from "./sqlite-failure.ts";

/** Milliseconds; a process that was just killed needs a moment until the system has dropped its locks. */
const PATIENCE_MS = 250;

/** Whether a process runs on the journal at this moment; undefined where nobody can tell. */
export function isJournalInUse(path: string): boolean | undefined {
  const file = lockFile(path);
  if (!existsSync(file)) return false;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    // Reading takes no longer than a moment, for which a process that begins to run has the patience.
    database.exec("PRAGMA busy_timeout = 0; SELECT count(*) FROM sqlite_schema");
    return false;
  } catch (error) {
    return isFailureOf(error, "busy") ? true : undefined;
  } finally {
    database?.close();
  }
}

/** A journal reached by two names is still one. */
function lockFile(path: string): string {
  return `${existsSync(path) ? realpathSync(path) : resolve(path)}-lock`;
}

/**
 * Keeps other writers away from a journal for as long as the process lives. It is a transaction that never ends, on an
 * empty database beside the journal: readers of the journal do not notice, and the system drops it with the process.
 * The file stays: to delete it would let two processes hold two files of one name.
 */
export class JournalLock {
  readonly #database: DatabaseSync;

  /** @throws DurableError `ERR_JOURNAL_IN_USE`, or another of `journalError`. */
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
