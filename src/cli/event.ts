import { DurableError } from "../core/errors.ts";
import { findJsonMistake } from "./json-mistake.ts";
import { readTextSource } from "./text-source.ts";

/**
 * Reads the execution's input: JSON, `@file`, or `-` for standard input. The text is returned as it was given, without
 * the white space around it, since the engine compares inputs of one name by their text.
 * @throws DurableError `ERR_EVENT_UNREADABLE`, or `ERR_EVENT_INVALID` with the line and column of the mistake.
 */
export async function readEvent(source: string): Promise<string> {
  const { text, from } = await readTextSource(source, "--event", "event", "ERR_EVENT_UNREADABLE");
  // A byte order mark is no JSON, but editors on Windows write one.
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  if (trimmed === "") throw new DurableError("ERR_EVENT_INVALID", `${from} is empty; give JSON, for example '{}'.`);
  try {
    JSON.parse(trimmed);
  } catch (error) {
    const advice = /^(?:@|-$)/.test(source) ? "" : " Quote it for the shell, or use --event @file.json.";
    const message = `${from} is not JSON: ${describeMistake(trimmed)}.${advice}`;
    throw new DurableError("ERR_EVENT_INVALID", message, { cause: error });
  }
  return trimmed;
}

function describeMistake(json: string): string {
  const { line, column, found } = findJsonMistake(json);
  const what = found === undefined ? "it ends too early" : `unexpected ${JSON.stringify(found)}`;
  return `${what} at line ${line}, column ${column}`;
}
