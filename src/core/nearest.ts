const warned = new Set<string>();

/** Warns of a name that nothing reads, of each once in a process, and names the nearest that is read. */
export function warnOfUnknown(what: string, name: string, known: readonly string[], code: string): void {
  if (known.includes(name)) return;
  warnOnce(`Nothing reads the ${what} ${name}. The nearest name that is read is ${nearest(name, known)}.`, code);
}

/** Warns unless the same was said before in this process, or the same about `topic`. */
export function warnOnce(text: string, code: string, topic = text): void {
  if (warned.has(topic)) return;
  warned.add(topic);
  process.emitWarning(text, { code });
}

/**
 * The one of `words` that takes the fewest letters to be changed, put in or left out to be `word`, if they are at most
 * `within`; the first of several.
 */
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
