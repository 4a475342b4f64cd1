import { DurableError } from "../core/errors.ts";
import { readTextSource } from "./text-source.ts";

/** Returns the JSON as it was written, but trimmed, because the engine compares the inputs of executions as text. */
export async function readEvent(source: string): Promise<string> {
  const { text, from } = await readTextSource(source, "--event", "event", "ERR_EVENT_UNREADABLE");
  // Editors on Windows may write a byte order mark, which `JSON.parse` refuses.
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

/** The position of a mistake in JSON text, counted from 1. Some errors of `JSON.parse` have no position. */
interface JsonMistake {
  line: number;
  column: number;
  /** The character at this position. Undefined if the text ends too early. */
  found: string | undefined;
}

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON allows no control character inside a string.
const STRING_BODY = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;

/** Finds the first mistake in a text that `JSON.parse` has refused. */
function findJsonMistake(text: string): JsonMistake {
  const at = new JsonScanner(text).firstMistake();
  const before = text.slice(0, at).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, found: text[at] };
}

class JsonScanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  firstMistake(): number {
    if (this.#value()) this.#skip(SPACE);
    return this.#at;
  }

  /** Moves past one value and returns true. If there is no valid value, moves to the mistake and returns false. */
  #value(): boolean {
    this.#skip(SPACE);
    if (this.#take("{")) return this.#list("}", () => this.#string() && this.#expect(":") && this.#value());
    if (this.#take("[")) return this.#list("]", () => this.#value());
    if (this.#text[this.#at] === '"') return this.#string();
    return this.#skip(LITERAL) || this.#skip(NUMBER);
  }

  #list(end: string, member: () => boolean): boolean {
    if (this.#expect(end)) return true;
    do {
      if (!member()) return false;
    } while (this.#expect(","));
    return this.#expect(end);
  }

  #string(): boolean {
    this.#skip(SPACE);
    return this.#skip(STRING_BODY) && this.#take('"');
  }

  #expect(character: string): boolean {
    this.#skip(SPACE);
    return this.#take(character);
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return false;
    this.#at = pattern.lastIndex;
    return found[0] !== "";
  }
}
