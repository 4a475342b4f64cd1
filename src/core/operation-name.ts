import { MAX_NAME_LENGTH } from "./limits.ts";

/** What the history calls the wait that brings the next invocation about; no code asks for it. */
export const CONTINUATION = "continued in the next invocation";

/** What the service's API takes as the name of an operation. */
const TAKEN = /^[\x20-\x7E]{1,256}$/;
const OTHERS = /[^\x20-\x7E]/gu;

/** Whether the service takes the name. */
export function isTakenName(name: string): boolean {
  return TAKEN.test(name);
}

/**
 * The name as the service takes it, the same one each time: each other character becomes `?`, what is too long loses its
 * end, and one without a character is none. A name that the service takes stays as it is.
 */
export function takenName(name: string | undefined): string | undefined {
  if (name === undefined || isTakenName(name)) return name;
  return name.replaceAll(OTHERS, "?").slice(0, MAX_NAME_LENGTH) || undefined;
}
