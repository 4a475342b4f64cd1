/** What each round shifts by, in turn. */
const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21] as const;
/** RFC 1321: the integer part of 2^32 times the sine of 1 to 64 radians. */
const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(2 ** 32 * Math.abs(Math.sin(i + 1))));
/** What the first two words begin with. */
const A = 0x67452301;
const B = 0xefcdab89 | 0;

/** What one block has room for: the rest of its 64 bytes is a bit that ends the text, and the text's length. */
const MAX_TEXT_BYTES = 55;

const block = new Int32Array(16);

/** The first 16 hex digits of the MD5 of a text of up to 55 ASCII characters; undefined for any other text. */
export function shortMd5(text: string): string | undefined {
  if (text.length > MAX_TEXT_BYTES || !fillBlock(text)) return undefined;
  let a = A;
  let b = B;
  let c = 0x98badcfe | 0;
  let d = 0x10325476;
  for (let i = 0; i < 64; i++) {
    const round = i >> 4;
    let mixed: number;
    let word: number;
    if (round === 0) {
      mixed = (b & c) | (~b & d);
      word = i;
    } else if (round === 1) {
      mixed = (d & b) | (~d & c);
      word = 5 * i + 1;
    } else if (round === 2) {
      mixed = b ^ c ^ d;
      word = 3 * i + 5;
    } else {
      mixed = c ^ (b | ~d);
      word = 7 * i;
    }
    const sum = (a + mixed + (SINES[i] as number) + (block[word & 15] as number)) | 0;
    const shift = SHIFTS[(round << 2) | (i & 3)] as number;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
  }
  return toHex((a + A) | 0) + toHex((b + B) | 0);
}

/** Writes the text and its end into `block`; false if it is no ASCII. */
function fillBlock(text: string): boolean {
  const { length } = text;
  block.fill(0);
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return false;
    block[i >> 2] = (block[i >> 2] as number) | (code << ((i & 3) << 3));
  }
  block[length >> 2] = (block[length >> 2] as number) | (0x80 << ((length & 3) << 3));
  block[14] = length << 3;
  return true;
}

/** A word's bytes, the lowest first. */
function toHex(word: number): string {
  const swapped = ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
  return (swapped >>> 0).toString(16).padStart(8, "0");
}
