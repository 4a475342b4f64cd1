import { type Dialect, isPlain, NoTree, PLAIN } from "./tree-writer.ts";

/**
 * Writes a live value as if it had gone through JSON before, without the detour: `JSON.stringify` and `JSON.parse`
 * together are most of the cost of storing large rows. What JSON has rules for that the tree does not follow
 * (`toJSON`, boxed values, BigInt, classes) gets no tree; such values take the detour.
 */
export const jsonDialect: Dialect = {
  write(value) {
    switch (typeof value) {
      case "number":
        return Number.isFinite(value) ? 0 : null;
      case "undefined":
      case "function":
      case "symbol":
        return null;
      case "object":
        if ((Array.isArray(value) || isPlain(value)) && !("toJSON" in value)) return PLAIN;
    }
    throw new NoTree();
  },
  drops(member) {
    return member === undefined || typeof member === "function" || typeof member === "symbol";
  },
};

/** Items from which an array makes it likely that a tree pays. */
const MIN_ITEMS = 8;
/** Members of an object that are looked at. */
const MAX_LOOKS = 16;

/** A guess, cheap enough for each value: whether it is, or directly has, a long array of objects or numbers. */
export function looksTabular(value: unknown): boolean {
  if (Array.isArray(value)) return isLongList(value);
  if (!isPlain(value)) return false;
  let looks = 0;
  for (const key in value) {
    if (isLongList(value[key])) return true;
    if (++looks === MAX_LOOKS) break;
  }
  return false;
}

function isLongList(value: unknown): boolean {
  if (!Array.isArray(value) || value.length < MIN_ITEMS) return false;
  return typeof value[0] === "object" || typeof value[0] === "number";
}
