import { type CodecName, PACK_FROM_BYTES } from "../core/settings.ts";
import { packJson, packTree, readPayload } from "./payload.ts";
import { MAX_TREE_DEPTH } from "./tree-tags.ts";
import { isSimple, NoTree, TreeWriter } from "./tree-writer.ts";
import { TypedDialect, tooDeep } from "./typed-writer.ts";

/** The stored form of a value: the payload, and the value that reading gives. */
export interface Written {
  payload: string | undefined;
  value: unknown;
}

/**
 * A codec. Each payload stands alone: any process can read it, in any order. Where a method takes `packFromBytes`, the
 * argument replaces the codec's own number.
 */
export interface Codec {
  readonly name: CodecName;
  /** Bytes of JSON from which a value is packed. A shorter value stays JSON. The codec `json` packs nothing. */
  readonly packFromBytes: number;
  /**
   * The payload for a value. Undefined for undefined and, as in JSON, for a function or symbol. Throws the errors of
   * `JSON.stringify`. The codec `typed` only throws a `TypeError` on cycles, and `ERR_PAYLOAD_TOO_DEEP` at 500 levels.
   */
  encode(value: unknown, packFromBytes?: number): string | undefined;
  /** The same as `encode`, for a value whose JSON exists. The JSON is parsed only if it is packed. */
  pack(json: string, packFromBytes?: number): string;
  /**
   * Reads all formats of all versions, with any codec. Throws `ERR_PAYLOAD_UNREADABLE` for a format of this package,
   * and `SyntaxError` for JSON.
   */
  decode(payload: string | undefined): unknown;
  /**
   * The payload of `encode`, and the value that `decode` gives for it. Does not decode where both values are surely
   * equal.
   */
  roundTrip(value: unknown, packFromBytes?: number): Written;
}

/** Makes a codec by its name. `packFromBytes` is as in the runtime's settings. */
export function createCodec(name: CodecName, packFromBytes = PACK_FROM_BYTES): Codec {
  return new (name === "typed" ? TypedCodec : JsonCodec)(name, packFromBytes);
}

function decode(payload: string | undefined): unknown {
  return payload === undefined ? undefined : readPayload(payload);
}

/** Stores the values that JSON keeps. The codec `json` never packs. */
class JsonCodec implements Codec {
  readonly name: CodecName;
  readonly packFromBytes: number;
  readonly decode = decode;

  constructor(name: CodecName, packFromBytes: number) {
    this.name = name;
    this.packFromBytes = packFromBytes;
  }

  encode(value: unknown, packFromBytes?: number): string | undefined {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? undefined : this.pack(text, packFromBytes);
  }

  pack(json: string, packFromBytes?: number): string {
    return this.#isPacked(json, packFromBytes) ? packJson(json, JSON.parse(json)) : json;
  }

  roundTrip(given: unknown, packFromBytes?: number): Written {
    const text = JSON.stringify(given) as string | undefined;
    if (text === undefined) return { payload: undefined, value: undefined };
    const value = isSimple(given) ? given : JSON.parse(text);
    return { payload: this.#isPacked(text, packFromBytes) ? packJson(text, value) : text, value };
  }

  #isPacked(json: string, packFromBytes = this.packFromBytes): boolean {
    if (this.name === "json") return false;
    if (json.length >= packFromBytes) return true;
    // A UTF-16 unit is at most three bytes, so most texts need no count.
    return json.length * 3 >= packFromBytes && Buffer.byteLength(json) >= packFromBytes;
  }
}

/** Also stores values that JSON cannot store. A value that JSON can store is written as by `compact`. */
class TypedCodec extends JsonCodec {
  override encode(value: unknown, packFromBytes?: number): string | undefined {
    const tree = exoticTree(value);
    return tree === undefined ? super.encode(value, packFromBytes) : packTree(tree);
  }

  override roundTrip(value: unknown, packFromBytes?: number): Written {
    const tree = exoticTree(value);
    if (tree === undefined) return super.roundTrip(value, packFromBytes);
    const payload = packTree(tree);
    return { payload, value: readPayload(payload) };
  }
}

/** The tree of a value that JSON would change. Undefined for any other value, and for a value without a payload. */
function exoticTree(value: unknown): unknown {
  if (value === undefined || typeof value === "function" || typeof value === "symbol" || isSimple(value)) {
    return undefined;
  }
  const dialect = new TypedDialect();
  try {
    const tree = new TreeWriter(dialect).write(value, 0);
    return dialect.metExotic ? tree : undefined;
  } catch (error) {
    throw error instanceof NoTree ? tooDeep(MAX_TREE_DEPTH) : error;
  }
}
