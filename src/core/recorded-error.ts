import { toErrorObject } from "./errors.ts";
import { MAX_ERROR_BYTES } from "./limits.ts";
import { formatCount } from "./quantity.ts";
import type { ErrorObject } from "./wire.ts";

/** A character of a text takes so many bytes in JSON at most: an escape. */
const MAX_CHARACTER_BYTES = 6;
/** Names and quotes of an error's members in JSON, about. */
const FRAME_BYTES = 100;
/** The first half of a character that a cut has parted. */
const LONE_SURROGATE = /[\uD800-\uDBFF]$/;
/** No class has a longer name. */
const MAX_TYPE_CHARS = 256;

/**
 * Anything thrown, as an operation records it: an error that the service would refuse for its size, which would end the
 * execution, loses the end of its message instead.
 */
export function toRecordedError(thrown: unknown, maxBytes = MAX_ERROR_BYTES): ErrorObject {
  const error = toErrorObject(thrown);
  const { ErrorType = "", ErrorMessage = "", ErrorData = "" } = error;
  const atMost = (ErrorType.length + ErrorMessage.length + ErrorData.length) * MAX_CHARACTER_BYTES + FRAME_BYTES;
  return atMost < maxBytes || jsonBytes(error) < maxBytes ? error : cut(error, maxBytes);
}

function cut({ ErrorType, ErrorMessage = "", ErrorData }: ErrorObject, maxBytes: number): ErrorObject {
  const type = ErrorType?.slice(0, MAX_TYPE_CHARS);
  // Data that is cut means nothing; where it leaves the message some room it is kept whole.
  const kept = ErrorData !== undefined && jsonBytes(ErrorData) < maxBytes / 2 ? { ErrorData } : {};
  const note = ` … (${formatCount(ErrorMessage.length)} characters, cut)`;
  const room = maxBytes - jsonBytes({ ErrorMessage: note, ErrorType: type, ...kept }) - 1;
  const message = `${startOf(ErrorMessage, Math.max(0, room))}${note}`;
  return { ErrorMessage: message, ErrorType: type, ...kept };
}

/** As much of a text's start as takes `maxBytes` in JSON. */
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
