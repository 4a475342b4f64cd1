type Msgpackr = typeof import("msgpackr/index-no-eval");

/**
 * Loads msgpackr when something is packed or unpacked for the first time. This build of msgpackr has no `new Function`,
 * because recorded bytes must never become code. This build is a module of its own, so that extensions that a handler
 * adds to its own msgpackr change nothing here. No native addon is needed. The build of this package replaces this file
 * (`.tsdown.config.ts`): the published package contains msgpackr.
 */
export function loadMsgpackr(): Msgpackr {
  return process.getBuiltinModule("node:module").createRequire(import.meta.url)("msgpackr/index-no-eval");
}
