import { type CodecName, PACK_FROM_BYTES } from "../core/settings.ts";
import { packJson, packTree, readPayload } from "./payload.ts";
import { MAX_TREE_DEPTH } from "./tree-tags.ts";
import { isSimple, NoTree, TreeWriter } from "./tree-writer.ts";
import { TypedDialect, tooDeep } from "./typed-writer.ts";

/** A value as stored: the payload, and the value it is read as. */
export interface Written {
  payload: string | undefined;
  value: unknown;
}

/**
 * One codec. Each payload stands alone: any process reads it, in any order.
 * `packFromBytes`, where a method takes it, is used in place of the codec's own.
 */
export interface Codec {
  readonly name: CodecName;
  /** Bytes of JSON from which on a value is packed; what is shorter stays JSON. `json` packs nothing. */
  readonly packFromBytes: number;
  /**
   * The payload for a value; undefined for undefined and, as JSON does, for a function or symbol.
   * Throws what `JSON.stringify` throws (`typed`: `TypeError` on cycles only, `ERR_PAYLOAD_TOO_DEEP` at 500 levels).
   */
  encode(value: unknown, packFromBytes?: number): string | undefined;
  /** `encode`, for a value whose JSON is there already: it is parsed only if it is to be packed. */
  pack(json: string, packFromBytes?: number): string;
  /**
   * Reads every format ever written, whatever the codec is.
   * Throws `ERR_PAYLOAD_UNREADABLE` for a format of ours, `SyntaxError` for JSON.
   */
  decode(payload: string | undefined): unknown;
  /** `encode`, and the value that `decode` gives for it, without decoding where both are equal for certain. */
  roundTrip(value: unknown, packFromBytes?: number): Written;
}

/** A codec by its name; `packFromBytes` as in the settings of the runtime. */
export function createCodec(name: CodecName, packFromBytes = PACK_FROM_BYTES): Codec {
  return new (name === "typed" ? TypedCodec : JsonCodec)(name, packFromBytes);
}

function decode(payload: string | undefined): unknown {
  return payload === undefined ? undefined : readPayload(payload);
}

/** Stores the values that JSON keeps. `json` is the one that never packs. */
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

/** Also stores what JSON has no form for; where a value has nothing of that, writes what `compact` does. */
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

/** The tree of a value that JSON would change; undefined if it would not, or for what has no payload. */
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
