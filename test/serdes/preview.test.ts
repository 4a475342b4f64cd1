import * as official from "@aws/durable-execution-sdk-js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  buildPreview,
  FieldMatchMode,
  type PreviewConfig,
  type PreviewField,
  PreviewMode,
} from "../../src/serdes/preview.ts";
import { exploring } from "../support/exploration.ts";

const order = {
  id: "order-123",
  status: "pending",
  total: 99.5,
  note: null,
  user: { id: "u-1", email: "a@example.com", address: { zip: "1000" } },
  lines: [{ sku: "A", price: 1 }, { sku: "B", gift: true }, "loose"],
  tags: ["x", "y"],
};

const named = (...names: string[]): PreviewField[] => names.map((name) => ({ name }));
const at = (...names: string[]): PreviewField[] => names.map((name) => ({ name, match: FieldMatchMode.PATH }));
const all = (config: Omit<PreviewConfig, "mode"> = {}, value: unknown = order) =>
  buildPreview(value, { mode: PreviewMode.INCLUDE_ALL, ...config });
const none = (config: Omit<PreviewConfig, "mode"> = {}, value: unknown = order) =>
  buildPreview(value, { mode: PreviewMode.EXCLUDE_ALL, ...config });

describe("a preview", () => {
  test("begins with all fields or with none", () => {
    expect(all()).toEqual({
      id: "order-123",
      status: "pending",
      total: 99.5,
      note: null,
      user: { id: "u-1", email: "a@example.com", address: { zip: "1000" } },
      lines: { sku: "B", price: 1, gift: true },
    });
    expect(none()).toBeUndefined();
  });

  test("shows a field by name at any depth, with all that is inside", () => {
    expect(none({ include: named("id") })).toEqual({ id: "order-123", user: { id: "u-1" } });
    expect(none({ include: named("address", "sku") })).toEqual({
      user: { address: { zip: "1000" } },
      lines: { sku: "B" },
    });
  });

  test("shows a field by its path, and nothing else", () => {
    expect(none({ include: at("id", "lines.sku") })).toEqual({ id: "order-123", lines: { sku: "B" } });
    expect(none({ include: at("user") })).toBeUndefined();
  });

  test("masks a field with all that is inside, and shows it for that", () => {
    expect(none({ include: at("id"), mask: named("email", "lines") })).toEqual({
      id: "order-123",
      user: { email: "***" },
      lines: "***",
    });
    expect(none({ mask: at("tags", "note"), maskString: "hidden" })).toEqual({ tags: "hidden", note: "hidden" });
  });

  test("never shows what is excluded", () => {
    const preview = all({ exclude: named("user"), include: named("email"), mask: at("user.email", "id") });
    expect(preview).not.toHaveProperty("user");
    expect(preview).toHaveProperty("id", "***");
    expect(none({ include: named("id"), exclude: at("user.id") })).toEqual({ id: "order-123" });
  });

  test("stops at its size, 4,096 bytes unless told", () => {
    expect(all({ maxPreviewBytes: 14 }, { a: 1, b: 2, c: 3 })).toEqual({ a: 1, b: 2 });
    expect(all({ maxPreviewBytes: 13 }, { a: 1, b: 2, c: 3 })).toEqual({ a: 1 });
    expect(all({}, { a: 1, b: "x".repeat(5_000), c: 3 })).toEqual({ a: 1 });
    expect(all({ maxPreviewBytes: 0 })).toBeUndefined();
  });

  test("is of objects only", () => {
    for (const value of [undefined, null, 5, "text", true, () => 1, [], [1, 2], {}, new Date()]) {
      expect(buildPreview(value, { mode: PreviewMode.INCLUDE_ALL })).toBeUndefined();
    }
    expect(all({}, [{ a: 1 }, { b: 2 }])).toEqual({ a: 1, b: 2 });
  });

  test("leaves out names that would lead astray", () => {
    const value = JSON.parse('{"a.b":1,"__proto__":{"polluted":1},"constructor":{"x":1},"prototype":2,"ok":3}');
    expect(all({}, value)).toEqual({ ok: 3 });
    expect(all({}, { toString: { deep: 1 } })).toEqual({ toString: { deep: 1 } });
    expect({}).not.toHaveProperty("polluted");
  });
});

describe("a preview does not throw", () => {
  test("for an object inside itself", () => {
    const loop: Record<string, unknown> = { a: 1, list: [] as unknown[] };
    loop["self"] = loop;
    (loop["list"] as unknown[]).push(loop, { b: 2 }, loop["list"]);
    expect(all({}, loop)).toEqual({ a: 1, list: { b: 2 } });
  });

  test("for an object that is there twice, and shows it twice", () => {
    const shared = { k: 1 };
    expect(all({}, { x: shared, y: { z: shared } })).toEqual({ x: { k: 1 }, y: { z: { k: 1 } } });
  });

  test("for a value deeper than the stack", () => {
    let deep: unknown = { end: 1 };
    for (let depth = 0; depth < 50_000; depth++) deep = depth % 2 ? [deep] : { n: deep };
    expect(all({}, { first: 1, deep })).toEqual({ first: 1 });
    expect(none({ include: named("absent"), exclude: at("n.n.x") }, deep)).toBeUndefined();
  });

  test("for what cannot be read or written", () => {
    const refusing = Proxy.revocable({}, {});
    refusing.revoke();
    const value = {
      a: 1,
      get broken(): never {
        throw new Error("no");
      },
      refused: refusing.proxy,
      big: 12345678901234567890n,
      call: Object.assign(() => 1, {
        toJSON() {
          throw new Error("no");
        },
      }),
      z: 2,
    };
    expect(all({}, value)).toEqual({ a: 1, big: "12345678901234567890", call: value.call, z: 2 });
  });
});

describe("compared with the official function", () => {
  const NAMES = ["a", "b", "c", "", "0", "1", "a.b", "__proto__", "constructor", "toString", "é", '"'];
  const name = fc.oneof(fc.constantFrom(...NAMES), fc.string({ unit: "binary", maxLength: 3 }));
  const leaf = fc.oneof(
    fc.constantFrom(undefined, null, true, 0, -0, Number.NaN, "", "é\n", "\ud800", new Date(0), new Map([[1, 2]])),
    fc.constant(() => 1),
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.double(),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(name, tie("value"), { maxKeys: 5 }),
    ),
  }));
  const field = fc.record(
    {
      name: fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join(".")),
      match: fc.constantFrom(FieldMatchMode.ANYWHERE, FieldMatchMode.PATH),
    },
    { requiredKeys: ["name"] },
  );
  const fields = fc.array(field, { maxLength: 3 });
  const config = fc.record(
    {
      mode: fc.constantFrom(PreviewMode.INCLUDE_ALL, PreviewMode.EXCLUDE_ALL),
      include: fields,
      exclude: fields,
      mask: fields,
      maskString: fc.constantFrom("", "#", "gé"),
      maxPreviewBytes: fc.oneof(fc.nat({ max: 100 }), fc.constant(Number.POSITIVE_INFINITY)),
    },
    { requiredKeys: ["mode"] },
  );
  /** Order of members counts, for it decides which fit; so do members that JSON drops. */
  const written = (preview: unknown) =>
    JSON.stringify(preview, (_, item) =>
      item === undefined || typeof item === "function" ? `<${typeof item}>` : item,
    );

  test("shows the same of arbitrary values under arbitrary configurations", () => {
    fc.assert(
      fc.property(value, config, (arbitrary, settings) => {
        const ours = buildPreview(arbitrary, settings);
        const theirs = official.buildPreview(arbitrary, settings as official.PreviewConfig);
        expect(written(ours)).toBe(written(theirs));
      }),
      exploring(5_000),
    );
  });

  test("has the same words", () => {
    expect({ ...official.PreviewMode }).toEqual(PreviewMode);
    expect({ ...official.FieldMatchMode }).toEqual(FieldMatchMode);
  });
});
