import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { describeError } from "../support/differential.ts";
import { replay, runOurs } from "../support/service.ts";

const never = () => ({ shouldRetry: false });

/** Somebody listens to it: a combined promise begins only when it is awaited. */
function rejection(reason: unknown): Promise<never> {
  const rejected = Promise.reject(reason);
  rejected.catch(() => {});
  return rejected;
}

const thrown: readonly [string, unknown, string][] = [
  ["a text", "out of stock", "out of stock"],
  ["a plain object", { code: 1, reason: "no" }, '{"code":1,"reason":"no"}'],
  ["a number", 404, "404"],
  ["nothing", undefined, "Unknown error"],
];

const cases: readonly [string, (context: DurableContext, value: unknown) => Promise<unknown>][] = [
  ["a step", (context, value) => context.step(() => Promise.reject(value), { retryStrategy: never })],
  ["a child", (context, value) => context.runInChildContext(() => Promise.reject(value))],
  [
    "a virtual child",
    (context, value) => context.runInChildContext(() => Promise.reject(value), { virtualContext: true }),
  ],
  ["an item", async (context, value) => (await context.map([1], () => Promise.reject(value))).throwIfError()],
  [
    "a batched item",
    async (context, value) => (await context.map([1], () => Promise.reject(value), { batch: 2 })).throwIfError(),
  ],
  [
    "a condition",
    (context, value) =>
      context.waitForCondition(() => Promise.reject(value), {
        initialState: 0,
        waitStrategy: () => ({ shouldContinue: false }),
      }),
  ],
  [
    "a promise.all",
    (context, value) => context.promise.all([context.step(() => Promise.reject(value), { retryStrategy: never })]),
  ],
];

describe.each(thrown)("%s that is thrown", (_what, value, message) => {
  test.each(cases)("in %s is what the error says, live and on replay", async (_where, run) => {
    const handler = async (_: unknown, context: DurableContext) => run(context, value).catch(describeError);
    const executed = await runOurs(handler);
    expect(executed.result).toMatchObject({ message });
    expect((await replay(handler, executed)).output).toMatchObject({ Result: JSON.stringify(executed.result) });
  });
});

test("a long text that is thrown is cut", async () => {
  const run = await runOurs(async (_, context) =>
    context
      .step(() => Promise.reject({ rows: "x".repeat(100_000) }), { retryStrategy: never })
      .catch((error: Error) => [error.message.length < 33_000, error.message.slice(0, 12), error.message.slice(-5)]),
  );
  expect(run.result).toEqual([true, '{"rows":"xxx', " cut)"]);
});

test("a retry strategy is given an error that says what was thrown, with it as its cause", async () => {
  const seen: unknown[] = [];
  await runOurs(async (_, context) =>
    context
      .step(() => Promise.reject({ code: 1 }), {
        retryStrategy: (error) => {
          seen.push(error instanceof Error, error.message, error.cause);
          return { shouldRetry: false };
        },
      })
      .catch(() => {}),
  );
  expect(seen).toEqual([true, '{"code":1}', { code: 1 }]);
});

test("an error of another realm is an error: for a strategy, in allSettled, and as a cause", async () => {
  const foreign = runInNewContext("Object.assign(new TypeError('foreign'), { code: 1 })") as Error & { code: number };
  expect(foreign instanceof Error).toBe(false);
  const codes: unknown[] = [];
  const run = await runOurs(async (_, context) => {
    const settled = await context.promise.allSettled([
      context.runInChildContext(() => Promise.reject(foreign)),
      rejection(foreign) as never,
    ]);
    const step = await context
      .step(() => Promise.reject(foreign), {
        retryStrategy: (error) => {
          codes.push((error as typeof foreign).code);
          return { shouldRetry: false };
        },
      })
      .catch(describeError);
    return [step, ...settled.map((one) => one.status === "rejected" && describeError(one.reason))];
  });
  expect(codes).toEqual([1]);
  expect(run.result).toMatchObject([
    { name: "StepError", message: "foreign", cause: { name: "TypeError" } },
    { name: "ChildContextError", message: "foreign" },
    { name: "TypeError", message: "foreign" },
  ]);
});

test("promise.allSettled keeps the members of a plain object that was a reason", async () => {
  const handler = async (_: unknown, context: DurableContext) => {
    const reasons = [{ code: 1 }, { message: "m", code: 2 }, "text", { message: "m" }, 0];
    const settled = await context.promise.allSettled(reasons.map(rejection) as never[]);
    return settled.map((one) => one.status === "rejected" && one.reason);
  };
  const run = await runOurs(handler);
  expect(run.result).toEqual([{ code: 1 }, { message: "m", code: 2 }, "text", { message: "m" }, 0]);
  expect((await replay(handler, run)).output).toMatchObject({ Result: JSON.stringify(run.result) });
});
