import { MAX_NAME_LENGTH } from "./limits.ts";

/** The name of a wait that no user code awaits. When the wait ends, the service begins the next invocation. */
export const CONTINUATION = "continued in the next invocation";

/** The service accepts an operation's name of 1 to 256 printable ASCII characters. */
const TAKEN = /^[\x20-\x7E]{1,256}$/;
const OTHERS = /[^\x20-\x7E]/gu;

export function isTakenName(name: string): boolean {
  return TAKEN.test(name);
}

/** Replaces each character that the service refuses by `?`, and cuts a long name. An empty name becomes undefined. */
export function takenName(name: string | undefined): string | undefined {
  if (name === undefined || isTakenName(name)) return name;
  return name.replaceAll(OTHERS, "?").slice(0, MAX_NAME_LENGTH) || undefined;
}
