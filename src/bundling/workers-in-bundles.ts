import { basename } from "node:path";

/** What bundlers find in this package for its worker functions; see `.tsdown.config.ts`. */
const IN_BUNDLES = "workers-in-bundles.mjs";
const REAL = "./workers.mjs";

/** The content that stands for the real worker functions, if a path is that of the file which refuses them. */
export function realWorkers(path: string): string | undefined {
  return basename(path) === IN_BUNDLES ? `export * from ${JSON.stringify(REAL)};` : undefined;
}
