import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { DurableError, messageOf } from "../core/errors.ts";

/** A text that the user gives on the command line. */
export interface GivenText {
  readonly text: string;
  /** Where the text comes from, for error messages. */
  readonly from: string;
}

/**
 * Reads the text of an option. Its value is the text itself, `@file`, or `-` for standard input.
 * @param source the value of the option
 * @param option the name of the option, for example `--event`
 * @param noun a word for the text in messages, for example "event"
 * @param code the code of the error if the file cannot be read
 * @throws DurableError with `code`
 */
export async function readTextSource(source: string, option: string, noun: string, code: string): Promise<GivenText> {
  if (source === "-") return { text: await text(process.stdin), from: `The ${noun} on standard input` };
  if (!source.startsWith("@")) return { text: source, from: option };
  const from = `The ${noun} file ${source.slice(1)}`;
  try {
    return { text: await readFile(source.slice(1), "utf8"), from };
  } catch (error) {
    throw new DurableError(code, `${from} cannot be read: ${reasonOf(error)}.`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "permission denied";
  if (code === "EISDIR") return "it is a directory";
  return messageOf(error);
}
