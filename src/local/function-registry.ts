import { DurableError } from "../core/errors.ts";
import type { LocalHandler } from "./local-execution.ts";

/**
 * A function that is not durable. It gets its event and the Lambda context, and answers with its return value or, with
 * three parameters, by a Node callback. The answer becomes JSON.
 */
// biome-ignore lint/suspicious/noExplicitAny: the types belong to whoever wrote the function.
export type LocalFunction = (event: any, context: any, callback: any) => unknown;

export type RegisteredFunction =
  | { readonly kind: "durable"; readonly name: string; readonly handler: LocalHandler }
  | { readonly kind: "plain"; readonly name: string; readonly run: LocalFunction };

/** The functions that an engine knows, by their names. */
export class FunctionRegistry {
  readonly #functions = new Map<string, RegisteredFunction>();

  /** Replaces a function of the same name. */
  add(added: RegisteredFunction): void {
    this.#functions.set(added.name, added);
  }

  /** The function for a chained invoke: by its name, `name:version`, or an ARN. */
  find(target: string): RegisteredFunction | undefined {
    return this.#functions.get(target) ?? this.#functions.get(nameOf(target));
  }

  /** @throws DurableError `ERR_FUNCTION_UNKNOWN`, or `ERR_FUNCTION_NOT_DURABLE` */
  handlerOf(name: string): LocalHandler {
    const found = this.#functions.get(name);
    if (found?.kind === "durable") return found.handler;
    if (found === undefined) throw this.unknown(name);
    const message = `"${name}" is registered as a plain function; an execution needs a durable one: use register().`;
    throw new DurableError("ERR_FUNCTION_NOT_DURABLE", message);
  }

  /** All names, for messages. */
  get names(): string {
    return [...this.#functions.keys()].join(", ") || "none";
  }

  unknown(name: string): DurableError {
    return new DurableError("ERR_FUNCTION_UNKNOWN", `No function "${name}" is registered (known: ${this.names}).`);
  }
}

/** `arn:aws:lambda:region:account:function:name:version`, `account:function:name`, `name:version` or `name`. */
function nameOf(target: string): string {
  const parts = target.split(":");
  return parts[parts.indexOf("function") + 1] ?? target;
}
