import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION,
  type DurableInstrumentationPlugin,
  type DurableInstrumentationPluginProvider,
} from "./plugin.ts";

const VARIABLE = "DURABLE_EXECUTION_PLUGINS";
const EXPORT = "durableExecutionPluginProvider";

/** A module named in `DURABLE_EXECUTION_PLUGINS` cannot be used. Every invocation fails until it can. */
export class PluginLoadError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(`Dynamic plugin configuration failed: ${message}`, options);
    this.name = "PluginLoadError";
  }
}

/** Whether the environment names plugin modules. */
export function namesPlugins(environment: NodeJS.ProcessEnv = process.env): boolean {
  return (environment[VARIABLE] ?? "").trim() !== "";
}

/**
 * Makes the plugins of the modules that the environment names, in its order.
 * @throws PluginLoadError
 */
export async function loadPlugins(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<readonly DurableInstrumentationPlugin[]> {
  const specifiers = readSpecifiers(environment[VARIABLE] ?? "");
  const plugins: DurableInstrumentationPlugin[] = [];
  for (const specifier of specifiers) {
    const provider = findProvider(specifier, await importModule(specifier, environment));
    plugins.push(createPlugin(specifier, provider));
  }
  return plugins;
}

function readSpecifiers(text: string): string[] {
  const specifiers = text.split(",").map((specifier) => specifier.trim());
  if (specifiers.includes("")) throw new PluginLoadError(`${VARIABLE} contains an empty module specifier`);
  const twice = specifiers.find((specifier, index) => specifiers.indexOf(specifier) !== index);
  if (twice !== undefined) throw new PluginLoadError(`${VARIABLE} contains duplicate module specifier "${twice}"`);
  return specifiers;
}

/** From where this package is, or else from where the function's own code is. */
async function importModule(specifier: string, environment: NodeJS.ProcessEnv): Promise<unknown> {
  try {
    return await import(specifier);
  } catch (first) {
    try {
      const root = environment["LAMBDA_TASK_ROOT"] || process.cwd();
      const resolved = createRequire(join(root, "package.json")).resolve(specifier);
      return await import(pathToFileURL(resolved).href);
    } catch (second) {
      const cause = isNotFound(first) ? second : first;
      throw new PluginLoadError(`failed to import plugin module "${specifier}": ${messageOf(cause)}`, { cause });
    }
  }
}

function isNotFound(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND" || code === "ERR_UNSUPPORTED_DIR_IMPORT";
}

function findProvider(specifier: string, module: unknown): DurableInstrumentationPluginProvider {
  const named = (module as Record<string, unknown>)[EXPORT];
  const { default: whole } = module as { default?: Record<string, unknown> };
  const inDefault = typeof whole === "object" && whole !== null ? whole[EXPORT] : undefined;
  if (named !== undefined && inDefault !== undefined && named !== inDefault) {
    throw new PluginLoadError(`plugin module "${specifier}" exports two different values named "${EXPORT}"`);
  }
  const provider = named ?? inDefault;
  if (typeof provider !== "object" || provider === null) {
    throw new PluginLoadError(`plugin module "${specifier}" must export an object named "${EXPORT}"`);
  }
  const { pluginApiVersion, pluginType, createPlugin } = provider as Partial<DurableInstrumentationPluginProvider>;
  if (pluginApiVersion !== DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION) {
    throw new PluginLoadError(
      `plugin module "${specifier}" uses unsupported plugin API version ${String(pluginApiVersion)}; ` +
        `expected ${DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION}`,
    );
  }
  if (typeof pluginType !== "function") {
    throw new PluginLoadError(`the provider of plugin module "${specifier}" must have a class as its pluginType`);
  }
  if (typeof createPlugin !== "function") {
    throw new PluginLoadError(`the provider of plugin module "${specifier}" must have a createPlugin function`);
  }
  return provider as DurableInstrumentationPluginProvider;
}

function createPlugin(specifier: string, provider: DurableInstrumentationPluginProvider): DurableInstrumentationPlugin {
  let plugin: unknown;
  try {
    plugin = provider.createPlugin();
  } catch (cause) {
    throw new PluginLoadError(`plugin module "${specifier}" failed to create its plugin: ${messageOf(cause)}`, {
      cause,
    });
  }
  if (plugin instanceof provider.pluginType) return plugin;
  throw new PluginLoadError(`plugin module "${specifier}" created something that is not of its pluginType`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
