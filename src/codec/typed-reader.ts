import { unreadable } from "./format.ts";
import { TAG } from "./tree-tags.ts";
import { BUILT_IN_ERRORS } from "./typed-writer.ts";

/** What reading a typed node asks of the reader of the whole tree. Each throws `ERR_PAYLOAD_UNREADABLE`. */
export interface PartReader {
  readArray(node: unknown, depth: number): unknown[];
  readObject(node: unknown, depth: number): Record<string, unknown>;
  /** The next bytes of the blobs, not copied. */
  readBlob(byteCount: unknown): Uint8Array;
}

type BufferView = new (buffer: ArrayBuffer) => ArrayBufferView;

const VIEWS: ReadonlyMap<unknown, BufferView> = new Map<unknown, BufferView>([
  ["Int8Array", Int8Array],
  ["Uint8Array", Uint8Array],
  ["Uint8ClampedArray", Uint8ClampedArray],
  ["Int16Array", Int16Array],
  ["Uint16Array", Uint16Array],
  ["Int32Array", Int32Array],
  ["Uint32Array", Uint32Array],
  ["Float32Array", Float32Array],
  ["Float64Array", Float64Array],
  ["BigInt64Array", BigInt64Array],
  ["BigUint64Array", BigUint64Array],
  ["DataView", DataView],
]);

/** Reads a tagged node that stands for something JSON has no form for. Throws `ERR_PAYLOAD_UNREADABLE`. */
export function readTyped(node: unknown[], reader: PartReader, depth: number): unknown {
  const [tag, first, second] = node;
  switch (tag) {
    case TAG.undefined:
      return undefined;
    case TAG.number:
      if (first === "NaN" || first === "Infinity" || first === "-Infinity" || first === "-0") return Number(first);
      throw unreadable("a number is damaged");
    case TAG.bigint:
      return readBigInt(first);
    case TAG.date:
      if (first === null) return new Date(Number.NaN);
      if (typeof first === "number") return new Date(first);
      throw unreadable("a date is damaged");
    case TAG.map: {
      const keys = reader.readArray(first, depth + 1);
      const values = reader.readArray(second, depth + 1);
      if (keys.length !== values.length) throw unreadable("a Map has not as many values as keys");
      return new Map(keys.map((key, at) => [key, values[at]]));
    }
    case TAG.set:
      return new Set(reader.readArray(first, depth + 1));
    case TAG.bytes:
      return readBytes(first, reader.readBlob(second));
    case TAG.regexp:
      return readRegExp(first, second);
    case TAG.error:
      return readError(first, reader.readObject(second, depth + 1));
    default:
      throw unreadable(`its tag ${JSON.stringify(tag)?.slice(0, 20)} is not known to this release`);
  }
}

function readBigInt(hex: unknown): bigint {
  if (typeof hex !== "string" || !/^-?[\da-f]+$/.test(hex)) throw unreadable("a BigInt is damaged");
  try {
    return hex.startsWith("-") ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`);
  } catch (cause) {
    throw unreadable("a BigInt is too large", cause);
  }
}

function readBytes(name: unknown, bytes: Uint8Array): unknown {
  // A copy of its own, so that a small array does not keep the whole payload alive, and so that it is aligned.
  const buffer = new ArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  if (name === "ArrayBuffer") return buffer;
  const View = VIEWS.get(name);
  if (View === undefined) throw unreadable("a binary value is of an unknown class");
  try {
    return new View(buffer);
  } catch (cause) {
    throw unreadable("a binary value is damaged", cause);
  }
}

function readRegExp(source: unknown, flags: unknown): RegExp {
  try {
    if (typeof source === "string" && typeof flags === "string") return new RegExp(source, flags);
  } catch (cause) {
    throw unreadable("a regular expression is damaged", cause);
  }
  throw unreadable("a regular expression is damaged");
}

function readError(className: unknown, members: Record<string, unknown>): Error {
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
