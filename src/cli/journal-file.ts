import { existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DurableError } from "../core/errors.ts";
import { SqliteJournal } from "../journal/sqlite-journal.ts";

/** Opens the journal for reading and writing. Creates the file and its folder if they are missing. */
export function openJournal(db: string): SqliteJournal {
  const file = resolve(db);
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (error) {
    const message = `The journal's folder ${dirname(file)} cannot be created: ${(error as Error).message}. Choose another with --db.`;
    throw new DurableError("ERR_JOURNAL_READ_ONLY", message, { cause: error });
  }
  return new SqliteJournal(file);
}

/** Does the same as `openJournal`, but throws `ERR_JOURNAL_MISSING` if there is no journal. */
export function openExistingJournal(db: string): SqliteJournal {
  refuseMissing(resolve(db));
  return openJournal(db);
}

/** Opens a journal for reading, also while another process writes to it. @throws DurableError `ERR_JOURNAL_MISSING` */
export function openJournalToRead(db: string): SqliteJournal {
  const file = resolve(db);
  refuseMissing(file);
  return new SqliteJournal(file, { readOnly: true });
}

function refuseMissing(file: string): void {
  if (existsSync(file)) return;
  throw new DurableError(
    "ERR_JOURNAL_MISSING",
    `There is no journal ${file}. Name another with --db, or run something first.`,
  );
}
