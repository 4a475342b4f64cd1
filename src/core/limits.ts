/**
 * The service's limits, as data. Each is a default that a setting can change,
 * since the published numbers have moved before.
 */

/** 256 KiB. Observed from the service in April 2026; the API model announces 1 MB. */
export const MAX_PAYLOAD_BYTES = 262_144;

/** 32 KiB: the JSON of an operation's error has to be shorter (the emulator's check; the API model announces 1 MB). */
export const MAX_ERROR_BYTES = 32_768;

/** 750 KiB: the budget of the official client for one checkpoint request. */
export const MAX_REQUEST_BYTES = 768_000;

/** Characters of an operation's name (AWS Lambda API model). */
export const MAX_NAME_LENGTH = 256;

/** Updates in one checkpoint request, as the official client limits them. */
export const MAX_REQUEST_UPDATES = 250;

/** Lambda's 6 MiB response, less 50 bytes for the envelope: the official client's limit. */
export const MAX_RESPONSE_BYTES = 6 * 1024 * 1024 - 50;

/** 6 MB: an execution's input or result in a synchronous invocation (AWS Lambda API model). */
export const MAX_EXECUTION_PAYLOAD_BYTES = 6 * 1024 * 1024;

/** Operations of one execution (AWS Lambda quotas page; hard). */
export const MAX_OPERATIONS = 3_000;

/** 100 MB written by one execution, cumulative (AWS Lambda quotas page; hard). */
export const MAX_DATA_BYTES = 100 * 1024 * 1024;

/** Megabytes of memory that buy one vCPU (AWS Lambda developer guide, "Configure Lambda function memory"). */
export const LAMBDA_MEGABYTES_PER_VCPU = 1_769;

/** 15 minutes: the longest Lambda invocation. */
export const MAX_INVOCATION_MS = 900_000;

/** Items in one page of execution state (API model: default 100, maximum 1,000). */
export const MAX_STATE_PAGE_ITEMS = 1_000;

/** Whether a text takes more bytes than this as UTF-8. */
export function isLongerThan(text: string, maxBytes: number): boolean {
  // A UTF-16 unit is at most three bytes, so most texts need no count.
  return text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes;
}
