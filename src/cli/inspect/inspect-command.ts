import pc from "picocolors";
import { counted, formatBytes, formatCount } from "../../core/quantity.ts";
import { LocalEngine } from "../../local/engine.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import { quotaOperations } from "../cost.ts";
import { ExitCode } from "../exit-code.ts";
import { findExecution } from "../find-execution.ts";
import { openJournalToRead } from "../journal-file.ts";
import type { Output } from "../output.ts";
import { formatDuration, shorten } from "../quantity.ts";
import { type BatchView, readBatches } from "./batch-view.ts";
import { DEFAULT_CHILDREN_SHOWN, renderOperationTree } from "./operation-tree.ts";

interface InspectOptions {
  db: string;
}

const MAX_PAYLOAD_SHOWN = 200;

/** Opens the journal for reading, hands it to `look` and closes it again. */
async function inspect(db: string, look: (engine: LocalEngine) => void): Promise<ExitCode> {
  const engine = new LocalEngine({ journal: openJournalToRead(db) });
  try {
    look(engine);
  } finally {
    await engine.close();
  }
  return ExitCode.OK;
}

function durationMs(record: ExecutionSummary): number {
  return Math.max(0, (record.endTimestamp ?? Date.now()) - record.startTimestamp);
}

function paintStatus(status: string, width = 0): string {
  const text = status.padEnd(width);
  if (status === "SUCCEEDED") return pc.green(text);
  return status === "RUNNING" ? pc.yellow(text) : pc.red(text);
}

export async function listCommand(output: Output, _target: string, options: InspectOptions): Promise<ExitCode> {
  return inspect(options.db, (engine) => {
    const records = engine.list().toSorted((a, b) => b.startTimestamp - a.startTimestamp);
    if (output.json) {
      const executions = records.map(({ input: _input, result: _result, metadata: _metadata, ...rest }) => rest);
      return output.printJson({ executions });
    }
    if (records.length === 0) return output.say("The journal has no execution yet.");
    const widths = {
      name: Math.max(4, ...records.map((record) => record.name.length)),
      function: Math.max(8, ...records.map((record) => record.functionName.length)),
    };
    const head = [
      "name".padEnd(widths.name),
      "function".padEnd(widths.function),
      "status   ",
      "started                 ",
    ];
    output.print(pc.dim([...head, "duration    ", "operations"].join("  ")));
    for (const record of records) {
      const cells = [
        record.name.padEnd(widths.name),
        record.functionName.padEnd(widths.function),
        paintStatus(record.status, 9),
        new Date(record.startTimestamp).toISOString(),
        formatDuration(durationMs(record)).padEnd(12),
        formatCount(quotaOperations(record.counters)).padStart(10),
      ];
      output.print(cells.join("  "));
    }
  });
}

export async function showCommand(
  output: Output,
  target: string,
  options: InspectOptions & { all?: true },
): Promise<ExitCode> {
  return inspect(options.db, (engine) => {
    const record = findExecution(engine, target);
    const operations = engine.operations(record.arn);
    if (output.json) {
      const { metadata: _metadata, ...execution } = record;
      const batches = [...readBatches(operations).values()].map(describeBatch);
      return output.printJson({ execution, operations, ...(batches.length === 0 ? {} : { batches }) });
    }
    output.print(`${pc.bold(record.name)}  ${paintStatus(record.status)}  ${formatDuration(durationMs(record))}`);
    output.print(pc.dim(record.arn));
    if (record.redriveOf !== undefined) output.print(pc.dim(`retry of ${record.redriveOf}`));
    const { counters } = record;
    output.print(
      `${counted(quotaOperations(counters), "operation")}, ${counted(counters.updates, "update")} in ` +
        `${counted(counters.checkpoints, "request")}, ${formatBytes(counters.dataBytes)} written, ` +
        counted(counters.invocations, "invocation"),
    );
    if (record.input !== undefined) output.print(`input   ${shorten(record.input, MAX_PAYLOAD_SHOWN)}`);
    const maxChildren = options.all === true ? Number.POSITIVE_INFINITY : DEFAULT_CHILDREN_SHOWN;
    for (const line of renderOperationTree(operations, Date.now(), maxChildren)) output.print(line);
    if (record.result !== undefined) output.print(`result  ${shorten(record.result, MAX_PAYLOAD_SHOWN)}`);
    if (record.error !== undefined) {
      output.print(pc.red(`error   ${record.error.ErrorType ?? "Error"}: ${record.error.ErrorMessage ?? ""}`));
    }
  });
}

/** A batch's items, with the results and errors that its payload holds in one piece. */
function describeBatch({ operation, items, parts, unreadable }: BatchView): object {
  const { Id: id, Name: name, ParentId: parentId, Status: status } = operation;
  return {
    ...{ id, name, parentId, status, items },
    ...(parts.length === 0 ? {} : { parts: parts.map((part) => part.Id) }),
    ...(unreadable === undefined ? {} : { unreadable }),
  };
}

export async function historyCommand(
  output: Output,
  target: string,
  options: InspectOptions & { data?: true },
): Promise<ExitCode> {
  return inspect(options.db, (engine) => {
    const record = findExecution(engine, target);
    const events = engine.history(record.arn, { includeExecutionData: options.data === true });
    if (output.json) return output.printJson({ executionArn: record.arn, events });
    const width = String(events.length).length;
    for (const event of events) {
      const { EventId, EventType, EventTimestamp, Name, Id } = event;
      const afterMs = new Date(EventTimestamp ?? 0).getTime() - record.startTimestamp;
      const details =
        options.data === true ? (event as unknown as Record<string, unknown>)[`${EventType}Details`] : undefined;
      const cells = [
        String(EventId).padStart(width),
        `+${formatDuration(Math.max(0, afterMs))}`.padStart(12),
        (EventType ?? "").padEnd(22),
        Name ?? pc.dim(Id ?? ""),
        ...(details === undefined ? [] : [pc.dim(JSON.stringify(details))]),
      ];
      output.print(cells.join("  ").trimEnd());
    }
  });
}
