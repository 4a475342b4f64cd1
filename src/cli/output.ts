import { isDurableError, messageOf } from "../core/errors.ts";
import { lineStart } from "./line-start.ts";

/** The original function. `quietStandardOutput` may replace `process.stdout.write` later. */
const write = process.stdout.write.bind(process.stdout);

/**
 * Writes the output of a command. Standard output gets results and listings, or with `--json` one JSON document on each
 * line. Standard error gets messages for people.
 */
export class Output {
  readonly json: boolean;
  readonly verbose: boolean;

  constructor(options: { json: boolean; verbose: boolean }) {
    this.json = options.json;
    this.verbose = options.verbose;
  }

  print(text: string): void {
    write(`${text}\n`);
  }

  printJson(document: object): void {
    write(`${JSON.stringify(document, sayable)}\n`);
  }

  say(text: string): void {
    process.stderr.write(`${lineStart()}${text}\n`);
  }

  fail(error: unknown): void {
    const message = messageOf(error);
    const code = codeOf(error);
    if (this.json) this.printJson({ type: "error", error: { code, message } });
    this.say(`error: ${withCode(message, code)}`);
    if (this.verbose) this.#sayStacks(error);
    else if (!isDurableError(error)) this.say("This looks like a mistake of durable-fanout. --verbose shows where.");
  }

  #sayStacks(error: unknown): void {
    for (let next = error; next instanceof Error; next = next.cause) this.say(next.stack ?? String(next));
  }

  /** If the process ended before standard output has taken all text, a pipe could lose the last text. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve) => write("", () => resolve()));
  }
}

export function codeOf(error: unknown): string {
  return isDurableError(error) ? error.code : "ERR_INTERNAL";
}

export function withCode(message: string, code: string): string {
  return `${message} (${code})`;
}

/** The codec `typed` decodes values that `JSON.stringify` refuses (BigInt) or loses (for example a Map). */
function sayable(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map || value instanceof Set) return [...value];
  if (value instanceof RegExp) return String(value);
  if (value instanceof Error) return { type: value.name, message: value.message };
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as Uint8Array) : value;
}
