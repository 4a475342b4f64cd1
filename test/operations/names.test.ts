import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { LocalDurableTestRunner } from "../../src/testing.ts";
import { type Handler, invokeOver, replay, runOurs, withRuntime } from "../support/service.ts";

const cases: readonly [string, string | undefined][] = [
  ["José", "Jos?"],
  ["order 🎉", "order ?"],
  ["line\nbreak", "line?break"],
  ["\u0000\u007f", "??"],
  ["x".repeat(257), "x".repeat(256)],
  ["é".repeat(300), "?".repeat(256)],
  ["", undefined],
  ["\ud83c", "?"],
];

const good = ["a", " ", "~", "x".repeat(256), 'score[0..9] "quoted" \\ / ?'];

const operations: readonly [string, (context: DurableContext, name: string) => Promise<unknown>][] = [
  ["a step", (context, name) => context.step(name, async () => 1)],
  ["a wait", (context, name) => context.wait(name, { seconds: 1 })],
  ["a child", (context, name) => context.runInChildContext(name, (inner) => inner.step(name, async () => 1))],
  ["a map", (context, name) => context.map(name, [1, 2], (inner) => inner.step(name, async () => 1))],
  [
    "a batched map",
    (context, name) => context.map(name, [1, 2], (inner) => inner.step(name, async () => 1), { batch: 2 }),
  ],
  ["items", (context, name) => context.map([1, 2], async () => 1, { itemNamer: () => name })],
  ["batched items", (context, name) => context.map([1, 2], async () => 1, { itemNamer: () => name, batch: 2 })],
  ["a branch", (context, name) => context.parallel([{ name, func: async () => 1 }])],
  [
    "a condition",
    (context, name) =>
      context.waitForCondition(name, async () => 1, {
        initialState: 0,
        waitStrategy: () => ({ shouldContinue: false }),
      }),
  ],
  ["a combined promise", (context, name) => context.promise.all(name, [context.step(async () => 1)])],
  ["a callback", (context, name) => context.createCallback(name)],
];

const around =
  (run: (context: DurableContext, name: string) => Promise<unknown>, name: string): Handler =>
  async (_, context) => {
    await run(context, name);
    await context.wait({ seconds: 5 });
    await context.step("end", async () => 1);
    return "done";
  };

describe.each(operations)("the name of %s", (what, run) => {
  test.each(cases)("that the service refuses is made safe, and a replay finds it ($#)", async (name, taken) => {
    const handler = around(run, name);
    const executed = await runOurs(handler);
    expect(executed.result).toBe("done");
    const names = executed.updates.map((update) => update.Name).filter((sent) => sent !== undefined);
    for (const sent of names) expect(sent).toMatch(/^[\x20-\x7E]{1,256}$/);
    // That of a batched item is in the batch's own payload.
    if (taken !== undefined && what !== "batched items") {
      expect(names.filter((sent) => sent.startsWith(taken.slice(0, 200)))).not.toEqual([]);
    }
    expect((await replay(handler, executed)).output).toEqual({ Status: "SUCCEEDED", Result: '"done"' });
  });

  test.each(good)("that the service takes goes out as it is ($#)", async (name) => {
    const executed = await runOurs(around(run, name));
    expect(executed.result).toBe("done");
    for (const { Name } of executed.updates) expect(Name ?? "").not.toContain("??");
  });
});

test("a good name is never another one", async () => {
  const run = await runOurs(async (_, context) => {
    for (const name of good) await context.step(name, async () => 1);
  });
  expect([...new Set(run.updates.map(({ Name }) => Name))]).toEqual(good);
});

test("a name that was recorded as it is goes on under it", async () => {
  const step = {
    Id: "c4ca4238a0b92382",
    Type: "STEP",
    SubType: "Step",
    Name: "José",
    Status: "READY",
    StartTimestamp: new Date(),
    StepDetails: { Attempt: 1 },
  } as const;
  const handler: Handler = async (_, context) => context.step("José", async () => 1);
  const { output, requests } = await invokeOver(withRuntime(handler), [step]);
  expect(output).toEqual({ Status: "SUCCEEDED", Result: "1" });
  expect(requests.flat().map(({ Name }) => Name)).toEqual(["José", "José"]);
});

test("another name is still found to be another one", async () => {
  const handler = (name: string): Handler => around((context) => context.step(name, async () => 1), name);
  const executed = await runOurs(handler("José"));
  const { output } = await replay(handler("Jose"), executed);
  expect(output).toMatchObject({ Status: "FAILED", Error: { ErrorType: "NonDeterministicExecutionError" } });
});

test("one warning says what becomes of such names", async () => {
  const lines: string[] = [];
  const customLogger = { error() {}, info() {}, debug() {}, warn: (line: string) => void lines.push(line) };
  await runOurs(async (_, context) => {
    context.configureLogger({ customLogger });
    await context.map(["José", "Zoë"], (inner, name) => inner.step(name, async () => 1), { itemNamer: (name) => name });
  });
  expect(lines).toEqual([
    'The service accepts no operation named "José", which is recorded as "Jos?". A name has 1 to 256 characters from the ' +
      "space to ~.",
  ]);
});

test("the test runner finds an operation by the name in the code", async () => {
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: true });
  const handlerFunction = withRuntime(async (_, context) => context.step("José", async () => 1)) as never;
  const runner = new LocalDurableTestRunner({ handlerFunction });
  await runner.run();
  expect(runner.getOperation("José").getName()).toBe("Jos?");
  expect(runner.getOperation("Jos?").getName()).toBe("Jos?");
  await LocalDurableTestRunner.teardownTestEnvironment();
});

describe("a name that is no text, from data", () => {
  const work = async () => 1;
  const stop = { initialState: 0, waitStrategy: () => ({ shouldContinue: false }) as const };
  type Naming = (context: DurableContext, name: never) => PromiseLike<unknown>;
  const given: readonly [string, string, Naming][] = [
    ["a step", "step", (c, name) => c.step(name, work)],
    ["a wait", "wait", (c, name) => c.wait(name, { seconds: 1 })],
    ["a child", "runInChildContext", (c, name) => c.runInChildContext(name, work)],
    ["a callback", "callback", (c, name) => c.createCallback(name, { timeout: { seconds: 1 } })],
    ["a condition", "condition", (c, name) => c.waitForCondition(name, work, stop)],
    ["an invoke", "invoke", (c, name) => c.invoke(name, "other", {}).then(undefined, () => {})],
    ["a map", "map", (c, name) => c.map(name, [1], work)],
    ["a parallel", "parallel", (c, name) => c.parallel(name, [work])],
    ["a combined promise", "promise.all", (c, name) => c.promise.all(name, [])],
    ["items", "map", (c, name) => c.map([1], work, { itemNamer: () => name })],
    ["items of a batch", "map", (c, name) => c.map([1], work, { itemNamer: () => name, batch: 1 })],
    ["items of a stream", "map", (c, name) => c.map(new Set([1]), work, { itemNamer: () => name })],
    [
      "items of a stream of their own",
      "map",
      (c, name) => c.map(new Set([1]), work, { itemNamer: () => name, batch: false }),
    ],
    ["a branch", "parallel", (c, name) => c.parallel([{ name, func: work }])],
    ["a branch with a key", "parallel", (c, name) => c.parallel({ key: { name, func: work } })],
    ["a subtype", "child context", (c, name) => c.runInChildContext(work, { subType: name })],
    ["a tenant", "invoke", (c, name) => c.invoke("other", {}, { tenantId: name }).then(undefined, () => {})],
  ];

  test.each(given)("of %s: a number, a bigint and a boolean go out as text", async (what, _kind, call) => {
    for (const [name, text] of [
      [7, "7"],
      [7n, "7"],
      [true, "true"],
    ] as const) {
      const handler: Handler = async (_, context) => {
        await call(context, name as never);
        await context.wait({ seconds: 1 });
        return "done";
      };
      const run = await runOurs(handler);
      expect(run.result).toBe("done");
      const sent = run.updates.flatMap(({ Name, SubType, ChainedInvokeOptions: invoke }) => [
        Name,
        SubType,
        invoke?.TenantId,
      ]);
      for (const value of sent) expect(["string", "undefined"]).toContain(typeof value);
      // The name of a batched item is in the batch's own payload.
      if (!/batch|stream$/.test(what)) expect(sent).toContain(text);
      expect((await replay(handler, run)).output).toEqual({ Status: "SUCCEEDED", Result: '"done"' });
    }
  });

  const refused = given.filter(
    ([what]) => !["a map", "a parallel", "a combined promise", "a condition"].includes(what),
  );
  test.each(refused)("of %s: any other value is refused before anything is written", async (what, kind, call) => {
    for (const [name, shown] of [
      [{ id: 5 }, "an object with id"],
      [Promise.resolve("x"), "a Promise"],
    ] as const) {
      const seen: string[] = [];
      const run = await runOurs(async (_, context) => {
        await Promise.resolve(call(context, name as never)).then(
          () => seen.push("not refused"),
          (error: Error) => seen.push(error.message),
        );
      });
      // An invoke whose error the call above drops has written nothing all the same.
      if (kind !== "invoke") expect(seen).toEqual([expect.stringContaining(shown)]);
      if (kind !== "invoke") expect(seen[0]).toContain(kind);
      if (!what.includes("stream")) expect(run.updates).toEqual([]);
    }
  });

  test("the error says what gave the value", async () => {
    const run = await runOurs(async (_, context) => {
      const messages: string[] = [];
      const note = (error: Error) => void messages.push(error.message);
      const name = Promise.resolve("x") as never;
      await context.map("m", [1], work, { itemNamer: () => name }).catch(note);
      await context.parallel("p", [work, { name, func: work }]).catch(note);
      await context.invoke("i", "other", {}, { tenantId: name }).catch(note);
      await context.invoke(name, "other", {}).catch(note);
      await context.runInChildContext("c", work, { subType: name }).catch(note);
      await context.wait(name, { seconds: 1 }).catch(note);
      await context.step(name, work).catch(note);
      return messages;
    });
    expect(run.result).toEqual([
      'The answer of itemNamer for item 0 of map "m" is a Promise; it must be a text.',
      'The name of branch 1 of parallel "p" is a Promise; it must be a text.',
      'The tenantId of invoke "i" is a Promise; it must be a text.',
      "The name of an invoke is a Promise; it must be a text.",
      'The subType of child context "c" is a Promise; it must be a text.',
      "The name of a wait is a Promise; it must be a text.",
      "step requires a function to run, not a Promise",
    ]);
    expect(run.updates).toEqual([]);
  });
});
