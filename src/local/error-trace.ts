import { isError } from "../core/errors.ts";

/** Causes that are followed: an error may be its own. */
const MAX_CAUSES = 5;
const MAX_CHARACTERS = 8_000;

/**
 * The stacks of an error and of its causes, as people read them. Undefined for what has none, and for what an operation
 * that failed was made into: that was thrown by the runtime, and what user code threw is kept with that operation.
 */
export function traceOf(thrown: unknown): string | undefined {
  if (isError(thrown) && "errorType" in thrown) return undefined;
  const texts: string[] = [];
  for (let next = thrown; isError(next) && texts.length <= MAX_CAUSES; next = next.cause) {
    texts.push(`${texts.length === 0 ? "" : "Caused by: "}${next.stack ?? String(next)}`);
  }
  const text = texts.join("\n");
  if (text === "") return undefined;
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS)}…`;
}
