import { unreadable } from "./format.ts";
import { loadMsgpackr } from "./msgpackr.ts";

/** msgpackr uses its buffer again for the next payload. After a payload of more bytes, a small buffer replaces it. */
const MAX_KEPT_BYTES = 256 * 1024;

interface Msgpack {
  pack(tree: unknown): Buffer;
  unpack(bytes: Uint8Array): unknown;
}

let loaded: Msgpack | undefined;

/** Loads msgpackr at its first use, because many invocations pack nothing. */
function msgpack(): Msgpack {
  loaded ??= createMsgpack();
  return loaded;
}

function createMsgpack(): Msgpack {
  const { Packr, RESET_BUFFER_MODE, Unpackr } = loadMsgpackr();
  // With `useRecords`, the keys of an object are written once, and further objects with the same keys refer to the
  // keys. Each payload has its own keys, so that each payload can be read alone. `moreTypes` adds typed arrays and long
  // BigInts.
  const packr = new Packr({ useRecords: true, moreTypes: true, useToJSON: false });
  // With `mapsAsObjects: false`, msgpackr returns a Map, which is a node with a tag (`tree-tags.ts`). With
  // `structuredClone: false`, msgpackr does not follow references between objects.
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

/** The next call may overwrite the bytes, because it uses the same buffer. */
export function toMsgpack(tree: unknown): Buffer {
  return msgpack().pack(tree);
}

/** Hostile bytes may give anything that msgpackr can make, so `TreeReader` checks the result. */
export function fromMsgpack(bytes: Uint8Array): unknown {
  const { unpack } = msgpack();
  try {
    return unpack(bytes);
  } catch (cause) {
    throw unreadable("its msgpack is damaged", cause);
  }
}

/** Whether msgpackr returns the text unchanged. It changes lone surrogates, and skips a leading byte order mark. */
export function isPackableText(text: string): boolean {
  // Node has the method, but the types of ES2023 do not.
  return (text as string & { isWellFormed(): boolean }).isWellFormed() && text.charCodeAt(0) !== 0xfeff;
}

/** Whether msgpackr returns an object's key unchanged. It renames `__proto__`, and uses `__keys__` for itself. */
export function isPackableKey(key: string): boolean {
  return key !== "__proto__" && key !== "__keys__" && isPackableText(key);
}
