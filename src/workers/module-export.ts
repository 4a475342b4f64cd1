import { fileURLToPath } from "node:url";
import { DurableError } from "../core/errors.ts";
import { textOf } from "./errors.ts";

/** The build replaces this name by `require`, which exists only in CommonJS. */
declare const scopeRequire: NodeJS.Require | undefined;

export interface ModuleExport {
  readonly function: (...args: unknown[]) => unknown;
  /** The object that has the function as a member. A call passes this object as `this`. */
  readonly owner: unknown;
}

/** @throws DurableError `ERR_WORKER_IMPORT` or `ERR_WORKER_EXPORT`, with the module's URL */
export async function findExport(module: string, name: string): Promise<ModuleExport> {
  const key = `${module} ${name}`;
  let known = exports.get(key);
  if (known === undefined) {
    known = await look(module, name);
    exports.set(key, known);
  }
  return known;
}

const exports = new Map<string, ModuleExport>();

async function look(module: string, name: string): Promise<ModuleExport> {
  const names = await importModule(module);
  // Node cannot detect all exports of a CommonJS module. Undetected functions are members of the default export.
  const whole = names["default"] as Record<string, unknown> | undefined;
  for (const owner of [names, whole]) {
    const found = owner?.[name];
    if (typeof found === "function") return { function: found as ModuleExport["function"], owner };
  }
  const functions = Object.keys({ ...(typeof whole === "object" ? whole : {}), ...names }).filter(
    (key) => typeof (names[key] ?? whole?.[key]) === "function",
  );
  const others = functions.length === 0 ? "It exports no function" : `It exports ${functions.join(", ")}`;
  const problem = name in names ? `exports "${name}", no function` : `has no export "${name}"`;
  throw new DurableError("ERR_WORKER_EXPORT", `The module for worker threads ${module} ${problem}. ${others}.`);
}

async function importModule(module: string): Promise<Record<string, unknown>> {
  try {
    return (await import(/* webpackIgnore: true */ module)) as Record<string, unknown>;
  } catch (error) {
    if (!isRefusedImport(error)) throw cannotImport(module, error);
    return requireModule(module, error);
  }
}

/** By default, jest allows no `import()`. The `require` of jest applies mocks too, but loads no ES modules. */
function requireModule(module: string, refusal: unknown): Record<string, unknown> {
  let reason = refusal;
  try {
    if (typeof scopeRequire === "function") return scopeRequire(fileURLToPath(module)) as Record<string, unknown>;
  } catch (error) {
    reason = error;
  }
  throw cannotImport(
    module,
    reason,
    " For ES modules, what runs this code needs NODE_OPTIONS=--experimental-vm-modules.",
  );
}

function isRefusedImport(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG";
}

function cannotImport(module: string, cause: unknown, advice = ""): DurableError {
  const message = `The module for worker threads ${module} cannot be imported: ${textOf(cause)}${advice}`;
  return new DurableError("ERR_WORKER_IMPORT", message, { cause });
}
