import { DurableError, isDurableError } from "../core/errors.ts";

/** The exit codes of the command line. A code never changes its meaning, because scripts rely on the codes. */
export const ExitCode = {
  OK: 0,
  EXECUTION_FAILED: 1,
  USAGE: 2,
  HANDLER: 3,
  JOURNAL: 4,
  JOURNAL_IN_USE: 5,
  EXECUTION_UNKNOWN: 6,
  NAME_TAKEN: 7,
  DISK_FULL: 8,
  CALLBACK_NOT_OPEN: 9,
  INTERNAL: 70,
  INTERRUPTED: 130,
  TERMINATED: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** The table of exit codes that `--help` and docs/command-line.md show. */
export const EXIT_CODE_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [ExitCode.OK, "the execution succeeded, or the listing was printed"],
  [
    ExitCode.EXECUTION_FAILED,
    "the execution failed, timed out or was stopped; replay: the code differs from the record; doctor: something is wrong",
  ],
  [
    ExitCode.USAGE,
    "wrong command line, nothing to retry, retried already, or an event, result or error that cannot be taken",
  ],
  [
    ExitCode.HANDLER,
    "the handler file is missing, lacks the export, exports a plain function, or throws at import; or the handler waits " +
      "for a promise that nothing can settle, or ends the process",
  ],
  [ExitCode.JOURNAL, "the journal is missing, not ours, corrupt, read-only or from a newer version"],
  [ExitCode.JOURNAL_IN_USE, "another process runs on this journal"],
  [ExitCode.EXECUTION_UNKNOWN, "the journal has no such execution, or the execution no such operation"],
  [ExitCode.NAME_TAKEN, "the name belongs to an execution with another input or handler"],
  [ExitCode.DISK_FULL, "the disk is full; free some space and resume"],
  [ExitCode.CALLBACK_NOT_OPEN, "no such callback is open"],
  [ExitCode.INTERNAL, "a mistake of durable-fanout itself"],
  [ExitCode.INTERRUPTED, "interrupted by Ctrl-C (SIGINT); resume continues"],
  [ExitCode.TERMINATED, "terminated by SIGTERM; resume continues"],
];

const BY_ERROR: Readonly<Record<string, ExitCode>> = {
  ERR_USAGE: ExitCode.USAGE,
  ERR_INPUT_INVALID: ExitCode.USAGE,
  ERR_INPUT_TOO_LARGE: ExitCode.USAGE,
  ERR_SETTING_INVALID: ExitCode.USAGE,
  ERR_SETTING_UNKNOWN: ExitCode.USAGE,
  ERR_TEXT_UNREADABLE: ExitCode.USAGE,
  ERR_PAYLOAD_UNREADABLE: ExitCode.USAGE,
  ERR_EXECUTION_ENDED: ExitCode.USAGE,
  ERR_PLAN_ITEMS_UNKNOWN: ExitCode.USAGE,
  ERR_EXECUTION_RUNNING: ExitCode.USAGE,
  ERR_NOTHING_FAILED: ExitCode.USAGE,
  ERR_RETRIED_ALREADY: ExitCode.USAGE,
  ERR_REDRIVE_DIVERGED: ExitCode.USAGE,
  ERR_REDRIVE_LEAVES_ENDED: ExitCode.USAGE,
  ERR_REDRIVE_AMBIGUOUS: ExitCode.USAGE,
  ERR_REDRIVE_FAILS_AGAIN: ExitCode.USAGE,
  ERR_OPERATION_UNKNOWN: ExitCode.EXECUTION_UNKNOWN,
  ERR_OPERATION_AMBIGUOUS: ExitCode.USAGE,
  ERR_RECORDING_INVALID: ExitCode.USAGE,
  ERR_FAILURES_UNWRITABLE: ExitCode.USAGE,
  ERR_EVENT_INVALID: ExitCode.USAGE,
  ERR_EVENT_UNREADABLE: ExitCode.USAGE,
  ERR_RESULT_UNREADABLE: ExitCode.USAGE,
  ERR_ERROR_UNREADABLE: ExitCode.USAGE,
  ERR_ERROR_INVALID: ExitCode.USAGE,
  ERR_CALLBACK_AMBIGUOUS: ExitCode.USAGE,
  ERR_CALLBACK_REFUSED: ExitCode.USAGE,
  ERR_FUNCTION_UNKNOWN: ExitCode.HANDLER,
  ERR_FUNCTION_NOT_DURABLE: ExitCode.HANDLER,
  ERR_HANDLER_NOT_DURABLE: ExitCode.HANDLER,
  ERR_HANDLER_MISSING: ExitCode.HANDLER,
  ERR_HANDLER_EXPORT: ExitCode.HANDLER,
  ERR_HANDLER_IMPORT: ExitCode.HANDLER,
  ERR_HANDLER_UNKNOWN: ExitCode.HANDLER,
  ERR_HANDLER_CRASHED: ExitCode.HANDLER,
  ERR_HANDLER_EXITED: ExitCode.HANDLER,
  ERR_HANDLER_STUCK: ExitCode.HANDLER,
  ERR_JOURNAL_IN_USE: ExitCode.JOURNAL_IN_USE,
  ERR_REQUEST_UNANSWERED: ExitCode.JOURNAL_IN_USE,
  ERR_CALLBACK_UNKNOWN: ExitCode.CALLBACK_NOT_OPEN,
  ERR_CALLBACK_CLOSED: ExitCode.CALLBACK_NOT_OPEN,
  ERR_JOURNAL_DISK_FULL: ExitCode.DISK_FULL,
  ERR_EXECUTION_UNKNOWN: ExitCode.EXECUTION_UNKNOWN,
  ERR_EXECUTION_NAME_TAKEN: ExitCode.NAME_TAKEN,
};

/** The import of a handler file failed. The exit code is always `HANDLER`, also if `code` is the code of the cause. */
export class HandlerImportError extends DurableError {}

export function exitCodeOf(error: unknown): ExitCode {
  if (!isDurableError(error)) return ExitCode.INTERNAL;
  if (error instanceof HandlerImportError) return ExitCode.HANDLER;
  const known = BY_ERROR[error.code];
  if (known !== undefined) return known;
  return error.code.startsWith("ERR_JOURNAL_") ? ExitCode.JOURNAL : ExitCode.INTERNAL;
}
