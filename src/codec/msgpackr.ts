type Msgpackr = typeof import("msgpackr/index-no-eval");

/**
 * Loads the build of msgpackr without `new Function`, because recorded bytes must never become code. When this package
 * is built, `.tsdown.config.ts` replaces this file, so that the published package contains msgpackr.
 */
export function loadMsgpackr(): Msgpackr {
  return process.getBuiltinModule("node:module").createRequire(import.meta.url)("msgpackr/index-no-eval");
}
