import { findPaths } from "../../core/operation-paths.ts";
import type { Operation } from "../../core/wire.ts";
import type { SqliteJournal } from "../../journal/sqlite-journal.ts";
import { LocalEngine } from "../../local/engine.ts";
import { type ExecutionState, stateReader } from "../execution-state.ts";
import { ExitCode } from "../exit-code.ts";
import { openJournalToRead } from "../journal-file.ts";
import { ErrorTraces } from "./error-traces.ts";

export interface JournalView {
  readonly engine: LocalEngine;
  readonly journal: SqliteJournal;
  readonly stateOf: (record: Parameters<ReturnType<typeof stateReader>>[0]) => ExecutionState;
  readonly tracesOf: (arn: string, operations: readonly Operation[]) => ErrorTraces;
}

/** Opens the journal for reading, calls `look`, and closes the journal. Returns `OK`. */
export async function inspect(db: string, look: (view: JournalView) => void): Promise<ExitCode> {
  const journal = openJournalToRead(db);
  const engine = new LocalEngine({ journal });
  try {
    const tracesOf = (arn: string, operations: readonly Operation[]) =>
      new ErrorTraces(engine.traces(arn), () => findPaths(operations));
    look({ engine, journal, stateOf: stateReader(journal, db), tracesOf });
  } finally {
    await engine.close();
  }
  return ExitCode.OK;
}
