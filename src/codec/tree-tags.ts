/*
 * A tree is the value that msgpackr packs. Arrays, plain objects, strings, numbers, booleans and null are nodes of the
 * tree without a change. With the codec `typed`, undefined, BigInt, Date and bytes are such nodes too. Everything else
 * is a Map with one entry, from a tag to a body. A user's own Map is also written with a tag, so no user data can look
 * like a tag. A tag must never get a second meaning, because journals may be older than the release that reads them.
 */

/**
 * The body is `[keys, ...columns]`. The node is an array of objects that all have the same keys. `keys` and each column
 * are arrays.
 */
export const table = 1;
/** The body is bytes. The node is an array of numbers, as `writeNumberBlock` writes it. */
export const numbers = 2;
/** The body is `[first, ...differences]`. The node is an array of integers, as `number-list.ts` writes it. */
export const deltas = 3;
/**
 * The body is `[digits, integers]`. The node is an array of numbers that have at most this number of decimals, as
 * `number-list.ts` writes it.
 */
export const decimals = 4;
/**
 * The body is `[keys, values]`. The node is an object that is no record of msgpackr, because it has too many keys or
 * unusual keys.
 */
export const object = 5;
/** The body is bytes: little-endian UTF-16. The node is a string that UTF-8 cannot store. */
export const text = 6;
/** The body is null. The node is -0, which msgpackr would write as 0. */
export const minusZero = 7;
/** The body is `[keys, values]`. The node is a Map. */
export const map = 8;
/** The body is an array of the members. The node is a Set. */
export const set = 9;
/**
 * The body is `[class name, members]`. The node is an Error. `members` has the name, message, stack, cause, errors and
 * the own members.
 */
export const error = 10;
/**
 * The body is `[source, flags]`. The node is a RegExp. msgpackr has its own form for a RegExp, but that form cannot
 * store every string.
 */
export const regexp = 11;

/** Makes a node with a tag. */
export function tagged(tag: number, body: unknown): Map<number, unknown> {
  return new Map([[tag, body]]);
}

/** The greatest number of levels of a tree. A deeper value is stored as JSON. With the codec `typed` it is an error. */
export const MAX_TREE_DEPTH = 500;
