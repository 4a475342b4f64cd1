import { DurableError } from "../core/errors.ts";
import type { LocalHandler } from "./local-execution.ts";

/**
 * A function that is not durable. It gets its event and the Lambda context. It returns its result, or, with three
 * parameters, calls a Node callback with the result. The result becomes JSON.
 */
// biome-ignore lint/suspicious/noExplicitAny: the user's function has its own types.
export type LocalFunction = (event: any, context: any, callback: any) => unknown;

export type RegisteredFunction =
  | { readonly kind: "durable"; readonly name: string; readonly handler: LocalHandler }
  | { readonly kind: "plain"; readonly name: string; readonly run: LocalFunction };

/** The functions that are registered with an engine, by their names. */
export class FunctionRegistry {
  readonly #functions = new Map<string, RegisteredFunction>();

  /** Adds a function. A function with the same name is replaced. */
  add(added: RegisteredFunction): void {
    this.#functions.set(added.name, added);
  }

  /** Finds a function by its name, `name:version` or an ARN. */
  find(target: string): RegisteredFunction | undefined {
    return this.#functions.get(target) ?? this.#functions.get(nameOf(target));
  }

  /**
   * Finds the durable handler with this name.
   * @throws DurableError `ERR_FUNCTION_UNKNOWN`, or `ERR_FUNCTION_NOT_DURABLE`
   */
  handlerOf(name: string): LocalHandler {
    const found = this.#functions.get(name);
    if (found?.kind === "durable") return found.handler;
    if (found === undefined) throw this.unknown(name);
    const message = `"${name}" is registered as a plain function; an execution needs a durable one: use register().`;
    throw new DurableError("ERR_FUNCTION_NOT_DURABLE", message);
  }

  /** All names in one text, for error messages. */
  get names(): string {
    return [...this.#functions.keys()].join(", ") || "none";
  }

  unknown(name: string): DurableError {
    return new DurableError("ERR_FUNCTION_UNKNOWN", `No function "${name}" is registered (known: ${this.names}).`);
  }
}

/**
 * The name in `arn:aws:lambda:region:account:function:name:version`, `account:function:name`, `name:version` or `name`.
 */
function nameOf(target: string): string {
  const parts = target.split(":");
  return parts[parts.indexOf("function") + 1] ?? target;
}
