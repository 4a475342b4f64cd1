/**
 * `import.meta.url`, or the same in CommonJS: `pathToFileURL(__filename)`, with any kind of import, as URL or as text.
 */
const IMPORT_META = String.raw`import\.meta\.url`;
const PATH_TO_FILE_URL = String.raw`(?:require\(\s*["'](?:node:)?url["']\s*\)\.|[\w$]+\.|\(0,\s*[\w$]+\.)?pathToFileURL\)?`;
const BASE = String.raw`(?<base>${IMPORT_META}|${PATH_TO_FILE_URL}\(\s*__filename\s*\)(?:\.href|\.toString\(\))?)`;

/** `new URL("./score.ts", import.meta.url)`, with any quotes and white space. */
const MODULE_URL = String.raw`\bnew\s+URL\(\s*(?<quote>["'\x60])(?<path>\.{1,2}\/[^"'\x60$]+\.[cm]?[jt]s)\k<quote>\s*,\s*${BASE}\s*,?\s*\)`;

/** The specifiers of this package's sub-path, under its own name and under the official one. */
const USES_WORKERS = /["'](?:durable-fanout|@aws\/durable-execution-sdk-js)\/workers["']/;

/** Whether a source may name modules for worker threads. */
export function usesWorkers(source: string): boolean {
  return USES_WORKERS.test(source) && /import\.meta\.url|\b__filename\b/.test(source);
}

/** The URL of a module in a source. */
export interface ModuleUrl {
  /** The path, relative to the source. */
  readonly path: string;
  /** Whether the URL is made from `__filename`. */
  readonly isCommonJs: boolean;
}

/**
 * Rewrites the URLs of modules in a source.
 * @param replace gives the replacement of a URL; undefined keeps the URL
 */
export function rewriteModuleUrls(source: string, replace: (url: ModuleUrl) => string | undefined): string {
  return source.replaceAll(new RegExp(MODULE_URL, "g"), (whole, ...rest) => replace(moduleUrl(rest.at(-1))) ?? whole);
}

/**
 * The URLs that are given to `workers`, directly or in a variable of the same source.
 * @param code JavaScript without comments
 */
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
