import { MAX_NAME_LENGTH } from "./limits.ts";

/** The name, in the history, of the wait that makes the service begin the next invocation. No code asks for the wait. */
export const CONTINUATION = "continued in the next invocation";

/** The names of operations that the service's API accepts. */
const TAKEN = /^[\x20-\x7E]{1,256}$/;
const OTHERS = /[^\x20-\x7E]/gu;

/** Whether the service accepts the name. */
export function isTakenName(name: string): boolean {
  return TAKEN.test(name);
}

/**
 * The name in a form that the service accepts, the same form each time. Each other character becomes `?`, a name that
 * is too long is cut, and an empty name becomes undefined. A name that the service accepts is not changed.
 */
export function takenName(name: string | undefined): string | undefined {
  if (name === undefined || isTakenName(name)) return name;
  return name.replaceAll(OTHERS, "?").slice(0, MAX_NAME_LENGTH) || undefined;
}
