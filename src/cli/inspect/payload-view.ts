import { inspect } from "node:util";
import { decodePayload } from "../../codec/codec.ts";
import { isPacked } from "../../codec/format.ts";
import { messageOf } from "../../core/errors.ts";
import { formatBytes } from "../../core/quantity.ts";
import type { Operation } from "../../core/wire.ts";

export interface ReadPayload {
  /** The decoded value. For a callback's result, for plain text and for an unreadable payload: the payload itself. */
  readonly value: unknown;
  /** Whether the payload has the package's format, which begins with `~`. False for the result of a callback. */
  readonly isPacked: boolean;
  readonly bytes: number;
  /** Why the payload cannot be read. Absent if it was read, or if it is plain text. */
  readonly unreadable?: string;
}

/** Does not throw: if the payload cannot be decoded, `value` is the payload itself. */
export function readAnyPayload(payload: string): ReadPayload {
  const read = { isPacked: isPacked(payload), bytes: Buffer.byteLength(payload) };
  try {
    return { value: decodePayload(payload), ...read };
  } catch (error) {
    return { value: payload, ...read, ...(read.isPacked ? { unreadable: messageOf(error) } : {}) };
  }
}

/** The result of a callback stays a text, because the handler also gets a text, unless the callback has a serdes. */
export function readResult({ Type }: Pick<Operation, "Type">, result: string): ReadPayload {
  if (Type !== "CALLBACK") return readAnyPayload(result);
  return { value: result, isPacked: false, bytes: Buffer.byteLength(result) };
}

export function wholeText({ value, isPacked, unreadable }: ReadPayload): string {
  if (unreadable !== undefined) return `${String(value)}\n(the payload cannot be read: ${unreadable})`;
  if (!isPacked) return typeof value === "string" ? value : JSON.stringify(value, undefined, 2);
  const limits = { depth: null, maxArrayLength: null, maxStringLength: null };
  return inspect(value, { ...limits, breakLength: 100 });
}

/** @param way tells the user how to see the whole value, if the value is cut after `maxLength` characters */
export function shortText(payload: ReadPayload, maxLength: number, way: string): string {
  const line = oneLine(payload);
  if (line.length <= maxLength) return line;
  return `${line.slice(0, maxLength)}… (${formatBytes(payload.bytes)}; ${way})`;
}

function oneLine({ value, isPacked, unreadable }: ReadPayload): string {
  if (unreadable !== undefined) return `${String(value).slice(0, 20)}… (the payload cannot be read: ${unreadable})`;
  if (!isPacked) return JSON.stringify(value) ?? "undefined";
  const limits = { depth: 8, maxArrayLength: 100, maxStringLength: 1_000 };
  return inspect(value, { ...limits, breakLength: Number.POSITIVE_INFINITY, compact: true });
}
