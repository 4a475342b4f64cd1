/** Limits of the service, of Lambda and of the official client. */

/**
 * 256 KiB: the payload of one operation. This limit was observed at the service in April 2026. The API model says 1 MB.
 */
export const MAX_PAYLOAD_BYTES = 262_144;

/** 32 KiB: an emulator of the service refuses an error whose JSON is not shorter. The API model says 1 MB. */
export const MAX_ERROR_BYTES = 32_768;

/** 750 KiB: the official client's limit for one checkpoint request. */
export const MAX_REQUEST_BYTES = 768_000;

/** The greatest number of characters of an operation's name (AWS Lambda API model). */
export const MAX_NAME_LENGTH = 256;

/** The official client sends at most this number of updates in one checkpoint request. */
export const MAX_REQUEST_UPDATES = 250;

/** The official client's limit: Lambda's response of 6 MiB, less 50 bytes for the envelope. */
export const MAX_RESPONSE_BYTES = 6 * 1024 * 1024 - 50;

/** 6 MiB: the input or the result of an execution in a synchronous invocation (AWS Lambda API model). */
export const MAX_EXECUTION_PAYLOAD_BYTES = 6 * 1024 * 1024;

/** The greatest number of operations of one execution (AWS Lambda quotas page; AWS does not raise this quota). */
export const MAX_OPERATIONS = 3_000;

/** 100 MiB: the data that one execution may write in total (AWS Lambda quotas page; AWS does not raise this quota). */
export const MAX_DATA_BYTES = 100 * 1024 * 1024;

/** Megabytes of memory for one vCPU (AWS Lambda developer guide, "Configure Lambda function memory"). */
export const LAMBDA_MEGABYTES_PER_VCPU = 1_769;

/** 15 minutes: the longest Lambda invocation. */
export const MAX_INVOCATION_MS = 900_000;

/** The greatest number of items in one page of an execution's state (API model: default 100, maximum 1,000). */
export const MAX_STATE_PAGE_ITEMS = 1_000;

export function isLongerThan(text: string, maxBytes: number): boolean {
  // A UTF-16 unit takes at most three bytes. So the bytes of a short text need not be counted.
  return text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes;
}
