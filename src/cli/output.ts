import { isDurableError, messageOf } from "../core/errors.ts";
import { lineStart } from "./line-start.ts";

/** The original function. `quietStandardOutput` later replaces `process.stdout.write`, which a handler may call. */
const write = process.stdout.write.bind(process.stdout);

/**
 * Writes the output of a command. `print` and `printJson` write to standard output what the user asked for: the result
 * or the listing, or with `--json` one JSON document on each line. `say` writes all other messages to standard error.
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

  /** Writes the error that ends the command to standard error. With `--json`, also writes it to standard output. */
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

  /** Resolves when standard output has all text. If the process ended earlier, a pipe could lose the last text. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve) => write("", () => resolve()));
  }
}

/** The code of a `DurableError`, or `ERR_INTERNAL` for any other error. docs/troubleshooting.md lists the codes. */
export function codeOf(error: unknown): string {
  return isDurableError(error) ? error.code : "ERR_INTERNAL";
}

export function withCode(message: string, code: string): string {
  return `${message} (${code})`;
}

/** Replaces values that JSON cannot have by JSON values. The codec `typed` decodes such values, for example a Map. */
function sayable(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map || value instanceof Set) return [...value];
  if (value instanceof RegExp) return String(value);
  if (value instanceof Error) return { type: value.name, message: value.message };
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as Uint8Array) : value;
}
