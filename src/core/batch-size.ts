import { DurableError } from "./errors.ts";

/** How much of a map shares one operation. */
export interface BatchSize {
  /** Items of one batch, 1 to 10,000. Default 100. */
  maxItems?: number | undefined;
  /**
   * Bytes of outcomes that one operation holds, from 1,024 up to the payload quota, which is the default. A batch with more of
   * them uses further operations.
   */
  maxBytes?: number | undefined;
}

export const DEFAULT_BATCH_ITEMS = 100;
export const MAX_BATCH_ITEMS = 10_000;
const MIN_BATCH_BYTES = 1_024;

/**
 * Reads a `batch` option: a number of items, both limits, or false for an operation (at least) for each item.
 * @param where names the map, or the setting, in the error
 * @throws DurableError `ERR_BATCH_INVALID`
 */
export function readBatchSize(where: string, given: unknown): BatchSize | undefined {
  if (given === undefined || given === false) return undefined;
  const size = typeof given === "number" ? { maxItems: given } : given;
  if (typeof size !== "object" || size === null) throw invalid(where, given);
  const { maxItems, maxBytes, ...rest } = size as BatchSize;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) {
    throw new DurableError("ERR_BATCH_INVALID", `${where} has no member "${unknown}"; it has maxItems and maxBytes.`);
  }
  if (maxItems !== undefined && !isWhole(maxItems, 1, MAX_BATCH_ITEMS)) throw invalid(`${where}.maxItems`, maxItems);
  if (maxBytes !== undefined && !isWhole(maxBytes, MIN_BATCH_BYTES, Number.MAX_SAFE_INTEGER)) {
    throw new DurableError(
      "ERR_BATCH_INVALID",
      `${where}.maxBytes is ${String(maxBytes)}; it must be a whole number of bytes from ${MIN_BATCH_BYTES} on.`,
    );
  }
  return { maxItems, maxBytes };
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function invalid(where: string, value: unknown): DurableError {
  return new DurableError(
    "ERR_BATCH_INVALID",
    `${where} is ${typeof value === "string" ? JSON.stringify(value) : String(value)}; it must be a whole number of ` +
      `items from 1 to ${MAX_BATCH_ITEMS}, such as 100, { maxItems, maxBytes }, or false for no batches.`,
  );
}
