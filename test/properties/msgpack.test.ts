import assert from "node:assert/strict";
import fc from "fast-check";
import { Packr, Unpackr } from "msgpackr";
import { expect, test } from "vitest";
import { fromMsgpack, toMsgpack } from "../../src/codec/msgpack.ts";

// What earlier releases wrote with, and read with.
const packr = new Packr({ useRecords: true, moreTypes: true, useToJSON: false });
const unpackr = new Unpackr({ useRecords: true, mapsAsObjects: false, structuredClone: false });

const text = fc.oneof(
  fc.string({ maxLength: 80 }),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constantFrom("é".repeat(15), "é".repeat(20), "x".repeat(255), "x".repeat(256), "x".repeat(70_000)),
);

const bytes = fc.uint8Array({ maxLength: 300 });

const leaf = fc.oneof(
  text,
  ...[fc.integer(), fc.double(), fc.boolean(), fc.constantFrom(null, undefined), fc.date({ noInvalidDate: false })],
  ...[
    fc.bigInt(),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
    fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }),
  ],
  ...[2n ** 63n, -(2n ** 63n), 2n ** 64n, 2n ** 127n, -(2n ** 127n)].flatMap((at) => [fc.constantFrom(at, at - 1n)]),
  ...[bytes, bytes.map((body) => Buffer.from(body)), fc.int16Array(), fc.float64Array(), fc.bigInt64Array()],
  bytes.map((body) => body.slice().buffer),
  bytes.map((body) => new DataView(body.slice().buffer)),
);

// Keys that msgpackr does not give back, or calls.
const isKey = (key: string) => !["__proto__", "__keys__", "hasOwnProperty"].includes(key);
const key = fc.oneof(fc.constantFrom("a", "b", "c", "d"), fc.string().filter(isKey));

const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc.array(tie("tree"), { maxLength: 20 }),
    fc.dictionary(key, tie("tree"), { maxKeys: 6, noNullPrototype: true }),
    fc.tuple(fc.integer({ min: 1, max: 11 }), tie("tree")).map((entry) => new Map([entry])),
  ),
}));

test("writes the very bytes that msgpackr writes, and reads the same from them", () => {
  // Long arrays have more different records than there are ids for.
  const trees = fc.oneof(tree, fc.array(tree, { minLength: 60, maxLength: 150 }));
  fc.assert(
    fc.property(trees, (value) => {
      const packed = packr.pack(value);
      expect(Buffer.from(toMsgpack(value)).equals(packed)).toBe(true);
      assert.deepEqual(fromMsgpack(packed), unpackr.unpack(packed));
    }),
  );
});

test("keeps no large buffer, and writes trees beyond the one that it keeps", () => {
  const large = Array.from({ length: 20_000 }, (_, id) => ({ id, name: `item ${id}` }));
  expect(fromMsgpack(Buffer.from(toMsgpack(large)))).toEqual(large);
  expect(toMsgpack("small").buffer.byteLength).toBeLessThan(20_000);
});
