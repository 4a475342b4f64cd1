import { unreadable } from "./format.ts";
import { loadMsgpackr } from "./msgpackr.ts";

/** msgpackr keeps its buffer for the next call. The buffer is replaced after a payload over this size. */
const MAX_KEPT_BYTES = 256 * 1024;

interface Msgpack {
  pack(tree: unknown): Buffer;
  unpack(bytes: Uint8Array): unknown;
}

let loaded: Msgpack | undefined;

/** Loaded on first use, because many invocations only record short payloads and pack nothing. */
function msgpack(): Msgpack {
  loaded ??= createMsgpack();
  return loaded;
}

function createMsgpack(): Msgpack {
  const { Packr, RESET_BUFFER_MODE, Unpackr } = loadMsgpackr();
  // With records, the keys of an object are written once, and further objects with the same keys refer to them.
  // Payloads share no structures, so each payload can be read alone. `moreTypes` is for typed arrays and long BigInts.
  const packr = new Packr({ useRecords: true, moreTypes: true, useToJSON: false });
  // msgpack maps are read as Map, because a Map marks a special node of a tree. References are not followed.
  const unpackr = new Unpackr({ useRecords: true, mapsAsObjects: false, structuredClone: false });
  return {
    pack(tree) {
      const bytes = packr.pack(tree, RESET_BUFFER_MODE);
      if (bytes.length > MAX_KEPT_BYTES) packr.useBuffer(Buffer.allocUnsafeSlow(8192));
      return bytes;
    },
    unpack: (bytes) => unpackr.unpack(bytes),
  };
}

/** The bytes of a tree, valid until the next call, which uses the same buffer again. */
export function toMsgpack(tree: unknown): Buffer {
  return msgpack().pack(tree);
}

/**
 * Reverses `toMsgpack`. The number of hostile bytes limits the size of the result, but the result may be anything that
 * msgpackr knows. `TreeReader` checks that it is a tree. Throws `ERR_PAYLOAD_UNREADABLE`.
 */
export function fromMsgpack(bytes: Uint8Array): unknown {
  const { unpack } = msgpack();
  try {
    return unpack(bytes);
  } catch (cause) {
    throw unreadable("its msgpack is damaged", cause);
  }
}

/**
 * Whether msgpackr gives a text back unchanged. UTF-8 cannot have lone surrogates, and msgpackr skips a byte order mark
 * at the start.
 */
export function isPackableText(text: string): boolean {
  // Node 20 has the method, but the types of ES2023 do not.
  return (text as string & { isWellFormed(): boolean }).isWellFormed() && text.charCodeAt(0) !== 0xfeff;
}

/** Whether a key may be a key of a record. msgpackr renames the first of these keys, and uses the second one itself. */
export function isPackableKey(key: string): boolean {
  return key !== "__proto__" && key !== "__keys__" && isPackableText(key);
}
