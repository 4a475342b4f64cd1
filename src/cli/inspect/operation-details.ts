import pc from "picocolors";
import { BATCH_SUBTYPE } from "../../core/batch-operation.ts";
import { DurableError } from "../../core/errors.ts";
import { childPath, operationId } from "../../core/ids.ts";
import { findPaths } from "../../core/operation-paths.ts";
import { counted, formatCount, formatDuration } from "../../core/quantity.ts";
import { isFanOut, type Operation } from "../../core/wire.ts";
import type { ErrorTrace } from "../../journal/journal.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import { endOf } from "../documents.ts";
import { errorText } from "../error-text.ts";
import { isoMoment } from "../moment.ts";
import { type BatchView, type ItemView, wordFor } from "./batch-view.ts";
import type { ErrorTraces } from "./error-traces.ts";
import { type LogLines, renderLine } from "./log-lines.ts";
import { readResult, shortText, wholeText } from "./payload-view.ts";
import { Places, parseItem } from "./places.ts";

export interface WantedOperations {
  readonly record: ExecutionSummary;
  readonly operations: readonly Operation[];
  readonly batches: ReadonlyMap<string, BatchView>;
  readonly traces: ErrorTraces;
  readonly logs: LogLines;
  /** A name of operations, the id of an operation, or `score[3]` for the items with index 3 of the maps `score`. */
  readonly wanted: string;
}

type Wanted = Pick<WantedOperations, "record" | "operations" | "batches" | "wanted">;

/** An item of a batch. */
export interface SharedItem {
  readonly batch: BatchView;
  readonly item: ItemView;
  /** The text with which the user asked for the item, for example `score[3]`. */
  readonly label: string;
  /** The id that belongs to the path of the item. Undefined if the path is unknown. */
  readonly id: string | undefined;
  /** Labels from the outermost operation to the item. Empty if the path is unknown. */
  readonly places: readonly string[];
}

const MAX_NAMES = 10;
const MAX_ITEM_RESULT = 200;

/** Results are whole, except in the list of a batch's items. @throws the error of `findOperations` */
export function renderDetails(found: WantedOperations): string[] {
  const items = findSharedItems(found);
  if (items.length > 0) return items.flatMap((item) => describeShared(item, found));
  return findOperations(found).flatMap((operation, at) => [...(at === 0 ? [] : [""]), ...describe(operation, found)]);
}

export function findSharedItems({ operations, batches, wanted }: Wanted): readonly SharedItem[] {
  const asked = parseItem(wanted);
  if (asked === undefined) return [];
  const maps = operations.filter(({ Id, Name }) => (Name ?? Id) === asked.map).map(({ Id }) => Id);
  const paths = findPaths(operations);
  const places = new Places(operations);
  return [...batches.values()]
    .filter(({ operation }) => maps.includes(operation.ParentId))
    .flatMap((batch) => {
      const item = batch.items.find(({ index }) => index === asked.index);
      if (item === undefined) return [];
      const map = paths.get(batch.operation.ParentId ?? "");
      const around = map === undefined ? [] : places.around(childPath(map, asked.index + 1), undefined);
      return [{ batch, item, label: wanted, id: around.at(-1)?.id, places: around.map(({ label }) => label) }];
    });
}

/** @throws DurableError `ERR_OPERATION_UNKNOWN`, also for an item of a batch, which `findSharedItems` finds */
export function findOperations({ record, operations, wanted }: Omit<Wanted, "batches">): readonly Operation[] {
  const byId = operations.filter(({ Id }) => Id === wanted);
  const found = byId.length > 0 ? byId : operations.filter(({ Name }) => Name === wanted);
  if (found.length > 0) return found;
  const item = findItemOperations(operations, wanted);
  if (item.length > 0) return item;
  const names = [...new Set(operations.map(({ Name }) => Name).filter((name) => name !== undefined))];
  const more = names.length > MAX_NAMES ? ` and ${counted(names.length - MAX_NAMES, "more name")}` : "";
  const there =
    names.length === 0 ? "No operation has a name." : `There are: ${names.slice(0, MAX_NAMES).join(", ")}${more}.`;
  const batch = operations.find(({ SubType }) => SubType === BATCH_SUBTYPE)?.Name;
  const items =
    batch === undefined
      ? ""
      : ` Items that share an operation are shown by the name of the operation, as "${batch}", or one by one, as "${batch.replace(/\.\..*/, "]")}".`;
  throw new DurableError(
    "ERR_OPERATION_UNKNOWN",
    `The execution ${record.name} has no operation with the name or id "${wanted}". ${there}${items}`,
  );
}

/** Finds only items and branches that have contexts (NESTED). */
function findItemOperations(operations: readonly Operation[], wanted: string): readonly Operation[] {
  const asked = parseItem(wanted);
  if (asked === undefined) return [];
  const maps = operations.filter(({ Id, Name, SubType }) => isFanOut(SubType) && (Name ?? Id) === asked.map);
  const paths = findPaths(operations);
  const ids = maps.flatMap(({ Id = "" }) => {
    const path = paths.get(Id);
    return path === undefined ? [] : [operationId(childPath(path, asked.index + 1)) as string];
  });
  return operations.filter(({ Id = "" }) => ids.includes(Id));
}

function describeShared(shared: SharedItem, { traces, logs }: WantedOperations): string[] {
  const { batch, item, label, id, places } = shared;
  const { operation } = batch;
  const { index, status, result, error, operations } = item;
  const trace = traces.ofItem(operation.ParentId, index) ?? error?.StackTrace?.join("\n");
  const value = { value: result, isPacked: false, bytes: 0 };
  return [
    `${pc.bold(label)}  item of ${operation.Name ?? operation.Id}`,
    ...(places.length > 2 ? labelled("place", places.join(" › ")) : []),
    ...labelled("status", wordFor(status, operation.Status)),
    ...labelled("shares", `operation ${operation.Id}`),
    ...(operations ?? []).flatMap((record) => labelled("inside", describeRecord(record).trim())),
    ...(error ? labelled("error", pc.red(errorText(error))) : []),
    ...earlierLines(earlierErrors(traces.allOfItem(operation.ParentId, index), error !== undefined)),
    ...(error && trace ? labelled("stack", trace) : []),
    ...(result === undefined ? [] : labelled("result", wholeText(value))),
    ...logs.inside(id ?? label).flatMap((line) => labelled("log", renderLine(line))),
  ];
}

function describe(operation: Operation, { batches, traces, logs }: WantedOperations): string[] {
  const { Id, ParentId, Name, Type, SubType, Status, StartTimestamp, EndTimestamp, StepDetails } = operation;
  const { result, error } = endOf(operation);
  const batch = batches.get(Id ?? "");
  const trace = traces.of(Id) ?? error?.StackTrace?.join("\n");
  const took =
    StartTimestamp && EndTimestamp ? ` (${formatDuration(EndTimestamp.getTime() - StartTimestamp.getTime())})` : "";
  const rows: [string, string | undefined][] = [
    ["id", Id],
    ["inside", ParentId],
    ["status", Status],
    ["started", isoMoment(StartTimestamp?.getTime())],
    ["ended", EndTimestamp && `${isoMoment(EndTimestamp.getTime())}${took}`],
    ["attempts", StepDetails?.Attempt === undefined ? undefined : String(StepDetails.Attempt)],
    ["next at", isoMoment(StepDetails?.NextAttemptTimestamp?.getTime())],
    ["until", isoMoment(operation.WaitDetails?.ScheduledEndTimestamp?.getTime())],
    ["callback", operation.CallbackDetails?.CallbackId],
    ["error", error && pc.red(errorText(error))],
    ["data", error?.ErrorData],
    ["stack", error && trace],
    ["result", result && batch === undefined ? wholeText(readResult(operation, result)) : undefined],
  ];
  const lines = rows.flatMap(([label, text]) => (text === undefined ? [] : labelled(label, text)));
  return [
    `${pc.bold(Name ?? Id ?? "")}  ${SubType ?? Type ?? ""}`,
    ...lines,
    ...earlierLines(earlierErrors(traces.all(Id), error !== undefined)),
    ...logs.of(Id).flatMap((line) => labelled("log", renderLine(line))),
    ...(batch ? itemLines(batch, operation, traces) : []),
  ];
}

/** The last error of a failed operation or item is left out, because this error is the outcome. */
export function earlierErrors(thrown: readonly ErrorTrace[], hasFailed: boolean): readonly ErrorTrace[] {
  return hasFailed ? thrown.slice(0, -1) : thrown;
}

function earlierLines(thrown: readonly ErrorTrace[]): string[] {
  return thrown.flatMap(({ atMs, text }) => labelled("earlier", `${isoMoment(atMs)}  ${text}`));
}

function labelled(label: string, text: string): string[] {
  const [first = "", ...rest] = text.split("\n");
  return [`  ${label.padEnd(10)}${first}`, ...rest.map((line) => `  ${"".padEnd(10)}${line}`)];
}

function itemLines({ items, unreadable }: BatchView, operation: Operation, traces: ErrorTraces): string[] {
  const lines = labelled("items", formatCount(items.length));
  if (unreadable !== undefined) lines.push(...labelled("", pc.red(`what is recorded cannot be read: ${unreadable}`)));
  for (const item of items) {
    lines.push(...labelled("", `item ${item.index}  ${wordFor(item.status, operation.Status)}${describeItem(item)}`));
    const trace = item.status === "FAILED" ? traces.ofItem(operation.ParentId, item.index) : undefined;
    if (trace !== undefined) lines.push(...labelled("", pc.dim(trace)));
  }
  return lines;
}

export function describeItem({ result, error, operations }: ItemView): string {
  if (error !== undefined) return `  ${pc.red(errorText(error))}`;
  if (operations !== undefined) return operations.map(describeRecord).join("");
  if (result === undefined) return "";
  const text = JSON.stringify(result) ?? String(result);
  return `  ${shortText({ value: result, isPacked: false, bytes: Buffer.byteLength(text) }, MAX_ITEM_RESULT, "the whole: --json")}`;
}

function describeRecord({
  name,
  path,
  status,
  attempts = 0,
  error,
}: NonNullable<ItemView["operations"]>[number]): string {
  const tries = attempts === 0 ? "" : `, ${attempts} attempt${attempts === 1 ? "" : "s"}`;
  const reason = error === undefined ? "" : `, ${errorText(error)}`;
  return `  ${name ?? path} ${status.toLowerCase()}${tries}${reason}`;
}
