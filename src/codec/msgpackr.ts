type Msgpackr = typeof import("msgpackr/index-no-eval");

/**
 * Loads msgpackr. Called when something is packed or unpacked for the first time. This build of msgpackr does not use
 * `new Function`, because recorded bytes must never become code. A handler may add extensions to its own msgpackr. They
 * have no effect here, because this build is a separate module. No native addon is needed. The build of this package
 * replaces this file (`.tsdown.config.ts`), because the published package contains msgpackr.
 */
export function loadMsgpackr(): Msgpackr {
  return process.getBuiltinModule("node:module").createRequire(import.meta.url)("msgpackr/index-no-eval");
}
