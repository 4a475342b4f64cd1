const warned = new Set<string>();

/** Warns once in a process of a name that is not in `known`. The warning contains the nearest known name. */
export function warnOfUnknown(what: string, name: string, known: readonly string[], code: string): void {
  if (known.includes(name)) return;
  warnOnce(`Nothing reads the ${what} ${name}. The nearest name that is read is ${nearest(name, known)}.`, code);
}

/** Gets the text about a name that nothing reads. The function may throw. */
export type Report = (text: string) => void;

/** A name that differs from a known name by at most this number of letters counts as misspelled. */
const MISSPELLED_LETTERS = 2;

/**
 * Looks for members of `given` that nothing reads. `noun` is a word for such a member. `owner` returns the object's
 * name.
 * @param report gets a text about each such member. Without `report`, the process warns once for each name.
 */
export function checkNames(
  noun: string,
  owner: () => string,
  given: object,
  known: readonly string[],
  report: Report | undefined,
): void {
  for (const [name, value] of Object.entries(given)) {
    // The official type ConcurrencyConfig has two members that end with `SubType`, and that nothing reads.
    if (value === undefined || known.includes(name) || name.endsWith("SubType")) continue;
    const near =
      nearest(name, known, MISSPELLED_LETTERS) ??
      known.find((word) => word.startsWith(name) || name.startsWith(word) || word.endsWith(name));
    const advice =
      near === undefined ? `${noun}s that are read are ${known.join(", ")}` : `nearest ${noun} that is read is ${near}`;
    const text = `Nothing reads the ${noun} ${name} of ${owner()}. The ${advice}.`;
    if (report === undefined) warnOnce(text, "DURABLE_FANOUT_UNKNOWN_OPTION", name);
    else report(text);
  }
}

/** Warns once in a process for each `topic`. */
export function warnOnce(text: string, code: string, topic = text): void {
  if (warned.has(topic)) return;
  warned.add(topic);
  process.emitWarning(text, { code });
}

/** The word that differs from `word` in the fewest letters; undefined if it differs in more than `within` letters. */
export function nearest(
  word: string,
  words: readonly string[],
  within: number = Number.POSITIVE_INFINITY,
): string | undefined {
  let best: string | undefined;
  let least = within + 1;
  for (const candidate of words) {
    const distance = lettersBetween(word, candidate);
    if (distance >= least) continue;
    best = candidate;
    least = distance;
  }
  return best;
}

function lettersBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
