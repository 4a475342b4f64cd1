/** Set by the esbuild plugin to where it has put the threads' file, relative to the bundle. */
declare const DURABLE_FANOUT_THREAD_FILE: string | undefined;

/** The file that each thread of a pool runs: beside the build, or in the folder `workers` of the sources. */
export function threadFile(): URL {
  if (typeof DURABLE_FANOUT_THREAD_FILE === "string") return new URL(DURABLE_FANOUT_THREAD_FILE, import.meta.url);
  if (import.meta.url.endsWith(".ts")) return new URL("../../workers/thread.ts", import.meta.url);
  return new URL(`./thread.${import.meta.url.endsWith(".cjs") ? "cjs" : "mjs"}`, import.meta.url);
}
