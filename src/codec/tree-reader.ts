import { unreadable } from "./format.ts";
import { fromDeltas } from "./integer-deltas.ts";
import { readNumberBlock } from "./number-block.ts";
import { MAX_TREE_DEPTH, TAG } from "./tree-tags.ts";
import { type PartReader, readTyped } from "./typed-reader.ts";

const ARRAY_TAGS: ReadonlySet<unknown> = new Set([TAG.array, TAG.table, TAG.numbers, TAG.deltas]);

/**
 * Turns a tree back into the value. The tree may come from a hostile writer: everything in it is checked, nothing in
 * it is run, and what it builds is bounded by its own size.
 */
export class TreeReader implements PartReader {
  #blobs: Uint8Array;
  #position = 0;

  constructor(blobs: Uint8Array) {
    this.#blobs = blobs;
  }

  /** Throws `ERR_PAYLOAD_UNREADABLE`. `node` is taken over: its objects become those of the value. */
  read(node: unknown, depth: number): unknown {
    if (typeof node !== "object" || node === null) return node;
    if (depth > MAX_TREE_DEPTH + 2) throw unreadable(`it nests more than ${MAX_TREE_DEPTH} levels deep`);
    if (Array.isArray(node)) return this.#readTagged(node, depth);
    return this.readObject(node, depth);
  }

  readObject(node: unknown, depth: number): Record<string, unknown> {
    if (typeof node !== "object" || node === null || Array.isArray(node)) throw unreadable("an object is missing");
    const object = node as Record<string, unknown>;
    // Each key is an own data member already, so that assigning replaces it, `__proto__` included.
    for (const key of Object.keys(object)) {
      const member = object[key];
      if (typeof member === "object" && member !== null) object[key] = this.read(member, depth + 1);
    }
    return object;
  }

  /** An array node, which is one of four. */
  readArray(node: unknown, depth: number): unknown[] {
    if (Array.isArray(node) && ARRAY_TAGS.has(node[0])) {
      return this.read(node, depth) as unknown[];
    }
    throw unreadable("an array is missing");
  }

  readBlob(byteCount: unknown): Uint8Array {
    const rest = this.#blobs.length - this.#position;
    if (typeof byteCount !== "number" || !Number.isInteger(byteCount) || byteCount < 0 || byteCount > rest) {
      throw unreadable("its binary part is too short");
    }
    const start = this.#position;
    this.#position += byteCount;
    return this.#blobs.subarray(start, this.#position);
  }

  #readTagged(node: unknown[], depth: number): unknown {
    switch (node[0]) {
      case TAG.array: {
        const items = node.slice(1);
        for (let i = 0; i < items.length; i++) {
          const item = items[i];
          if (typeof item === "object" && item !== null) items[i] = this.read(item, depth + 1);
        }
        return items;
      }
      case TAG.table:
        return this.#readTable(node, depth);
      case TAG.numbers: {
        const count = node[1];
        if (typeof count !== "number" || !Number.isInteger(count)) throw unreadable("a block of numbers has no length");
        return readNumberBlock(this.readBlob(count * 8), count);
      }
      case TAG.deltas: {
        const numbers = fromDeltas(node.slice(1));
        if (numbers === undefined) throw unreadable("a sequence of numbers is damaged");
        return numbers;
      }
      default:
        return readTyped(node, this, depth);
    }
  }

  #readTable(node: unknown[], depth: number): unknown[] {
    const keys = node[1];
    if (!Array.isArray(keys) || keys.length === 0 || keys.length !== node.length - 2) {
      throw unreadable("a table has not as many columns as keys");
    }
    for (const key of keys) {
      if (typeof key !== "string" || key === "__proto__") throw unreadable("a table has a bad key");
    }
    const columns = keys.map((_, at) => this.readArray(node[at + 2], depth + 1));
    const count = (columns[0] as unknown[]).length;
    if (columns.some((column) => column.length !== count)) throw unreadable("a table has columns of unequal length");
    const rows = new Array<Record<string, unknown>>(count);
    for (let i = 0; i < count; i++) {
      const row: Record<string, unknown> = {};
      for (let at = 0; at < keys.length; at++) row[keys[at]] = (columns[at] as unknown[])[i];
      rows[i] = row;
    }
    return rows;
  }
}
