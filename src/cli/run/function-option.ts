import { DurableError } from "../../core/errors.ts";
import type { LocalEngine } from "../../local/engine.ts";
import type { LocalFunction } from "../../local/function-registry.ts";
import { type HandlerModule, loadHandlerModule, wrappedHandler } from "./handler-module.ts";

/** A function that the handler may invoke, as given on the command line. */
export interface FunctionOption {
  readonly name: string;
  readonly file: string;
  readonly exportName: string | undefined;
  readonly kind: "durable" | "plain";
}

/** The options of a command whose handler may invoke functions. */
export interface FunctionOptions {
  function?: FunctionOption[];
  plainFunction?: FunctionOption[];
}

export function givenFunctions(options: FunctionOptions): FunctionOption[] {
  return [...(options.function ?? []), ...(options.plainFunction ?? [])];
}

/** Reads `name=file` or `name=file#export`. Returns undefined for any other text. */
export function parseFunctionOption(text: string, kind: FunctionOption["kind"]): FunctionOption | undefined {
  const [, name, file, exportName] = /^([^=]+)=(.+?)(?:#([^#]+))?$/.exec(text) ?? [];
  return name === undefined || file === undefined ? undefined : { name, file, exportName, kind };
}

/** All `given` functions, and the functions with other names that the journal keeps (`kept`). */
export function mergeFunctions(
  given: readonly FunctionOption[],
  kept: readonly FunctionOption[],
): readonly FunctionOption[] {
  const named = new Set(given.map(({ name }) => name));
  return [...given, ...kept.filter(({ name }) => !named.has(name))];
}

/** The results have absolute paths and the names of the found exports. @throws the errors of `loadHandlerModule` */
export async function loadFunctions(functions: readonly FunctionOption[]): Promise<LoadedFunction[]> {
  const loaded: LoadedFunction[] = [];
  for (const option of functions) {
    const module = await loadHandlerModule(option.file, option.exportName);
    const { file, exportName } = module;
    loaded.push({ ...option, file, exportName, register: (engine) => register(engine, option, module) });
  }
  return loaded;
}

export interface LoadedFunction extends FunctionOption {
  readonly register: (engine: LocalEngine) => void;
}

function register(engine: LocalEngine, { name, kind }: FunctionOption, module: HandlerModule): void {
  if (kind === "plain") engine.registerFunction(name, module.handler as LocalFunction);
  else engine.register(name, wrappedHandler(module));
}

/** Adds to the error `ERR_FUNCTION_UNKNOWN` how to name functions on the command line. */
export function withFunctionHint<T>(begin: () => T): T {
  try {
    return begin();
  } catch (error) {
    if (!(error instanceof DurableError) || error.code !== "ERR_FUNCTION_UNKNOWN") throw error;
    const hint =
      "On the command line: --function <name>=<file>#<export>, or --plain-function for a function that is not durable.";
    throw new DurableError(error.code, `${error.message} ${hint}`, { cause: error });
  }
}
