import { type CodecName, PACK_FROM_BYTES } from "../core/settings.ts";
import { isPacked } from "./format.ts";
import { packJson, packTree, readPayload } from "./payload.ts";
import { isSimple, NoTree, TreeWriter } from "./tree-writer.ts";
import { TypedDialect, tooDeep } from "./typed-writer.ts";

export interface Written {
  payload: string | undefined;
  value: unknown;
}

/** Writes and reads payloads. The argument `packFromBytes` of a method overrides the member `packFromBytes`. */
export interface Codec {
  readonly name: CodecName;
  /**
   * JSON with at least so many bytes is packed, if this saves a tenth of the bytes or more. The codec `json` never
   * packs. The codec `typed` always packs a value that JSON cannot store.
   */
  readonly packFromBytes: number;
  /** Makes a payload from the JSON of a value. Returns a packed payload as it is. */
  pack(json: string, packFromBytes?: number): string;
  /**
   * Reads the payloads of all codecs and of all earlier versions. Returns undefined for undefined. Throws
   * `ERR_PAYLOAD_UNREADABLE` for a packed payload that is damaged or of an unknown version, and `SyntaxError` for
   * another text that is no JSON.
   */
  decode(payload: string | undefined): unknown;
  /**
   * Makes the payload of a value, and the value that `decode` makes from this payload. The payload is undefined if
   * `JSON.stringify` returns undefined: for undefined, a function and a symbol. Throws the errors of `JSON.stringify`.
   * The codec `typed` accepts BigInt. This codec also throws a `TypeError` for an unknown typed array, and
   * `ERR_PAYLOAD_TOO_DEEP` for more than 500 levels.
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

/** The codecs `compact` and `json`. */
class JsonCodec implements Codec {
  readonly name: CodecName;
  readonly packFromBytes: number;
  readonly decode = decodePayload;

  constructor(name: CodecName, packFromBytes: number) {
    this.name = name;
    this.packFromBytes = packFromBytes;
  }

  pack(json: string, packFromBytes?: number): string {
    return !isPacked(json) && this.#packs(json, packFromBytes) ? packJson(json, JSON.parse(json)) : json;
  }

  roundTrip(given: unknown, packFromBytes?: number): Written {
    const text = JSON.stringify(given) as string | undefined;
    if (text === undefined) return { payload: undefined, value: undefined };
    const value = isSimple(given) ? given : JSON.parse(text);
    return { payload: this.#packs(text, packFromBytes) ? packJson(text, value) : text, value };
  }

  #packs(json: string, packFromBytes = this.packFromBytes): boolean {
    if (this.name === "json") return false;
    if (json.length >= packFromBytes) return true;
    // A UTF-16 unit has at most three bytes in UTF-8, so the bytes of most short texts need not be counted.
    return json.length * 3 >= packFromBytes && Buffer.byteLength(json) >= packFromBytes;
  }
}

/** The codec `typed`. A value without exotic parts gets the same payload as from the codec `compact`. */
class TypedCodec extends JsonCodec {
  override roundTrip(value: unknown, packFromBytes?: number): Written {
    const tree = exoticTree(value);
    if (tree === undefined) return super.roundTrip(value, packFromBytes);
    const payload = packTree(tree);
    return { payload, value: readPayload(payload) };
  }
}

/** Makes the tree of a value with exotic parts (see `TypedDialect.metExotic`). Otherwise undefined. */
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
