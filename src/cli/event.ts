import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { DurableError } from "../core/errors.ts";
import { findJsonMistake } from "./json-mistake.ts";

/**
 * Reads the execution's input: JSON, `@file`, or `-` for standard input. The text is returned as it was given, without
 * the white space around it, since the engine compares inputs of one name by their text.
 * @throws DurableError `ERR_EVENT_UNREADABLE`, or `ERR_EVENT_INVALID` with the line and column of the mistake.
 */
export async function readEvent(source: string): Promise<string> {
  let given = source;
  let from = "--event";
  if (source === "-") {
    from = "The event on standard input";
    given = await text(process.stdin);
  } else if (source.startsWith("@")) {
    from = `The event file ${source.slice(1)}`;
    try {
      given = await readFile(source.slice(1), "utf8");
    } catch (error) {
      throw new DurableError("ERR_EVENT_UNREADABLE", `${from} cannot be read: ${reasonOf(error)}.`, { cause: error });
    }
  }
  // A byte order mark is no JSON, but editors on Windows write one.
  const trimmed = given.replace(/^\uFEFF/, "").trim();
  if (trimmed === "") throw new DurableError("ERR_EVENT_INVALID", `${from} is empty; give JSON, for example '{}'.`);
  try {
    JSON.parse(trimmed);
  } catch (error) {
    const message = `${from} is not JSON: ${describeMistake(trimmed)}. Quote it for the shell, or use --event @file.json.`;
    throw new DurableError("ERR_EVENT_INVALID", message, { cause: error });
  }
  return trimmed;
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "permission denied";
  if (code === "EISDIR") return "it is a directory";
  return error instanceof Error ? error.message : String(error);
}

function describeMistake(json: string): string {
  const { line, column, found } = findJsonMistake(json);
  const what = found === undefined ? "it ends too early" : `unexpected ${JSON.stringify(found)}`;
  return `${what} at line ${line}, column ${column}`;
}
