/** `new URL("./score.ts", import.meta.url)`, with any quotes and white space. */
const MODULE_URL = /\bnew\s+URL\(\s*(["'`])(\.{1,2}\/[^"'`$]+\.[cm]?[jt]s)\1\s*,\s*import\.meta\.url\s*,?\s*\)/g;

/** The specifiers of this package's sub-path, under its own name and under the official one. */
const USES_WORKERS = /["'](?:durable-fanout|@aws\/durable-execution-sdk-js)\/workers["']/;

/** Whether a source may name modules for worker threads. */
export function usesWorkers(source: string): boolean {
  return USES_WORKERS.test(source) && source.includes("import.meta.url");
}

/**
 * Rewrites the URLs of modules in a source.
 * @param place gives what stands for a URL that names such a relative path; undefined leaves it
 */
export function rewriteModuleUrls(source: string, place: (path: string) => string | undefined): string {
  return source.replaceAll(MODULE_URL, (whole, _quote: string, path: string) => place(path) ?? whole);
}
