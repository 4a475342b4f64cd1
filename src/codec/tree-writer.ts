import type { Buffer } from "node:buffer";
import { writeNumberBlock } from "./number-block.ts";
import { MAX_TREE_DEPTH, TAG } from "./tree-tags.ts";

/** A value for `JSON.stringify`: plain objects, arrays, strings, finite numbers, booleans, null. */
export type TreeNode = unknown;

/** Rows from which a table is worth its header. */
const MIN_TABLE_ROWS = 2;
/** Numbers from which a block is worth its tag. */
const MIN_BLOCK_NUMBERS = 16;
/** Characters of a number in JSON, comma included, above which 8 bytes in base64 are clearly shorter. */
const MIN_BLOCK_CHARS = 12;

/** Signals that a value nests deeper than the tree may; the caller decides what becomes of it. */
export class TreeTooDeep extends Error {}

/** A value that the tree has no plain form for, as `TreeWriter` meets it. `undefined` means: treat it as plain. */
export type WriteExotic = (value: unknown, writer: TreeWriter, depth: number) => { node: TreeNode } | undefined;

/**
 * Turns a value into a tree: arrays of like objects become tables, so that a key is written once and not once a row,
 * and arrays of long numbers become binary blocks.
 */
export class TreeWriter {
  #blobs: Buffer[] = [];
  #savedChars = 0;
  #exotic: WriteExotic | undefined;

  /** Without `exotic`, values must be what `JSON.parse` returns. */
  constructor(exotic?: WriteExotic) {
    this.#exotic = exotic;
  }

  /** About how many characters the tree is shorter than JSON; negative if it is longer. */
  get savedChars(): number {
    return this.#savedChars;
  }

  /** Binary parts in the order of their tags. */
  get blobs(): readonly Buffer[] {
    return this.#blobs;
  }

  addBlob(bytes: Buffer): void {
    this.#blobs.push(bytes);
  }

  /** Throws `TreeTooDeep` beyond `MAX_TREE_DEPTH`. */
  write(value: unknown, depth: number): TreeNode {
    if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
    if (this.#exotic !== undefined) {
      const written = this.#exotic(value, this, depth);
      if (written !== undefined) return written.node;
    }
    if (typeof value === "number") return value;
    if (depth >= MAX_TREE_DEPTH) throw new TreeTooDeep();
    if (Array.isArray(value)) return this.writeArray(value, depth);
    return this.writeObject(value as Record<string, unknown>, depth);
  }

  writeObject(value: Record<string, unknown>, depth: number): TreeNode {
    const node: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      const member = value[key];
      if (typeof member === "function" || typeof member === "symbol") continue;
      setMember(node, key, this.write(member, depth + 1));
    }
    return node;
  }

  writeArray(items: readonly unknown[], depth: number): TreeNode {
    const first = items[0];
    if (typeof first === "object" && items.length >= MIN_TABLE_ROWS) {
      const keys = commonKeys(items, this.#exotic !== undefined);
      if (keys !== undefined) return this.#writeTable(items as Record<string, unknown>[], keys, depth);
    } else if (typeof first === "number" && isLongNumbers(items)) {
      this.#savedChars += items.length * (MIN_BLOCK_CHARS - 11);
      this.#blobs.push(writeNumberBlock(items));
      return [TAG.numbers, items.length];
    }
    const node = new Array<TreeNode>(items.length + 1);
    node[0] = TAG.array;
    for (let i = 0; i < items.length; i++) node[i + 1] = this.write(items[i], depth + 1);
    this.#savedChars -= 2;
    return node;
  }

  #writeTable(rows: Record<string, unknown>[], keys: string[], depth: number): TreeNode {
    if (depth >= MAX_TREE_DEPTH) throw new TreeTooDeep();
    const node: TreeNode[] = [TAG.table, keys];
    let keyChars = 0;
    for (const key of keys) {
      keyChars += key.length + 3;
      const column = new Array<unknown>(rows.length);
      for (let i = 0; i < rows.length; i++) column[i] = (rows[i] as Record<string, unknown>)[key];
      node.push(this.writeArray(column, depth + 1));
    }
    this.#savedChars += rows.length * (keyChars + 2) - keyChars - 6 - keys.length * 3;
    return node;
  }
}

/** Sets an own member whatever its name; assigning to `__proto__` would change the prototype instead. */
export function setMember(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[key] = value;
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The keys that all items have, in the same order; undefined unless all are plain objects with some such keys. */
function commonKeys(items: readonly unknown[], checkMembers: boolean): string[] | undefined {
  const first = items[0];
  if (!isPlain(first)) return undefined;
  const keys = Object.keys(first);
  if (keys.length === 0 || keys.includes("__proto__")) return undefined;
  if (checkMembers && keys.includes("toJSON")) return undefined;
  for (const item of items) {
    if (!isPlain(item)) return undefined;
    let at = 0;
    for (const key in item) {
      if (key !== keys[at]) return undefined;
      // A function or symbol is dropped from an object, which a column cannot say.
      if (checkMembers && (typeof item[key] === "function" || typeof item[key] === "symbol")) return undefined;
      at++;
    }
    if (at !== keys.length) return undefined;
  }
  return keys;
}

/** Whether all items are numbers and, judging by some of them, long ones. */
function isLongNumbers(items: readonly unknown[]): items is number[] {
  if (items.length < MIN_BLOCK_NUMBERS) return false;
  const step = Math.max(1, items.length >> 5);
  let chars = 0;
  let samples = 0;
  for (let i = 0; i < items.length; i += step) {
    if (typeof items[i] !== "number") return false;
    chars += String(items[i]).length + 1;
    samples++;
  }
  return chars > samples * MIN_BLOCK_CHARS && items.every((item) => typeof item === "number");
}
