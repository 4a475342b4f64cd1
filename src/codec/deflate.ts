import { DeflateHeader, DISTANCES, END, LITERALS } from "./deflate-header.ts";
import { MAX_SYMBOLS, PrefixCode } from "./huffman.ts";

/**
 * What `deflate` takes at most. Up to here it is as small as zstd, and cheaper to read: 1.6 KB of JSON took 11 us with
 * deflate, and 27 us with zstd. At 67 KB zstd was faster to write, and a fifth smaller.
 */
export const MAX_DEFLATE_BYTES = 4096;

const MIN_MATCH = 3;
const MAX_MATCH = 258;
/** Within this distance a match of `MIN_MATCH` takes less than the bytes by themselves do. */
const MAX_NEAR = 64;
/** Earlier places that are tried for each match, and the length that is good enough to try no more. */
const MAX_TRIES = 32;
const GOOD_MATCH = 32;
const HASH_BITS = 11;

const MAX_CODE_BITS = 15;
/** Bits that a length or distance has beyond its code. */
const LENGTH_EXTRA = Uint8Array.from({ length: 29 }, (_, code) => (code < 4 || code === 28 ? 0 : (code >> 2) - 1));
const DISTANCE_EXTRA = Uint8Array.from({ length: DISTANCES }, (_, code) => (code < 2 ? 0 : (code >> 1) - 1));

function lengthCode(length: number): number {
  const value = length - MIN_MATCH;
  if (value < 8) return value;
  if (length === MAX_MATCH) return 28;
  const extra = 29 - Math.clz32(value);
  return extra * 4 + (value >> extra);
}

function distanceCode(distance: number): number {
  const value = distance - 1;
  if (value < 4) return value;
  const extra = 30 - Math.clz32(value);
  return extra * 2 + (value >> extra);
}

/**
 * Deflates (RFC 1951) small inputs into one block. Node is no faster up to a kilobyte, since it sets up a stream and a
 * context for every call; their 64 kB outside of the heap keep the garbage collector busy besides: without them a map
 * of 1,000 results of 1.4 kB takes a third less processor time. And loading `zlib` takes 3 ms of a cold start.
 */
class Deflater {
  // Places are counted from 1 in these two: 0 is none.
  readonly #newest = new Uint16Array(1 << HASH_BITS);
  readonly #older = new Uint16Array(MAX_DEFLATE_BYTES + 1);
  /** A match's length, or a literal where the distance is 0. */
  readonly #lengths = new Uint16Array(MAX_DEFLATE_BYTES);
  readonly #distances = new Uint16Array(MAX_DEFLATE_BYTES);
  #count = 0;
  readonly #literalUses = new Uint16Array(LITERALS);
  readonly #distanceUses = new Uint16Array(DISTANCES);
  #extraBits = 0;
  readonly #ownLiterals = new PrefixCode(LITERALS);
  readonly #ownDistances = new PrefixCode(DISTANCES);
  readonly #header = new DeflateHeader();
  readonly #fixedLiterals = fixedCode(MAX_SYMBOLS, fixedLength);
  readonly #fixedDistances = fixedCode(DISTANCES, () => 5);
  readonly #output = Buffer.allocUnsafeSlow(MAX_DEFLATE_BYTES);
  #at = 0;
  #held = 0;
  #heldBits = 0;

  /** The deflated bytes, good until the next call; undefined unless there are less than `limit` of them. */
  deflate(bytes: Uint8Array, limit: number): Buffer | undefined {
    this.#findMatches(bytes);
    this.#ownLiterals.adapt(this.#literalUses, MAX_CODE_BITS);
    this.#ownDistances.adapt(this.#distanceUses, MAX_CODE_BITS);
    const headerBits = this.#header.adapt(this.#ownLiterals.lengths, this.#ownDistances.lengths);
    const ownBits = headerBits + this.#bitsWith(this.#ownLiterals, this.#ownDistances);
    const fixedBits = this.#bitsWith(this.#fixedLiterals, this.#fixedDistances);
    const bits = 3 + this.#extraBits + Math.min(ownBits, fixedBits);
    if ((bits + 7) >> 3 >= Math.min(limit, bytes.length)) return undefined;
    this.#at = 0;
    this.#put(1, 1);
    if (ownBits < fixedBits) {
      this.#put(2, 2);
      this.#header.write((value, bits) => this.#put(value, bits));
      this.#writeBody(this.#ownLiterals.giveCodes(), this.#ownDistances.giveCodes());
    } else {
      this.#put(1, 2);
      this.#writeBody(this.#fixedLiterals, this.#fixedDistances);
    }
    this.#put(0, -this.#heldBits & 7);
    return this.#output.subarray(0, this.#at);
  }

  #findMatches(bytes: Uint8Array): void {
    const newest = this.#newest.fill(0);
    const older = this.#older;
    this.#literalUses.fill(0);
    this.#distanceUses.fill(0);
    this.#literalUses[END] = 1;
    this.#extraBits = 0;
    this.#count = 0;
    const last = bytes.length - MIN_MATCH;
    for (let at = 0; at < bytes.length; ) {
      if (at > last) {
        this.#noteLiteral(bytes[at++] as number);
        continue;
      }
      const hash = hashAt(bytes, at);
      const place = newest[hash] as number;
      const match = place === 0 ? 0 : this.#longestMatch(bytes, at, place);
      older[at + 1] = place;
      newest[hash] = at + 1;
      if (match === 0) {
        this.#noteLiteral(bytes[at++] as number);
        continue;
      }
      const length = match >> 16;
      this.#noteMatch(length, at + 1 - (match & 0xffff));
      const end = at + length;
      for (at++; at < end; at++) {
        if (at > last) continue;
        const hash = hashAt(bytes, at);
        older[at + 1] = newest[hash] as number;
        newest[hash] = at + 1;
      }
    }
  }

  /** The place, from 1, of the longest match of at least `MIN_MATCH`, and above its 16 bits its length; or 0. */
  #longestMatch(bytes: Uint8Array, at: number, newest: number): number {
    const older = this.#older;
    const most = Math.min(MAX_MATCH, bytes.length - at);
    let best = 0;
    let bestLength = MIN_MATCH - 1;
    let place = newest;
    for (let tries = MAX_TRIES; place !== 0 && tries > 0; tries--) {
      const from = place - 1;
      if (bytes[from + bestLength] === bytes[at + bestLength]) {
        let length = 0;
        while (length < most && bytes[from + length] === bytes[at + length]) length++;
        if (length > bestLength && (length > MIN_MATCH || at - from <= MAX_NEAR)) {
          best = (length << 16) | place;
          bestLength = length;
          if (length >= GOOD_MATCH || length === most) break;
        }
      }
      place = older[place] as number;
    }
    return best;
  }

  #noteLiteral(byte: number): void {
    this.#lengths[this.#count] = byte;
    this.#distances[this.#count++] = 0;
    this.#literalUses[byte] = (this.#literalUses[byte] as number) + 1;
  }

  #noteMatch(length: number, distance: number): void {
    this.#lengths[this.#count] = length;
    this.#distances[this.#count++] = distance;
    const code = lengthCode(length);
    const far = distanceCode(distance);
    this.#literalUses[END + 1 + code] = (this.#literalUses[END + 1 + code] as number) + 1;
    this.#distanceUses[far] = (this.#distanceUses[far] as number) + 1;
    this.#extraBits += (LENGTH_EXTRA[code] as number) + (DISTANCE_EXTRA[far] as number);
  }

  #bitsWith(literals: PrefixCode, distances: PrefixCode): number {
    return literals.weigh(this.#literalUses) + distances.weigh(this.#distanceUses);
  }

  #writeBody(literals: PrefixCode, distances: PrefixCode): void {
    for (let i = 0; i < this.#count; i++) {
      const length = this.#lengths[i] as number;
      const distance = this.#distances[i] as number;
      if (distance === 0) {
        this.#put(literals.codes[length] as number, literals.lengths[length] as number);
        continue;
      }
      const code = lengthCode(length);
      this.#put(literals.codes[END + 1 + code] as number, literals.lengths[END + 1 + code] as number);
      const lengthBits = LENGTH_EXTRA[code] as number;
      this.#put((length - MIN_MATCH) & ((1 << lengthBits) - 1), lengthBits);
      const far = distanceCode(distance);
      this.#put(distances.codes[far] as number, distances.lengths[far] as number);
      const distanceBits = DISTANCE_EXTRA[far] as number;
      this.#put((distance - 1) & ((1 << distanceBits) - 1), distanceBits);
    }
    this.#put(literals.codes[END] as number, literals.lengths[END] as number);
  }

  /** Writes up to 15 bits. */
  #put(value: number, bits: number): void {
    this.#held |= value << this.#heldBits;
    this.#heldBits += bits;
    while (this.#heldBits >= 8) {
      this.#output[this.#at++] = this.#held;
      this.#held >>>= 8;
      this.#heldBits -= 8;
    }
  }
}

function hashAt(bytes: Uint8Array, at: number): number {
  const three = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
  return Math.imul(three, 0x9e3779b1) >>> (32 - HASH_BITS);
}

function fixedCode(symbols: number, lengthOf: (symbol: number) => number): PrefixCode {
  const code = new PrefixCode(symbols);
  for (let symbol = 0; symbol < symbols; symbol++) code.lengths[symbol] = lengthOf(symbol);
  return code.giveCodes();
}

function fixedLength(symbol: number): number {
  if (symbol < 144) return 8;
  if (symbol < 256) return 9;
  return symbol < 280 ? 7 : 8;
}

let deflater: Deflater | undefined;

/** Deflates up to `MAX_DEFLATE_BYTES`. What it gives is good until the next call; undefined if it is not `limit` short. */
export function deflate(bytes: Uint8Array, limit: number): Buffer | undefined {
  deflater ??= new Deflater();
  return deflater.deflate(bytes, limit);
}
