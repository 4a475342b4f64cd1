import { describe, expect, test } from "vitest";
import { type DurableContext, defaultSerdes } from "../../src/index.ts";
import { describeError } from "../support/differential.ts";
import { replay, runOurs } from "../support/service.ts";

const cycle = (): unknown => {
  const parent: { children: unknown[] } = { children: [] };
  parent.children.push({ name: "a" }, { parent });
  return parent;
};

const values: readonly [string, () => unknown, string, string][] = [
  ["a BigInt", () => 1n, "is a BigInt", "result"],
  ["a BigInt inside", () => ({ rows: [1, { "the id": 7n }] }), "is a BigInt", 'result.rows[1]["the id"]'],
  ["a cycle", cycle, "is result again, which never ends", "result.children[1].parent"],
];

interface Described {
  readonly name: string;
  readonly message: string;
  readonly cause?: Described;
}

/** Ways to come to a result, by what a message calls them. */
const operations: readonly [string, (context: DurableContext, make: () => unknown) => Promise<unknown>, string?][] = [
  ['Step "it"', (context, make) => context.step("it", async () => make())],
  ['RunInChildContext "it"', (context, make) => context.runInChildContext("it", async () => make())],
  [
    'RunInChildContext "it"',
    (context, make) => context.runInChildContext("it", async () => make(), { virtualContext: true }),
  ],
  [
    'WaitForCondition "it"',
    (context, make) =>
      context.waitForCondition("it", async () => make(), {
        initialState: null as unknown,
        waitStrategy: () => ({ shouldContinue: false }),
      }),
  ],
  [
    'Step "it"',
    (context, make) => context.step("it", async () => make(), { serdes: defaultSerdes }),
    "give it text instead",
  ],
];

/** Around an operation: directly, in an item, in an item that shares an operation, in a child. */
const places: readonly [
  string,
  (context: DurableContext, body: (inner: DurableContext) => Promise<unknown>) => unknown,
][] = [
  ["in the handler", (context, body) => body(context)],
  ["in a child context", (context, body) => context.runInChildContext(body)],
  ["in an item", async (context, body) => (await context.map([1], body)).getResults()[0]],
  ["in a FLAT item", async (context, body) => (await context.map([1], body, { nesting: "FLAT" })).getResults()[0]],
  ["in a batched item", async (context, body) => (await context.map([1], body, { batch: 2 })).getResults()[0]],
];

describe.each(places)("a result that JSON refuses, %s,", (_place, inside) => {
  test.each(
    operations.flatMap(([label, run, advice]) =>
      values.map(([name, make, what, path]) => ({ label, run, name, make, what, path, advice })),
    ),
  )("fails its operation once: $label with $name", async ({ label, run, make, what, path, advice }) => {
    let runs = 0;
    const handler = async (_: unknown, context: DurableContext) =>
      inside(context, async (inner) => {
        const error = await run(inner, () => {
          runs++;
          return make();
        }).catch(describeError);
        await inner.step("after", async () => 1);
        return error;
      });
    const executed = await runOurs(handler);
    expect(runs).toBe(1);
    expect(executed.invocations).toHaveLength(1);
    const { name, cause: inner } = executed.result as Described;
    expect(name).toMatch(/^(Step|ChildContext)Error$/);
    // As every error of a child context, it has a step's error around it.
    const cause = (name === "ChildContextError" ? inner?.cause : inner) as Described;
    expect(cause.name).toBe("PayloadUnwritableError");
    expect(cause.message).toContain(`The result of ${label}`);
    expect(cause.message).toContain(` cannot be stored: ${path} ${what}.`);
    if (what.includes("BigInt")) expect(cause.message).toContain(advice ?? '`runtime.codec` to "typed"');
    const replayed = await replay(handler, executed);
    expect(replayed.output).toMatchObject({ Status: "SUCCEEDED", Result: JSON.stringify(executed.result) });
    expect(replayed.requests).toEqual([]);
  });
});

test("a toJSON that throws fails its step with what it threw", async () => {
  const toJSON = () => {
    throw new RangeError("not today");
  };
  const run = await runOurs(async (_, context) => context.step("s", async () => ({ toJSON })).catch(describeError));
  expect(run.result).toMatchObject({
    name: "StepError",
    message: 'The result of Step "s" (1) cannot be stored: not today. Return a value that JSON can store.',
  });
});

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return { proxy };
};
const toThrow = (error: unknown) => ({
  get member() {
    throw error;
  },
});

const refused: readonly [string, () => unknown, string][] = [
  ["a toJSON that throws", () => ({ toJSON: () => toThrow(new RangeError("not today")).member }), "not today"],
  ["a toJSON that throws nothing", () => ({ toJSON: () => toThrow(null).member }), "null"],
  ["a getter that throws", () => toThrow(new Error("no member")), "no member"],
  ["a revoked proxy", revoked, "revoked"],
];

describe.each(refused)("%s", (_name, make, message) => {
  const invokes: typeof operations = [
    ["as the input of an invoke", (context, make) => context.invoke("i", "target", make())],
    [
      "as the input of an invoke with defaultSerdes",
      (context, make) => context.invoke("i", "target", make(), { payloadSerdes: defaultSerdes }),
    ],
    [
      "as the input of an invoke in a batch",
      async (context, make) =>
        (await context.map([1], (inner) => inner.invoke("i", "target", make()), { batch: 2 })).throwIfError(),
    ],
    [
      "as the result of a step with defaultSerdes",
      (context, make) => context.step("s", async () => make(), { serdes: defaultSerdes }),
    ],
    [
      "as the result of a child whose default is defaultSerdes",
      (context, make) => {
        context.configureSerdes({ defaultSerdes });
        return context.runInChildContext("c", async () => make());
      },
    ],
    [
      "as the state of a condition",
      (context, make) =>
        context.waitForCondition("w", async () => make(), {
          ...{ initialState: 0 as unknown, serdes: defaultSerdes, waitStrategy: () => ({ shouldContinue: false }) },
        }),
    ],
    [
      "as the value of a reduction",
      (context, make) => context.map([1], async () => 1, { collect: { reduce: () => make(), initial: 0 as unknown } }),
    ],
    [
      "as a value of promise.all",
      (context, make) => context.promise.all([context.runInChildContext(async () => make())]),
    ],
  ];

  test.each(invokes)("%s fails its operation once, and can be caught", async (_where, run) => {
    let runs = 0;
    const handler = async (_: unknown, context: DurableContext) => {
      const error = await run(context, () => {
        runs++;
        return make();
      }).catch(describeError);
      await context.step("after", async () => 1);
      return error;
    };
    const executed = await runOurs(handler);
    expect([executed.outcome.status, executed.invocations.length, runs]).toEqual(["SUCCEEDED", 1, 1]);
    expect((executed.result as Described).message).toContain("cannot be stored: ");
    expect((executed.result as Described).message).toContain(message);
    const replayed = await replay(handler, executed);
    expect(replayed).toMatchObject({ output: { Result: JSON.stringify(executed.result) }, requests: [] });
  });
});

test.each([
  ["a Promise", async () => "done"],
  ["an object with rows", () => ({ rows: 3 })],
  ["a function", () => () => "done"],
  ["5", () => 5],
] as [string, () => never][])("a summary that is %s fails its context once", async (what, summaryGenerator) => {
  const run = await runOurs(async (_, context) =>
    context
      .runInChildContext("c", async () => "x".repeat(300_000), { summaryGenerator })
      .catch((error: Error) => error.message),
  );
  expect(run.result).toBe(`The summary of RunInChildContext "c" (1) is ${what}; it must be a text.`);
  expect(run.operations.find(({ Name }) => Name === "c")?.Status).toBe("FAILED");
});

test("an item whose own result JSON refuses fails, and the others do not", async () => {
  const results = async (batching: object) => {
    const run = await runOurs(async (_, context) => {
      const batch = await context.map([1, 2], async (_inner, item) => (item === 1 ? 1n : item) as number, {
        ...batching,
        completionConfig: { toleratedFailureCount: 1 },
      });
      return [batch.getResults(), batch.getErrors().map((error) => error.message)];
    });
    return run.result;
  };
  const plain = await results({});
  expect(plain).toEqual([
    [2],
    [expect.stringContaining('MapIteration "map-item-0" (1-1) cannot be stored: result is a')],
  ]);
  expect(await results({ batch: 2 })).toEqual(plain);
});

test("a promise.all over what JSON refuses cannot happen, and one value of a reduction fails its map", async () => {
  const run = await runOurs(async (_, context) =>
    context
      .map([1, 2], async (_inner, item) => item, {
        collect: { reduce: (sum: bigint, item: number) => sum + BigInt(item), initial: 0n },
      })
      .catch((error: Error) => error.message),
  );
  expect(run.result).toContain("cannot be stored: result.reduced is a BigInt");
});

test("with the typed codec both are results", async () => {
  const run = await runOurs(async (_, context) => String((await context.step(async () => ({ big: 7n }))).big), {
    runtime: { codec: "typed" },
  });
  expect(run.result).toBe("7");
});

test("a serdes that fails on what JSON takes may do better in the next invocation", async () => {
  let calls = 0;
  const serdes = {
    ...defaultSerdes,
    serialize: async (value: unknown) => {
      if (++calls === 1) throw new TypeError("fetch failed");
      return JSON.stringify(value);
    },
  };
  const run = await runOurs(async (_, context) => context.step("s", async () => 1, { serdes }), {
    engine: { invocation: { retryPauseMs: 0 } },
  });
  expect(run.result).toBe(1);
  expect(run.invocations).toHaveLength(2);
});
