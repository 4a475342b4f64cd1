import { isDurableError, messageOf } from "../core/errors.ts";
import { lineStart } from "./line-start.ts";

/** Taken before a handler is loaded, whose own output goes elsewhere from then on. */
const write = process.stdout.write.bind(process.stdout);

/**
 * Where words go. Standard output has what was asked for and nothing else: the result or the listing, or with `--json`
 * one JSON document a line. Everything said along the way goes to standard error.
 */
export class Output {
  readonly json: boolean;
  readonly verbose: boolean;

  constructor(options: { json: boolean; verbose: boolean }) {
    this.json = options.json;
    this.verbose = options.verbose;
  }

  /** What was asked for, as text. */
  print(text: string): void {
    write(`${text}\n`);
  }

  /** What was asked for, with `--json`. */
  printJson(document: object): void {
    write(`${JSON.stringify(document, sayable)}\n`);
  }

  /** Said along the way, on a line of its own. */
  say(text: string): void {
    process.stderr.write(`${lineStart()}${text}\n`);
  }

  /** The error that ends the command, for people and with `--json` for programs as well. */
  fail(error: unknown): void {
    const message = messageOf(error);
    const code = isDurableError(error) ? error.code : "ERR_INTERNAL";
    if (this.json) this.printJson({ type: "error", error: { code, message } });
    this.say(`error: ${message}`);
    if (this.verbose) this.#sayStacks(error);
    else if (!isDurableError(error)) this.say("This looks like a mistake of durable-fanout. --verbose shows where.");
  }

  #sayStacks(error: unknown): void {
    for (let next = error; next instanceof Error; next = next.cause) this.say(next.stack ?? String(next));
  }

  /** Settles when standard output has taken everything: leaving earlier would cut off a pipe. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve) => write("", () => resolve()));
  }
}

/** Results that the `typed` codec kept may hold what JSON cannot say. */
function sayable(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map || value instanceof Set) return [...value];
  if (value instanceof RegExp) return String(value);
  if (value instanceof Error) return { type: value.name, message: value.message };
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as Uint8Array) : value;
}
