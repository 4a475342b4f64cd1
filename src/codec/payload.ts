import { compress, decompress, fromText, toText } from "./compression.ts";
import { isPacked, mark, unmark } from "./format.ts";
import { fromMsgpack, toMsgpack } from "./msgpack.ts";
import { TreeReader } from "./tree-reader.ts";
import { NoTree, type TreeNode, TreeWriter } from "./tree-writer.ts";

/** `packJson` keeps the JSON, which people can read, if packed text has more than this share of the JSON's bytes. */
const MAX_PACKED_RATIO = 0.9;

/** `text` is the JSON of `value`. Returns `text` if packing saves too little, or if `value` cannot be a tree. */
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

export function packTree(tree: TreeNode): string {
  const bytes = toMsgpack(tree);
  const compressed = compress(bytes);
  if (compressed === undefined) return mark("msgpack", toText(bytes));
  return mark(compressed.compression, toText(compressed.bytes));
}

export function readPayload(payload: string): unknown {
  if (!isPacked(payload)) return JSON.parse(payload);
  const { format, body } = unmark(payload);
  const bytes = fromText(body);
  const tree = fromMsgpack(format === "msgpack" ? bytes : decompress(format, bytes));
  return new TreeReader().read(tree, 0);
}
