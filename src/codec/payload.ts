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
import { TreeReader } from "./tree-reader.ts";
import { TreeTooDeep, TreeWriter } from "./tree-writer.ts";

/**
 * JSON shorter than this stays JSON: it reads well in consoles, and 40 us of compression save a few hundred bytes
 * at most.
 */
export const MIN_PACKED_CHARS = 512;

/** What packing must leave of JSON to be worth giving up readable text. */
const MAX_PACKED_RATIO = 0.9;

/** Trees shorter than this are not compressed: a table of a few rows stays readable. */
const MIN_COMPRESSED_CHARS = 512;

/** The shortest payload for a value that JSON can say, `text` being its JSON and `value` what that parses to. */
export function packJson(text: string, value: unknown): string {
  if (text.length < MIN_PACKED_CHARS || text.length * 3 > MAX_DECODED_BYTES) return text;
  const maxChars = Buffer.byteLength(text) * MAX_PACKED_RATIO;
  const packed = packTables(text, value) ?? compressed("json", Buffer.from(text));
  return packed.length <= maxChars ? packed : text;
}

function packTables(text: string, value: unknown): string | undefined {
  if (typeof value !== "object") return undefined;
  const writer = new TreeWriter();
  try {
    const tree = writer.write(value, 0);
    if (writer.savedChars < text.length * (1 - MAX_PACKED_RATIO)) return undefined;
    return packTree(JSON.stringify(tree), writer.blobs);
  } catch (error) {
    if (error instanceof TreeTooDeep) return undefined;
    throw error;
  }
}

/** The shortest payload for a tree. */
export function packTree(text: string, blobs: readonly Buffer[]): string {
  if (blobs.length === 0 && text.length < MIN_COMPRESSED_CHARS) return mark("tree", text);
  const container = joinContainer(text, blobs);
  const plainChars = blobs.length === 0 ? text.length : textLength(container.length);
  if (container.length >= MIN_COMPRESSED_CHARS) {
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
function joinContainer(text: string, blobs: readonly Buffer[]): Buffer {
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
