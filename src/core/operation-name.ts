import { MAX_NAME_LENGTH } from "./limits.ts";

/**
 * The name of a wait that the runtime records only so that the service begins the next invocation. The history shows
 * this name. User code never awaits the wait.
 */
export const CONTINUATION = "continued in the next invocation";

/** The names of operations that the service's API accepts. */
const TAKEN = /^[\x20-\x7E]{1,256}$/;
const OTHERS = /[^\x20-\x7E]/gu;

/** Whether the service accepts the name. */
export function isTakenName(name: string): boolean {
  return TAKEN.test(name);
}

/**
 * Changes a name so that the service accepts the name. The same name always gives the same result. Each character that
 * the service refuses becomes `?`, and a name that is too long is cut. An empty name becomes undefined.
 */
export function takenName(name: string | undefined): string | undefined {
  if (name === undefined || isTakenName(name)) return name;
  return name.replaceAll(OTHERS, "?").slice(0, MAX_NAME_LENGTH) || undefined;
}
