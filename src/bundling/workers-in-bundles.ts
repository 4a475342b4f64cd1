import { basename } from "node:path";

/** What bundlers find in this package for its worker functions; see `.tsdown.config.ts`. */
const IN_BUNDLES = /^workers-in-bundles(\.[cm]js)$/;

/** The content that stands for the real worker functions, if a path is that of the file which refuses them. */
export function realWorkers(path: string): string | undefined {
  const [, extension] = IN_BUNDLES.exec(basename(path)) ?? [];
  if (extension === undefined) return undefined;
  const file = JSON.stringify(`./workers${extension}`);
  return extension === ".mjs" ? `export * from ${file};` : `module.exports = require(${file});`;
}
