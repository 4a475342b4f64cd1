import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { DurableError, messageOf } from "../core/errors.ts";

export interface GivenText {
  readonly text: string;
  /** The beginning of error messages: `--event`, or `The event file order.json`. */
  readonly from: string;
}

/**
 * @param source the text itself, `@file`, or `-` for standard input (the promise then settles at the end of the input)
 * @param noun a word for the text in messages, for example "event"
 * @throws DurableError with `code` if the file cannot be read
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
