import { ChildContextError, isError } from "../../core/errors.ts";
import type { AnySerdes, Serdes } from "../../core/serdes.ts";
import { FAN_OUT_PACK_FACTOR } from "../../core/settings.ts";
import type { Execution } from "../../execution/execution.ts";
import type { ResultFormat } from "../child.ts";
import type { ClaimedOperation } from "../operation.ts";
import { decodeResult, type EncodedResult, encodeResult } from "../payload.ts";
import type { BatchItemStatus, CompletionReason } from "./completion.ts";
import { Batch, type BatchItem, type BatchResult } from "./map-result.ts";
import { readBackError, restoreItemError, type StoredError, storeError } from "./stored-error.ts";

interface StoredItem {
  result?: unknown;
  error?: StoredError;
  index: number;
  status: BatchItemStatus;
}

interface StoredBatch {
  all: StoredItem[];
  completionReason: CompletionReason;
  uncollected?: number;
  reduced?: unknown;
}

export interface BatchFormatOptions<T> {
  readonly type: "MapResult" | "ParallelResult";
  readonly serdes: Serdes<BatchResult<T>> | undefined;
  /** Items came through a serdes of the user's: what they hold is not what JSON would give. */
  readonly hasItemSerdes: boolean;
  readonly summaryGenerator: ((result: BatchResult<T>) => string) | undefined;
  /** Bytes of the items' own payloads so far. */
  readonly itemBytes: () => number;
  /** Whether a summary must say what became of each item, since no operation of theirs does. */
  readonly keepsStatuses: () => boolean;
  /** The result was read from its record: the operations of its items are not delivered any more. */
  readonly onRecalled: (batch: Batch<T>) => void;
}

/**
 * Items that take this many times the limit one by one are not tried together: what rows of different items have in
 * common makes them smaller, but hardly by more. Saves two thirds of the time of a map with large results.
 */
const HOPELESS_FACTOR = 4;

/** How the result of a map or parallel is kept. */
export function batchFormat<T>(options: BatchFormatOptions<T>): ResultFormat {
  const serdes = options.serdes as AnySerdes | undefined;
  return {
    readBack(result) {
      const batch = result as Batch<T>;
      const isRewritten = serdes !== undefined || options.hasItemSerdes || batch.uncollected !== undefined;
      return isRewritten ? undefined : readBack(batch);
    },
    async encode(operation, result): Promise<EncodedResult> {
      const batch = result as Batch<T>;
      if (serdes !== undefined) {
        for (const { error } of batch.all) if (error !== undefined) showInJson(error);
        const { payload, value } = await encodeResult(operation, batch, serdes);
        return { payload, value: rewrap(value) };
      }
      return encodeStored(operation, batch, options);
    },
    async decode(operation, payload) {
      const value = await decodeResult(operation, payload, serdes);
      const batch = serdes === undefined ? restore<T>(value as StoredBatch) : rewrap(value);
      if (batch instanceof Batch) options.onRecalled(batch);
      return batch;
    },
    summarize: (result) => summarize(result as Batch<T>, options),
  };
}

async function encodeStored<T>(
  operation: ClaimedOperation,
  batch: Batch<T>,
  { hasItemSerdes, itemBytes }: BatchFormatOptions<T>,
): Promise<EncodedResult> {
  const { codec, settings } = operation.execution;
  const encode = () => encodeResult(operation, storeBatch(batch), undefined, codec.packFromBytes * FAN_OUT_PACK_FACTOR);
  if (hasItemSerdes || batch.uncollected !== undefined) {
    const { payload, value } = await encode();
    return { payload, value: restore(value as StoredBatch) };
  }
  const oversized = itemBytes() > HOPELESS_FACTOR * settings.quotas.payloadBytes;
  const payload = oversized ? undefined : (await encode()).payload;
  const value = readBack(batch);
  return oversized ? { payload, value, oversized } : { payload, value };
}

/** Each result has been read back from its own payload, so only the errors still change by being stored. */
function readBack<T>(batch: Batch<T>): Batch<T> {
  for (const item of batch.all) if (item.error !== undefined) item.error = readBackError(item.error);
  return batch;
}

function storeBatch({ all, completionReason, uncollected, reduced }: Batch<unknown>): StoredBatch {
  const stored: StoredBatch = { all: all.map(storeItem), completionReason };
  if (uncollected !== undefined) stored.uncollected = uncollected;
  if (reduced !== undefined) stored.reduced = reduced;
  return stored;
}

function storeItem(item: BatchItem<unknown>): StoredItem {
  if (item.error !== undefined) return { error: storeError(item.error), index: item.index, status: item.status };
  if (item.result === undefined) return { index: item.index, status: item.status };
  return { result: item.result, index: item.index, status: item.status };
}

function restore<T>(stored: StoredBatch): Batch<T> {
  const all = stored.all.map(({ error, ...item }) => {
    if (error === undefined) return item as BatchItem<T>;
    return { error: restoreItemError(error), ...item } as BatchItem<T>;
  });
  const { completionReason, uncollected, reduced } = stored;
  return new Batch(all, completionReason, uncollected === undefined ? undefined : { uncollected, reduced });
}

/** JSON, by which most serdes write, would keep neither the message of an error nor its causes. */
function showInJson(error: Error): void {
  Object.defineProperty(error, "toJSON", { value: () => storeError(error), configurable: true });
}

/** What a user's serdes read back gets the methods of a batch again, if it still looks like one, and its errors. */
function rewrap(value: unknown): unknown {
  if (value instanceof Batch || typeof value !== "object" || value === null || !("all" in value)) return value;
  if (!Array.isArray(value.all)) return value;
  const { completionReason = "ALL_COMPLETED" } = value as { completionReason?: CompletionReason };
  for (const item of value.all as (BatchItem<unknown> | null)[]) {
    if (item?.error !== undefined && item.error !== null) item.error = rebuildError(item.error);
  }
  return new Batch(value.all, completionReason);
}

/** An item's error, of what a serdes made of it: ours in JSON, an error of its own, or what JSON leaves of one. */
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

/** What is kept of a batch over the limit. A replay needs `completionReason` and `itemStatuses`. */
export interface BatchSummary {
  completionReason: CompletionReason;
  itemStatuses: string;
}

function summarize<T>(batch: Batch<T>, { type, summaryGenerator, keepsStatuses }: BatchFormatOptions<T>): string {
  const { totalCount, successCount, failureCount, startedCount, completionReason, status } = batch;
  const counts = { totalCount, successCount, failureCount, ...(type === "ParallelResult" ? { startedCount } : {}) };
  const summary = {
    type,
    ...counts,
    completionReason,
    status,
    ...(keepsStatuses() ? { itemStatuses: itemStatuses(batch) } : {}),
  };
  if (summaryGenerator === undefined) return JSON.stringify(summary);
  return JSON.stringify({ ...summary, summary: summaryGenerator(batch) });
}

/** One character an item, up to the last started one: S succeeded, F failed, - neither. */
function itemStatuses(batch: {
  readonly all: readonly Pick<StoredItem, "index" | "status">[];
  readonly uncollected?: number | undefined;
}): string {
  const { all, uncollected = 0 } = batch;
  // Items start in order, so that what was not collected is all that is left out among those that have started.
  const statuses: string[] = new Array(uncollected === 0 ? 0 : all.length + uncollected).fill("S");
  for (const { index, status } of all) {
    while (statuses.length < index) statuses.push("-");
    statuses[index] = status === "SUCCEEDED" ? "S" : status === "FAILED" ? "F" : "-";
  }
  return statuses.join("");
}

/**
 * Reads what was kept of a batch over the limit: a summary, an older summary without statuses, or (where children
 * are kept for other reasons) the batch itself.
 */
export function readSummary(execution: Execution, payload: string | undefined): Partial<BatchSummary> {
  let value: unknown;
  try {
    value = execution.codec.decode(payload);
  } catch {
    return {};
  }
  if (typeof value !== "object" || value === null) return {};
  const { completionReason, itemStatuses: statuses, all, uncollected } = value as Partial<BatchSummary & StoredBatch>;
  const summary: Partial<BatchSummary> = {};
  if (completionReason !== undefined) summary.completionReason = completionReason;
  if (typeof statuses === "string") summary.itemStatuses = statuses;
  else if (Array.isArray(all)) summary.itemStatuses = itemStatuses({ all, uncollected });
  return summary;
}
