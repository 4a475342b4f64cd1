import { describe, expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";

const rows = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ id, name: `item-${id}`, ok: id % 3 === 0, score: id / 7 }));

const names = ["json", "compact", "typed"] as const;
const kinds = names.flatMap((name) => [4_096, 0].map((packFromBytes) => ({ name, packFromBytes })));

describe.each(kinds)("the $name codec that packs from $packFromBytes bytes on", ({ name, packFromBytes }) => {
  const codec = createCodec(name, packFromBytes);

  test.each([
    ["a small object", { id: 17, name: "item-17", ok: true }],
    ["rows", rows(100)],
    ["a long text", "the quick brown fox ".repeat(500)],
    ["numbers", Array.from({ length: 1000 }, (_, i) => Math.sin(i))],
    ["awkward keys", JSON.parse('{"__proto__":{"a":1},"constructor":2,"":3,"10":4,"9":5,"toString":6}')],
    ["lone surrogates", [`\ud800${"x".repeat(600)}`, "\udc00"]],
    ["a string that begins like a mark", "~1z"],
  ])("gives %s back", (_, value) => {
    const { payload, value: live } = codec.roundTrip(value);
    expect(live).toStrictEqual(value);
    expect(codec.decode(payload)).toStrictEqual(value);
  });

  test("has no payload for undefined, functions and symbols", () => {
    for (const value of [undefined, () => 1, Symbol("s")]) {
      expect(codec.roundTrip(value)).toEqual({ payload: undefined, value: undefined });
    }
    expect(codec.decode(undefined)).toBeUndefined();
  });
});
