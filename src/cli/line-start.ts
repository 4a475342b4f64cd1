let isLineOpen = false;

/** Control sequences of a terminal, for example for colours, at the end of a text. These sequences print no text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these sequences begin with a control character.
const SEQUENCES_AT_END = /(?:\u001b\[[\d;?]*[A-Za-z])+$/;

/** From this call on, `lineStart` knows whether the last line on standard error has ended. */
export function followStandardError(): void {
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = ((...args: Parameters<typeof write>) => {
    const [chunk] = args;
    const text = (typeof chunk === "string" ? chunk : Buffer.from(chunk).toString()).replace(SEQUENCES_AT_END, "");
    if (text !== "") isLineOpen = !text.endsWith("\n");
    return write(...args);
  }) as typeof process.stderr.write;
}

/** The text to write before a message, so that the message does not continue a line that a handler has begun. */
export function lineStart(): string {
  return isLineOpen ? "\n" : "";
}
