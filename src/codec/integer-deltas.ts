/** Integers from which deltas are worth their tag. */
const MIN_INTEGERS = 16;

/** What a delta must save in digits, on average, against its number. */
const MIN_SAVED_DIGITS = 1;

/**
 * The first number and then the differences, for lists like ids and timestamps, in which neighbours are close;
 * undefined unless all items are integers and that is clearly shorter. Adding up gives the same numbers: all are safe
 * integers, and so are their differences.
 */
export function toDeltas(items: readonly unknown[]): { deltas: number[]; minSavedChars: number } | undefined {
  if (items.length < MIN_INTEGERS) return undefined;
  const deltas = new Array<number>(items.length);
  let savedDigits = 0;
  let previous = 0;
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (!isSmallInteger(item)) return undefined;
    const delta = item - previous;
    deltas[i] = delta;
    savedDigits += charsOf(item) - charsOf(delta);
    previous = item;
    // Most lists that do not qualify show it at once.
    if (i === MIN_INTEGERS && savedDigits < 0) return undefined;
  }
  return savedDigits >= items.length * MIN_SAVED_DIGITS ? { deltas, minSavedChars: savedDigits } : undefined;
}

/** Undoes `toDeltas`, in place; undefined if an item is no number. */
export function fromDeltas(deltas: unknown[]): number[] | undefined {
  let sum = 0;
  for (let i = 0; i < deltas.length; i++) {
    const delta = deltas[i];
    if (typeof delta !== "number") return undefined;
    sum += delta;
    deltas[i] = sum;
  }
  return deltas as number[];
}

/** An integer whose difference to another such is safe as well; not -0. */
function isSmallInteger(item: unknown): item is number {
  return typeof item === "number" && Number.isInteger(item) && Math.abs(item) < 2 ** 52 && !Object.is(item, -0);
}

/** Characters of an integer below 2 ** 52. */
function charsOf(integer: number): number {
  const size = Math.abs(integer);
  let chars = integer < 0 ? 2 : 1;
  for (let limit = 10; limit <= size; limit *= 10) chars++;
  return chars;
}
