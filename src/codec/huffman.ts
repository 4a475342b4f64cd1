/** Symbols of deflate's largest alphabet. */
export const MAX_SYMBOLS = 288;
/** Bits of a symbol, where it stands below its frequency: numbers are sorted far faster than by a function. */
const SYMBOL_BITS = 9;
const SYMBOL_MASK = (1 << SYMBOL_BITS) - 1;

/** A prefix code: for each symbol the length of its code, 0 if it has none, and the code itself, first bit lowest. */
export class PrefixCode {
  readonly lengths: Uint8Array;
  readonly codes: Uint16Array;
  readonly #rarestFirst = new Uint32Array(MAX_SYMBOLS);
  // Leaves, and then what joins them.
  readonly #weights = new Uint32Array(MAX_SYMBOLS * 2);
  readonly #parents = new Uint16Array(MAX_SYMBOLS * 2);
  readonly #depths = new Uint8Array(MAX_SYMBOLS * 2);
  /** How many codes there are of each length. */
  readonly #counts = new Uint16Array(16);
  readonly #next = new Uint16Array(17);

  constructor(symbols: number) {
    this.lengths = new Uint8Array(symbols);
    this.codes = new Uint16Array(symbols);
  }

  /** Finds the best lengths for symbols that occur so often, none over `maxBits`. `giveCodes` has to follow. */
  adapt(frequencies: Uint16Array, maxBits: number): void {
    const { lengths } = this;
    lengths.fill(0);
    let used = 0;
    for (let symbol = 0; symbol < frequencies.length; symbol++) {
      const frequency = frequencies[symbol] as number;
      if (frequency !== 0) this.#rarestFirst[used++] = (frequency << SYMBOL_BITS) | symbol;
    }
    const rarestFirst = this.#rarestFirst.subarray(0, used).sort();
    this.#counts.fill(0);
    if (used === 1) this.#counts[1] = 1;
    else if (used > 1) this.#countLengths(rarestFirst, maxBits);
    let at = 0;
    for (let bits = maxBits; bits > 0; bits--) {
      for (let left = this.#counts[bits] as number; left > 0; left--) {
        lengths[(rarestFirst[at++] as number) & SYMBOL_MASK] = bits;
      }
    }
  }

  #countLengths(rarestFirst: Uint32Array, maxBits: number): void {
    const used = rarestFirst.length;
    const weights = this.#weights;
    const parents = this.#parents;
    const depths = this.#depths;
    const counts = this.#counts;
    for (let i = 0; i < used; i++) weights[i] = (rarestFirst[i] as number) >>> SYMBOL_BITS;
    // The two lightest nodes are joined until one is left. Joined ones come out in order of weight as well.
    let leaf = 0;
    let joined = used;
    const root = used * 2 - 2;
    for (let node = used; node <= root; node++) {
      let weight = 0;
      for (let side = 0; side < 2; side++) {
        const isLeaf = leaf < used && (joined >= node || (weights[leaf] as number) <= (weights[joined] as number));
        const lighter = isLeaf ? leaf++ : joined++;
        weight += weights[lighter] as number;
        parents[lighter] = node;
      }
      weights[node] = weight;
    }
    depths[root] = 0;
    let overfull = -(1 << maxBits);
    for (let node = root - 1; node >= 0; node--) {
      const depth = (depths[parents[node] as number] as number) + 1;
      depths[node] = depth;
      if (node >= used) continue;
      const bits = Math.min(depth, maxBits);
      counts[bits] = (counts[bits] as number) + 1;
      overfull += 1 << (maxBits - bits);
    }
    // Cutting codes short has given away more than there is: longer codes for others make up for it, one at a time.
    for (; overfull > 0; overfull--) {
      let bits = maxBits - 1;
      while (counts[bits] === 0) bits--;
      counts[bits] = (counts[bits] as number) - 1;
      counts[bits + 1] = (counts[bits + 1] as number) + 2;
      counts[maxBits] = (counts[maxBits] as number) - 1;
    }
  }

  /** Gives out codes by their lengths, as RFC 1951 says. */
  giveCodes(): this {
    const next = this.#next.fill(0);
    for (const bits of this.lengths) if (bits !== 0) next[bits + 1] = (next[bits + 1] as number) + 1;
    for (let bits = 2; bits < 17; bits++) next[bits] = ((next[bits] as number) + (next[bits - 1] as number)) << 1;
    for (let symbol = 0; symbol < this.lengths.length; symbol++) {
      const bits = this.lengths[symbol] as number;
      if (bits === 0) continue;
      let code = next[bits] as number;
      next[bits] = code + 1;
      let reversed = 0;
      for (let i = 0; i < bits; i++) {
        reversed = (reversed << 1) | (code & 1);
        code >>= 1;
      }
      this.codes[symbol] = reversed;
    }
    return this;
  }

  /** The bits that symbols take that occur so often. */
  weigh(frequencies: Uint16Array): number {
    let bits = 0;
    for (let symbol = 0; symbol < frequencies.length; symbol++) {
      bits += (frequencies[symbol] as number) * (this.lengths[symbol] as number);
    }
    return bits;
  }
}
