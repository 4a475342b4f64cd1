import { deepStrictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";

const compact = createCodec("compact");
/** Packs whatever it can. */
const packing = createCodec("compact", 0);
const rows = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ id, name: `item-${id}`, ok: id % 3 === 0, score: (id * 37) % 1000 }));

describe("the compact codec", () => {
  test("leaves short payloads and incompressible text as JSON", () => {
    const random = Array.from({ length: 80 }, (_, i) => createHash("sha512").update(`${i}`).digest("base64")).join("");
    for (const value of [17, "text", null, rows(3), rows(60), { id: 1, name: "item-1" }, random]) {
      expect(compact.roundTrip(value).payload).toBe(JSON.stringify(value));
    }
    for (const value of [17, "text", null, { id: 1, name: "item-1" }, random]) {
      expect(packing.roundTrip(value).payload).toBe(JSON.stringify(value));
    }
  });

  test.each([
    ["letters", "x", 4_094],
    ["letters of two bytes", "é", 2_047],
    ["letters of three bytes", "€", 1_364],
    ["letters of four bytes", "😀", 1_023],
  ])("packs 4 KiB of JSON, and not a byte less: %s", (_, letter, count) => {
    const quoted = letter.repeat(count);
    const whole = quoted + "x".repeat(4_094 - Buffer.byteLength(quoted));
    expect(Buffer.byteLength(JSON.stringify(whole))).toBe(4_096);
    expect(compact.roundTrip(whole).payload).toMatch(/^~1/);
    expect(compact.roundTrip(whole).payload).toMatch(/^~1/);
    expect(compact.roundTrip(whole.slice(0, -1)).payload).toMatch(/^"/);
    expect(compact.roundTrip(whole.slice(0, -1)).payload).toMatch(/^"/);
  });

  test("keeps the -0 of a text that JSON.rawJSON made", () => {
    const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };
    for (const value of [{ at: rawJSON("-0"), of: rows(60) }, [rawJSON("-0"), ...rows(60)]]) {
      const { payload, value: live } = packing.roundTrip(value);
      deepStrictEqual(packing.decode(payload), live);
      deepStrictEqual(live, JSON.parse(JSON.stringify(value)));
    }
  });

  test("packs from another size on where the caller, or whoever made the codec, says so", () => {
    const value = rows(30);
    const json = JSON.stringify(value);
    const packed = packing.roundTrip(value).payload as string;
    expect(packed).toMatch(/^~1/);
    expect(compact.pack(json, 1_024)).toBe(packed);
    expect(compact.roundTrip(value, 1_024)).toStrictEqual({ payload: packed, value });
    expect([compact.roundTrip(value).payload, compact.pack(json)]).toEqual([json, json]);
    for (const codec of [compact, packing]) {
      expect(codec.roundTrip(rows(1_000), Number.POSITIVE_INFINITY).payload).toBe(JSON.stringify(rows(1_000)));
    }
    expect(createCodec("json", 0).roundTrip(value, 0).payload).toBe(json);
  });

  test.each([
    ["ten rows", rows(10), 0.5],
    ["a hundred rows", rows(100), 0.2],
    ["a thousand rows", rows(1_000), 0.15],
    ["rows in a member", { rows: rows(100), total: 100 }, 0.2],
    ["rows with optional members", rows(80).map((row, i) => (i % 3 ? row : { ...row, note: "late" })), 0.4],
    ["a dictionary", Object.fromEntries(rows(100).map((row) => [row.name, row])), 0.25],
    ["prices", Array.from({ length: 100 }, (_, i) => ((i * 7919) % 10_000) / 100), 0.7],
    ["timestamps", Array.from({ length: 40 }, (_, i) => 1.77e12 + i * 60_000 + (i % 7)), 0.4],
    ["prose", "the quick brown fox jumps over the lazy dog ".repeat(100), 0.1],
    ["numbers", Array.from({ length: 1_000 }, (_, i) => Math.sin(i)), 0.6],
  ])("writes %s in a fraction of their JSON", (_, value, ratio) => {
    expect(packing.roundTrip(value).payload?.length).toBeLessThan(JSON.stringify(value).length * ratio);
  });

  test("throws what JSON.stringify throws", () => {
    const loop: unknown[] = [];
    loop.push({ loop });
    for (const value of [1n, { big: 1n }, Array(100).fill({ big: 1n }), loop, Array(100).fill({ loop })]) {
      expect(() => compact.roundTrip(value)).toThrow(TypeError);
      expect(() => compact.roundTrip(value)).toThrow(TypeError);
    }
  });

  test("gives live what JSON would give back", () => {
    class Row {
      id = 1;
      at = new Date(0);
    }
    const many = <T>(value: T) => Array.from({ length: 80 }, () => value);
    for (const value of [
      many(new Row()),
      many({ at: new Date(0), skip: undefined, call: () => 1 }),
      many({ toJSON: () => ({ a: 1 }) }),
      many(Object.defineProperty({ a: 1 }, "toJSON", { value: () => "hidden" })),
      many(Object.create(null, { a: { value: 1, enumerable: true } })),
      many(Object.create({ inherited: 1 })),
      many([Number.NaN, -0, undefined]),
      many(new Number(5)),
      Object.assign(many({ a: 1 }), { toJSON: () => [1] }),
      Object.assign(many({ a: 1 }), { extra: 1 }),
      new Array(100),
      { rows: many({ a: "x".repeat(20), b: Number.POSITIVE_INFINITY }) },
    ]) {
      const expected = JSON.parse(JSON.stringify(value));
      for (const codec of [compact, packing]) {
        const { payload, value: live } = codec.roundTrip(value);
        expect(live).toStrictEqual(expected);
        expect(codec.decode(payload)).toStrictEqual(expected);
      }
    }
  });

  test("gives a live value of its own", () => {
    const value = { rows: rows(100), note: { a: 1 } };
    const live = packing.roundTrip(value).value as typeof value;
    (value.rows[0] as { name: string }).name = "changed";
    value.note.a = 2;
    expect(live.rows[0]?.name).toBe("item-0");
    expect(live.note.a).toBe(1);
  });

  test("gives back what msgpack has no form for, or another one", () => {
    const long = "x".repeat(3_000);
    for (const value of [
      [`\ud800${long}`, `\ufeff${long}`, { [`\udc00${long}`]: 1, [`\ufeff${long}`]: 2 }],
      JSON.parse(`[{"__proto__":1,"a":"${long}"},{"__proto_":2,"__keys__":3},{"__keys__":{"a":1}},{"a":{"a":1}}]`),
      { constructor: { name: "Map" }, hasOwnProperty: false, toJSON: long, length: -1 },
      [long, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 31), -(2 ** 31) - 1, 1e21, 5e-324, 0.1 + 0.2, 1.005, -0.5, 63, 64, 255],
      Array.from({ length: 40 }, (_, i) => (i + 0.1) * 0.1),
      Array.from({ length: 200 }, (_, i) => ({ [`a${i % 90}`]: 1, b: [{}, i] })),
    ]) {
      expect(packing.roundTrip(value).payload).toMatch(/^~1/);
      deepStrictEqual(packing.roundTrip(value).value, value);
      deepStrictEqual(packing.decode(packing.roundTrip(value).payload), value);
      expect(JSON.stringify(packing.decode(packing.roundTrip(value).payload))).toBe(JSON.stringify(value));
    }
  });

  test("stores values nested too deep for a tree as JSON says", () => {
    let value: unknown = rows(100);
    for (let depth = 0; depth < 2_000; depth++) value = [value];
    expect(JSON.stringify(packing.roundTrip(value).value)).toBe(JSON.stringify(value));
    expect(JSON.stringify(packing.decode(packing.roundTrip(value).payload))).toBe(JSON.stringify(value));
  });
});
