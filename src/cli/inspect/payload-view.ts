import { inspect } from "node:util";
import { createCodec } from "../../codec/codec.ts";
import { messageOf } from "../../core/errors.ts";
import { formatBytes } from "../../core/quantity.ts";
import type { Operation } from "../../core/wire.ts";

/** A payload, read: its value, or the text itself where that is what was written or what nobody can read. */
export interface ReadPayload {
  readonly value: unknown;
  /** Whether it was packed, or kept what JSON cannot say. */
  readonly isPacked: boolean;
  readonly bytes: number;
  readonly unreadable?: string;
}

// It reads every format, whichever it writes itself.
const codec = createCodec("json");

/** Reads a payload of any format. Text that is none, as callbacks are completed with, stands for itself. */
export function readAnyPayload(payload: string): ReadPayload {
  const isPacked = payload.startsWith("~");
  const bytes = Buffer.byteLength(payload);
  try {
    return { value: codec.decode(payload), isPacked, bytes };
  } catch (error) {
    return { value: payload, isPacked, bytes, ...(isPacked ? { unreadable: messageOf(error) } : {}) };
  }
}

/** Reads what an operation has ended with. The answer to a callback is text, and the handler gets this text as it is. */
export function readResult({ Type }: Pick<Operation, "Type">, result: string): ReadPayload {
  if (Type !== "CALLBACK") return readAnyPayload(result);
  return { value: result, isPacked: false, bytes: Buffer.byteLength(result) };
}

/** The whole value, over several lines where it is long. */
export function wholeText({ value, isPacked, unreadable }: ReadPayload): string {
  if (unreadable !== undefined) return `${String(value)}\n(the payload cannot be read: ${unreadable})`;
  if (!isPacked) return typeof value === "string" ? value : JSON.stringify(value, undefined, 2);
  const limits = { depth: null, maxArrayLength: null, maxStringLength: null };
  return inspect(value, { ...limits, breakLength: 100 });
}

/** At most `maxLength` characters of the value, on one line; `way` says how to see the whole where it is cut. */
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
