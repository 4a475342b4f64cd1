import { unreadable } from "./format.ts";

/**
 * The most bytes that are compressed, or that `decompress` returns. Without a limit, a hostile payload could fill the
 * memory.
 */
export const MAX_DECODED_BYTES = 16 * 1024 * 1024;

export type Compression = "zstd" | "deflate";

/**
 * Fewer bytes than this are not compressed. Compression would save only a few hundred bytes, but a new process needs 4
 * to 7 ms (measured) to load `zlib` and to use it for the first time.
 */
const MIN_BYTES = 1024;

/**
 * The greatest window (memory for decompression) of zstd: 2^24 bytes, which are 16 MiB. Payloads of this package need
 * half a megabyte. Without this limit, hostile bytes could make zstd allocate gigabytes.
 */
const MAX_ZSTD_WINDOW_LOG = 24;

type Zlib = typeof import("node:zlib");

const loadZlib = (): Zlib => process.getBuiltinModule("node:zlib");

/** Node has zstd from 22.15 and from 23.8 on. */
function hasZstd(zlib: Zlib): boolean {
  return typeof zlib.zstdCompressSync === "function" && typeof zlib.zstdDecompressSync === "function";
}

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

/** Writes bytes as base64url, which JSON contains without escapes. */
export function toText(bytes: Buffer): string {
  return bytes.toString("base64url");
}

/** Node skips characters that are no base64 without an error. So the number of bytes is checked. */
export function fromText(text: string): Buffer {
  const bytes = Buffer.from(text, "base64url");
  // No text of base64url has 4n + 1 characters.
  if (text.length % 4 === 1 || bytes.length !== Math.floor((text.length * 3) / 4))
    throw unreadable("its base64url text is damaged");
  return bytes;
}
