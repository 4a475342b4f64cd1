import { existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DurableError } from "../core/errors.ts";
import { SqliteJournal } from "../journal/sqlite-journal.ts";

/** Creates the file and its folder if they are missing. */
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

export function openExistingJournal(db: string): SqliteJournal {
  refuseMissing(resolve(db));
  return openJournal(db);
}

/** Another process may write to the journal meanwhile. */
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
