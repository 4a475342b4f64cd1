import { DurableError } from "../core/errors.ts";

/**
 * How a payload of ours begins: a tilde, which no JSON text begins with, the version, and one letter for the format.
 * Whatever does not begin with a tilde is JSON. A letter is never given a second meaning: journals outlive releases.
 */
export const OWN_PREFIX = "~";
const VERSION = "1";

/** The formats of version 1: base64url of a tree (`tree-tags.ts`) as msgpack, as it is or compressed. */
export type PayloadFormat = "msgpack" | "deflate" | "zstd";

const LETTERS: Record<PayloadFormat, string> = { msgpack: "m", deflate: "d", zstd: "z" };
const FORMATS = new Map(Object.entries(LETTERS).map(([format, letter]) => [letter, format as PayloadFormat]));

/** Characters that marking costs. */
const MARK_CHARS = OWN_PREFIX.length + VERSION.length + 1;

/** Puts the mark before a body. */
export function mark(format: PayloadFormat, body: string): string {
  return OWN_PREFIX + VERSION + LETTERS[format] + body;
}

/** Takes a marked payload apart. Throws `ERR_PAYLOAD_UNREADABLE` for a version or format this release does not know. */
export function unmark(payload: string): { format: PayloadFormat; body: string } {
  const format = payload[1] === VERSION ? FORMATS.get(payload[2] ?? "") : undefined;
  if (format === undefined) {
    throw unreadable(
      `its mark ${JSON.stringify(payload.slice(0, MARK_CHARS))} is not known to this release; ` +
        "read it with the release of durable-fanout that wrote it, or a later one",
    );
  }
  return { format, body: payload.slice(MARK_CHARS) };
}

/** The one error of reading: the payload is damaged, hostile, or from a later release. */
export function unreadable(reason: string, cause?: unknown): DurableError {
  return new DurableError(
    "ERR_PAYLOAD_UNREADABLE",
    `A recorded payload cannot be read: ${reason}.`,
    cause === undefined ? undefined : { cause },
  );
}
