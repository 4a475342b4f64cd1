import { isError } from "../core/errors.ts";

/** The greatest number of causes in a text, because an error may be its own cause. */
const MAX_CAUSES = 5;
const MAX_CHARACTERS = 8_000;

/** Undefined for a value that is no error, and for the error of a durable operation, whose stack is the runtime's. */
export function traceOf(thrown: unknown): string | undefined {
  if (isOperationError(thrown)) return undefined;
  const texts: string[] = [];
  for (let next = thrown; isError(next) && texts.length <= MAX_CAUSES; next = next.cause) {
    texts.push(`${texts.length === 0 ? "" : "Caused by: "}${next.stack ?? String(next)}`);
  }
  const text = texts.join("\n");
  if (text === "") return undefined;
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS)}…`;
}

/** The handler may have another copy of the runtime, so that `instanceof` would not know a `DurableOperationError`. */
function isOperationError(thrown: unknown): boolean {
  return isError(thrown) && "errorType" in thrown && "toErrorObject" in thrown;
}
