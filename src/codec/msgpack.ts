import { Buffer } from "node:buffer";
// The build without `new Function`: recorded bytes must never become code. It is also a module of its own, so that
// the extensions a handler may add to its msgpackr change nothing here, and it needs no native addon.
import { Packr, RESET_BUFFER_MODE, Unpackr } from "msgpackr/index-no-eval";
import { unreadable } from "./format.ts";

/**
 * Records: the keys of an object are written once, further objects with the same keys refer to them. No structures
 * are shared between payloads, so each can be read alone. `moreTypes` is for typed arrays and long BigInts.
 */
const packr = new Packr({ useRecords: true, moreTypes: true, useToJSON: false });

/** msgpack maps are read as Map, which is how a tree says that a node is special; references are not followed. */
const unpackr = new Unpackr({ useRecords: true, mapsAsObjects: false, structuredClone: false });

/** The buffer that msgpackr keeps for the next call is replaced after a payload beyond this. */
const MAX_KEPT_BYTES = 256 * 1024;

/** The bytes of a tree, good until the next call: they lie in a buffer that is used again. */
export function toMsgpack(tree: unknown): Buffer {
  const bytes = packr.pack(tree, RESET_BUFFER_MODE);
  if (bytes.length > MAX_KEPT_BYTES) packr.useBuffer(Buffer.allocUnsafeSlow(8192));
  return bytes;
}

/**
 * Undoes `toMsgpack`. What comes out of hostile bytes is bounded by their number but may be anything that msgpackr
 * knows: `TreeReader` says what is a tree. Throws `ERR_PAYLOAD_UNREADABLE`.
 */
export function fromMsgpack(bytes: Uint8Array): unknown {
  try {
    return unpackr.unpack(bytes);
  } catch (cause) {
    throw unreadable("its msgpack is damaged", cause);
  }
}

/** Whether msgpackr gives a string back: UTF-8 has no lone surrogates, and a byte order mark in front is skipped. */
export function isPackableText(text: string): boolean {
  // Node 20 has it, the types of ES2023 do not.
  return (text as string & { isWellFormed(): boolean }).isWellFormed() && text.charCodeAt(0) !== 0xfeff;
}

/** Whether a key may be that of a record: msgpackr renames the first of these and keeps notes under the second. */
export function isPackableKey(key: string): boolean {
  return key !== "__proto__" && key !== "__keys__" && isPackableText(key);
}
