import { deflate, MAX_DEFLATE_BYTES } from "./deflate.ts";
import { unreadable } from "./format.ts";

/**
 * 16 MiB: the most that one payload may unpack to. The service takes 256 KiB of payload, so this is a bound against
 * hostile input, far from what honest data reaches; a byte of msgpack may become a hundred bytes of objects.
 */
export const MAX_DECODED_BYTES = 16 * 1024 * 1024;

export type Compression = "zstd" | "deflate";

/** What is left of a small input must be less than this to be worth the 10 us that reading it takes. */
const WORTH_RATIO = 0.97;

/** 16 MiB: zstd at level 1 needs half a megabyte of window; a hostile frame may ask for gigabytes. */
const MAX_ZSTD_WINDOW_LOG = 24;

type Zlib = typeof import("node:zlib");
let loaded: Zlib | undefined;

function loadZlib(): Zlib {
  loaded ??= process.getBuiltinModule("node:zlib");
  return loaded;
}

/** Whether this Node has zstd (22.15 and 23.8 brought it). */
export function hasZstd(): boolean {
  const zlib = loadZlib();
  return typeof zlib.zstdCompressSync === "function" && typeof zlib.zstdDecompressSync === "function";
}

/** Compresses with what suits the size and this Node; undefined for a small input that is not worth it at `maxBytes`. */
export function compress(bytes: Uint8Array, maxBytes: number): { compression: Compression; bytes: Buffer } | undefined {
  if (bytes.length <= MAX_DEFLATE_BYTES) {
    const deflated = deflate(bytes, Math.min(maxBytes + 1, bytes.length * WORTH_RATIO));
    return deflated === undefined ? undefined : { compression: "deflate", bytes: deflated };
  }
  const zlib = loadZlib();
  if (!hasZstd()) return { compression: "deflate", bytes: zlib.deflateRawSync(bytes, { level: 1 }) };
  return {
    compression: "zstd",
    bytes: zlib.zstdCompressSync(bytes, { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } }),
  };
}

/** Undoes `compress`. Throws `ERR_PAYLOAD_UNREADABLE` on damaged input, on a bomb, and for zstd on a Node without it. */
export function decompress(compression: Compression, bytes: Uint8Array): Buffer {
  if (compression === "zstd" && !hasZstd()) {
    throw unreadable(`it is compressed with zstd, which Node ${process.version} lacks; run Node 22.15 or later`);
  }
  const zlib = loadZlib();
  const limits = { maxOutputLength: MAX_DECODED_BYTES };
  try {
    if (compression === "deflate") return zlib.inflateRawSync(bytes, limits);
    return zlib.zstdDecompressSync(bytes, {
      ...limits,
      params: { [zlib.constants.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG },
    });
  } catch (cause) {
    const tooLarge = cause instanceof RangeError && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE";
    throw unreadable(
      tooLarge ? `it unpacks to more than ${MAX_DECODED_BYTES} bytes` : `its ${compression} data is damaged`,
      cause,
    );
  }
}

/** Bytes as text that JSON needs no escapes for; without padding. */
export function toText(bytes: Buffer): string {
  return bytes.toString("base64url");
}

/** Undoes `toText`. Throws `ERR_PAYLOAD_UNREADABLE` if there is anything else in it, which Node would skip. */
export function fromText(text: string): Buffer {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.length !== Math.floor((text.length * 3) / 4)) throw unreadable("its base64url text is damaged");
  return bytes;
}
