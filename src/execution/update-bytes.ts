import type { OperationUpdate } from "../core/wire.ts";

/**
 * An upper limit for the bytes of an update without the members that `updateBytes` adds. The largest such update, the
 * START of a callback with a `ParentId` and both time-outs, has 193 bytes with its comma.
 */
const FRAME_BYTES = 200;

/**
 * `FRAME_BYTES` includes a subtype of this form, which all subtypes of the SDK have. A user may give another subtype.
 */
const FRAMED_SUBTYPE = /^[A-Za-z]{0,17}$/;

/** An upper limit for the bytes that an update takes in a request, including the comma after the update. */
export function updateBytes(update: OperationUpdate): number {
  let bytes = FRAME_BYTES;
  if (update.SubType !== undefined && !FRAMED_SUBTYPE.test(update.SubType)) bytes += jsonStringBytes(update.SubType);
  if (update.Name !== undefined) bytes += jsonStringBytes(update.Name) + 8;
  if (update.Payload !== undefined) bytes += jsonStringBytes(update.Payload) + 11;
  if (update.Error !== undefined) bytes += Buffer.byteLength(JSON.stringify(update.Error)) + 9;
  const invoke = update.ChainedInvokeOptions;
  if (invoke !== undefined) bytes += Buffer.byteLength(JSON.stringify(invoke)) + 24;
  return bytes;
}

/** Texts up to this length are checked character by character, which is faster than `JSON.stringify`. */
const MAX_SHORT_CHARS = 48;

/** Bytes of a string as a JSON member, quotes and escapes included. */
function jsonStringBytes(text: string): number {
  if (text.length <= MAX_SHORT_CHARS && isPlain(text)) return text.length + 2;
  return Buffer.byteLength(JSON.stringify(text));
}

/** Whether every character takes one byte in JSON. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return false;
  }
  return true;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
