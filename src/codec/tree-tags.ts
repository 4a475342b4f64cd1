/*
 * The tree is what msgpackr packs: arrays, plain objects, strings, numbers, booleans, null, and (`typed` only)
 * undefined, BigInt, Date and bytes stand for themselves. A Map of one entry, from a tag to a body, stands
 * for something else; since a user's own Maps are tagged too, no data can look like a marker.
 * Tags are never reused: journals outlive releases.
 */

/** `[keys, ...columns]`: an array of objects with the same keys; keys and each column are arrays. */
export const table = 1;
/** Bytes: an array of numbers, see `number-list.ts`. */
export const numbers = 2;
/** `[first, ...differences]`: an array of integers, see `number-list.ts`. */
export const deltas = 3;
/** `[digits, integers]`: an array of numbers with this number of decimals, see `number-list.ts`. */
export const decimals = 4;
/** `[keys, values]`: an object whose size or keys do not suit a record. */
export const object = 5;
/** Bytes: a string that UTF-8 cannot store, as UTF-16, little-endian. */
export const text = 6;
/** null: -0, which msgpackr writes as 0. */
export const minusZero = 7;
/** `[keys, values]` */
export const map = 8;
/** An array of the members. */
export const set = 9;
/** `[class name, members]`: an object with name, message, stack, cause, errors and the own members. */
export const error = 10;
/** `[source, flags]`. msgpackr has a form for RegExp, but that form cannot store every string. */
export const regexp = 11;

/** A special node. */
export function tagged(tag: number, body: unknown): Map<number, unknown> {
  return new Map([[tag, body]]);
}

/** The greatest depth of a tree. Deeper JSON is stored as plain JSON. Deeper typed values are an error. */
export const MAX_TREE_DEPTH = 500;
