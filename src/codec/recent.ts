/** 1 MiB: some hundreds of results of some kB, as many as the items of a map that are at work at once have. */
const MAX_KEPT_CHARS = 1024 * 1024;

/** What is longer than this is not kept. */
const MAX_CHARS = 8 * 1024;

/**
 * What was lately made of texts, so that it need not be made again: what a step gave is very often what the function
 * around it returns, and each of them is recorded.
 */
export class Recent {
  readonly #made = new Map<string, string>();
  #chars = 0;

  /** What was made of the text, or is made now. */
  of(text: string, make: () => string): string {
    if (text.length > MAX_CHARS) return make();
    const known = this.#made.get(text);
    if (known !== undefined) return known;
    const made = make();
    this.#made.set(text, made);
    this.#chars += text.length + made.length;
    if (this.#chars > MAX_KEPT_CHARS) this.#forgetOldest();
    return made;
  }

  #forgetOldest(): void {
    for (const [text, made] of this.#made) {
      this.#made.delete(text);
      this.#chars -= text.length + made.length;
      if (this.#chars <= MAX_KEPT_CHARS) return;
    }
  }
}
