import { DurableError } from "../../core/errors.ts";
import type { ExitCode } from "../exit-code.ts";
import { findExecution } from "../find-execution.ts";
import type { Output } from "../output.ts";
import { inspect } from "./journal-view.ts";
import { LogLines, logDocument, renderLine } from "./log-lines.ts";

export interface LogsOptions {
  readonly db: string;
  readonly operation?: string;
}

/** An operation that exists, but inside which nothing was logged, is also an error: `ERR_OPERATION_UNKNOWN`. */
export async function logsCommand(output: Output, target: string, options: LogsOptions): Promise<ExitCode> {
  return inspect(options.db, ({ engine, journal }) => {
    const record = findExecution(engine, target);
    const lines = new LogLines(journal.logs(record.arn), engine.operations(record.arn));
    const { operation } = options;
    const shown = operation === undefined ? lines.all : lines.inside(operation);
    if (operation !== undefined && shown.length === 0) throw nothingLogged(record.name, operation, lines);
    if (output.json) for (const line of shown) output.printJson(logDocument(line));
    else if (shown.length === 0) output.say("The handler logged nothing by ctx.logger or by the logger of a step.");
    else for (const line of shown) output.print(renderLine(line));
  });
}

const MAX_NAMES = 10;

function nothingLogged(execution: string, wanted: string, lines: LogLines): DurableError {
  const names = [...new Set(lines.all.flatMap(({ places }) => places.map(({ label }) => label)))];
  const there =
    names.length === 0
      ? "The handler logged nothing inside an operation."
      : `Lines were logged in: ${names.slice(0, MAX_NAMES).join(", ")}${names.length > MAX_NAMES ? " …" : ""}.`;
  return new DurableError(
    "ERR_OPERATION_UNKNOWN",
    `The execution ${execution} has no log line of an operation with the name or id "${wanted}". ${there}`,
  );
}
