import { EXPORT_VERSION } from "../../replay/recording.ts";
import { eventDocument, executionDocument, operationDocument, outcomeDocument } from "../documents.ts";
import type { ExitCode } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { inspect } from "./journal-view.ts";
import { LogLines, logDocument } from "./log-lines.ts";

/** The members `wire` have the data in the form of the service, because `replay` reads input and operations so. */
export async function exportCommand(output: Output, target: string, { db }: { db: string }): Promise<ExitCode> {
  return inspect(db, ({ engine, journal, stateOf, readExecution }) => {
    const { record, all, operations, traces } = readExecution(target);
    const { input, result, error } = record;
    const events = engine.history(record.arn, { includeExecutionData: true });
    const { type: _type, ...execution } = executionDocument(record, stateOf(record)) as { type: string };
    output.printJson({
      type: "export",
      version: EXPORT_VERSION,
      execution: {
        ...execution,
        ...outcomeDocument(record, traces.of(all[0]?.Id)),
        wire: { input, result, error },
      },
      operations: operations.map((operation) => ({
        ...operationDocument(operation, traces.of(operation.Id)),
        wire: operation,
      })),
      events: events.map((event) => ({ ...eventDocument(event), wire: event })),
      logs: new LogLines(journal.logs(record.arn), all).all.map(logDocument),
    });
  });
}
