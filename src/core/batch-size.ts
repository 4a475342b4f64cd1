import { DurableError } from "./errors.ts";
import { MAX_EXECUTION_PAYLOAD_BYTES } from "./limits.ts";
import { describeValue } from "./setting.ts";

/** The limits of a batch. The items of a batch share one operation. */
export interface BatchSize {
  /** The greatest number of items of one batch: 1 to 10,000. Default 100. */
  maxItems?: number | undefined;
  /**
   * The bytes of outcomes that one operation may hold: from 1,024 up to `quotas.payloadBytes`, which is the default. A
   * batch with more bytes uses further operations.
   */
  maxBytes?: number | undefined;
}

export const DEFAULT_BATCH_ITEMS = 100;
export const MAX_BATCH_ITEMS = 10_000;
const MIN_BATCH_BYTES = 1_024;

/**
 * Reads a `batch` option. Returns undefined for undefined and for false.
 * @param where returns the name of the option, or of a member of the option such as `.maxItems`, for errors
 * @throws DurableError `ERR_BATCH_INVALID`
 */
export function readBatchSize(
  where: (member: string) => string,
  given: unknown,
  payloadBytes = MAX_EXECUTION_PAYLOAD_BYTES,
): BatchSize | undefined {
  if (given === undefined || given === false) return undefined;
  const check = (member: string, value: unknown, min: number, max: number, of: string, more = ""): void => {
    if (value === undefined || (Number.isInteger(value) && (value as number) >= min && (value as number) <= max))
      return;
    const allowed = `a whole number of ${of} from ${min} to ${max}${more}`;
    throw invalid(`${where(member)} is ${describeValue(value)}; it must be ${allowed}.`);
  };
  const items = (member: string, value: unknown, more?: string) =>
    check(member, value, 1, MAX_BATCH_ITEMS, "items", more);
  if (Object.prototype.toString.call(given) !== "[object Object]") {
    items("", given, ', {"maxItems":100}, or false for no batches');
    return { maxItems: given as number };
  }
  const { maxItems, maxBytes, ...rest } = given as BatchSize;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw invalid(`${where("")} has no member "${unknown}"; it has maxItems and maxBytes.`);
  items(".maxItems", maxItems);
  check(".maxBytes", maxBytes, MIN_BATCH_BYTES, payloadBytes, "bytes", " (quotas.payloadBytes)");
  return { maxItems, maxBytes };
}

function invalid(message: string): DurableError {
  return new DurableError("ERR_BATCH_INVALID", message);
}
