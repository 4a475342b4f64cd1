import { environment } from "../core/environment.ts";
import { messageOf } from "../core/errors.ts";
import {
  DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION,
  type DurableInstrumentationPlugin,
  type DurableInstrumentationPluginProvider,
} from "./plugin.ts";

const VARIABLE = "DURABLE_EXECUTION_PLUGINS";
const EXPORT = "durableExecutionPluginProvider";

/**
 * `DURABLE_EXECUTION_PLUGINS` is malformed, or names a module that cannot be used. Then each execution ends as FAILED,
 * because a handler loads its plugins only once. The messages are like those of the official SDK 2.4.0.
 */
export class PluginLoadError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(`Dynamic plugin configuration failed: ${message}`, options);
    this.name = "PluginLoadError";
  }
}

export function namesPlugins(): boolean {
  return (environment()[VARIABLE] ?? "").trim() !== "";
}

/** Makes the plugins of the modules in `DURABLE_EXECUTION_PLUGINS`, in the same order. May throw `PluginLoadError`. */
export async function loadPlugins(): Promise<readonly DurableInstrumentationPlugin[]> {
  const specifiers = readSpecifiers(environment()[VARIABLE] ?? "");
  const root = environment().LAMBDA_TASK_ROOT || process.cwd();
  const plugins: DurableInstrumentationPlugin[] = [];
  for (const specifier of specifiers) {
    const provider = checkProvider(specifier, findProvider(specifier, await importModule(specifier, root)));
    plugins.push(createPlugin(specifier, provider));
  }
  return plugins;
}

function readSpecifiers(text: string): string[] {
  const specifiers = text.split(",").map((specifier) => specifier.trim());
  if (specifiers.includes("")) {
    throw new PluginLoadError(`${VARIABLE} must contain non-empty, comma-separated package or module specifiers.`);
  }
  const twice = specifiers.find((specifier, index) => specifiers.indexOf(specifier) !== index);
  if (twice !== undefined) throw new PluginLoadError(`${VARIABLE} contains duplicate module specifier '${twice}'.`);
  return specifiers;
}

/**
 * Searches the module from the location of this package. If the module is not found, searches it from `root`, the
 * folder of the function's own code.
 */
async function importModule(specifier: string, root: string): Promise<unknown> {
  try {
    try {
      return await import(/* webpackIgnore: true */ specifier);
    } catch (error) {
      if (!isMissing(error, specifier)) throw error;
      return await import(/* webpackIgnore: true */ resolveFrom(root, specifier));
    }
  } catch (cause) {
    throw new PluginLoadError(`Failed to load plugin module '${specifier}': ${messageOf(cause)}`, { cause });
  }
}

/** Whether this module or its package was not found. False if only a module that it imports was not found. */
function isMissing(error: unknown, specifier: string): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") return false;
  const [packageName = specifier] = /^(@[^/]+\/)?[^/]+/.exec(specifier) ?? [];
  const message = messageOf(error);
  return message.includes(`'${specifier}'`) || message.includes(`'${packageName}'`);
}

function resolveFrom(root: string, specifier: string): string {
  try {
    const { createRequire } = process.getBuiltinModule("node:module");
    const packageFile = process.getBuiltinModule("node:path").join(root, "package.json");
    return process.getBuiltinModule("node:url").pathToFileURL(createRequire(packageFile).resolve(specifier)).href;
  } catch (cause) {
    throw new Error(
      `Unable to resolve '${specifier}' from the application or configured Node.js module paths. Ensure the package is ` +
        "installed in the function artifact or an attached Lambda layer under 'nodejs/node_modules'.",
      { cause },
    );
  }
}

function findProvider(specifier: string, module: unknown): unknown {
  const named = (module as Record<string, unknown>)[EXPORT];
  const { default: whole } = module as { default?: Record<string, unknown> };
  const inDefault = typeof whole === "object" && whole !== null ? whole[EXPORT] : undefined;
  if (named !== undefined && inDefault !== undefined && named !== inDefault) {
    throw new PluginLoadError(`Plugin module '${specifier}' exposes multiple different '${EXPORT}' values.`);
  }
  const provider = named !== undefined ? named : inDefault;
  if (provider === undefined) throw new PluginLoadError(`Plugin module '${specifier}' must export '${EXPORT}'.`);
  return provider;
}

function checkProvider(specifier: string, provider: unknown): DurableInstrumentationPluginProvider {
  if (typeof provider !== "object" || provider === null) {
    throw new PluginLoadError(`Plugin module '${specifier}' exports an invalid provider; expected an object.`);
  }
  const { pluginApiVersion, pluginType, createPlugin } = provider as Partial<DurableInstrumentationPluginProvider>;
  if (pluginApiVersion !== DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION) {
    throw new PluginLoadError(
      `Plugin provider '${specifier}' declares plugin API version '${String(pluginApiVersion)}', but durable-fanout ` +
        `supports version ${DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION}. Install compatible SDK and plugin package versions.`,
    );
  }
  if (!isClass(pluginType)) {
    throw new PluginLoadError(`Plugin provider '${specifier}' must declare a constructable 'pluginType'.`);
  }
  if (typeof createPlugin !== "function") {
    throw new PluginLoadError(`Plugin provider '${specifier}' must define a 'createPlugin' factory function.`);
  }
  return provider as DurableInstrumentationPluginProvider;
}

/** Whether `new` accepts the value. No code of the value runs. */
function isClass(value: unknown): boolean {
  if (typeof value !== "function") return false;
  try {
    Reflect.construct(Object, [], value);
    return true;
  } catch {
    return false;
  }
}

function createPlugin(specifier: string, provider: DurableInstrumentationPluginProvider): DurableInstrumentationPlugin {
  let plugin: unknown;
  try {
    plugin = provider.createPlugin();
  } catch (cause) {
    throw new PluginLoadError(`Plugin provider '${specifier}' failed to create its plugin: ${messageOf(cause)}`, {
      cause,
    });
  }
  if (plugin instanceof provider.pluginType) return plugin;
  throw new PluginLoadError(
    `Plugin provider '${specifier}' declared plugin type '${provider.pluginType.name}' but created '${kindOf(plugin)}'.`,
  );
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return (value as object).constructor?.name ?? typeof value;
}
