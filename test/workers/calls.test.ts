import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { threadId } from "node:worker_threads";
import { describe, expect, expectTypeOf, test } from "vitest";
import { transfer, workers } from "../../src/workers.ts";
import { temporaryFolder } from "../support/cli.ts";
import { inOneBatch, MODULE, rejection, restarts, threads } from "../support/threads.ts";
import { plainButOdd, withGetter } from "../support/worker-functions.ts";

describe("a call", () => {
  test("gives what the function returns, or what its promise resolves with", async () => {
    const { double, later } = threads();
    expect(await double(21)).toBe(42);
    expect(await later(7, 1)).toBe(7);
  });

  test("has the types of the function, and takes no others", async () => {
    const functions = threads();
    expectTypeOf(functions.double).toBeCallableWith(1);
    expectTypeOf(functions.later(1, 2)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(functions.rows(1)).toEqualTypeOf<Promise<{ id: number; name: string }[]>>();
    // @ts-expect-error: a text is no number
    await functions.double("2");
    // @ts-expect-error: what is no function cannot be called
    functions.constant;
  });

  test("runs on another thread, which has loaded the module once", async () => {
    const { whichThread, countCalls } = threads({ threads: 1 });
    const first = await whichThread();
    expect(first).not.toBe(threadId);
    expect(await whichThread()).toBe(first);
    expect([await countCalls(), await countCalls()]).toEqual([1, 2]);
  });

  test("runs beside others, and never more than there are threads", async () => {
    const { meet } = threads();
    const cells = new Int32Array(new SharedArrayBuffer(8));
    const seen = await Promise.all(Array.from({ length: 20 }, () => meet(cells)));
    expect(new Set(seen).size).toBe(2);
    expect([...cells]).toEqual([0, 2]);
  });

  test("copies its arguments: what the function does to them stays there", async () => {
    const { increment } = threads();
    const bytes = new Uint8Array([1, 2, 3]);
    expect([...(await increment(bytes))]).toEqual([2, 3, 4]);
    expect([...bytes]).toEqual([1, 2, 3]);
  });

  test("moves what is marked, there and back", async () => {
    const bytes = new Uint8Array(1_000_000);
    const result = await threads().increment(transfer(bytes));
    expect(bytes.length).toBe(0);
    expect([result.length, result[0], result.at(-1)]).toEqual([1_000_000, 1, 1]);
  });

  test("copies a small Buffer that is marked, since others share its memory", async () => {
    const neighbour = Buffer.from("neighbour");
    const small = Buffer.from([1, 2]);
    expect([...(await threads().increment(transfer(small)))]).toEqual([2, 3]);
    expect(neighbour.toString()).toBe("neighbour");
  });

  test("brings back large results as they are", async () => {
    const rows = await threads().rows(20_000);
    expect(rows.length).toBe(20_000);
    expect(rows.at(-1)).toEqual({ id: 19_999, name: "row 19999" });
  });
});

describe("a call of a batch", () => {
  const functions = threads({ threads: 1 });

  test.each([
    ["return", (given: unknown) => given],
    ["throw", (given: unknown) => given],
    ["throw an error", (given: unknown) => (given as { reused: unknown }).reused],
  ] as const)("gives its object as it was, although later calls change the object (%s)", async (end, objectOf) => {
    const calls = inOneBatch(
      functions.reuse,
      [1, 2].map((n) => [n, end] as const),
    );
    const [first, second] = await Promise.all(calls.map((call) => call.catch((thrown: unknown) => thrown)));
    expect(objectOf(first)).toEqual({ n: 1, row: { n: 1 } });
    expect(objectOf(second)).toEqual({ n: 2, row: { n: 2 } });
  });

  test.each(["return", "throw"] as const)(
    "ends as it did, although its object cannot be cloned later (%s)",
    async (end) => {
      const before = restarts();
      const calls = inOneBatch(functions.reuse, [[1, end] as const, [2, end] as const, [3, "return"] as const]);
      const [first, second, third] = await Promise.all(calls.map((call) => call.catch((thrown: unknown) => thrown)));
      expect([first, second]).toEqual([
        { n: 1, row: { n: 1 } },
        { n: 2, row: { n: 2 } },
      ]);
      expect(third).toMatchObject({ code: "ERR_WORKER_UNCLONEABLE" });
      expect(restarts()).toBe(before);
    },
  );

  test("gives a clone of its result, also of an odd one", async () => {
    const [odd] = await Promise.all(inOneBatch(functions.plainButOdd, [1, 2]));
    expect(odd).toStrictEqual(structuredClone(plainButOdd(1)));
    expect(odd?.twice[0]).toBe(odd?.twice[1]);
    expect(odd?.loop.self).toBe(odd?.loop);
  });
});

describe("a value that cannot be cloned", () => {
  const { double, uncloneable } = threads();

  test.each([
    [{ order: { items: [1, { onClick: () => 1 }] } }, "arguments[0].order.items[1].onClick is a function"],
    [{ "two words": Symbol("s") }, 'arguments[0]["two words"] is a symbol'],
    [new Map([["key", { promise: Promise.resolve() }]]), 'arguments[0].get("key").promise is a Promise'],
    [new Set([1, new WeakMap()]), "arguments[0].values() is a WeakMap"],
    [new Proxy({}, {}), "arguments[0] is a Proxy"],
    [new Map([[1n, () => 1]]), "arguments[0].get(1) is a function"],
    [() => 1, "arguments[0] is a function"],
  ])("is named by its path among the arguments (%#)", async (value, what) => {
    const error = await rejection(double(value as never));
    expect(error.message).toContain(`The call of double of ${MODULE.href} cannot be sent to a thread: ${what}.`);
    expect(error["code"]).toBe("ERR_WORKER_UNCLONEABLE");
    expect(String(error.cause)).toContain("could not be cloned");
  });

  test("is named by its path in the result", async () => {
    const error = await rejection(uncloneable());
    expect(error.message).toContain("cannot be sent to the main thread: result.rows[1].onClick is a function.");
    expect(error["code"]).toBe("ERR_WORKER_UNCLONEABLE");
  });

  test.each([
    ["threads", "cannot be sent to a thread"],
    ["inline", "On a thread"],
  ] as const)("may be a getter that throws, which is named with its error (%s)", async (mode, text) => {
    const before = restarts();
    const functions = threads({ mode });
    const argument = await rejection(functions.double({ order: withGetter({ id: 1 }, "lazy") } as never));
    expect(argument["code"]).toBe("ERR_WORKER_UNCLONEABLE");
    expect(argument.message).toContain(text);
    expect(argument.message).toContain("arguments[0].order.lazy is a getter that threw TypeError: not loaded");
    expect(String(argument.cause)).toBe("TypeError: not loaded");
    const result = await rejection(functions.returnGetter());
    expect(result["code"]).toBe("ERR_WORKER_UNCLONEABLE");
    expect(result.message).toContain("result.rows[0].lazy is a getter that threw TypeError: not loaded");
    expect(restarts()).toBe(before);
  });

  test("fails alone in its batch, whatever its getter throws", async () => {
    const before = restarts();
    const odd = Object.defineProperty({}, "odd", {
      get() {
        throw Object.create(null);
      },
      enumerable: true,
    });
    const [first, second, third] = inOneBatch(double, [1, odd as never, 3]);
    const refused = rejection(second as Promise<unknown>);
    expect([await first, await third]).toEqual([2, 6]);
    expect((await refused).message).toContain("[0].odd is a getter that threw [Object: null prototype] {}. Pass data");
    expect(restarts()).toBe(before);
  });

  test("may be one that is nested too deeply", async () => {
    const before = restarts();
    let deep: unknown;
    for (let depth = 0; depth < 20_000; depth++) deep = { deep };
    const error = await rejection(double(deep as never));
    expect(error["code"]).toBe("ERR_WORKER_UNCLONEABLE");
    expect(error.message).toContain("RangeError: Maximum call stack size exceeded");
    expect(restarts()).toBe(before);
  });

  test("is named if it is a member of an array that is no element", async () => {
    const functions = threads({ threads: 1 });
    const before = await functions.whichThread();
    const error = await rejection(functions.arrayWithFunction());
    expect(error.message).toContain("result[f] is a function");
    expect(error["code"]).toBe("ERR_WORKER_UNCLONEABLE");
    expect(await functions.whichThread()).toBe(before);
  });

  test("costs no thread, and the next call is none the worse", async () => {
    const functions = threads({ threads: 1 });
    const before = await functions.whichThread();
    await rejection(functions.uncloneable());
    await rejection(functions.double((() => 1) as never));
    expect(await functions.whichThread()).toBe(before);
  });

  test("does not hang on a value that contains itself", async () => {
    const loop: Record<string, unknown> = { bad: () => 1 };
    loop["self"] = loop;
    const error = await rejection(double({ first: loop } as never));
    expect(error.message).toContain("arguments[0].first.bad is a function");
  });
});

describe("a module", () => {
  test("that is missing is named at once, with its URL", () => {
    const url = new URL("./no-such-module.ts", import.meta.url);
    expect(() => workers(url)).toThrow(`There is no file ${url.href} for worker threads.`);
    expect(() => workers(url)).toThrow(expect.objectContaining({ code: "ERR_WORKER_MODULE_MISSING" }));
  });

  test.each(["./score.ts", "https://example.com/score.js", undefined])("must be the URL of a file: %s", (url) => {
    expect(() => workers(url as string)).toThrow(expect.objectContaining({ code: "ERR_WORKER_MODULE_URL" }));
  });

  test("without the export fails the call with its URL and what it exports", async () => {
    const functions = threads() as unknown as Record<string, () => Promise<unknown>>;
    const missing = await rejection(functions["nowhere"]?.() as Promise<unknown>);
    expect(missing["code"]).toBe("ERR_WORKER_EXPORT");
    expect(missing.message).toMatch(/worker-functions\.ts has no export "nowhere"\. It exports .*burn, .*double/);
    const constant = await rejection(functions["constant"]?.() as Promise<unknown>);
    expect(constant.message).toContain('exports "constant", no function');
  });

  test.each([
    ["new TypeError('no database')", "TypeError: no database"],
    ["Object.create(null)", "[Object: null prototype] {}"],
  ])("that throws when it is imported fails the call with its URL and the reason (%s)", async (thrown, reason) => {
    const file = join(temporaryFolder(), "broken.mjs");
    writeFileSync(file, `throw ${thrown};`);
    const { run } = workers<{ run(): void }>(pathToFileURL(file), { mode: "threads" });
    const error = await rejection(run());
    expect(error["code"]).toBe("ERR_WORKER_IMPORT");
    expect(error.message).toContain(`${pathToFileURL(file).href} cannot be imported: ${reason}`);
  });

  test.each([
    ["square.mjs", "export const square = (n) => n * n;"],
    ["square.cjs", "exports.square = (n) => n * n;"],
    ["square.cjs", "const parts = { square: (n) => n * n }; module.exports = { ...parts };"],
    [
      "square.cjs",
      "class Maths { square(n) { return this.times(n, n); } times(a, b) { return a * b; } }\nmodule.exports = new Maths();",
    ],
    ["square.ts", "export function square(n: number): number { return n * n; }"],
    ["square.mts", "export const square = async (n: number): Promise<number> => n * n;"],
  ])("may be %s (%#)", async (name, source) => {
    const file = join(temporaryFolder(), name);
    writeFileSync(file, source);
    const { square } = workers<{ square(n: number): number }>(pathToFileURL(file), { mode: "threads" });
    expect(await square(12)).toBe(144);
  });

  test.each([
    ["score.ts", "score.js"],
    ["score.ts", "score.mjs"],
    ["score.mts", "score.mjs"],
    ["score.cts", "score.cjs"],
  ])("named %s may be built as %s", async (named, built) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    const isCommonJs = built.endsWith(".cjs");
    writeFileSync(join(folder, built), isCommonJs ? "exports.one = () => 1;" : "export const one = () => 1;");
    const { one } = workers<{ one(): number }>(pathToFileURL(join(folder, named)), { mode: "threads" });
    expect(await one()).toBe(1);
  });
});

test("the functions can be awaited, printed and listed without being called", async () => {
  const functions = threads();
  expect(await functions).toBe(functions);
  expect(JSON.stringify(functions)).toBe("{}");
  expect(Object.keys(functions)).toEqual([]);
  expect(functions.double).toBe(functions.double);
});
