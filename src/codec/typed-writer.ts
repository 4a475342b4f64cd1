import { Buffer } from "node:buffer";
import { DurableError } from "../core/errors.ts";
import { TAG } from "./tree-tags.ts";
import { setMember, type TreeNode, type TreeWriter, type WriteExotic } from "./tree-writer.ts";

const nothing = { node: null };

/**
 * Writes what JSON has no form for. One instance writes one value: it keeps the objects it is inside of, to find
 * cycles, and whether it met anything that JSON would have lost.
 */
export class TypedWriter {
  /** True once something was written that `JSON.parse(JSON.stringify(value))` would not have given back. */
  metExotic = false;
  #inside = new Set<object>();

  readonly write: WriteExotic = (value, writer, depth) => {
    switch (typeof value) {
      case "number":
        if (Number.isFinite(value) && !Object.is(value, -0)) return undefined;
        return this.#exotic([TAG.number, Object.is(value, -0) ? "-0" : String(value)]);
      case "undefined":
        return this.#exotic([TAG.undefined]);
      case "bigint":
        return this.#exotic([TAG.bigint, value.toString()]);
      case "function":
      case "symbol":
        return nothing;
      default:
        return this.#writeObject(value as object, writer, depth);
    }
  };

  #exotic(node: TreeNode): { node: TreeNode } {
    this.metExotic = true;
    return { node };
  }

  #writeObject(value: object, writer: TreeWriter, depth: number): { node: TreeNode } {
    if (this.#inside.has(value)) {
      throw new TypeError(
        "The value refers to itself; the typed codec stores trees. Store an id in place of the loop.",
      );
    }
    this.#inside.add(value);
    try {
      return this.#writeKnown(value, writer, depth);
    } finally {
      this.#inside.delete(value);
    }
  }

  #writeKnown(value: object, writer: TreeWriter, depth: number): { node: TreeNode } {
    if (Array.isArray(value)) return { node: writer.writeArray(value, depth) };
    if (value instanceof Date) return this.#exotic([TAG.date, Number.isNaN(value.getTime()) ? null : value.getTime()]);
    if (value instanceof Map) {
      const keys = writer.writeArray([...value.keys()], depth + 1);
      return this.#exotic([TAG.map, keys, writer.writeArray([...value.values()], depth + 1)]);
    }
    if (value instanceof Set) return this.#exotic([TAG.set, writer.writeArray([...value], depth + 1)]);
    if (value instanceof RegExp) return this.#exotic([TAG.regexp, value.source, value.flags]);
    if (value instanceof Error) return this.#exotic(this.#writeError(value, writer, depth));
    if (value instanceof ArrayBuffer) return this.#writeBytes("ArrayBuffer", Buffer.from(value), writer);
    if (ArrayBuffer.isView(value)) {
      const name = Buffer.isBuffer(value) ? "Uint8Array" : Object.prototype.toString.call(value).slice(8, -1);
      return this.#writeBytes(name, Buffer.from(value.buffer, value.byteOffset, value.byteLength), writer);
    }
    if (value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt) {
      return { node: writer.write(value.valueOf(), depth) };
    }
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === "function") return { node: writer.write(toJSON.call(value, ""), depth + 1) };
    return { node: writer.writeObject(value as Record<string, unknown>, depth) };
  }

  #writeBytes(name: string, bytes: Buffer, writer: TreeWriter): { node: TreeNode } {
    // Copied, since the user may write into it before the payload leaves.
    writer.addBlob(Buffer.from(bytes));
    return this.#exotic([TAG.bytes, name, bytes.length]);
  }

  #writeError(error: Error, writer: TreeWriter, depth: number): TreeNode {
    const members: Record<string, unknown> = { name: error.name, message: error.message, stack: error.stack };
    if ("cause" in error) members["cause"] = error.cause;
    if (error instanceof AggregateError) members["errors"] = error.errors;
    for (const key of Object.keys(error)) setMember(members, key, (error as unknown as Record<string, unknown>)[key]);
    return [TAG.error, builtInName(error), writer.writeObject(members, depth + 1)];
  }
}

/** The error's nearest built-in class, which reading brings back; a class of the user's becomes its parent. */
function builtInName(error: Error): string {
  for (let at: object | null = Object.getPrototypeOf(error); at !== null; at = Object.getPrototypeOf(at)) {
    const name = (at as { constructor?: { name?: unknown } }).constructor?.name;
    if (typeof name === "string" && BUILT_IN_ERRORS.has(name)) return name;
  }
  return "Error";
}

/** The error classes of the language. */
export const BUILT_IN_ERRORS: ReadonlyMap<string, ErrorConstructor> = new Map([
  ["Error", Error],
  ["EvalError", EvalError],
  ["RangeError", RangeError],
  ["ReferenceError", ReferenceError],
  ["SyntaxError", SyntaxError],
  ["TypeError", TypeError],
  ["URIError", URIError],
]);

/** Thrown when a typed value nests too deep; JSON would have the same trouble some thousands of levels later. */
export function tooDeep(maxDepth: number): DurableError {
  return new DurableError(
    "ERR_PAYLOAD_TOO_DEEP",
    `The value nests more than ${maxDepth} levels deep, which the typed codec does not store. Flatten it.`,
  );
}
