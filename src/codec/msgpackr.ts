type Msgpackr = typeof import("msgpackr/index-no-eval");

/**
 * Loads msgpackr, when something is packed or unpacked for the first time. It is the build without `new Function`:
 * recorded bytes must never become code. And it is a module of its own, so that the extensions a handler may add to its
 * msgpackr change nothing here; it needs no native addon. The build of this package replaces this file
 * (`.tsdown.config.ts`): what is published contains msgpackr.
 */
export function loadMsgpackr(): Msgpackr {
  return process.getBuiltinModule("node:module").createRequire(import.meta.url)("msgpackr/index-no-eval");
}
