import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";

const typed = createCodec("typed");

function kept(value: unknown): unknown {
  const { payload, value: live } = typed.roundTrip(value);
  expect(typed.decode(payload)).toEqual(live);
  return live;
}

describe("the typed codec", () => {
  test("keeps an error's class, name, message, stack, cause and simple members", () => {
    class PaymentError extends RangeError {
      override name = "PaymentError";
      readonly code = "E_DECLINED";
      readonly request = { socket: {} };
    }
    const error = new PaymentError("declined", { cause: new TypeError("no card") });
    const read = kept({ error }) as { error: PaymentError };
    expect(read.error).toBeInstanceOf(RangeError);
    expect(read.error).toMatchObject({
      name: "PaymentError",
      message: "declined",
      stack: error.stack,
      code: "E_DECLINED",
    });
    expect(read.error).not.toHaveProperty("request");
    expect(read.error.cause).toBeInstanceOf(TypeError);
    expect(Object.keys(read.error)).toEqual(["code"]);
  });

  test("keeps the errors of an AggregateError", () => {
    const read = kept(new AggregateError([new Error("one"), "two"], "both")) as AggregateError;
    expect(read).toBeInstanceOf(AggregateError);
    expect(read.message).toBe("both");
    expect(read.errors).toEqual([new Error("one"), "two"]);
  });

  test("turns class instances into plain objects, by their toJSON if they have one", () => {
    class Point {
      x = 1;
      y = undefined;
      label() {}
    }
    expect(kept([new Point(), new URL("https://example.com/a")])).toStrictEqual([
      { x: 1, y: undefined },
      "https://example.com/a",
    ]);
  });

  test("treats functions and symbols as JSON does", () => {
    expect(kept({ when: new Date(0), call: () => 1, tag: Symbol("s"), list: [() => 1] })).toStrictEqual({
      when: new Date(0),
      list: [null],
    });
    expect(typed.roundTrip(() => 1).payload).toBeUndefined();
  });

  test("reads a Buffer as Uint8Array, and keeps views apart from what surrounds them", () => {
    const pool = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
    const read = kept([Buffer.from("abc"), pool.subarray(2, 5), new DataView(pool.buffer, 4, 2)]) as ArrayBufferView[];
    expect(read[0]).toStrictEqual(new Uint8Array([97, 98, 99]));
    expect(read[1]?.buffer.byteLength).toBe(3);
    expect(read[2]).toStrictEqual(new DataView(new Uint8Array([5, 6]).buffer));
  });

  test("keeps strings that UTF-8 cannot carry, wherever they are", () => {
    const text = `\ufeff\udc00${"x".repeat(80)}`;
    const read = kept([
      new Map([[text, text]]),
      new Set([text]),
      new RegExp(text, "g"),
      new Error(text),
      { [text]: 1n },
    ]);
    expect(read).toStrictEqual([
      new Map([[text, text]]),
      new Set([text]),
      new RegExp(text, "g"),
      new Error(text),
      { [text]: 1n },
    ]);
  });

  test("refuses a view that no reader would know", () => {
    const view = new Uint8Array(4);
    Object.defineProperty(view, Symbol.toStringTag, { value: "Float16Array" });
    expect(() => typed.roundTrip({ view })).toThrow(TypeError);
  });

  test("knows Date, Map, Set and errors of other realms", () => {
    const read = kept(runInNewContext("({ d: new Date(5), m: new Map([[1, new Set([2])]]), e: new RangeError('x') })"));
    expect(read).toEqual({ d: new Date(5), m: new Map([[1, new Set([2])]]), e: new RangeError("x") });
  });

  test("refuses a value that refers to itself, but not one that holds an object twice", () => {
    const loop: { self?: unknown } = {};
    loop.self = new Map([["loop", loop]]);
    expect(() => typed.roundTrip(loop)).toThrow(TypeError);
    expect(() => typed.roundTrip(loop)).toThrow("refers to itself");
    const twice = { big: 1n };
    expect(kept([twice, twice])).toStrictEqual([twice, twice]);
  });

  test("refuses a value nested too deep to be read back", () => {
    let value: unknown = new Date(0);
    for (let depth = 0; depth < 499; depth++) value = depth % 2 ? [value] : { value };
    expect(kept(value)).toStrictEqual(value);
    expect(() => typed.roundTrip([[value]])).toThrow(expect.objectContaining({ code: "ERR_PAYLOAD_TOO_DEEP" }));
  });

  test("stores tables of typed cells, and bytes, in a fraction of their JSON", () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({ id: BigInt(i), at: new Date(i * 1e6), name: `n${i % 7}` }));
    expect(kept(rows)).toStrictEqual(rows);
    expect(typed.roundTrip(rows).payload?.length).toBeLessThan(2_500);
    const bytes = new Uint8Array(3_000).map((_, i) => ((i * 7919) % 251) ^ (i >> 3));
    expect(typed.roundTrip(bytes).payload?.length).toBeLessThan(4_100);
  });
});
