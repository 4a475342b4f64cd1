import { compress, decompress, fromText, toText } from "./compression.ts";
import { mark, OWN_PREFIX, unmark } from "./format.ts";
import { fromMsgpack, toMsgpack } from "./msgpack.ts";
import { TreeReader } from "./tree-reader.ts";
import { NoTree, type TreeNode, TreeWriter } from "./tree-writer.ts";

/** What packing must leave of JSON to be worth giving up readable text. */
const MAX_PACKED_RATIO = 0.9;

/** The payload for a value that JSON can say and that is to be packed, `text` being its JSON: that, or something shorter. */
export function packJson(text: string, value: unknown): string {
  let tree: TreeNode;
  try {
    tree = new TreeWriter().write(value, 0);
  } catch (error) {
    if (error instanceof NoTree) return text;
    throw error;
  }
  const packed = packTree(tree);
  return packed.length <= Buffer.byteLength(text) * MAX_PACKED_RATIO ? packed : text;
}

/** The payload for a tree. */
export function packTree(tree: TreeNode): string {
  const bytes = toMsgpack(tree);
  const compressed = compress(bytes);
  if (compressed === undefined) return mark("msgpack", toText(bytes));
  return mark(compressed.compression, toText(compressed.bytes));
}

/** Reads JSON and every format of ours. Throws `ERR_PAYLOAD_UNREADABLE` for ours, `SyntaxError` for JSON. */
export function readPayload(payload: string): unknown {
  if (!payload.startsWith(OWN_PREFIX)) return JSON.parse(payload);
  const { format, body } = unmark(payload);
  const bytes = fromText(body);
  const tree = fromMsgpack(format === "msgpack" ? bytes : decompress(format, bytes));
  return new TreeReader().read(tree, 0);
}
