import { DurableError } from "../core/errors.ts";
import * as TAG from "./tree-tags.ts";
import { type Dialect, isSimple, type TreeNode, type TreeWriter } from "./tree-writer.ts";

const { types } = process.getBuiltinModule("node:util");

/**
 * Writes the values that JSON cannot store. Each value needs a new instance, because `metExotic` is never reset.
 */
export class TypedDialect implements Dialect {
  /**
   * Whether a part was written that has a form of its own in the tree, and not in JSON: undefined, NaN, -0, an
   * infinity, BigInt, a Date, a Map, a Set, an Error, a RegExp or bytes.
   */
  metExotic = false;
  /** The objects around the present value, to find an object that contains itself. */
  #inside = new Set<object>();

  write(value: unknown, writer: TreeWriter, depth: number): TreeNode {
    switch (typeof value) {
      case "number":
        return Object.is(value, -0) ? this.#tagged(TAG.minusZero, null) : this.#exotic(value);
      case "undefined":
      case "bigint":
        return this.#exotic(value);
      case "function":
      case "symbol":
        return null;
      default:
        return this.#writeObject(value as object, writer, depth);
    }
  }

  drops(member: unknown): boolean {
    return typeof member === "function" || typeof member === "symbol";
  }

  #exotic(node: TreeNode): TreeNode {
    this.metExotic = true;
    return node;
  }

  #tagged(tag: number, body: unknown): TreeNode {
    return this.#exotic(TAG.tagged(tag, body));
  }

  #writeObject(value: object, writer: TreeWriter, depth: number): TreeNode {
    if (this.#inside.has(value)) {
      throw new TypeError("The value refers to itself; the typed codec stores trees. Store an id instead of the loop.");
    }
    this.#inside.add(value);
    try {
      return this.#writeKnown(value, writer, depth);
    } finally {
      this.#inside.delete(value);
    }
  }

  #writeKnown(value: object, writer: TreeWriter, depth: number): TreeNode {
    if (Array.isArray(value)) return writer.writeArray([...value], depth);
    // `instanceof` does not work here, because in test runners an object may come from another realm. Dates and bytes
    // get the classes of this realm, because msgpackr knows only these classes.
    if (types.isDate(value)) return this.#exotic(new Date(value.getTime()));
    if (types.isRegExp(value)) {
      return this.#tagged(TAG.regexp, writer.writeArray([value.source, value.flags], depth + 1));
    }
    if (types.isMap(value)) {
      const keys = writer.writeArray([...value.keys()], depth + 1);
      return this.#tagged(TAG.map, [keys, writer.writeArray([...value.values()], depth + 1)]);
    }
    if (types.isSet(value)) return this.#tagged(TAG.set, writer.writeArray([...value], depth + 1));
    if (types.isNativeError(value) || value instanceof Error) return this.#writeError(value, writer, depth);
    if (types.isAnyArrayBuffer(value)) return this.#exotic(new Uint8Array(value).slice().buffer);
    if (ArrayBuffer.isView(value)) return this.#exotic(ownView(value));
    if (types.isBoxedPrimitive(value)) return writer.write(value.valueOf(), depth);
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === "function") return writer.write(toJSON.call(value, ""), depth + 1);
    return writer.writeObject(value, depth);
  }

  /**
   * Of the members that user code has added, only simple ones (`isSimple`) are written, such as `code`. The errors of
   * HTTP clients also contain the connection, which contains itself.
   */
  #writeError(error: Error, writer: TreeWriter, depth: number): TreeNode {
    const members: Record<string, unknown> = { name: error.name, message: error.message, stack: error.stack };
    if ("cause" in error) members.cause = error.cause;
    if ("errors" in error && Array.isArray(error.errors)) members.errors = error.errors;
    for (const [key, member] of Object.entries(error)) {
      if (isSimple(member) && key !== "__proto__") members[key] = member;
    }
    return this.#tagged(TAG.error, [builtInName(error), writer.writeObject(members, depth + 1)]);
  }
}

type ViewClass = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView;

const VIEWS: readonly ViewClass[] = [
  DataView,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];

/** Makes the same view with a class that msgpackr knows. A Buffer becomes a Uint8Array. */
function ownView(view: ArrayBufferView): ArrayBufferView {
  const name = Object.prototype.toString.call(view).slice(8, -1);
  const View = VIEWS.find((known) => known.name === name);
  if (View === undefined) throw new TypeError(`The typed codec has no form for a ${name}. Store a Float32Array.`);
  return new View(view.buffer, view.byteOffset, "length" in view ? (view.length as number) : view.byteLength);
}

/**
 * Reading makes an error of this class, because reading does not know the user's own classes. An AggregateError counts
 * as `Error`: reading recognises the AggregateError by the member `errors`.
 */
function builtInName(error: Error): string {
  for (let at: object | null = Object.getPrototypeOf(error); at !== null; at = Object.getPrototypeOf(at)) {
    const name = (at as { constructor?: { name?: unknown } }).constructor?.name;
    if (typeof name === "string" && BUILT_IN_ERRORS.has(name)) return name;
  }
  return "Error";
}

export const BUILT_IN_ERRORS: ReadonlyMap<string, ErrorConstructor> = new Map(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((Class) => [Class.name, Class]),
);

export function tooDeep(): DurableError {
  return new DurableError(
    "ERR_PAYLOAD_TOO_DEEP",
    `The value nests more than ${TAG.MAX_TREE_DEPTH} levels deep, which the typed codec does not store. Flatten it.`,
  );
}
