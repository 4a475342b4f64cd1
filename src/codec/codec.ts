import { packJson, packTree, readPayload } from "./payload.ts";
import { MAX_TREE_DEPTH } from "./tree-tags.ts";
import { TreeTooDeep, TreeWriter } from "./tree-writer.ts";
import { TypedWriter, tooDeep } from "./typed-writer.ts";

/**
 * How results are written.
 * - `json`: exactly `JSON.stringify`, byte for byte what the official SDK writes.
 * - `compact`: the same values as JSON gives, in fewer bytes; short payloads stay JSON.
 * - `typed`: also keeps Date, Map, Set, BigInt, typed arrays, `undefined` members, NaN, infinities, -0, RegExp, Error.
 */
export type CodecName = "json" | "compact" | "typed";

/** One codec. Each payload stands alone: any process reads it, in any order. */
export interface Codec {
  readonly name: CodecName;
  /**
   * The payload for a value; undefined for undefined and, as JSON does, for a function or symbol.
   * Throws what `JSON.stringify` throws (`typed`: `TypeError` on cycles only, `ERR_PAYLOAD_TOO_DEEP` at 500 levels).
   */
  encode(value: unknown): string | undefined;
  /**
   * Reads every format ever written, whatever the codec is.
   * Throws `ERR_PAYLOAD_UNREADABLE` for a format of ours, `SyntaxError` for JSON.
   */
  decode(payload: string | undefined): unknown;
  /** `encode`, and the value that `decode` gives for it, without decoding where both are equal for certain. */
  roundTrip(value: unknown): { payload: string | undefined; value: unknown };
}

/** What a codec wrote: the payload, and the value it will be read as. */
interface Written {
  payload: string | undefined;
  value: unknown;
}

const NOTHING: Written = { payload: undefined, value: undefined };

export function createCodec(name: CodecName): Codec {
  const roundTrip = { json: writeJson, compact: writeCompact, typed: writeTyped }[name];
  return {
    name,
    encode: name === "json" ? (value) => JSON.stringify(value) : (value) => roundTrip(value).payload,
    decode,
    roundTrip,
  };
}

function decode(payload: string | undefined): unknown {
  return payload === undefined ? undefined : readPayload(payload);
}

/** A string, boolean, null or finite number is its own copy. */
function isOwnCopy(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  return typeof value === "string" || typeof value === "boolean" || value === null;
}

function writeJson(value: unknown): Written {
  const payload = JSON.stringify(value) as string | undefined;
  if (payload === undefined) return NOTHING;
  return { payload, value: isOwnCopy(value) ? value : JSON.parse(payload) };
}

function writeCompact(value: unknown): Written {
  const json = writeJson(value);
  if (json.payload === undefined) return NOTHING;
  return { payload: packJson(json.payload, json.value), value: json.value };
}

function writeTyped(value: unknown): Written {
  if (value === undefined || typeof value === "function" || typeof value === "symbol") return NOTHING;
  if (isOwnCopy(value)) return writeCompact(value);
  const typed = new TypedWriter();
  const writer = new TreeWriter(typed.write);
  let tree: unknown;
  try {
    tree = writer.write(value, 0);
  } catch (error) {
    throw error instanceof TreeTooDeep ? tooDeep(MAX_TREE_DEPTH) : error;
  }
  if (!typed.metExotic) return writeCompact(value);
  const payload = packTree(JSON.stringify(tree), writer.blobs);
  return { payload, value: readPayload(payload) };
}
