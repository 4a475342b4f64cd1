import { unreadable } from "./format.ts";

/**
 * 16 MiB: the greatest size of an unpacked payload. The service accepts payloads of 256 KiB. This limit is against
 * hostile input, and honest data stays far below it. One byte of msgpack may become a hundred bytes of objects.
 */
export const MAX_DECODED_BYTES = 16 * 1024 * 1024;

export type Compression = "zstd" | "deflate";

/**
 * Shorter payloads are not compressed. Compression would save a few hundred bytes, but a new process takes 4 to 7 ms to
 * load `zlib` and to use it for the first time.
 */
const MIN_BYTES = 1024;

/** 16 MiB: zstd at level 1 needs a window of half a megabyte. A hostile frame may ask for gigabytes. */
const MAX_ZSTD_WINDOW_LOG = 24;

type Zlib = typeof import("node:zlib");

const loadZlib = (): Zlib => process.getBuiltinModule("node:zlib");

/** Whether this version of Node has zstd (since 22.15 and 23.8). */
function hasZstd(zlib: Zlib): boolean {
  return typeof zlib.zstdCompressSync === "function" && typeof zlib.zstdDecompressSync === "function";
}

/**
 * Compresses with the best method of this version of Node. Undefined for bytes that are few, or that would not get
 * fewer.
 */
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

/**
 * Reverses `compress`. Throws `ERR_PAYLOAD_UNREADABLE` for damaged input, for input that unpacks to too many bytes, and
 * for zstd on a Node without zstd.
 */
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

/** Bytes as a text without padding, for which JSON needs no escapes. */
export function toText(bytes: Buffer): string {
  return bytes.toString("base64url");
}

/** Reverses `toText`. Throws `ERR_PAYLOAD_UNREADABLE` for any other character, which Node would skip. */
export function fromText(text: string): Buffer {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.length !== Math.floor((text.length * 3) / 4)) throw unreadable("its base64url text is damaged");
  return bytes;
}
