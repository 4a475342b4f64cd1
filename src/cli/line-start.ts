let isLineOpen = false;

/** Control sequences of a terminal, for example for colours, at the end of a text. They print no text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these sequences begin with a control character.
const SEQUENCES_AT_END = /(?:\u001b\[[\d;?]*[A-Za-z])+$/;

/** Watches what this process writes to standard error, so that `lineStart` knows whether the last line has ended. */
export function followStandardError(): void {
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = ((...args: Parameters<typeof write>) => {
    const [chunk] = args;
    const text = (typeof chunk === "string" ? chunk : Buffer.from(chunk).toString()).replace(SEQUENCES_AT_END, "");
    if (text !== "") isLineOpen = !text.endsWith("\n");
    return write(...args);
  }) as typeof process.stderr.write;
}

/** A line break if the last text on standard error did not end with a line break. Otherwise an empty text. */
export function lineStart(): string {
  return isLineOpen ? "\n" : "";
}
