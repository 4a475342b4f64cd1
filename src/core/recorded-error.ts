import { toErrorObject } from "./errors.ts";
import { MAX_ERROR_BYTES } from "./limits.ts";
import { formatCount } from "./quantity.ts";
import type { ErrorObject } from "./wire.ts";

/** The greatest number of bytes that a character takes in JSON: an escape. */
const MAX_CHARACTER_BYTES = 6;
/** The approximate bytes of the member names and quotes of an error in JSON. */
const FRAME_BYTES = 100;
/** The first half of a character, at the place of a cut. */
const LONE_SURROGATE = /[\uD800-\uDBFF]$/;
/** The greatest length of the name of an error's class. */
const MAX_TYPE_CHARS = 256;

/**
 * A thrown value as an operation records it. An error over the service's limit would end the execution, so the end of
 * its message is cut.
 */
export function toRecordedError(thrown: unknown, maxBytes = MAX_ERROR_BYTES): ErrorObject {
  const error = toErrorObject(thrown);
  const { ErrorType = "", ErrorMessage = "", ErrorData = "" } = error;
  const atMost = (ErrorType.length + ErrorMessage.length + ErrorData.length) * MAX_CHARACTER_BYTES + FRAME_BYTES;
  return atMost < maxBytes || jsonBytes(error) < maxBytes ? error : cut(error, maxBytes);
}

function cut({ ErrorType, ErrorMessage = "", ErrorData }: ErrorObject, maxBytes: number): ErrorObject {
  const type = ErrorType?.slice(0, MAX_TYPE_CHARS);
  // Data that is cut has no meaning. Data is kept as a whole where it leaves room for the message.
  const kept = ErrorData !== undefined && jsonBytes(ErrorData) < maxBytes / 2 ? { ErrorData } : {};
  const note = ` … (${formatCount(ErrorMessage.length)} characters, cut)`;
  const room = maxBytes - jsonBytes({ ErrorMessage: note, ErrorType: type, ...kept }) - 1;
  const message = `${startOf(ErrorMessage, Math.max(0, room))}${note}`;
  return { ErrorMessage: message, ErrorType: type, ...kept };
}

/** The longest start of a text that takes `maxBytes` in JSON. */
function startOf(text: string, maxBytes: number): string {
  let chars = Math.min(text.length, maxBytes);
  for (;;) {
    const start = text.slice(0, chars).replace(LONE_SURROGATE, "");
    const bytes = jsonBytes(start) - 2;
    if (bytes <= maxBytes) return start;
    chars = Math.min(chars - 1, Math.floor((chars * maxBytes) / bytes));
  }
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
