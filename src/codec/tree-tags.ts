/*
 * A tree is the value that msgpackr packs. A node of the tree is an array, a plain object, a string, a number, a
 * boolean, null, or a Map with one entry, from a tag to a body. With the codec `typed`, a node may also be undefined, a
 * BigInt, a Date or bytes. A user's own Map is written with a tag too, so no user data can look like a tag. A tag must
 * never get a second meaning, because journals may be older than the release that reads them.
 */

/** An array of objects with the same keys. Body: `[keys, ...columns]`, each the node of an array. */
export const table = 1;
/** An array of numbers. Body: the bytes of `writeNumberBlock`. */
export const numbers = 2;
/** An array of integers. Body: `[first, ...differences]`. */
export const deltas = 3;
/** An array of numbers with at most `digits` decimals. Body: `[digits, integers]`; `integers` may be `deltas`. */
export const decimals = 4;
/** An object with too many or unusual keys for a record of msgpackr. Body: `[keys, values]`. */
export const object = 5;
/** A string that msgpackr would change. Body: the bytes of the string as little-endian UTF-16. */
export const text = 6;
/** The number -0, which msgpackr would write as 0. Body: null. */
export const minusZero = 7;
/** A Map. Body: `[keys, values]`. */
export const map = 8;
/** A Set. Body: an array of the members. */
export const set = 9;
/** An Error. Body: `[class name, members]`. */
export const error = 10;
/** A RegExp. Body: `[source, flags]`. The form that msgpackr has for a RegExp cannot store every string. */
export const regexp = 11;

export function tagged(tag: number, body: unknown): Map<number, unknown> {
  return new Map([[tag, body]]);
}

/** The greatest number of levels of a tree. A deeper value becomes JSON, or with the codec `typed` an error. */
export const MAX_TREE_DEPTH = 500;
