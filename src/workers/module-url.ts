import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { DurableError } from "../core/errors.ts";
import { bundlingAdvice, exampleUrl } from "./thread-file.ts";

/** For each extension of a TypeScript file: the extensions that the compiled file may have. */
const BUILT: Readonly<Record<string, readonly string[]>> = {
  ".ts": [".js", ".mjs", ".cjs"],
  ".mts": [".mjs"],
  ".cts": [".cjs"],
};

/**
 * Returns the URL of the file to load. If Node cannot load a given TypeScript file, or the file is missing, this is the
 * compiled JavaScript file of the same name in the same folder. So the URL in the source also works in the build.
 * @throws DurableError `ERR_WORKER_MODULE_MISSING` or `ERR_WORKER_MODULE_URL`
 */
export function findModule(given: URL | string): string {
  const url = parseUrl(given);
  const path = fileURLToPath(url);
  const [extension = ""] = /\.[cm]?ts$/.exec(path) ?? [];
  const exists = existsSync(path);
  if (exists && (extension === "" || process.features.typescript)) return url.href;
  const stem = path.slice(0, path.length - extension.length);
  const built = (BUILT[extension] ?? []).map((ending) => stem + ending).find(existsSync);
  if (built !== undefined) return pathToFileURL(built).href;
  const why = exists
    ? `This Node (${process.version}) cannot load ${url.href}: TypeScript needs Node 22.18 or later. Build it first.`
    : `There is no file ${url.href} for worker threads. Give its URL as in ${exampleUrl()}; ` +
      `in a bundle it must be a file of its own. ${bundlingAdvice()}`;
  throw new DurableError("ERR_WORKER_MODULE_MISSING", why);
}

function parseUrl(given: URL | string): URL {
  try {
    const url = new URL(given);
    if (url.protocol === "file:") return url;
  } catch {
    // The text is no URL. The error below says so.
  }
  throw new DurableError(
    "ERR_WORKER_MODULE_URL",
    `The module for worker threads is ${String(given)}; it must be the URL of a file, as in ${exampleUrl()}.`,
  );
}
