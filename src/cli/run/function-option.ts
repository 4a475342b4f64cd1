import { DurableError } from "../../core/errors.ts";
import type { LocalEngine } from "../../local/engine.ts";
import type { LocalFunction } from "../../local/function-registry.ts";
import { type HandlerModule, loadHandlerModule, wrappedHandler } from "./handler-module.ts";

export interface FunctionOption {
  readonly name: string;
  readonly file: string;
  readonly exportName: string | undefined;
  readonly kind: "durable" | "plain";
}

export interface FunctionOptions {
  function?: FunctionOption[];
  plainFunction?: FunctionOption[];
}

export function givenFunctions(options: FunctionOptions): FunctionOption[] {
  return [...(options.function ?? []), ...(options.plainFunction ?? [])];
}

/** Reads `name=file` or `name=file#export`. Returns undefined for a text of another form. */
export function parseFunctionOption(text: string, kind: FunctionOption["kind"]): FunctionOption | undefined {
  const [, name, file, exportName] = /^([^=]+)=(.+?)(?:#([^#]+))?$/.exec(text) ?? [];
  return name === undefined || file === undefined ? undefined : { name, file, exportName, kind };
}

/** A given function replaces the function of the same name from the journal (`kept`). */
export function mergeFunctions(
  given: readonly FunctionOption[],
  kept: readonly FunctionOption[],
): readonly FunctionOption[] {
  const named = new Set(given.map(({ name }) => name));
  return [...given, ...kept.filter(({ name }) => !named.has(name))];
}

/** The results have absolute paths, because the journal stores them. @throws the errors of `loadHandlerModule` */
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
