import * as TAG from "./tree-tags.ts";

/** The least number of full-precision numbers for which a block is worth its tag. */
const MIN_BLOCK = 16;

/** The least number of integers for which differences are tried. */
const MIN_DELTAS = 16;

/** Integers are written as differences when they are on average this many times closer to each other than to zero. */
const MIN_DELTA_GAIN = 4;

/**
 * For prices, scores, coordinates. With at most this number of decimals, and below the limit, scaled numbers are safe
 * integers.
 */
const MAX_DIGITS = 6;
const MAX_DECIMAL = 1e9;

/**
 * A shorter node for numbers that are finite and not -0. Undefined if single numbers are shorter. Decimals become
 * integers: msgpack takes 9 bytes for 12.5, and 2 or 3 for 125. Integers that are close to each other, such as ids and
 * timestamps, become differences, which are short and compress well. The bytes of numbers with more decimals are
 * reordered.
 */
export function writeNumberList(items: readonly number[]): unknown {
  if (items.length < 2) return undefined;
  const digits = digitsOf(items);
  if (digits === undefined) {
    return items.length < MIN_BLOCK ? undefined : TAG.tagged(TAG.numbers, writeNumberBlock(items));
  }
  if (digits === 0) return writeDeltas(items);
  const scale = 10 ** digits;
  const integers = items.map((item) => Math.round(item * scale));
  return TAG.tagged(TAG.decimals, [digits, writeDeltas(integers) ?? integers]);
}

/**
 * The number of decimals that writes all items exactly. Undefined beyond `MAX_DIGITS`. Reading divides, so this test
 * divides too.
 */
function digitsOf(items: readonly number[]): number | undefined {
  let digits = 0;
  let scale = 1;
  for (const item of items) {
    while (Math.round(item * scale) / scale !== item) {
      if (++digits > MAX_DIGITS) return undefined;
      scale = 10 ** digits;
    }
  }
  return digits === 0 || items.every((item) => Math.abs(item) < MAX_DECIMAL) ? digits : undefined;
}

/** The sums of the differences are the same integers, because all integers and all differences are safe. */
function writeDeltas(integers: readonly number[]): unknown {
  if (integers.length < MIN_DELTAS) return undefined;
  const deltas = new Array<number>(integers.length);
  let size = 0;
  let deltaSize = 0;
  let previous = 0;
  for (let i = 0; i < integers.length; i++) {
    const integer = integers[i] as number;
    if (Math.abs(integer) >= 2 ** 52) return undefined;
    const delta = integer - previous;
    deltas[i] = delta;
    size += Math.abs(integer);
    if (i > 0) deltaSize += Math.abs(delta);
    previous = integer;
  }
  return deltaSize * MIN_DELTA_GAIN < size ? TAG.tagged(TAG.deltas, deltas) : undefined;
}

/** Replaces differences by numbers in the same array. Undefined if a difference is no number. */
export function readDeltas(deltas: unknown[]): unknown[] | undefined {
  let sum = 0;
  for (let i = 0; i < deltas.length; i++) {
    const delta = deltas[i];
    if (typeof delta !== "number") return undefined;
    sum += delta;
    deltas[i] = sum;
  }
  return deltas;
}

/** Replaces scaled integers by decimals in the same array. Undefined if one is no number, or `digits` is not valid. */
export function readDecimals(digits: unknown, integers: unknown[]): unknown[] | undefined {
  if (typeof digits !== "number" || !(digits > 0 && digits <= MAX_DIGITS)) return undefined;
  const scale = 10 ** digits;
  for (let i = 0; i < integers.length; i++) {
    const integer = integers[i];
    if (typeof integer !== "number") return undefined;
    integers[i] = integer / scale;
  }
  return integers;
}

const BYTES = 8;

/**
 * Numbers as float64, little-endian, ordered by byte position: the first bytes of all numbers, then the second bytes,
 * and so on. Signs and exponents vary little, so they compress well side by side. Between the other bytes they do not.
 * After compression, an embedding of 384 numbers takes a tenth less than in msgpack.
 */
export function writeNumberBlock(numbers: readonly number[]): Buffer {
  const count = numbers.length;
  const block = Buffer.allocUnsafe(count * BYTES);
  const cell = new DataView(new ArrayBuffer(BYTES));
  for (let i = 0; i < count; i++) {
    cell.setFloat64(0, numbers[i] as number, true);
    for (let part = 0; part < BYTES; part++) block[count * part + i] = cell.getUint8(part);
  }
  return block;
}

/** Reverses `writeNumberBlock`. Bytes beyond a multiple of eight are ignored. */
export function readNumberBlock(block: Uint8Array): number[] {
  const count = Math.floor(block.length / BYTES);
  const numbers = new Array<number>(count);
  const cell = new DataView(new ArrayBuffer(BYTES));
  for (let i = 0; i < count; i++) {
    for (let part = 0; part < BYTES; part++) cell.setUint8(part, block[count * part + i] as number);
    numbers[i] = cell.getFloat64(0, true);
  }
  return numbers;
}
