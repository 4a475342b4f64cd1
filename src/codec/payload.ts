import { compress, decompress, fromText, MAX_DECODED_BYTES, toText } from "./compression.ts";
import { mark, OWN_PREFIX, unmark } from "./format.ts";
import { jsonDialect } from "./json-dialect.ts";
import { fromMsgpack, toMsgpack } from "./msgpack.ts";
import { MAX_RECENT_CHARS, Recent } from "./recent.ts";
import { TreeReader } from "./tree-reader.ts";
import { NoTree, type TreeNode, TreeWriter } from "./tree-writer.ts";

/**
 * JSON shorter than this stays JSON and readable in consoles: packing would save two hundred bytes at most. From
 * here on it pays by far: at $0.25 a gigabyte written, the 50 us of CPU that packing a kilobyte takes cost what six
 * bytes do (one vCPU is 1,769 MB at $0.0000167 a gigabyte-second).
 */
export const MIN_PACKED_CHARS = 256;

/** What packing must leave of JSON to be worth giving up readable text. */
const MAX_PACKED_RATIO = 0.9;

/** Less msgpack than this is not compressed: ten rows (200 bytes) shrink by a quarter, five by a tenth. */
const MIN_COMPRESSED_BYTES = 96;

/** A value as stored: the payload, and the value it is read as. */
export interface Written {
  payload: string;
  value: unknown;
}

const packedJson = new Recent();
const packedTrees = new Recent();

/** The shortest payload for a value that JSON can say, `text` being its JSON and `value` what that parses to. */
export function packJson(text: string, value: unknown): string {
  if (text.length < MIN_PACKED_CHARS) return text;
  return packedJson.of(text, () => {
    const tree = writeOrNothing(new TreeWriter(), value);
    if (tree === undefined) return text;
    const maxChars = Math.floor(Buffer.byteLength(text) * MAX_PACKED_RATIO);
    const packed = packBytes(toMsgpack(tree), maxChars);
    return packed.length <= maxChars ? packed : text;
  });
}

/**
 * Writes a value of rows or numbers without a detour over JSON; undefined if it is none, or might be too short to be
 * packed. Payload and value are what the detour would give.
 */
export function packLive(value: unknown): Written | undefined {
  const writer = new TreeWriter(jsonDialect);
  const tree = writeOrNothing(writer, value);
  if (tree === undefined || writer.minJsonChars < MIN_PACKED_CHARS) return undefined;
  const payload = packTree(tree);
  if (payload.length > writer.minJsonChars * MAX_PACKED_RATIO) {
    const text = JSON.stringify(value);
    if (payload.length > Buffer.byteLength(text) * MAX_PACKED_RATIO) return { payload: text, value: JSON.parse(text) };
  }
  return { payload, value: new TreeReader().read(tree, 0) };
}

function writeOrNothing(writer: TreeWriter, value: unknown): TreeNode | undefined {
  try {
    return writer.write(value, 0);
  } catch (error) {
    if (error instanceof NoTree) return undefined;
    throw error;
  }
}

/** The shortest payload for a tree. */
export function packTree(tree: TreeNode): string {
  const bytes = toMsgpack(tree);
  if (bytes.length < MIN_COMPRESSED_BYTES || bytes.length > MAX_RECENT_CHARS) return packBytes(bytes);
  return packedTrees.of(bytes.toString("latin1"), () => packBytes(bytes));
}

/** The shortest payload for msgpack, or if that would take more than `maxChars`, some payload that does so too. */
function packBytes(bytes: Buffer, maxChars = Number.POSITIVE_INFINITY): string {
  if (bytes.length >= MIN_COMPRESSED_BYTES && bytes.length <= MAX_DECODED_BYTES) {
    const packed = compress(bytes, (maxChars * 3) / 4);
    if (packed !== undefined && packed.bytes.length < bytes.length) {
      return mark(packed.compression, toText(packed.bytes));
    }
  }
  return mark("msgpack", toText(bytes));
}

/** Reads JSON and every format of ours. Throws `ERR_PAYLOAD_UNREADABLE` for ours, `SyntaxError` for JSON. */
export function readPayload(payload: string): unknown {
  if (!payload.startsWith(OWN_PREFIX)) return JSON.parse(payload);
  const { format, body } = unmark(payload);
  const bytes = fromText(body);
  const tree = fromMsgpack(format === "msgpack" ? bytes : decompress(format, bytes));
  return new TreeReader().read(tree, 0);
}
