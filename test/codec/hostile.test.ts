import { deflateRawSync } from "node:zlib";
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";

const codec = createCodec("compact", 0);
const decode = (payload: string) => codec.decode(payload);
const packr = new Packr({ moreTypes: true });
const unreadable = (why: RegExp) =>
  expect.objectContaining({ code: "ERR_PAYLOAD_UNREADABLE", message: expect.stringMatching(why) });

function refusal(payload: string): unknown {
  try {
    return { read: decode(payload) };
  } catch (error) {
    return error;
  }
}

const ofBytes = (...bytes: (number | readonly number[])[]) => `~1m${Buffer.from(bytes.flat()).toString("base64url")}`;
const ofTree = (tree: unknown) => `~1m${packr.pack(tree).toString("base64url")}`;
/** A node that stands for something other than itself. */
const node = (tag: unknown, body: unknown) => new Map([[tag, body]]);
/** Text as the bytes of a msgpack string of up to 31 characters. */
const text = (value: string) => [0xa0 + value.length, ...Buffer.from(value)];

describe("a hostile payload", () => {
  test.each([
    ["of a later version", "~2mAA", /mark "~2m" is unknown/],
    ["of an unknown format", "~1?abc", /mark "~1\?" is unknown/],
    ["that is only a mark", "~", /mark "~" is unknown/],
    ["whose base64 holds anything else", "~1mAA!AAA", /base64url text is damaged/],
    // Four characters are three bytes, with and without the fifth one.
    ["whose base64 has one bad character at the end", `${ofTree([1, 2])}!`, /base64url text is damaged/],
    ["that is empty", "~1m", /msgpack is damaged/],
    ["that is cut short", ofBytes(0x92, 1), /msgpack is damaged/],
    ["that goes on", ofBytes(1, 1), /msgpack is damaged/],
    ["with a longer array than bytes", ofBytes(0xdd, 0xff, 0xff, 0xff, 0xff), /msgpack is damaged/],
    ["with damaged deflate data", "~1d____", /deflate data is damaged/],
    ["with damaged zstd data", "~1zAAAA", /zstd data is damaged/],
    ["with an unknown tag", ofTree(node(99, null)), /tag 99 is unknown/],
    ["with a node of two tags", ofTree(new Map([...node(1, []), ...node(2, [])])), /tag undefined is unknown/],
    ["with a table of unequal columns", ofTree(node(1, [["a", "b"], [1], [1, 2]])), /unequal length/],
    ["with a table without columns", ofTree(node(1, [[]])), /bad keys/],
    ["with a table column that is no array", ofTree(node(1, [["a"], { length: 4e9 }])), /an array is missing/],
    ["with a table that sets a prototype", ofTree(node(1, [["__proto__"], [{ polluted: 1 }]])), /bad keys/],
    ["with a table key that is no string", ofTree(node(1, [[1], [1]])), /string is missing/],
    ["with a table that is text", ofTree(node(1, "abc")), /an array is missing/],
    ["with numbers that are none", ofTree(node(2, [1, 2])), /bytes are missing/],
    ["with differences that are none", ofTree(node(3, [1, "2"])), /list of numbers is damaged/],
    ["with decimals that are none", ofTree(node(4, [2, [1, "2"]])), /list of numbers is damaged/],
    ["with decimals beyond bounds", ofTree(node(4, [4e9, [1]])), /list of numbers is damaged/],
    ["with an object of unequal parts", ofTree(node(5, [["a"], []])), /numbers of keys and values differ/],
    ["with an object key that is no string", ofTree(node(5, [[{}], [1]])), /string is missing/],
    ["with a Map of unequal parts", ofTree(node(8, [[1], []])), /numbers of keys and values differ/],
    ["with a Set that is none", ofTree(node(9, 5)), /an array is missing/],
    ["with an error that is none", ofTree(node(10, ["Error", [1]])), /an error is damaged/],
    ["with a Set of msgpackr's", ofTree(new Set([1])), /unknown class/],
    ["with an error of msgpackr's", ofTree(new Error("x")), /unknown class/],
    [
      "with functions by the name of an error",
      ofBytes(0xd4, 0x65, 0, 0x91, ...text("valueOf")),
      /a function or symbol/,
    ],
    ["with msgpackr's constant of its own", ofBytes(0xc1), /unknown class/],
    ["with a bad regular expression", ofTree(node(11, ["(", "g"])), /regular expression is damaged/],
    ["with a regular expression of msgpackr's", ofTree(/a/), /unknown class/],
    [
      "with an object within itself",
      ofBytes(0xd6, 0x69, 0, 0, 0, 1, 0x91, 0xd6, 0x70, 0, 0, 0, 1),
      /msgpack is damaged/,
    ],
    ["with an unknown extension", ofBytes(0xd4, 0x21, 0), /msgpack is damaged/],
  ])("%s is refused", (_, payload, why) => {
    expect(refusal(payload)).toEqual(unreadable(why));
  });

  test("that unpacks to more than 16 MiB is refused", () => {
    const bomb = deflateRawSync(Buffer.alloc(20 * 1024 * 1024, " "), { level: 9 });
    expect(bomb.length).toBeLessThan(100_000);
    expect(refusal(`~1d${bomb.toString("base64url")}`)).toEqual(unreadable(/more than 16777216 bytes/));
  });

  test.each([
    ["arrays", [0x91]],
    ["objects", [0xd4, 0x72, 0x40, 0x91, ...text("a")]],
    ["tables", [0x81, 1, 0x92, 0x91, ...text("a")]],
    ["sets", [0x81, 9, 0x91]],
    ["errors", [0x81, 10, 0x92, ...text("Error"), 0xd4, 0x72, 0x40, 0x91, ...text("cause")]],
  ])("that nests %s too deep is refused", (_, opening) => {
    const nested = (levels: number) => ofBytes(Array.from({ length: levels }, () => opening).flat(), 0x90);
    expect(refusal(nested(600))).toEqual(unreadable(/nests more than 500 levels/));
    expect(refusal(nested(20_000))).toEqual(unreadable(/nests more than 500 levels|msgpack is damaged/));
    const rows = Array.from({ length: 30 }, (_, id) => ({ id, name: `item-${id}` }));
    const payload = codec.roundTrip(rows).payload as string;
    expect(payload).toMatch(/^~1/);
    expect(decode(payload)).toEqual(rows);
  });

  test("cannot change the prototype of anything", () => {
    const entries = decode(
      ofTree(
        node(5, [
          ["__proto__", "constructor"],
          [{ polluted: 1 }, 2],
        ]),
      ),
    );
    expect(Object.getPrototypeOf(entries)).toBe(Object.prototype);
    expect(Object.keys(entries as object)).toEqual(["__proto__", "constructor"]);
    const record = decode(ofBytes(0xd4, 0x72, 0x40, 0x91, ...text("__proto__"), 0x90));
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
    const members = node(5, [
      ["name", "message", "__proto__"],
      ["X", "m", { polluted: 1 }],
    ]);
    expect(Object.getPrototypeOf(decode(ofTree(node(10, ["Error", members]))))).toBe(Error.prototype);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("cannot run code by the names of its members", () => {
    const key = '"]:0,[globalThis.ran=1]:0,["';
    const definition = [0xd4, 0x72, 0x40, 0x91, ...text(key), 1];
    const read = decode(ofBytes(0x99, ...definition, ...Array.from({ length: 8 }, () => [0x40, 1]).flat()));
    expect(read).toEqual(Array.from({ length: 9 }, () => ({ [key]: 1 })));
    expect(globalThis).not.toHaveProperty("ran");
  });

  test("that is no JSON and not ours is a SyntaxError, as JSON.parse throws", () => {
    for (const payload of ["", "{", "undefined"]) expect(refusal(payload)).toBeInstanceOf(SyntaxError);
  });
});
