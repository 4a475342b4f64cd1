import { DurableError } from "../core/errors.ts";

/**
 * The start of a packed payload: a tilde, with which no JSON text begins, the version, and one letter for the format.
 * Any other payload is JSON. A letter never gets a second meaning, because journals outlive releases.
 */
export const OWN_PREFIX = "~";
const VERSION = "1";

/** The formats of version 1: a tree (`tree-tags.ts`) as msgpack in base64url, compressed or not. */
export type PayloadFormat = "msgpack" | "deflate" | "zstd";

const LETTERS: Record<PayloadFormat, string> = { msgpack: "m", deflate: "d", zstd: "z" };
const FORMATS = new Map(Object.entries(LETTERS).map(([format, letter]) => [letter, format as PayloadFormat]));

/** The number of characters of a mark. */
const MARK_CHARS = OWN_PREFIX.length + VERSION.length + 1;

/** Puts the mark before a body. */
export function mark(format: PayloadFormat, body: string): string {
  return OWN_PREFIX + VERSION + LETTERS[format] + body;
}

/**
 * Separates the mark from the body. Throws `ERR_PAYLOAD_UNREADABLE` for a version or format that this release does not
 * know.
 */
export function unmark(payload: string): { format: PayloadFormat; body: string } {
  const format = payload[1] === VERSION ? FORMATS.get(payload[2] ?? "") : undefined;
  if (format === undefined) {
    throw unreadable(
      `its mark ${JSON.stringify(payload.slice(0, MARK_CHARS))} is unknown to this release; ` +
        "read it with the release of durable-fanout that wrote it, or a later one",
    );
  }
  return { format, body: payload.slice(MARK_CHARS) };
}

/** The error of all failed reads: the payload is damaged, hostile, or from a later release. */
export function unreadable(reason: string, cause?: unknown): DurableError {
  return new DurableError(
    "ERR_PAYLOAD_UNREADABLE",
    `A recorded payload cannot be read: ${reason}.`,
    cause === undefined ? undefined : { cause },
  );
}
