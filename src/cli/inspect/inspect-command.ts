import pc from "picocolors";
import { counted, formatBytes, formatCount, formatDuration } from "../../core/quantity.ts";
import type { ErrorTrace } from "../../journal/journal.ts";
import type { LocalEngine } from "../../local/engine.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import type { HistoryEvent } from "../../service/history.ts";
import { commandHint } from "../command-hint.ts";
import { quotaOperations } from "../cost.ts";
import {
  endOf,
  errorDocument,
  eventDocument,
  executionDocument,
  operationDocument,
  outcomeDocument,
} from "../documents.ts";
import { errorText } from "../error-text.ts";
import type { ShownStatus } from "../execution-state.ts";
import type { ExitCode } from "../exit-code.ts";
import { findExecution } from "../find-execution.ts";
import { formatMoment, isoMoment } from "../moment.ts";
import type { Output } from "../output.ts";
import { renderTable } from "../table.ts";
import { type BatchView, type ItemView, readBatches } from "./batch-view.ts";
import { placed } from "./callback-places.ts";
import type { ErrorTraces } from "./error-traces.ts";
import { inspect } from "./journal-view.ts";
import { LogLines, logDocument, type PlacedLine } from "./log-lines.ts";
import {
  earlierErrors,
  findOperations,
  findSharedItems,
  renderDetails,
  type WantedOperations,
} from "./operation-details.ts";
import { readAnyPayload, shortText, wholeText } from "./payload-view.ts";
import { DEFAULT_CHILDREN_SHOWN, renderOperationTree } from "./tree-view.ts";
import { awaitedOf, describeAwaited } from "./waiting.ts";

interface InspectOptions {
  db: string;
}

export interface ListOptions extends InspectOptions {
  status?: ShownStatus;
  function?: string;
  limit?: number;
}

export interface ShowOptions extends InspectOptions {
  all?: true;
  full?: true;
  operation?: string;
}

export interface HistoryCommandOptions extends InspectOptions {
  data?: true;
  full?: true;
  operation?: string;
}

const MAX_PAYLOAD_SHOWN = 200;
const MAX_AWAITED_SHOWN = 10;

function paintStatus(status: string): string {
  if (status === "SUCCEEDED") return pc.green(status);
  return status === "RUNNING" || status === "INTERRUPTED" ? pc.yellow(status) : pc.red(status);
}

export async function listCommand(output: Output, _target: string, options: ListOptions): Promise<ExitCode> {
  return inspect(options.db, ({ engine, stateOf }) => {
    const wanted = engine
      .list()
      .toReversed()
      .filter(({ functionName }) => options.function === undefined || functionName === options.function)
      .map((record) => ({ record, state: stateOf(record) }))
      .filter(({ state }) => options.status === undefined || state.status === options.status);
    const shown = wanted.slice(0, options.limit);
    if (output.json) {
      for (const { record, state } of shown) {
        const { error } = record;
        const ended = error === undefined ? {} : { error: errorDocument(error) };
        output.printJson({ ...executionDocument(record, state), ...ended });
      }
      return;
    }
    if (shown.length === 0) {
      const isAny = options.status === undefined && options.function === undefined;
      return output.say(isAny ? "The journal has no execution yet." : "The journal has no such execution.");
    }
    const rows = shown.map(({ record, state }) => [
      ...[record.name, record.functionName, state.status, isoMoment(record.startTimestamp)],
      formatDuration(Math.max(0, state.endMs - record.startTimestamp)),
      formatCount(quotaOperations(record.counters)),
    ]);
    const [head = "", ...lines] = renderTable(
      ["name", "function", "status", "started", "duration", "operations"],
      rows,
    );
    output.print(pc.dim(head));
    for (const [at, line] of lines.entries()) {
      const { status } = shown[at]?.state ?? { status: "" };
      output.print(line.replace(`  ${status}  `, `  ${paintStatus(status)}  `));
    }
    if (shown.length < wanted.length)
      output.say(`${formatCount(wanted.length - shown.length)} more; --limit shows them.`);
    if (shown.some(({ state }) => state.status === "INTERRUPTED")) {
      output.say(`To continue an interrupted execution: ${pc.cyan(commandHint(["resume", "<name>"], options.db))}`);
    }
  });
}

export async function showCommand(output: Output, target: string, options: ShowOptions): Promise<ExitCode> {
  return inspect(options.db, ({ engine, journal, stateOf, readExecution }) => {
    const { record, all, operations, traces } = readExecution(target);
    const batches = readBatches(operations);
    const logged = journal.logs(record.arn);
    if (options.operation !== undefined) {
      const logs = new LogLines(logged, operations);
      showOperations(output, { record, operations, traces, batches, logs, wanted: options.operation });
      return;
    }
    const state = stateOf(record);
    const open = record.status === "RUNNING" ? placed(engine.openCallbacks(record.arn), operations) : [];
    const awaited = record.status === "RUNNING" ? awaitedOf(operations, open) : [];
    const ownTrace = traces.of(all[0]?.Id);
    if (output.json) {
      const waitsFor = awaited.map(({ untilMs, ...rest }) => ({
        ...rest,
        ...(untilMs === undefined ? {} : { until: isoMoment(untilMs) }),
      }));
      output.printJson({
        ...executionDocument(record, state),
        ...outcomeDocument(record, ownTrace),
        ...(waitsFor.length === 0 ? {} : { waitsFor }),
      });
      for (const operation of operations) output.printJson(describe(operation, traces, batches));
      return;
    }
    printHead(output, record, state);
    if (state.status === "INTERRUPTED") {
      const hint = pc.cyan(commandHint(["resume", record.name], options.db));
      output.print(
        pc.yellow(`No process runs it; it was last seen at ${formatMoment(state.endMs)}. To continue: ${hint}`),
      );
    }
    for (const one of awaited.slice(0, MAX_AWAITED_SHOWN)) output.print(`waits   ${describeAwaited(one)}`);
    if (awaited.length > MAX_AWAITED_SHOWN) {
      output.print(pc.dim(`        and for ${formatCount(awaited.length - MAX_AWAITED_SHOWN)} more`));
    }
    printPayload(output, "input", record.input, options.full === true);
    const tree = {
      ...{ operations, batches, traces, untilMs: state.endMs, full: options.full === true },
      maxChildren: options.all === true ? Number.POSITIVE_INFINITY : DEFAULT_CHILDREN_SHOWN,
    };
    for (const line of renderOperationTree(tree)) output.print(line);
    if (logged.length > 0) {
      const hint = pc.cyan(commandHint(["logs", record.name], options.db));
      output.print(pc.dim(`log     ${counted(logged.length, "line")}: ${hint}`));
    }
    printPayload(output, "result", record.result, options.full === true);
    // An execution that was stopped without a reason has an error without type and message.
    if (record.error?.ErrorType || record.error?.ErrorMessage) {
      output.print(pc.red(`error   ${errorText(record.error)}`));
      const stack = ownTrace ?? record.error.StackTrace?.join("\n");
      if (stack !== undefined) output.print(pc.dim(indent(stack, "        ")));
    }
  });
}

function showOperations(output: Output, found: WantedOperations): void {
  if (!output.json) {
    for (const line of renderDetails(found)) output.print(line);
    return;
  }
  const { batches, traces, logs } = found;
  const items = findSharedItems(found);
  for (const { batch, item, label, id, places } of items) {
    const { Id: operationId, Name: operationName, ParentId: parentId } = batch.operation;
    const described = describeItem(item, traces.ofItem(parentId, item.index));
    const thrown = earlierErrors(traces.allOfItem(parentId, item.index), item.error !== undefined);
    output.printJson({
      type: "item",
      name: label,
      places,
      operationId,
      operationName,
      ...described,
      ...attemptMembers(thrown, logs.inside(id ?? label)),
    });
  }
  if (items.length > 0) return;
  for (const operation of findOperations(found)) {
    const thrown = earlierErrors(traces.all(operation.Id), endOf(operation).error !== undefined);
    const members = attemptMembers(thrown, logs.of(operation.Id));
    output.printJson({ ...describe(operation, traces, batches), ...members });
  }
}

function attemptMembers(thrown: readonly ErrorTrace[], lines: readonly PlacedLine[]): object {
  const earlier = thrown.map(({ atMs, text }) => ({ at: isoMoment(atMs), trace: text }));
  return {
    ...(earlier.length === 0 ? {} : { earlierErrors: earlier }),
    ...(lines.length === 0 ? {} : { logs: lines.map(logDocument) }),
  };
}

function printHead(
  output: Output,
  record: ExecutionSummary,
  { status, endMs }: { status: ShownStatus; endMs: number },
): void {
  const { counters } = record;
  output.print(`${pc.bold(record.name)}  ${paintStatus(status)}  ${formatDuration(endMs - record.startTimestamp)}`);
  output.print(pc.dim(record.arn));
  if (record.redriveOf !== undefined) output.print(pc.dim(`retry of ${record.redriveOf}`));
  output.print(
    `${counted(quotaOperations(counters), "operation")}, ${counted(counters.updates, "update")} in ` +
      `${counted(counters.checkpoints, "request")}, ${formatBytes(counters.dataBytes)} written, ` +
      counted(counters.invocations, "invocation"),
  );
}

function printPayload(output: Output, label: string, payload: string | undefined, full: boolean): void {
  if (payload === undefined || payload === "") return;
  const read = readAnyPayload(payload);
  output.print(`${label.padEnd(8)}${full ? wholeText(read) : shortText(read, MAX_PAYLOAD_SHOWN, "the whole: --full")}`);
}

/** A batch has `items` instead of `result`, because its parts may have the outcomes of some items. */
function describe(
  operation: Parameters<typeof operationDocument>[0],
  traces: ErrorTraces,
  batches: ReadonlyMap<string, BatchView>,
): object {
  const document = operationDocument(operation, traces.of(operation.Id));
  const batch = batches.get(operation.Id ?? "");
  if (batch === undefined) return document;
  const { result: _result, ...rest } = document as { result?: unknown };
  const { items, parts, unreadable } = batch;
  return {
    ...rest,
    items: items.map((item) => describeItem(item, traces.ofItem(operation.ParentId, item.index))),
    ...(parts.length === 0 ? {} : { parts: parts.map((part) => part.Id) }),
    ...(unreadable === undefined ? {} : { resultUnreadable: unreadable }),
  };
}

function describeItem({ error, operations, ...rest }: ItemView, trace: string | undefined): object {
  return {
    ...rest,
    ...(error === undefined ? {} : { error: errorDocument(error, trace) }),
    ...(operations === undefined
      ? {}
      : {
          operations: operations.map(({ error: inner, ...record }) => ({
            ...record,
            ...(inner === undefined ? {} : { error: errorDocument(inner) }),
          })),
        }),
  };
}

export async function historyCommand(
  output: Output,
  target: string,
  options: HistoryCommandOptions,
): Promise<ExitCode> {
  const { full, operation } = options;
  const withData = options.data === true || full === true || operation !== undefined || output.json;
  return inspect(options.db, ({ engine }) => {
    const record = findExecution(engine, target);
    const all = engine.history(record.arn, { includeExecutionData: withData });
    const ids = operation === undefined ? undefined : idsOf(engine, record, operation);
    const events = all.filter(({ Id = "" }) => ids === undefined || ids.has(Id));
    if (output.json) {
      for (const event of events) output.printJson(eventDocument(event));
      return;
    }
    const width = String(all.length).length;
    for (const event of events) {
      const { EventId, EventType, EventTimestamp, Name, Id } = event;
      const afterMs = EventTimestamp.getTime() - record.startTimestamp;
      const cells = [
        String(EventId).padStart(width),
        `+${formatDuration(Math.max(0, afterMs))}`.padStart(12),
        EventType.padEnd(22),
        Name ?? pc.dim(Id ?? ""),
        ...(withData ? [pc.dim(describeDetails(event, full === true || operation !== undefined))] : []),
      ];
      output.print(cells.join("  ").trimEnd());
    }
  });
}

/** An item of a batch has no events. So the set has the id of the batch's own operation instead. */
function idsOf(engine: LocalEngine, record: ExecutionSummary, wanted: string): ReadonlySet<string> {
  const operations = engine.operations(record.arn).filter(({ Type }) => Type !== "EXECUTION");
  const found = { record, operations, batches: readBatches(operations), wanted };
  const shared = findSharedItems(found).map(({ batch }) => batch.operation);
  return new Set((shared.length > 0 ? shared : findOperations(found)).map(({ Id = "" }) => Id));
}

function describeDetails(event: HistoryEvent, isWhole: boolean): string {
  const { details } = eventDocument(event) as { details?: Record<string, unknown> };
  if (details === undefined || Object.keys(details).length === 0) return "";
  const payload = { value: details, isPacked: false, bytes: JSON.stringify(details)?.length ?? 0 };
  const way = `the whole: --operation ${event.Name ?? event.Id ?? ""}`;
  return shortText(payload, isWhole ? Number.POSITIVE_INFINITY : MAX_PAYLOAD_SHOWN, way);
}

function indent(text: string, by: string): string {
  return text.replaceAll(/^/gm, by);
}
