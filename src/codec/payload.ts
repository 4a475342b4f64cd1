import { Buffer } from "node:buffer";
import {
  type Compression,
  compress,
  decompress,
  fromText,
  MAX_DECODED_BYTES,
  textLength,
  toText,
} from "./compression.ts";
import { mark, OWN_PREFIX, type PayloadFormat, unmark, unreadable } from "./format.ts";
import { jsonDialect } from "./json-dialect.ts";
import { TreeReader } from "./tree-reader.ts";
import { NoTree, type TreeNode, TreeWriter } from "./tree-writer.ts";

/**
 * JSON shorter than this stays JSON and readable in consoles: packing would save a few hundred bytes at most. From
 * here on it pays by far: at $0.25 a gigabyte written, the 50 us of CPU that packing a kilobyte takes cost what six
 * bytes do (one vCPU is 1,769 MB at $0.0000167 a gigabyte-second).
 */
export const MIN_PACKED_CHARS = 512;

/** What packing must leave of JSON to be worth giving up readable text. */
const MAX_PACKED_RATIO = 0.9;

/** Trees shorter than this are not compressed: a table of a few rows stays readable. */
const MIN_COMPRESSED_CHARS = 512;

/** The largest JSON that is packed: three bytes a character, which unpacking must take. */
const MAX_PACKED_CHARS = Math.floor(MAX_DECODED_BYTES / 3);

/** A value as stored: the payload, and the value it is read as. */
export interface Written {
  payload: string;
  value: unknown;
}

/** The shortest payload for a value that JSON can say, `text` being its JSON and `value` what that parses to. */
export function packJson(text: string, value: unknown): string {
  if (text.length < MIN_PACKED_CHARS || text.length > MAX_PACKED_CHARS) return text;
  const maxChars = Buffer.byteLength(text) * MAX_PACKED_RATIO;
  const packed = (typeof value === "object" && packTables(text, value)) || compressed("json", Buffer.from(text));
  return packed.length <= maxChars ? packed : text;
}

/** Whether JSON has an array of objects, arrays or numbers: without one there is nothing to make a table or block of. */
const HAS_LISTS = /\[[{[\d-]/;

function packTables(text: string, value: unknown): string | undefined {
  if (!HAS_LISTS.test(text)) return undefined;
  const writer = new TreeWriter();
  const tree = writeOrNothing(writer, value);
  const saved = writer.savedChars - blobChars(writer);
  if (tree === undefined || saved < text.length * (1 - MAX_PACKED_RATIO)) return undefined;
  return packTree(JSON.stringify(tree), writer.blobs);
}

/**
 * Writes a large value of rows or numbers without a detour over JSON; undefined if it is none, or if JSON might be
 * as short. Payload and value are what the detour would give.
 */
export function packLive(value: unknown): Written | undefined {
  const writer = new TreeWriter(jsonDialect);
  const tree = writeOrNothing(writer, value);
  if (tree === undefined || writer.savedChars <= blobChars(writer)) return undefined;
  const text = JSON.stringify(tree);
  const jsonChars = text.length + writer.savedChars;
  if (jsonChars < MIN_PACKED_CHARS || jsonChars > MAX_PACKED_CHARS) return undefined;
  const payload = packTree(text, writer.blobs);
  if (payload.length > jsonChars * MAX_PACKED_RATIO) return undefined;
  return { payload, value: new TreeReader(Buffer.concat(writer.blobs)).read(tree, 0) };
}

function writeOrNothing(writer: TreeWriter, value: unknown): TreeNode | undefined {
  try {
    return writer.write(value, 0);
  } catch (error) {
    if (error instanceof NoTree) return undefined;
    throw error;
  }
}

function blobChars(writer: TreeWriter): number {
  let byteCount = 0;
  for (const blob of writer.blobs) byteCount += blob.length;
  return textLength(byteCount);
}

/** The shortest payload for a tree. */
export function packTree(text: string, blobs: readonly Uint8Array[]): string {
  if (blobs.length === 0 && text.length < MIN_COMPRESSED_CHARS) return mark("tree", text);
  const container = joinContainer(text, blobs);
  const plainChars = blobs.length === 0 ? text.length : textLength(container.length);
  if (container.length >= MIN_COMPRESSED_CHARS && container.length <= MAX_DECODED_BYTES) {
    const packed = compressed("tree", container);
    if (packed.length <= plainChars) return packed;
  }
  return blobs.length === 0 ? mark("tree", text) : mark("binary", toText(container));
}

function compressed(content: "json" | "tree", bytes: Buffer): string {
  const packed = compress(bytes);
  return mark(`${packed.compression}-${content}`, toText(packed.bytes));
}

/** A tree and its blobs in one: bytes of the tree's text (4, little-endian), the text, the blobs. */
function joinContainer(text: string, blobs: readonly Uint8Array[]): Buffer {
  const tree = Buffer.from(text);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32LE(tree.length);
  return Buffer.concat([length, tree, ...blobs]);
}

/** Reads JSON and every format of ours. Throws `ERR_PAYLOAD_UNREADABLE` for ours, `SyntaxError` for JSON. */
export function readPayload(payload: string): unknown {
  if (!payload.startsWith(OWN_PREFIX)) return JSON.parse(payload);
  const { format, body } = unmark(payload);
  switch (format) {
    case "tree":
      return readTree(body, new Uint8Array());
    case "binary":
      return readContainer(fromText(body));
    case "zstd-json":
    case "deflate-json":
      return parse(decompress(compressionOf(format), fromText(body)).toString());
    case "zstd-tree":
    case "deflate-tree":
      return readContainer(decompress(compressionOf(format), fromText(body)));
  }
}

function compressionOf(format: Exclude<PayloadFormat, "tree" | "binary">): Compression {
  return format.startsWith("zstd") ? "zstd" : "deflate";
}

function readContainer(container: Buffer): unknown {
  if (container.length < 4) throw unreadable("it is cut short");
  const end = 4 + container.readUInt32LE();
  if (end > container.length) throw unreadable("it is cut short");
  return readTree(container.toString("utf8", 4, end), container.subarray(end));
}

function readTree(text: string, blobs: Uint8Array): unknown {
  return new TreeReader(blobs).read(parse(text), 0);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable("its text is damaged", cause);
  }
}
