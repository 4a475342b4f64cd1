import { inspect } from "node:util";
import { DurableError } from "../../core/errors.ts";
import { ExitCode } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { readTextSource } from "../text-source.ts";
import { readAnyPayload, wholeText } from "./payload-view.ts";

/** Matches a packed payload in a text without white space. */
const PACKED = /~\d[a-z][\w-]+/;

/** The text may be packed or JSON, in quotes, with escapes, or broken into several lines. */
export async function decodeCommand(output: Output, source: string, _options: object): Promise<ExitCode> {
  const { text, from } = await readTextSource(source, "The text", "text", "ERR_TEXT_UNREADABLE");
  const payload = cleaned(text);
  if (payload === "") {
    throw new DurableError("ERR_TEXT_UNREADABLE", `${from} is empty; give a payload, @file, or - for standard input.`);
  }
  const read = readAnyPayload(payload);
  const isText = !read.isPacked && read.value === payload;
  if (read.unreadable !== undefined || isText) {
    const reason = read.unreadable ?? "it is neither JSON nor a packed payload, which begins with ~";
    throw new DurableError("ERR_PAYLOAD_UNREADABLE", `${from} cannot be read: ${reason}`);
  }
  if (output.json) output.printJson({ type: "payload", value: read.value, packed: read.isPacked, bytes: read.bytes });
  else output.print(read.isPacked ? wholeText(read) : inspectPlain(read.value));
  return ExitCode.OK;
}

function inspectPlain(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, undefined, 2) ?? inspect(value));
}

function cleaned(text: string): string {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  const joined = trimmed.replaceAll(/\s+/g, "");
  const packed = PACKED.exec(joined)?.[0];
  // If JSON contains a packed payload, but does not begin with it, the whole JSON is the payload.
  if (packed !== undefined && (joined.startsWith("~") || /^\\?["']~/.test(joined))) return packed;
  if (packed !== undefined && !isJson(trimmed)) return packed;
  return unquoted(trimmed);
}

/** A history shows a JSON payload as a JSON string. */
function unquoted(text: string): string {
  if (!isJson(text)) return text;
  const value: unknown = JSON.parse(text);
  return typeof value === "string" && isJson(value) ? value : text;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
