import { PrefixCode } from "./huffman.ts";

/** The symbol that ends a block: after the literals, before the lengths of matches. */
export const END = 256;
/** Literals, the end, and the codes of lengths. */
export const LITERALS = 286;
/** The codes of distances. */
export const DISTANCES = 30;

/** How the lengths of the codes for lengths are written: in this order, 3 bits each. */
const LENGTHS_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** What tells a block's codes: the lengths of all, in which runs are cut short, by a code of their own. */
export class DeflateHeader {
  readonly #lengths = new Uint8Array(LITERALS + DISTANCES);
  #literals = 0;
  #distances = 0;
  /** Lengths of codes, and from 16 on what stands for runs, with what tells how long those are. */
  readonly #symbols = new Uint8Array(LITERALS + DISTANCES);
  readonly #runs = new Uint8Array(LITERALS + DISTANCES);
  #count = 0;
  readonly #uses = new Uint16Array(LENGTHS_ORDER.length);
  readonly #code = new PrefixCode(LENGTHS_ORDER.length);
  #codes = 0;

  /** Takes over the lengths; tells how many bits it will write. */
  adapt(literals: Uint8Array, distances: Uint8Array): number {
    this.#literals = usedLength(literals, END + 1);
    this.#distances = usedLength(distances, 1);
    this.#lengths.set(literals);
    this.#lengths.set(distances, this.#literals);
    this.#uses.fill(0);
    this.#count = 0;
    this.#cutRuns(this.#lengths, this.#literals + this.#distances);
    const { lengths } = this.#code;
    this.#code.adapt(this.#uses, 7);
    this.#codes = LENGTHS_ORDER.length;
    while (this.#codes > 4 && lengths[LENGTHS_ORDER[this.#codes - 1] as number] === 0) this.#codes--;
    let bits = 14 + this.#codes * 3 + this.#code.weigh(this.#uses);
    for (let symbol = 16; symbol < 19; symbol++) bits += (this.#uses[symbol] as number) * runBits(symbol);
    return bits;
  }

  write(put: (value: number, bits: number) => void): void {
    const { lengths, codes } = this.#code.giveCodes();
    put(this.#literals - END - 1, 5);
    put(this.#distances - 1, 5);
    put(this.#codes - 4, 4);
    for (let i = 0; i < this.#codes; i++) put(lengths[LENGTHS_ORDER[i] as number] as number, 3);
    for (let i = 0; i < this.#count; i++) {
      const symbol = this.#symbols[i] as number;
      put(codes[symbol] as number, lengths[symbol] as number);
      put(this.#runs[i] as number, runBits(symbol));
    }
  }

  #cutRuns(lengths: Uint8Array, count: number): void {
    for (let at = 0; at < count; ) {
      const length = lengths[at] as number;
      let end = at + 1;
      while (end < count && lengths[end] === length) end++;
      if (length !== 0) {
        this.#add(length, 0);
        at++;
      }
      while (end - at >= 3) {
        const run = Math.min(end - at, length === 0 ? 138 : 6);
        if (length !== 0) this.#add(16, run - 3);
        else if (run < 11) this.#add(17, run - 3);
        else this.#add(18, run - 11);
        at += run;
      }
      for (; at < end; at++) this.#add(length, 0);
    }
  }

  #add(symbol: number, run: number): void {
    this.#symbols[this.#count] = symbol;
    this.#runs[this.#count++] = run;
    this.#uses[symbol] = (this.#uses[symbol] as number) + 1;
  }
}

function runBits(symbol: number): number {
  if (symbol < 16) return 0;
  return symbol === 16 ? 2 : symbol === 17 ? 3 : 7;
}

function usedLength(lengths: Uint8Array, least: number): number {
  let used = lengths.length;
  while (used > least && lengths[used - 1] === 0) used--;
  return used;
}
