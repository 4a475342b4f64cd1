import { type CodecName, PACK_FROM_BYTES } from "../core/settings.ts";
import { packJson, packTree, readPayload } from "./payload.ts";
import { isSimple, NoTree, TreeWriter } from "./tree-writer.ts";
import { TypedDialect, tooDeep } from "./typed-writer.ts";

export interface Written {
  payload: string | undefined;
  value: unknown;
}

/** Writes and reads payloads. A method's argument `packFromBytes` overrides the codec's own `packFromBytes`. */
export interface Codec {
  readonly name: CodecName;
  /** JSON with at least so many bytes is packed, if this makes it clearly shorter. The codec `json` never packs. */
  readonly packFromBytes: number;
  /** Makes a payload from the JSON of a value. */
  pack(json: string, packFromBytes?: number): string;
  /**
   * Reads the payloads of all codecs and of all earlier versions. Returns undefined for undefined. Throws
   * `ERR_PAYLOAD_UNREADABLE` for a damaged packed payload, and `SyntaxError` for damaged JSON.
   */
  decode(payload: string | undefined): unknown;
  /**
   * Makes the payload of a value, and the value that `decode` makes from this payload. The payload is undefined for
   * undefined, a function and a symbol, as with `JSON.stringify`. Throws the errors of `JSON.stringify`. The codec
   * `typed` accepts BigInt. It throws a `TypeError` for a value that contains itself, and for an unknown typed array.
   * It throws `ERR_PAYLOAD_TOO_DEEP` for more than 500 levels.
   */
  roundTrip(value: unknown, packFromBytes?: number): Written;
}

export function createCodec(name: CodecName, packFromBytes = PACK_FROM_BYTES): Codec {
  return new (name === "typed" ? TypedCodec : JsonCodec)(name, packFromBytes);
}

/** The method `decode` of every codec, because every codec reads all formats. */
export function decodePayload(payload: string | undefined): unknown {
  return payload === undefined ? undefined : readPayload(payload);
}

/** The codecs `compact` and `json`. They store the values that JSON can store. */
class JsonCodec implements Codec {
  readonly name: CodecName;
  readonly packFromBytes: number;
  readonly decode = decodePayload;

  constructor(name: CodecName, packFromBytes: number) {
    this.name = name;
    this.packFromBytes = packFromBytes;
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
    // A UTF-16 unit has at most three bytes in UTF-8, so the bytes of most short texts need not be counted.
    return json.length * 3 >= packFromBytes && Buffer.byteLength(json) >= packFromBytes;
  }
}

/** The codec `typed`. A value that JSON can store gets the same payload as from the codec `compact`. */
class TypedCodec extends JsonCodec {
  override roundTrip(value: unknown, packFromBytes?: number): Written {
    const tree = exoticTree(value);
    if (tree === undefined) return super.roundTrip(value, packFromBytes);
    const payload = packTree(tree);
    return { payload, value: readPayload(payload) };
  }
}

/** Makes the tree of a value that JSON would change. Undefined: JSON can store the value, or it has no payload. */
function exoticTree(value: unknown): unknown {
  if (value === undefined || typeof value === "function" || typeof value === "symbol" || isSimple(value)) {
    return undefined;
  }
  const dialect = new TypedDialect();
  try {
    const tree = new TreeWriter(dialect).write(value, 0);
    return dialect.metExotic ? tree : undefined;
  } catch (error) {
    throw error instanceof NoTree ? tooDeep() : error;
  }
}
