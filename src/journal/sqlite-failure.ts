import { DurableError, isDurableError, messageOf } from "../core/errors.ts";

/** Kinds of failures. SQLite's result code determines the kind (sqlite.org/rescode.html), except for damaged rows. */
type Failure = "access" | "busy" | "corrupt" | "disk-full" | "io";

/** SQLITE_IOERR_SHMSIZE. The index of the write-ahead log could not grow, because the disk was full. */
const NO_ROOM_FOR_INDEX = 4_874;

function failureOf(error: unknown): Failure | undefined {
  // The journal writes only JSON. So a row that is not JSON has been damaged.
  if (error instanceof SyntaxError) return "corrupt";
  if (typeof error !== "object" || error === null || !("errcode" in error)) return undefined;
  const code = Number(error.errcode);
  if (code === NO_ROOM_FOR_INDEX) return "disk-full";
  switch (code & 0xff) {
    case 1: // ERROR: for example, a table is missing
    case 11: // CORRUPT
    case 26: // NOTADB
      return "corrupt";
    case 3: // PERM
    case 8: // READONLY
    case 14: // CANTOPEN
    case 23: // AUTH
      return "access";
    case 5: // BUSY
    case 6: // LOCKED
      return "busy";
    case 13: // FULL
      return "disk-full";
    case 10: // IOERR
      return "io";
    default:
      return undefined;
  }
}

export function isFailureOf(error: unknown, failure: Failure): boolean {
  return failureOf(error) === failure;
}

/**
 * Returns a `DurableError` for the kinds of failures in `ADVICE`, also for a row that is not JSON. Returns any other
 * error unchanged, also an error of SQLite.
 */
export function journalError(path: string, error: unknown): unknown {
  if (isDurableError(error)) return error;
  const failure = failureOf(error);
  if (failure === undefined) return error;
  const [code, advice] = ADVICE[failure];
  return new DurableError(code, advice(path, messageOf(error)), { cause: error });
}

const ADVICE: Record<Failure, readonly [code: string, advice: (path: string, reason: string) => string]> = {
  access: [
    "ERR_JOURNAL_READ_ONLY",
    (path, reason) =>
      `The journal ${path} cannot be written: ${reason}. Give write permission for it and its folder, or choose another path.`,
  ],
  busy: [
    "ERR_JOURNAL_IN_USE",
    (path, reason) => `The journal ${path} is in use by another process: ${reason}. Wait until it ends, or end it.`,
  ],
  corrupt: [
    "ERR_JOURNAL_CORRUPT",
    (path, reason) =>
      `The journal ${path} is damaged: ${reason}. Restore it from a copy, or move it away and begin a new one; ` +
      "the sqlite3 tool's .recover may save the rest.",
  ],
  "disk-full": [
    "ERR_JOURNAL_DISK_FULL",
    (path, reason) =>
      `The disk with the journal ${path} is full: ${reason}. Everything acknowledged is kept; free some space and resume.`,
  ],
  io: [
    "ERR_JOURNAL_IO",
    (path, reason) => `The journal ${path} cannot be read or written: ${reason}. Check the disk it is on.`,
  ],
};
