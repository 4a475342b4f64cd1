import { closeSync, openSync, readSync } from "node:fs";
import { DurableError } from "../core/errors.ts";

/** "dfan" in ASCII. It marks a file as a journal of this package (sqlite.org/pragma.html#pragma_application_id). */
export const APPLICATION_ID = 0x6466_616e;

/**
 * The version of the tables and entries. Version 2 added indexes for searches, and entries for external systems. A
 * journal of version 1 can be read, and becomes version 2 when it is opened for writing.
 */
export const JOURNAL_VERSION = 2;

// The positions in the header of an SQLite file: sqlite.org/fileformat.html#the_database_header.
const MAGIC = "SQLite format 3\0";
const HEADER_BYTES = 100;
const USER_VERSION_AT = 60;
const APPLICATION_ID_AT = 68;

/**
 * Checks the file's header without SQLite, because SQLite would roll back an unfinished transaction even in the
 * database of another program. Without `mustExist`, the file may be missing or empty.
 * @throws DurableError `ERR_JOURNAL_NOT_OURS`, `ERR_JOURNAL_NEWER`, `ERR_JOURNAL_READ_ONLY` or `ERR_JOURNAL_MISSING`
 */
export function inspectJournalFile(path: string, { mustExist }: { mustExist: boolean }): void {
  const header = readHeader(path, mustExist);
  if (header === undefined) return;
  if (header.length === 0) {
    if (mustExist) throw notOurs(path, "it is empty");
    return;
  }
  if (header.length < HEADER_BYTES || header.toString("latin1", 0, MAGIC.length) !== MAGIC) {
    throw notOurs(path, "it is no SQLite database");
  }
  if (header.readUInt32BE(APPLICATION_ID_AT) !== APPLICATION_ID) {
    throw notOurs(path, "it is a database of another program");
  }
  const version = header.readUInt32BE(USER_VERSION_AT);
  if (version > JOURNAL_VERSION) throw newerJournal(path, version);
}

export function newerJournal(path: string, version: number): DurableError {
  return new DurableError(
    "ERR_JOURNAL_NEWER",
    `The journal ${path} was written by a newer version of durable-fanout: its format is ${version}, and this version ` +
      `reads up to ${JOURNAL_VERSION}. Update durable-fanout, or choose another path.`,
  );
}

function notOurs(path: string, reason: string): DurableError {
  return new DurableError(
    "ERR_JOURNAL_NOT_OURS",
    `${path} is not a journal of durable-fanout: ${reason}. It was left as it is; choose another path.`,
  );
}

function readHeader(path: string, mustExist: boolean): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const header = Buffer.alloc(HEADER_BYTES);
    return header.subarray(0, readSync(file, header, 0, HEADER_BYTES, 0));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && !mustExist) return undefined;
    if (code === "ENOENT") {
      throw new DurableError("ERR_JOURNAL_MISSING", `There is no journal ${path}. Choose another path, or run first.`);
    }
    if (code === "EISDIR") throw notOurs(path, "it is a folder");
    const advice = "Give permission to read and write it, or choose another path.";
    throw new DurableError("ERR_JOURNAL_READ_ONLY", `The journal ${path} cannot be opened: ${message}. ${advice}`, {
      cause: error,
    });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
