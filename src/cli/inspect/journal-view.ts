import { findPaths } from "../../core/operation-paths.ts";
import type { Operation } from "../../core/wire.ts";
import type { SqliteJournal } from "../../journal/sqlite-journal.ts";
import { LocalEngine } from "../../local/engine.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import { type ExecutionState, stateReader } from "../execution-state.ts";
import { ExitCode } from "../exit-code.ts";
import { findExecution } from "../find-execution.ts";
import { openJournalToRead } from "../journal-file.ts";
import { ErrorTraces } from "./error-traces.ts";

export interface JournalView {
  readonly engine: LocalEngine;
  readonly journal: SqliteJournal;
  readonly stateOf: (record: Parameters<ReturnType<typeof stateReader>>[0]) => ExecutionState;
  readonly readExecution: (target: string) => ReadExecution;
}

export interface ReadExecution {
  readonly record: ExecutionSummary;
  /** With the EXECUTION operation, which is the first. */
  readonly all: readonly Operation[];
  /** Without the EXECUTION operation. */
  readonly operations: readonly Operation[];
  readonly traces: ErrorTraces;
}

export async function inspect(db: string, look: (view: JournalView) => void): Promise<ExitCode> {
  const journal = openJournalToRead(db);
  const engine = new LocalEngine({ journal });
  try {
    const readExecution = (target: string): ReadExecution => {
      const record = findExecution(engine, target);
      const all = engine.operations(record.arn);
      const operations = all.filter(({ Type }) => Type !== "EXECUTION");
      return {
        record,
        all,
        operations,
        traces: new ErrorTraces(engine.traces(record.arn), () => findPaths(operations)),
      };
    };
    look({ engine, journal, stateOf: stateReader(journal, db), readExecution });
  } finally {
    await engine.close();
  }
  return ExitCode.OK;
}
