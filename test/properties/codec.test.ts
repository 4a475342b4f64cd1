import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { packBatch, succeededWith, type WrittenOutcome, writeBatch } from "../../src/codec/batch-outcomes.ts";
import { createCodec } from "../../src/codec/codec.ts";
import { isDurableError } from "../../src/core/errors.ts";
import { exploring } from "../support/exploration.ts";

const json = createCodec("json");
const compact = createCodec("compact", 0);
const typed = createCodec("typed", 0);
/** Of the values here a part is packed, and a part is not. */
const packFromBytes = fc.constantFrom(0, 100, 1_024, 4_096, Number.POSITIVE_INFINITY);

const TRICKY_KEYS = [
  "__proto__",
  "__keys__",
  "\ufeffx",
  "constructor",
  "",
  "10",
  "9",
  "0",
  "toJSON",
  "length",
  "é",
  "\ud800x",
  '""',
  "a b",
];
/** Without one-character keys that JSON escapes: JSON.parse of Node 24.21 (V8 13.6) itself reads `{"a":1,"\n":2}` wrong. */
const key = fc
  .oneof(fc.constantFrom(...TRICKY_KEYS), fc.string({ unit: "binary", maxLength: 6 }))
  .filter((name) => name.length !== 1 || JSON.stringify(name).length === 3);
const leaf = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    "\udc00\ud800",
    "\ufeffx",
    `\ufeff${"x".repeat(70)}`,
    "~1z",
    "~",
    "\u2028",
    "{",
    1e21,
    1e-7,
    -1e-7,
    2 ** 53,
    2 ** 53 + 2,
    4294967296,
    0,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);

const row = fc
  .array(fc.tuple(key, leaf), { minLength: 1, maxLength: 5 })
  .map((members) => JSON.parse(`{${members.map((pair) => pair.map((part) => JSON.stringify(part)).join(":"))}}`));

/** Anything that JSON can say, biased towards what the compact codec rearranges: like rows and lists of numbers. */
const { jsonValue } = fc.letrec<{ jsonValue: unknown }>((tie) => ({
  jsonValue: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie("jsonValue"), { maxLength: 6 }),
    fc.dictionary(key, tie("jsonValue"), { maxKeys: 6, noNullPrototype: true }),
    fc
      .tuple(row, fc.nat({ max: 70 }), tie("jsonValue"))
      .map(([like, count, other]) =>
        Array.from({ length: count }, (_, i) => (i === 69 ? other : { ...like, i, nested: i % 2 ? null : [i] })),
      ),
    fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 80 }),
    fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 60, maxLength: 90 }),
    fc
      .tuple(fc.maxSafeInteger(), fc.array(fc.integer({ min: -9, max: 999 }), { maxLength: 99 }))
      .map(([first, steps]) => steps.map((step, i) => first + step * i)),
    fc.array(fc.integer(), { minLength: 16, maxLength: 80 }),
    fc
      .tuple(fc.nat({ max: 8 }), fc.array(fc.integer(), { minLength: 2, maxLength: 80 }))
      .map(([digits, integers]) => integers.map((integer) => integer / 10 ** digits)),
    fc.array(fc.dictionary(key, leaf, { minKeys: 20, maxKeys: 50, noNullPrototype: true }), { maxLength: 3 }),
    fc.integer({ min: 0, max: 200 }).map((count) => "lorem ipsum ".repeat(count)),
  ),
}));

/** The same, live: with what JSON drops or turns into null. */
const liveValue = fc.oneof(
  jsonValue,
  fc
    .array(
      fc.record(
        {
          id: fc.nat(),
          score: fc.double(),
          maybe: fc.constantFrom(undefined, 1, "x"),
          call: fc.constantFrom(() => 1, Symbol("s"), 2),
          when: fc.oneof(
            { weight: 9, arbitrary: fc.constant(null) },
            { weight: 1, arbitrary: fc.date({ noInvalidDate: true }) },
          ),
        },
        { requiredKeys: ["id"], noNullPrototype: true },
      ),
      { maxLength: 6 },
    )
    .map((rows) => Array.from({ length: 80 }, (_, i) => rows[i % rows.length] ?? i)),
  fc.array(fc.constantFrom(Number.NaN, -0, Number.POSITIVE_INFINITY, 1, 0.1234567891), {
    minLength: 64,
    maxLength: 99,
  }),
);

const throughJson = (value: unknown) => JSON.parse(JSON.stringify(value));
const bytes = (payload: string) => Buffer.byteLength(payload);
const wireBytes = (payload: string) => Buffer.byteLength(JSON.stringify(payload));

/** Key order counts and so does the sign of zero; `__proto__` must be a member, not a prototype. */
function expectSame(actual: unknown, expected: unknown): void {
  deepStrictEqual(actual, expected);
  expect(JSON.stringify(actual)).toBe(JSON.stringify(expected));
}

describe("the compact codec", () => {
  test("gives the values that JSON gives, live and read back", () => {
    fc.assert(
      fc.property(liveValue, packFromBytes, (value, bytes) => {
        const expected = throughJson(value);
        const { payload, value: live } = compact.roundTrip(value, bytes);
        expect(compact.pack(JSON.stringify(value), bytes)).toBe(payload);
        expectSame(live, expected);
        for (const reader of [json, compact, typed]) expectSame(reader.decode(payload), expected);
      }),
      exploring(400),
    );
  });

  test("does not change the value it is given", () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const before = structuredClone(value);
        const { value: live } = compact.roundTrip(value);
        deepStrictEqual(value, before);
        if (typeof value === "object" && value !== null) expect(live).not.toBe(value);
      }),
      exploring(100),
    );
  });
});

describe.each(["json", "compact", "typed"] as const)("the %s codec", (name) => {
  const codec = createCodec(name);
  // What only `typed` keeps has no JSON to compare with.
  const values = name === "typed" ? liveValue.map(throughJson) : liveValue;

  test("never writes more than JSON, neither by itself nor inside a request", () => {
    fc.assert(
      fc.property(values, packFromBytes, (value, limit) => {
        const plain = JSON.stringify(value);
        const { payload } = codec.roundTrip(value, limit);
        expect(bytes(payload as string)).toBeLessThanOrEqual(bytes(plain));
        expect(wireBytes(payload as string)).toBeLessThanOrEqual(wireBytes(plain));
        if (bytes(plain) < limit || name === "json") expect(payload).toBe(plain);
      }),
      { numRuns: 300 },
    );
  });
});

const result = fc.oneof(jsonValue, fc.nat(), fc.record({ id: fc.nat(), total: fc.double({ noNaN: true }) }));
const outcome: fc.Arbitrary<WrittenOutcome | undefined> = fc.oneof(
  result.map((value) => succeededWith(JSON.stringify(value))),
  fc.string().map((message): WrittenOutcome => ({ mark: "F", error: { ErrorMessage: message, ErrorType: "Error" } })),
  fc.constantFrom<WrittenOutcome | undefined>({ mark: "U" }, { mark: "-" }, undefined),
);

test("the payload of a batch takes no more than its JSON, and is packed from 1 KiB of it on", () => {
  const codec = createCodec("compact");
  fc.assert(
    fc.property(fc.array(outcome, { maxLength: 200 }), (outcomes) => {
      const plain = writeBatch(outcomes, {});
      const payload = packBatch(codec, plain);
      expect(wireBytes(payload)).toBeLessThanOrEqual(wireBytes(plain));
      if (bytes(plain) < 1_024) expect(payload).toBe(plain);
      if (bytes(plain) >= 1_024) expect(payload).toBe(codec.pack(plain, 0));
      expectSame(json.decode(payload), JSON.parse(plain));
    }),
    exploring(200),
  );
});

const bytesLike = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.float64Array({ maxLength: 10 }),
  fc.int16Array({ maxLength: 10 }),
  fc.bigInt64Array({ maxLength: 5 }),
);

const { typedValue } = fc.letrec<{ typedValue: unknown }>((tie) => ({
  typedValue: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.constantFrom(undefined, null, -0, Number.NaN, true, /a+\/b/giu),
    fc.bigInt(),
    fc.date(),
    bytesLike,
    fc.array(tie("typedValue"), { maxLength: 6 }),
    fc.dictionary(key, tie("typedValue"), { maxKeys: 6, noNullPrototype: true }),
    fc.array(fc.tuple(tie("typedValue"), tie("typedValue")), { maxLength: 5 }).map((entries) => new Map(entries)),
    fc.array(tie("typedValue"), { maxLength: 5 }).map((members) => new Set(members)),
    fc
      .tuple(
        fc.nat({ max: 40 }),
        fc.record(
          { at: fc.date(), big: fc.bigInt(), n: fc.double(), rest: tie("typedValue") },
          { noNullPrototype: true },
        ),
      )
      .map(([count, row]) => Array.from({ length: count }, () => ({ ...row }))),
  ),
}));

describe("the typed codec", () => {
  test("gives back what it was given, live and read back by any codec", () => {
    fc.assert(
      fc.property(typedValue, packFromBytes, (value, bytes) => {
        const { payload, value: live } = typed.roundTrip(value, bytes);
        deepStrictEqual(live, value);
        deepStrictEqual(typed.decode(payload), value);
        deepStrictEqual(json.decode(payload), value);
      }),
      exploring(400),
    );
  });

  test("writes what the compact codec writes wherever JSON loses nothing", () => {
    fc.assert(
      fc.property(
        jsonValue,
        (value) => typed.roundTrip(throughJson(value)).payload === compact.roundTrip(value).payload,
      ),
      exploring(200),
    );
  });
});

function readsOrRefuses(payload: string): void {
  try {
    typed.decode(payload);
  } catch (error) {
    const ours = isDurableError(error) && error.code === "ERR_PAYLOAD_UNREADABLE";
    expect(ours || (error instanceof SyntaxError && !payload.startsWith("~"))).toBe(true);
  }
}

test("a damaged payload is read as something or refused, whatever the damage", () => {
  const originals = fc
    .oneof(
      jsonValue.map((value) => [value, "lorem ipsum ".repeat(60)]),
      typedValue.map((value) => [new Date(0), value]),
    )
    .map((value) => typed.roundTrip(value).payload as string);
  const damage = fc.array(fc.tuple(fc.nat(), fc.constantFrom("cut", "put", "double"), fc.string({ maxLength: 3 })), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(originals, damage, (original, changes) => {
      let payload = original;
      for (const [position, change, put] of changes) {
        const at = position % (payload.length + 1);
        if (change === "cut") payload = payload.slice(0, at) + payload.slice(at + 1);
        if (change === "put") payload = payload.slice(0, at) + put + payload.slice(at + put.length);
        if (change === "double") payload = payload.slice(0, at) + payload.slice(Math.floor(at / 2));
      }
      readsOrRefuses(payload);
    }),
    exploring(1000),
  );
});

test("msgpack with damaged bytes is read as something or refused", () => {
  const value = {
    when: new Date(0),
    bytes: new Uint8Array([1, 2, 3]),
    many: Array.from({ length: 20 }, (_, i) => Math.sin(i)),
  };
  const msgpack = Buffer.from((typed.roundTrip(value).payload as string).slice(3), "base64url");
  expect(typed.roundTrip(value).payload?.slice(0, 3)).toBe("~1m");
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: msgpack.length - 1 }), fc.nat({ max: 255 })), { minLength: 1 }),
      (changes) => {
        const damaged = Buffer.from(msgpack);
        for (const [at, byte] of changes) damaged[at] = byte;
        readsOrRefuses(`~1m${damaged.toString("base64url")}`);
      },
    ),
    exploring(1000),
  );
});

test("a tree of any shape is read as something or refused", () => {
  const node = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 5 },
      fc.oneof(fc.string(), fc.double(), fc.integer(), fc.bigInt(), fc.date(), fc.constant(null), fc.boolean()),
      fc.constantFrom("Error", "__proto__", -1, 1e9, 0.5, undefined, new Set([1]), /a/g, new RangeError("x")),
      fc.uint8Array({ maxLength: 20 }),
      // msgpackr itself stumbles over this key when it writes records.
      fc.dictionary(
        key.filter((name) => name !== "__keys__"),
        tie("node"),
        { maxKeys: 4, noNullPrototype: true },
      ),
      fc.array(tie("node"), { maxLength: 5 }),
      fc
        .tuple(fc.integer({ min: 0, max: 11 }), fc.oneof(tie("node"), fc.array(tie("node"), { maxLength: 4 })))
        .map(([tag, body]) => new Map([[tag, body]])),
    ),
  })).node;
  fc.assert(
    fc.property(node, (tree) => {
      readsOrRefuses(`~1m${new Packr({ moreTypes: true, useToJSON: false }).pack(tree).toString("base64url")}`);
      expect(Object.keys(Object.prototype)).toEqual([]);
    }),
    exploring(1000),
  );
});
