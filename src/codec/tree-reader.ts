import { unreadable } from "./format.ts";
import { readDecimals, readDeltas, readNumberBlock } from "./number-list.ts";
import * as TAG from "./tree-tags.ts";
import { isPlain, setMember } from "./tree-writer.ts";
import { BUILT_IN_ERRORS } from "./typed-writer.ts";

const { types } = process.getBuiltinModule("node:util");

/** Makes a value from a tree. The tree may be hostile, so the reader checks its form and runs no code from it. */
export class TreeReader {
  /** The arrays and objects of `node` are changed, and become part of the value. */
  read(node: unknown, depth: number): unknown {
    if (typeof node === "function" || typeof node === "symbol") throw unreadable("it holds a function or symbol");
    if (typeof node !== "object" || node === null) return node;
    if (depth > TAG.MAX_TREE_DEPTH + 2) throw unreadable(`it nests more than ${TAG.MAX_TREE_DEPTH} levels deep`);
    if (Array.isArray(node)) return this.#readItems(node, depth);
    if (isPlain(node)) {
      for (const key of Object.keys(node)) {
        const member = node[key];
        if (!isScalar(member)) node[key] = this.read(member, depth + 1);
      }
      return node;
    }
    if (node instanceof Map) return this.#readTagged(node, depth);
    if (types.isDate(node) || types.isArrayBuffer(node) || ArrayBuffer.isView(node)) return node;
    throw unreadable("it holds an object of an unknown class");
  }

  #readItems(items: unknown[], depth: number): unknown[] {
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      if (!isScalar(item)) items[i] = this.read(item, depth + 1);
    }
    return items;
  }

  #readArray(node: unknown, depth: number): unknown[] {
    const array = this.read(node, depth);
    if (!Array.isArray(array)) throw unreadable("an array is missing");
    return array;
  }

  #readTagged(node: Map<unknown, unknown>, depth: number): unknown {
    const [tag, body] = node.size === 1 ? (node.entries().next().value as [unknown, unknown]) : [];
    switch (tag) {
      case TAG.table:
        return this.#readTable(partsOf(body), depth);
      case TAG.numbers:
        return readNumberBlock(bytesOf(body));
      case TAG.deltas:
        return readDeltas(partsOf(body)) ?? damagedNumbers();
      case TAG.decimals: {
        const [digits, integers] = partsOf(body);
        return readDecimals(digits, this.#readArray(integers, depth + 1)) ?? damagedNumbers();
      }
      case TAG.object: {
        const object: Record<string, unknown> = {};
        for (const [key, member] of this.#readPairs(body, depth)) setMember(object, textOf(key), member);
        return object;
      }
      case TAG.text:
        return Buffer.from(bytesOf(body)).toString("utf16le");
      case TAG.minusZero:
        return -0;
      case TAG.map:
        return new Map(this.#readPairs(body, depth));
      case TAG.set:
        return new Set(this.#readArray(body, depth + 1));
      case TAG.error: {
        const [className, members] = partsOf(body);
        return readError(className, this.read(members, depth + 1));
      }
      case TAG.regexp:
        return readRegExp(this.#readArray(body, depth + 1));
      default:
        throw unreadable(`its tag ${String(tag).slice(0, 20)} is unknown to this release`);
    }
  }

  #readTable(parts: unknown[], depth: number): unknown[] {
    const keys = this.#readArray(parts[0], depth + 1).map(textOf);
    if (keys.length === 0 || keys.length !== parts.length - 1 || keys.includes("__proto__")) {
      throw unreadable("a table has bad keys or columns");
    }
    const columns = keys.map((_, at) => this.#readArray(parts[at + 1], depth + 1));
    const count = (columns[0] as unknown[]).length;
    if (columns.some((column) => column.length !== count)) throw unreadable("a table has columns of unequal length");
    const rows = new Array<Record<string, unknown>>(count);
    for (let i = 0; i < count; i++) {
      const row: Record<string, unknown> = {};
      for (let at = 0; at < keys.length; at++) row[keys[at] as string] = (columns[at] as unknown[])[i];
      rows[i] = row;
    }
    return rows;
  }

  #readPairs(body: unknown, depth: number): [unknown, unknown][] {
    const parts = partsOf(body);
    const keys = this.#readArray(parts[0], depth + 1);
    const values = this.#readArray(parts[1], depth + 1);
    if (keys.length !== values.length) throw unreadable("the numbers of keys and values differ");
    return keys.map((key, at) => [key, values[at]]);
  }
}

function isScalar(node: unknown): boolean {
  return typeof node === "string" || typeof node === "number" || typeof node === "boolean" || node === null;
}

function partsOf(body: unknown): unknown[] {
  if (!Array.isArray(body)) throw unreadable("an array is missing");
  return body;
}

function bytesOf(body: unknown): Uint8Array {
  if (!(body instanceof Uint8Array)) throw unreadable("bytes are missing");
  return body;
}

function textOf(key: unknown): string {
  if (typeof key !== "string") throw unreadable("a string is missing");
  return key;
}

function damagedNumbers(): never {
  throw unreadable("a list of numbers is damaged");
}

function readRegExp([source, flags]: unknown[]): RegExp {
  try {
    return new RegExp(textOf(source), textOf(flags));
  } catch (cause) {
    throw unreadable("a regular expression is damaged", cause);
  }
}

function readError(className: unknown, members: unknown): Error {
  if (!isPlain(members)) throw unreadable("an error is damaged");
  const message = typeof members.message === "string" ? members.message : "";
  const { errors } = members;
  const Class = BUILT_IN_ERRORS.get(String(className)) ?? Error;
  const error = Array.isArray(errors) ? new AggregateError(errors, message) : new Class(message);
  for (const key of Object.keys(members)) {
    if (key === "message" || (key === "name" && members[key] === error.name)) continue;
    const enumerable = key !== "name" && key !== "stack" && key !== "cause" && key !== "errors";
    Object.defineProperty(error, key, { value: members[key], enumerable, configurable: true, writable: true });
  }
  return error;
}
