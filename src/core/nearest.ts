const warned = new Set<string>();

export function warnOfUnknown(what: string, name: string, known: readonly string[], code: string): void {
  if (known.includes(name)) return;
  warnOnce(`Nothing reads the ${what} ${name}. The nearest name that is read is ${nearest(name, known)}.`, code);
}

/** Gets the text about a name that nothing reads. The function may throw. */
export type Report = (text: string) => void;

/** A known name is suggested if it differs from the given name by at most this number of letters. */
const MISSPELLED_LETTERS = 2;

/**
 * Reports members of `given` that are not in `known`. `noun` is a word for such a member. `owner` returns the name of
 * `given`.
 * @param report gets a text about each of these members. Without `report`, the process warns once for each name.
 */
export function checkNames(
  noun: string,
  owner: () => string,
  given: object,
  known: readonly string[],
  report: Report | undefined,
): void {
  for (const [name, value] of Object.entries(given)) {
    // The official type ConcurrencyConfig has two members that end with `SubType`. Nothing reads these two members.
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

export function warnOnce(text: string, code: string, topic = text): void {
  if (warned.has(topic)) return;
  warned.add(topic);
  process.emitWarning(text, { code });
}

/** The nearest element of `words`. Undefined if each element differs from `word` in more than `within` letters. */
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
