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
