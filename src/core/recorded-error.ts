import { toErrorObject } from "./errors.ts";
import { MAX_ERROR_BYTES } from "./limits.ts";
import { formatCount } from "./quantity.ts";
import type { ErrorObject } from "./wire.ts";

/** A UTF-16 unit takes at most six bytes in JSON, as an escape such as `\u0000`. */
const MAX_CHARACTER_BYTES = 6;
/** An upper limit for the bytes of the member names and quotes of an error in JSON. */
const FRAME_BYTES = 100;
/** The first half of a character of two UTF-16 units. A cut may leave this half at the end of a text. */
const LONE_SURROGATE = /[\uD800-\uDBFF]$/;
const MAX_TYPE_CHARS = 256;

/**
 * The error of a record or response, made from a thrown value. The error is cut if its JSON takes `maxBytes` or more,
 * because the service would refuse the error and the execution would end.
 */
export function toRecordedError(thrown: unknown, maxBytes = MAX_ERROR_BYTES): ErrorObject {
  const error = toErrorObject(thrown);
  const { ErrorType = "", ErrorMessage = "", ErrorData = "" } = error;
  const atMost = (ErrorType.length + ErrorMessage.length + ErrorData.length) * MAX_CHARACTER_BYTES + FRAME_BYTES;
  return atMost < maxBytes || jsonBytes(error) < maxBytes ? error : cut(error, maxBytes);
}

function cut({ ErrorType, ErrorMessage = "", ErrorData }: ErrorObject, maxBytes: number): ErrorObject {
  const type = ErrorType?.slice(0, MAX_TYPE_CHARS);
  // `ErrorData` is never cut, because a part of the data has no meaning. Data of `maxBytes / 2` or more is dropped, to
  // leave room for the message.
  const kept = ErrorData !== undefined && jsonBytes(ErrorData) < maxBytes / 2 ? { ErrorData } : {};
  const note = ` … (${formatCount(ErrorMessage.length)} characters, cut)`;
  const room = maxBytes - jsonBytes({ ErrorMessage: note, ErrorType: type, ...kept }) - 1;
  const message = `${startOf(ErrorMessage, Math.max(0, room))}${note}`;
  return { ErrorMessage: message, ErrorType: type, ...kept };
}

/** A beginning of the text that takes at most `maxBytes` bytes in JSON, without the quotes. */
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
