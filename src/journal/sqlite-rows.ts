import {
  type ExecutionCounters,
  type ExecutionHeader,
  type ExecutionStatus,
  type JournalEntry,
  type JournalExecution,
  noCounters,
} from "./journal.ts";

/** The row has the columns `header`, `status`, `end_ms`, `counters` and `end_entry`. */
export function parseExecution(row: Record<string, unknown>): JournalExecution {
  const end =
    row["end_entry"] === null ? undefined : parseRow<Extract<JournalEntry, { kind: "end" }>>(row["end_entry"]);
  return {
    header: parseRow<ExecutionHeader>(row["header"]),
    status: row["status"] as ExecutionStatus,
    endMs: row["end_ms"] === null ? undefined : Number(row["end_ms"]),
    result: end?.result,
    error: end?.error,
    // A row that an earlier version wrote may lack some counters.
    counters: { ...noCounters(), ...parseRow<ExecutionCounters>(row["counters"]) },
  };
}

/** @throws SyntaxError if the text is not JSON of an object or array */
export function parseRow<T>(text: unknown): T {
  const parsed: unknown = JSON.parse(String(text));
  if (typeof parsed !== "object" || parsed === null) throw new SyntaxError("A row of the journal is no object.");
  return parsed as T;
}
