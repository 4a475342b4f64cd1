import { deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { deflate, MAX_DEFLATE_BYTES } from "../../src/codec/deflate.ts";
import { exploring } from "../support/exploration.ts";

const size = { minLength: 1, maxLength: MAX_DEFLATE_BYTES, size: "max" } as const;

/** Bytes of all kinds: any, few different ones, some far more often than others, and what came before once more. */
const bytes = fc.oneof(
  fc.uint8Array({ ...size, max: 255 }),
  fc.uint8Array({ ...size, max: 3 }),
  fc.uint8Array({ ...size, max: 40 }).map((body) => body.map((byte) => 255 / (byte + 1))),
  fc.array(fc.constantFrom("id", "name", "2026-01-01", "ü", '"},{"', "\0\0\0\0"), { maxLength: 300 }).map(ofWords),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 300 })).map(repeated),
);

function ofWords(words: readonly string[]): Uint8Array {
  return Buffer.from(`,${words.join("")}`).subarray(0, MAX_DEFLATE_BYTES);
}

function repeated([body, times]: [Uint8Array, number]): Uint8Array {
  return Buffer.concat(Array<Uint8Array>(times).fill(body)).subarray(0, MAX_DEFLATE_BYTES);
}

test("Node inflates what was deflated, and would hardly have deflated it better", () => {
  let ours = 0;
  let theirs = 0;
  fc.assert(
    fc.property(bytes, (input) => {
      const deflated = deflate(input, input.length);
      const other = deflateRawSync(input, { level: 3 });
      ours += deflated?.length ?? input.length;
      theirs += Math.min(other.length, input.length);
      if (deflated !== undefined) expect(inflateRawSync(deflated).equals(input)).toBe(true);
    }),
    exploring(500),
  );
  expect(ours / theirs).toBeLessThan(1.02);
});

test("gives nothing that is not shorter than asked for", () => {
  fc.assert(
    fc.property(bytes, (input) => {
      const { length } = deflate(input, input.length) ?? input;
      expect(deflate(input, length)).toBeUndefined();
      expect(deflate(input, length + 1)?.length).toBe(length < input.length ? length : undefined);
    }),
    exploring(100),
  );
});

test("deflates what needs codes longer than there may be", () => {
  // Each byte as often as the two rarer ones together: the best code of the rarest would have 16 bits and more.
  const often = [1, 1];
  while (often.length < 15) often.push((often.at(-1) as number) + (often.at(-2) as number));
  const input = Buffer.from(often.flatMap((times, byte) => Array<number>(times).fill(byte * 17))).subarray(0, 1500);
  const shuffled = input.map((_, at) => input[(at * 7_919) % input.length] as number);
  expect(inflateRawSync(deflate(shuffled, shuffled.length) as Buffer).equals(shuffled)).toBe(true);
});
