/**
 * The tree: JSON in which every array begins with a tag saying what it stands for. Objects, strings, numbers,
 * booleans and null stand for themselves. Since each array is tagged, no user data can look like a marker.
 * Numbers are never reused: journals outlive releases.
 */
export const TAG = {
  /** `[0, ...items]` */
  array: 0,
  /** `[1, [...keys], ...columns]`: an array of objects with the same keys; each column is an array node. */
  table: 1,
  /** `[2, count]`: an array of numbers; the next `count * 8` bytes of the blobs, see `number-block.ts`. */
  numbers: 2,
  /** `[3]` */
  undefined: 3,
  /** `[4, "NaN" | "Infinity" | "-Infinity" | "-0"]` */
  number: 4,
  /** `[5, hexadecimal digits]`, with a minus sign if negative; reading decimal ones takes more than linear time. */
  bigint: 5,
  /** `[6, epoch milliseconds or null]` */
  date: 6,
  /** `[7, keys, values]`, both array nodes */
  map: 7,
  /** `[8, members]`, an array node */
  set: 8,
  /** `[9, class name, byte count]`: the next bytes of the blobs, little-endian. */
  bytes: 9,
  /** `[10, source, flags]` */
  regexp: 10,
  /** `[11, class name, members]`: an object node with name, message, stack, cause, errors and the own members. */
  error: 11,
  /** `[12, first, ...differences]`: an array of integers, see `integer-deltas.ts`. */
  deltas: 12,
} as const;

/** Nesting that the tree goes to. Deeper JSON is stored as plain JSON; deeper typed values are refused. */
export const MAX_TREE_DEPTH = 500;
