import { existsSync } from "node:fs";
import { DurableError } from "../core/errors.ts";

/** The path of the thread file, relative to the bundle. The esbuild plugin defines this name. */
declare const DURABLE_FANOUT_THREAD_FILE: string | undefined;

/** The file that each thread of a pool runs. @throws DurableError `ERR_WORKER_BUNDLE` if the file is missing */
export function threadFile(): URL {
  // `import.meta.url` is undefined in CommonJS from a bundler.
  const here = import.meta.url as string | undefined;
  const file = here === undefined ? undefined : new URL(relativeFile(here), here);
  if (file !== undefined && existsSync(file)) return file;
  throw new DurableError(
    "ERR_WORKER_BUNDLE",
    `The file that worker threads run is missing${file === undefined ? "" : `: ${file.href}`}. ${bundlingAdvice()}`,
  );
}

export function bundlingAdvice(): string {
  if (typeof DURABLE_FANOUT_THREAD_FILE === "string") {
    const [folder] = /[^/]+(?=\/[^/]+$)/.exec(DURABLE_FANOUT_THREAD_FILE) ?? [];
    return `Deploy the folder ${folder}, which the build has put beside the bundle, together with it.`;
  }
  return (
    "Bundle with esbuild and plugins: [durableFanout()] from durable-fanout/esbuild, which puts what threads run beside the " +
    "bundle; or keep durable-fanout out of the bundle."
  );
}

/** Example code for error messages: the URL of a module. It is CommonJS if this package was loaded as CommonJS. */
export function exampleUrl(): string {
  const here = import.meta.url as string | undefined;
  return here === undefined || relativeFile(here).endsWith(".cjs")
    ? 'new URL("./score.js", require("node:url").pathToFileURL(__filename))'
    : 'new URL("./score.ts", import.meta.url)';
}

function relativeFile(here: string): string {
  if (typeof DURABLE_FANOUT_THREAD_FILE === "string") return DURABLE_FANOUT_THREAD_FILE;
  if (here.endsWith(".ts")) return "../../workers/thread.ts";
  return `./thread.${here.endsWith(".cjs") ? "cjs" : "mjs"}`;
}
