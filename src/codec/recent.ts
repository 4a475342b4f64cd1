/** 1 MiB: some hundreds of results of some kB, as many as the items of a map that are at work at once have. */
const GENERATION_CHARS = 1024 * 1024;

/** What is longer than this is not kept: making it costs little for each of its characters. */
export const MAX_RECENT_CHARS = 8 * 1024;

/**
 * What was lately made of texts, so that it need not be made again: what a step gave is very often what the function
 * around it returns, and each of them is recorded.
 */
export class Recent {
  #young = new Map<string, string>();
  #old: ReadonlyMap<string, string> = new Map();
  #youngChars = 0;

  /** What was made of the text, or is made now. */
  of(text: string, make: () => string): string {
    if (text.length > MAX_RECENT_CHARS) return make();
    const known = this.#young.get(text) ?? this.#old.get(text);
    if (known !== undefined) return known;
    const made = make();
    this.#youngChars += text.length + made.length;
    if (this.#youngChars > GENERATION_CHARS) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngChars = text.length + made.length;
    }
    this.#young.set(text, made);
    return made;
  }
}
