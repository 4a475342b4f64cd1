import { DurableError } from "../core/errors.ts";
import { unreadable } from "./format.ts";
import { MsgpackReader } from "./msgpack-reader.ts";
import { MsgpackWriter } from "./msgpack-writer.ts";

let writer: MsgpackWriter | undefined;

/** The bytes of a tree, good until the next call: they lie in a buffer that is used again. */
export function toMsgpack(tree: unknown): Buffer {
  writer ??= new MsgpackWriter();
  return writer.pack(tree);
}

/**
 * Undoes `toMsgpack`. What comes out of hostile bytes is bounded by their number, but may be any value that msgpack can
 * say: `TreeReader` says what is a tree. Throws `ERR_PAYLOAD_UNREADABLE`.
 */
export function fromMsgpack(bytes: Buffer): unknown {
  try {
    return new MsgpackReader(bytes).readAll();
  } catch (cause) {
    throw cause instanceof DurableError ? cause : unreadable("its msgpack is damaged", cause);
  }
}

/** Whether msgpack gives a string back: UTF-8 has no lone surrogates, and readers skip a byte order mark in front. */
export function isPackableText(text: string): boolean {
  // Node 20 has it, the types of ES2023 do not.
  return (text as string & { isWellFormed(): boolean }).isWellFormed() && text.charCodeAt(0) !== 0xfeff;
}

/** Whether a key may be that of a record: releases that read with msgpackr rename the first of these. */
export function isPackableKey(key: string): boolean {
  return key !== "__proto__" && key !== "__keys__" && isPackableText(key);
}
