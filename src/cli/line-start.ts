let isLineOpen = false;

/** Sequences that move no text: colours, and what the bars of a terminal erase. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these sequences begin with a control character.
const SEQUENCES_AT_END = /(?:\u001b\[[\d;?]*[A-Za-z])+$/;

/** From now on `lineStart` knows whether the last text on standard error, also the handler's, has ended its line. */
export function followStandardError(): void {
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = ((...args: Parameters<typeof write>) => {
    const [chunk] = args;
    const text = (typeof chunk === "string" ? chunk : Buffer.from(chunk).toString()).replace(SEQUENCES_AT_END, "");
    if (text !== "") isLineOpen = !text.endsWith("\n");
    return write(...args);
  }) as typeof process.stderr.write;
}

/** What a line of the command begins with: the end of a line that the handler left open, or nothing. */
export function lineStart(): string {
  return isLineOpen ? "\n" : "";
}
