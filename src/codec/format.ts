import { DurableError } from "../core/errors.ts";

/**
 * A packed payload begins with a mark: a tilde, the version, and one letter for the format. No JSON begins with a
 * tilde. A letter must never get a second meaning, because journals may be older than the release that reads them.
 */
const OWN_PREFIX = "~";

export function isPacked(payload: string): boolean {
  return payload.startsWith(OWN_PREFIX);
}
const VERSION = "1";

/**
 * The formats of version 1. The payload is a tree (`tree-tags.ts`), written as msgpack and then as base64url. With
 * `deflate` and `zstd`, the msgpack is compressed before it becomes base64url.
 */
export type PayloadFormat = "msgpack" | "deflate" | "zstd";

const LETTERS: Record<PayloadFormat, string> = { msgpack: "m", deflate: "d", zstd: "z" };
const FORMATS = new Map(Object.entries(LETTERS).map(([format, letter]) => [letter, format as PayloadFormat]));

const MARK_CHARS = OWN_PREFIX.length + VERSION.length + 1;

export function mark(format: PayloadFormat, body: string): string {
  return OWN_PREFIX + VERSION + LETTERS[format] + body;
}

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

export function unreadable(reason: string, cause?: unknown): DurableError {
  return new DurableError(
    "ERR_PAYLOAD_UNREADABLE",
    `A recorded payload cannot be read: ${reason}.`,
    cause === undefined ? undefined : { cause },
  );
}
