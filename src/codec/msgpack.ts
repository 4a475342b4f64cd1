import { unreadable } from "./format.ts";
import { loadMsgpackr } from "./msgpackr.ts";

/** The buffer that msgpackr keeps for the next call is replaced after a payload beyond this. */
const MAX_KEPT_BYTES = 256 * 1024;

interface Msgpack {
  pack(tree: unknown): Buffer;
  unpack(bytes: Uint8Array): unknown;
}

let loaded: Msgpack | undefined;

/** Many invocations pack nothing: all they record is short. */
function msgpack(): Msgpack {
  loaded ??= createMsgpack();
  return loaded;
}

function createMsgpack(): Msgpack {
  const { Packr, RESET_BUFFER_MODE, Unpackr } = loadMsgpackr();
  // Records: the keys of an object are written once, further objects with the same keys refer to them. No structures are
  // shared between payloads, so each can be read alone. `moreTypes` is for typed arrays and long BigInts.
  const packr = new Packr({ useRecords: true, moreTypes: true, useToJSON: false });
  // msgpack maps are read as Map, which is how a tree says that a node is special; references are not followed.
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

/** The bytes of a tree, good until the next call: they lie in a buffer that is used again. */
export function toMsgpack(tree: unknown): Buffer {
  return msgpack().pack(tree);
}

/**
 * Undoes `toMsgpack`. What comes out of hostile bytes is bounded by their number but may be anything that msgpackr
 * knows: `TreeReader` says what is a tree. Throws `ERR_PAYLOAD_UNREADABLE`.
 */
export function fromMsgpack(bytes: Uint8Array): unknown {
  const { unpack } = msgpack();
  try {
    return unpack(bytes);
  } catch (cause) {
    throw unreadable("its msgpack is damaged", cause);
  }
}

/** Whether msgpackr gives a string back: UTF-8 has no lone surrogates, and a byte order mark in front is skipped. */
export function isPackableText(text: string): boolean {
  // Node 20 has it, the types of ES2023 do not.
  return (text as string & { isWellFormed(): boolean }).isWellFormed() && text.charCodeAt(0) !== 0xfeff;
}

/** Whether a key may be that of a record: msgpackr renames the first of these and keeps notes under the second. */
export function isPackableKey(key: string): boolean {
  return key !== "__proto__" && key !== "__keys__" && isPackableText(key);
}
