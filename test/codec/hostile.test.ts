import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";

const { decode } = createCodec("compact");
const unreadable = (why: RegExp) =>
  expect.objectContaining({ code: "ERR_PAYLOAD_UNREADABLE", message: expect.stringMatching(why) });

function refusal(payload: string): unknown {
  try {
    return { read: decode(payload) };
  } catch (error) {
    return error;
  }
}

describe("a hostile payload", () => {
  test.each([
    ["of a later version", '~2t["x"]', /mark "~2t" is not known/],
    ["of an unknown format", "~1?abc", /mark "~1\?" is not known/],
    ["that is only a mark", "~", /mark "~" is not known/],
    ["whose text is no JSON", "~1t[0", /text is damaged/],
    ["whose base64 holds anything else", "~1bAA!AAA", /base64url text is damaged/],
    ["that is cut short", "~1bAA", /cut short/],
    [
      "whose tree is longer than its container",
      `~1b${Buffer.from([255, 255, 0, 0, 49]).toString("base64url")}`,
      /cut short/,
    ],
    ["with damaged deflate data", "~1d____", /deflate data is damaged/],
    ["with damaged zstd data", "~1zAAAA", /zstd data is damaged/],
    ["with an unknown tag", "~1t[99]", /tag 99 is not known/],
    ["with an array without a tag", '~1t{"a":[]}', /tag undefined is not known/],
    ["with a table of unequal columns", '~1t[1,["a","b"],[0,1],[0,1,2]]', /unequal length/],
    ["with a table without columns", "~1t[1,[]]", /as many columns as keys/],
    ["with a table column that is no array", '~1t[1,["a"],{"length":4000000000}]', /an array is missing/],
    ["with a table that sets a prototype", '~1t[1,["__proto__"],[0,{"polluted":1}]]', /bad key/],
    ["with more numbers than bytes", "~1t[2,4000000000]", /binary part is too short/],
    ["with half a number", "~1t[2,0.5]", /no length/],
    ["with fewer bytes than none", '~1t[9,"Uint8Array",-1]', /binary part is too short/],
    ["with bytes of an unknown class", '~1t[9,"Function",0]', /unknown class/],
    ["with a BigInt in words", '~1t[5,"many"]', /BigInt is damaged/],
    ["with a bad regular expression", '~1t[10,"(","g"]', /regular expression is damaged/],
    ["with a Map of unequal parts", "~1t[7,[0,1],[0]]", /as many values as keys/],
  ])("%s is refused", (_, payload, why) => {
    expect(refusal(payload)).toEqual(unreadable(why));
  });

  test("that unpacks to more than 64 MiB is refused", () => {
    const bomb = deflateRawSync(Buffer.alloc(80 * 1024 * 1024, " "), { level: 9 });
    expect(bomb.length).toBeLessThan(100_000);
    expect(refusal(`~1d${bomb.toString("base64url")}`)).toEqual(unreadable(/more than 67108864 bytes/));
  });

  test.each([
    ["arrays", "[0,", "]"],
    ["objects", '{"a":', "}"],
    ["tables", '[1,["a"],', "]"],
    ["sets", "[8,[0,", "]]"],
    ["errors", '[11,"Error",{"cause":', "}]"],
  ])("that nests %s a hundred thousand times is refused", (_, open, close) => {
    const payload = `~1t${open.repeat(100_000)}[0]${close.repeat(100_000)}`;
    expect(refusal(payload)).toEqual(unreadable(/nests more than 500 levels/));
  });

  test("cannot change the prototype of anything", () => {
    const value = decode('~1t{"__proto__":{"polluted":[0,1]},"constructor":{"prototype":{"polluted":1}}}');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value as object)).toEqual(["__proto__", "constructor"]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    const error = decode('~1t[11,"Error",{"name":"X","message":"m","__proto__":{"polluted":1}}]');
    expect(Object.getPrototypeOf(error)).toBe(Error.prototype);
  });

  test("that is no JSON and not ours is a SyntaxError, as JSON.parse throws", () => {
    for (const payload of ["", "{", "undefined"]) expect(refusal(payload)).toBeInstanceOf(SyntaxError);
  });
});
