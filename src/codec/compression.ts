import { unreadable } from "./format.ts";

/**
 * 16 MiB: the most that one payload may unpack to. The service takes 256 KiB of payload, so this is a bound against
 * hostile input, far from what honest data reaches; a byte of msgpack may become a hundred bytes of objects.
 */
export const MAX_DECODED_BYTES = 16 * 1024 * 1024;

export type Compression = "zstd" | "deflate";

/**
 * Less is not compressed: it would save a few hundred bytes, for the 4 to 7 ms that a cold process takes to load `zlib`
 * and to use it for the first time.
 */
const MIN_BYTES = 1024;

/** 16 MiB: zstd at level 1 needs half a megabyte of window; a hostile frame may ask for gigabytes. */
const MAX_ZSTD_WINDOW_LOG = 24;

type Zlib = typeof import("node:zlib");

const loadZlib = (): Zlib => process.getBuiltinModule("node:zlib");

/** Whether this Node has zstd (22.15 and 23.8 brought it). */
function hasZstd(zlib: Zlib): boolean {
  return typeof zlib.zstdCompressSync === "function" && typeof zlib.zstdDecompressSync === "function";
}

/** Compresses with the best that this Node has; undefined for what is short, or would not get shorter. */
export function compress(bytes: Uint8Array): { compression: Compression; bytes: Buffer } | undefined {
  if (bytes.length < MIN_BYTES || bytes.length > MAX_DECODED_BYTES) return undefined;
  const zlib = loadZlib();
  const compression = hasZstd(zlib) ? "zstd" : "deflate";
  const compressed =
    compression === "zstd"
      ? zlib.zstdCompressSync(bytes, { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } })
      : zlib.deflateRawSync(bytes, { level: 1 });
  return compressed.length < bytes.length ? { compression, bytes: compressed } : undefined;
}

/** Undoes `compress`. Throws `ERR_PAYLOAD_UNREADABLE` on damaged input, on a bomb, and for zstd on a Node without it. */
export function decompress(compression: Compression, bytes: Uint8Array): Buffer {
  const zlib = loadZlib();
  if (compression === "zstd" && !hasZstd(zlib)) {
    throw unreadable(`it is compressed with zstd, which Node ${process.version} lacks; run Node 22.15 or later`);
  }
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
