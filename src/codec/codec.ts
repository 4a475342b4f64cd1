import { DurableError } from "../core/errors.ts";
import type { CodecName } from "../core/settings.ts";
import { looksTabular } from "./json-dialect.ts";
import { MIN_PACKED_CHARS, packJson, packLive, packTree, readPayload, type Written } from "./payload.ts";
import { MAX_TREE_DEPTH } from "./tree-tags.ts";
import { isSimple, NoTree, TreeWriter } from "./tree-writer.ts";
import { TypedDialect, tooDeep } from "./typed-writer.ts";

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
  /** As `roundTrip`, but never packed to save bytes: JSON, or a format of ours where JSON does not do. */
  roundTripPlain(value: unknown): { payload: string | undefined; value: unknown };
  /** The payload for what is JSON already. */
  pack(json: string): string;
}

const NOTHING = { payload: undefined, value: undefined };

export function createCodec(name: CodecName): Codec {
  switch (name) {
    case "json":
      return {
        ...{ name, decode, roundTrip: writeJson, roundTripPlain: writeJson },
        encode: (value) => JSON.stringify(value),
        pack: (json) => json,
      };
    case "compact":
      return { name, decode, encode: encodeCompact, roundTrip: writeCompact, roundTripPlain: writeJson, pack };
    case "typed":
      return {
        ...{ name, decode, pack },
        encode: (value) => writeTyped(value, writeCompact).payload,
        roundTrip: (value) => writeTyped(value, writeCompact),
        roundTripPlain: (value) => writeTyped(value, writeJson),
      };
    default:
      throw new DurableError("ERR_UNKNOWN_CODEC", `The codec is "${name}"; use "json", "compact" or "typed".`);
  }
}

function decode(payload: string | undefined): unknown {
  return payload === undefined ? undefined : readPayload(payload);
}

function writeJson(value: unknown): Written | typeof NOTHING {
  const payload = JSON.stringify(value) as string | undefined;
  if (payload === undefined) return NOTHING;
  return { payload, value: isSimple(value) ? value : JSON.parse(payload) };
}

function pack(json: string): string {
  return json.length < MIN_PACKED_CHARS ? json : packJson(json, JSON.parse(json));
}

function writeCompact(value: unknown): Written | typeof NOTHING {
  const live = looksTabular(value) ? packLive(value) : undefined;
  if (live !== undefined) return live;
  const json = writeJson(value);
  if (json.payload === undefined) return NOTHING;
  return { payload: packJson(json.payload, json.value), value: json.value };
}

/** As `writeCompact`, without parsing the JSON of a value too short to be packed. */
function encodeCompact(value: unknown): string | undefined {
  const live = looksTabular(value) ? packLive(value) : undefined;
  if (live !== undefined) return live.payload;
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined || text.length < MIN_PACKED_CHARS) return text;
  return packJson(text, isSimple(value) ? value : JSON.parse(text));
}

/** What JSON says as well is written by `writePlain`. */
function writeTyped(
  value: unknown,
  writePlain: (value: unknown) => Written | typeof NOTHING,
): Written | typeof NOTHING {
  if (value === undefined || typeof value === "function" || typeof value === "symbol") return NOTHING;
  if (isSimple(value)) return writePlain(value);
  const dialect = new TypedDialect();
  const writer = new TreeWriter(dialect);
  let tree: unknown;
  try {
    tree = writer.write(value, 0);
  } catch (error) {
    throw error instanceof NoTree ? tooDeep(MAX_TREE_DEPTH) : error;
  }
  if (!dialect.metExotic) return writePlain(value);
  const payload = packTree(tree);
  return { payload, value: readPayload(payload) };
}
