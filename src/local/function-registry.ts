import { DurableError } from "../core/errors.ts";
import type { LocalHandler } from "./local-execution.ts";

/**
 * A function that is not durable. It gets the parsed payload (`{}` without a payload) and the Lambda context. It
 * returns a result or a promise, or calls the callback with an error or a result. A function with three parameters that
 * returns undefined must call the callback. The result becomes JSON; undefined becomes `null`.
 */
// biome-ignore lint/suspicious/noExplicitAny: the user's function has its own types.
export type LocalFunction = (event: any, context: any, callback: any) => unknown;

export type RegisteredFunction =
  | { readonly kind: "durable"; readonly name: string; readonly handler: LocalHandler }
  | { readonly kind: "plain"; readonly name: string; readonly run: LocalFunction };

export class FunctionRegistry {
  readonly #functions = new Map<string, RegisteredFunction>();

  add(added: RegisteredFunction): void {
    this.#functions.set(added.name, added);
  }

  find(target: string): RegisteredFunction | undefined {
    return this.#functions.get(target) ?? this.#functions.get(nameOf(target));
  }

  /** Unlike `find`, accepts only the name. */
  handlerOf(name: string): LocalHandler {
    const found = this.#functions.get(name);
    if (found?.kind === "durable") return found.handler;
    if (found === undefined) throw this.unknown(name);
    const message = `"${name}" is registered as a plain function; an execution needs a durable one: use register().`;
    throw new DurableError("ERR_FUNCTION_NOT_DURABLE", message);
  }

  get names(): string {
    return [...this.#functions.keys()].join(", ") || "none";
  }

  unknown(name: string): DurableError {
    return new DurableError("ERR_FUNCTION_UNKNOWN", `No function "${name}" is registered (known: ${this.names}).`);
  }
}

/** Finds the name in `arn:…:function:name:version`, `account:function:name`, `name:version` or `name`. */
function nameOf(target: string): string {
  const parts = target.split(":");
  return parts[parts.indexOf("function") + 1] ?? target;
}
