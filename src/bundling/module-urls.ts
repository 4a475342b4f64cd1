/**
 * Patterns for the URL of a source in its own code: `import.meta.url`, or in CommonJS `pathToFileURL(__filename)`.
 * `pathToFileURL` may be imported in any way, and its result may be a URL or text.
 */
const IMPORT_META = String.raw`import\.meta\.url`;
const PATH_TO_FILE_URL = String.raw`(?:require\(\s*["'](?:node:)?url["']\s*\)\.|[\w$]+\.|\(0,\s*[\w$]+\.)?pathToFileURL\)?`;
const BASE = String.raw`(?<base>${IMPORT_META}|${PATH_TO_FILE_URL}\(\s*__filename\s*\)(?:\.href|\.toString\(\))?)`;

/** A pattern for `new URL("./score.ts", import.meta.url)`, with any quotes and white space. */
const MODULE_URL = String.raw`\bnew\s+URL\(\s*(?<quote>["'\x60])(?<path>\.{1,2}\/[^"'\x60$]+\.[cm]?[jt]s)\k<quote>\s*,\s*${BASE}\s*,?\s*\)`;

/** Matches an import of the sub-path `workers`. The package may be installed under the name of the official SDK. */
const USES_WORKERS = /["'](?:durable-fanout|@aws\/durable-execution-sdk-js)\/workers["']/;

export function usesWorkers(source: string): boolean {
  return USES_WORKERS.test(source) && /import\.meta\.url|\b__filename\b/.test(source);
}

export interface ModuleUrl {
  /** The path, relative to the source. */
  readonly path: string;
  /** Whether the URL is made from `__filename`. */
  readonly isCommonJs: boolean;
}

export function rewriteModuleUrls(source: string, replace: (url: ModuleUrl) => string | undefined): string {
  return source.replaceAll(new RegExp(MODULE_URL, "g"), (whole, ...rest) => replace(moduleUrl(rest.at(-1))) ?? whole);
}

/** The URLs of modules that a source gives to `workers`, directly or in a variable. `code` must have no comments. */
export function moduleUrlsForWorkers(code: string): ModuleUrl[] {
  const [, alias = "workers"] = /\bworkers\s+as\s+([\w$]+)/.exec(code) ?? [];
  const call = String.raw`(?<![\w$])(?:workers|${escaped(alias)})\)?\(\s*`;
  const variable = String.raw`(?<![\w$])([\w$]+)\s*=\s*`;
  const atOnce = [...code.matchAll(new RegExp(call + MODULE_URL, "g"))];
  const held = [...code.matchAll(new RegExp(variable + MODULE_URL, "g"))].filter(([, name = ""]) =>
    new RegExp(`${call + escaped(name)}(?![\\w$])`).test(code),
  );
  return [...atOnce, ...held].map(({ groups }) => moduleUrl(groups));
}

function moduleUrl({ path = "", base = "" }: { [group: string]: string | undefined } = {}): ModuleUrl {
  return { path, isCommonJs: base.includes("__filename") };
}

function escaped(name: string): string {
  return name.replaceAll("$", String.raw`\$`);
}
