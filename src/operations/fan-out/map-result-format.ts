import { ChildContextError, isError } from "../../core/errors.ts";
import type { AnySerdes, Serdes } from "../../core/serdes.ts";
import { FAN_OUT_PACK_FACTOR } from "../../core/settings.ts";
import type { Execution } from "../../execution/execution.ts";
import type { ResultFormat } from "../child.ts";
import type { ClaimedOperation } from "../operation.ts";
import { decodeResult, type EncodedResult, encodeResult } from "../result-payload.ts";
import type { BatchItemStatus, CompletionReason } from "./completion.ts";
import { type BatchItem, type BatchResult, MapResult } from "./map-result.ts";
import { readBackError, restoreItemError, type StoredError, storeError } from "./stored-error.ts";

interface StoredItem {
  result?: unknown;
  error?: StoredError;
  index: number;
  status: BatchItemStatus;
}

interface StoredMapResult {
  all: StoredItem[];
  completionReason: CompletionReason;
  uncollected?: number;
  reduced?: unknown;
}

export interface MapResultFormatOptions<T> {
  readonly type: "MapResult" | "ParallelResult";
  readonly serdes: Serdes<BatchResult<T>> | undefined;
  /** Whether a user's serdes reads the items' results. The codec may change such results, for example a Date. */
  readonly hasItemSerdes: boolean;
  readonly summaryGenerator: ((result: BatchResult<T>) => string) | undefined;
  readonly itemCharacters: () => number;
  /** Whether the summary must have the status of each item. The records of batches have the statuses already. */
  readonly keepsStatuses: () => boolean;
  /**
   * Called when `decode` has read a map result. In a replay, the service then does not deliver the operations of the
   * items, so the caller must count these operations.
   */
  readonly onRecalled: (mapResult: MapResult<T>) => void;
}

/**
 * A result is not encoded as a whole if the payloads of its items together have more characters than this factor times
 * the size limit in bytes. The payload of the whole result may be shorter than this sum, but almost never by this
 * factor. So the payload would be over the limit, and the time for the encoding is saved.
 */
const HOPELESS_FACTOR = 4;

export function mapResultFormat<T>(options: MapResultFormatOptions<T>): ResultFormat {
  const serdes = options.serdes as AnySerdes | undefined;
  return {
    readBack(result) {
      const mapResult = result as MapResult<T>;
      const isRewritten = serdes !== undefined || options.hasItemSerdes || mapResult.uncollected !== undefined;
      return isRewritten ? undefined : readBack(mapResult);
    },
    async encode(operation, result): Promise<EncodedResult> {
      const mapResult = result as MapResult<T>;
      if (serdes !== undefined) {
        for (const { error } of mapResult.all) if (error !== undefined) showInJson(error);
        return encodeResult(operation, mapResult, serdes);
      }
      return encodeStored(operation, mapResult, options);
    },
    async decode(operation, payload) {
      const value = await decodeResult(operation, payload, serdes);
      const mapResult = serdes === undefined ? restore<T>(value as StoredMapResult) : rewrap(value);
      if (mapResult instanceof MapResult) options.onRecalled(mapResult);
      return mapResult;
    },
    summarize: (result) => summarize(result as MapResult<T>, options),
  };
}

async function encodeStored<T>(
  operation: ClaimedOperation,
  mapResult: MapResult<T>,
  { hasItemSerdes, itemCharacters }: MapResultFormatOptions<T>,
): Promise<EncodedResult> {
  const { codec, settings } = operation.execution;
  const encode = () =>
    encodeResult(operation, storeMapResult(mapResult), undefined, codec.packFromBytes * FAN_OUT_PACK_FACTOR);
  if (hasItemSerdes || mapResult.uncollected !== undefined) {
    const { payload, value } = await encode();
    return { payload, value: restore(value as StoredMapResult) };
  }
  const oversized = itemCharacters() > HOPELESS_FACTOR * settings.quotas.payloadBytes;
  const payload = oversized ? undefined : (await encode()).payload;
  const value = readBack(mapResult);
  return oversized ? { payload, value, oversized } : { payload, value };
}

/**
 * Makes the value that a replay would read, without encoding. Each result was already read back from a payload, so only
 * the errors must be changed.
 */
function readBack<T>(mapResult: MapResult<T>): MapResult<T> {
  for (const item of mapResult.all) if (item.error !== undefined) item.error = readBackError(item.error);
  return mapResult;
}

function storeMapResult({ all, completionReason, uncollected, reduced }: MapResult<unknown>): StoredMapResult {
  const stored: StoredMapResult = { all: all.map(storeItem), completionReason };
  if (uncollected !== undefined) stored.uncollected = uncollected;
  if (reduced !== undefined) stored.reduced = reduced;
  return stored;
}

function storeItem(item: BatchItem<unknown>): StoredItem {
  if (item.error !== undefined) return { error: storeError(item.error), index: item.index, status: item.status };
  if (item.result === undefined) return { index: item.index, status: item.status };
  return { result: item.result, index: item.index, status: item.status };
}

function restore<T>(stored: StoredMapResult): MapResult<T> {
  const all = stored.all.map(({ error, ...item }) => {
    if (error === undefined) return item as BatchItem<T>;
    return { error: restoreItemError(error), ...item } as BatchItem<T>;
  });
  const { completionReason, uncollected, reduced } = stored;
  return new MapResult(all, completionReason, uncollected === undefined ? undefined : { uncollected, reduced });
}

/** Makes JSON contain the message and the causes of an error. A serdes that writes JSON would leave out both. */
function showInJson(error: Error): void {
  Object.defineProperty(error, "toJSON", { value: () => storeError(error), configurable: true });
}

/** Makes a map result from a value that a user's serdes read. Returns a value of another form unchanged. */
function rewrap(value: unknown): unknown {
  if (value instanceof MapResult || typeof value !== "object" || value === null || !("all" in value)) return value;
  if (!Array.isArray(value.all)) return value;
  const { completionReason = "ALL_COMPLETED" } = value as { completionReason?: CompletionReason };
  for (const item of value.all as (BatchItem<unknown> | null)[]) {
    if (item?.error !== undefined && item.error !== null) item.error = rebuildError(item.error);
  }
  const { uncollected, reduced } = value as Partial<StoredMapResult>;
  return new MapResult(
    value.all,
    completionReason,
    typeof uncollected === "number" ? { uncollected, reduced } : undefined,
  );
}

function rebuildError(given: unknown): ChildContextError {
  if (given instanceof ChildContextError) return given;
  if (isError(given)) return readBackError(given);
  const { ErrorType, ErrorMessage, errorType, name, message, ...rest } = given as StoredError & Record<string, unknown>;
  if (ErrorType !== undefined || ErrorMessage !== undefined) return restoreItemError(given as StoredError);
  const said = typeof message === "string" ? { ErrorMessage: message } : {};
  const type = [errorType, name].find((one) => typeof one === "string");
  const data = typeof rest["errorData"] === "string" ? { ErrorData: rest["errorData"] } : {};
  return restoreItemError({ ErrorType: type as string | undefined, ...said, ...data });
}

export interface MapSummary {
  completionReason: CompletionReason;
  itemStatuses: string;
}

function summarize<T>(
  mapResult: MapResult<T>,
  { type, summaryGenerator, keepsStatuses }: MapResultFormatOptions<T>,
): string {
  const { totalCount, successCount, failureCount, startedCount, completionReason, status } = mapResult;
  const counts = { totalCount, successCount, failureCount, ...(type === "ParallelResult" ? { startedCount } : {}) };
  const summary = {
    type,
    ...counts,
    completionReason,
    status,
    ...(keepsStatuses() ? { itemStatuses: itemStatuses(mapResult) } : {}),
  };
  if (summaryGenerator === undefined) return JSON.stringify(summary);
  return JSON.stringify({ ...summary, summary: summaryGenerator(mapResult) });
}

/** One character for each item up to the last started item. `S`: succeeded, `F`: failed, `-`: not ended. */
function itemStatuses(mapResult: {
  readonly all: readonly Pick<StoredItem, "index" | "status">[];
  readonly uncollected?: number | undefined;
}): string {
  const { all, uncollected = 0 } = mapResult;
  // Items start in the order of their index. So if an item before the last started item is not in `all`, the item has
  // succeeded and was not collected.
  const statuses: string[] = new Array(uncollected === 0 ? 0 : all.length + uncollected).fill("S");
  for (const { index, status } of all) {
    while (statuses.length < index) statuses.push("-");
    statuses[index] = status === "SUCCEEDED" ? "S" : status === "FAILED" ? "F" : "-";
  }
  return statuses.join("");
}

/**
 * `payload` is a summary (without statuses for batches, and in an earlier version), or the whole result if it was not
 * over the size limit. Returns the members that can be read from the payload.
 */
export function readSummary(execution: Execution, payload: string | undefined): Partial<MapSummary> {
  let value: unknown;
  try {
    value = execution.codec.decode(payload);
  } catch {
    return {};
  }
  if (typeof value !== "object" || value === null) return {};
  const { completionReason, itemStatuses: statuses, all, uncollected } = value as Partial<MapSummary & StoredMapResult>;
  const summary: Partial<MapSummary> = {};
  if (completionReason !== undefined) summary.completionReason = completionReason;
  if (typeof statuses === "string") summary.itemStatuses = statuses;
  else if (Array.isArray(all)) summary.itemStatuses = itemStatuses({ all, uncollected });
  return summary;
}

export function withSizes(format: ResultFormat, sizes: { itemCharacters: number }): ResultFormat {
  const count = (encoded: EncodedResult): EncodedResult => {
    sizes.itemCharacters += encoded.payload?.length ?? 0;
    return encoded;
  };
  return {
    ...format,
    encode: (operation, result) => {
      const encoding = format.encode(operation, result);
      return encoding instanceof Promise ? encoding.then(count) : count(encoding);
    },
  };
}
