import { describe, expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";

const compact = createCodec("compact");
const rows = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ id, name: `item-${id}`, ok: id % 3 === 0, score: (id * 37) % 1000 }));

describe("the compact codec", () => {
  test("leaves short payloads and incompressible text as JSON", () => {
    const random = Array.from({ length: 2_000 }, (_, i) =>
      String.fromCharCode(35 + ((i * i * 7919 + i * 104_729) % 57)),
    ).join("");
    for (const value of [17, "text", null, rows(3), { id: 1, name: "item-1" }, random.slice(0, 500)]) {
      expect(compact.encode(value)).toBe(JSON.stringify(value));
    }
  });

  test.each([
    ["ten rows", rows(14), 0.6],
    ["a hundred rows", rows(100), 0.25],
    ["a thousand rows", rows(1_000), 0.2],
    ["rows in a member", { rows: rows(100), total: 100 }, 0.25],
    ["prose", "the quick brown fox jumps over the lazy dog ".repeat(100), 0.1],
    ["numbers", Array.from({ length: 1_000 }, (_, i) => Math.sin(i)), 0.6],
  ])("writes %s in a fraction of their JSON", (_, value, ratio) => {
    expect(compact.encode(value)?.length).toBeLessThan(JSON.stringify(value).length * ratio);
  });

  test("throws what JSON.stringify throws", () => {
    const loop: unknown[] = [];
    loop.push({ loop });
    for (const value of [1n, { big: 1n }, Array(100).fill({ big: 1n }), loop, Array(100).fill({ loop })]) {
      expect(() => compact.encode(value)).toThrow(TypeError);
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
      const { payload, value: live } = compact.roundTrip(value);
      expect(live).toStrictEqual(expected);
      expect(compact.decode(payload)).toStrictEqual(expected);
    }
  });

  test("gives a live value of its own", () => {
    const value = { rows: rows(100), note: { a: 1 } };
    const live = compact.roundTrip(value).value as typeof value;
    (value.rows[0] as { name: string }).name = "changed";
    value.note.a = 2;
    expect(live.rows[0]?.name).toBe("item-0");
    expect(live.note.a).toBe(1);
  });

  test("stores values nested too deep for a tree as JSON says", () => {
    let value: unknown = rows(100);
    for (let depth = 0; depth < 2_000; depth++) value = [value];
    expect(JSON.stringify(compact.roundTrip(value).value)).toBe(JSON.stringify(value));
    expect(JSON.stringify(compact.decode(compact.encode(value)))).toBe(JSON.stringify(value));
  });
});
