// Tests as users write them with the official testing library; they run in a project of their own, where the official
// SDK's name stands for this package.
import { withDurableExecution } from "@aws/durable-execution-sdk-js";
import { LocalDurableTestRunner } from "@aws/durable-execution-sdk-js-testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// One environment a process; the time to skip is the first argument after the file's.
const skipTime = process.env.SKIP_TIME === "true";
const seconds = skipTime ? 3600 : 1;

const run = async (handler, payload = {}) => {
  const runner = new LocalDurableTestRunner({ handlerFunction: withDurableExecution(handler) });
  return { runner, execution: await runner.run({ payload }) };
};

describe(skipTime ? "skipping time" : "in real time", () => {
  beforeAll(() => LocalDurableTestRunner.setupTestEnvironment({ skipTime }));
  afterAll(() => LocalDurableTestRunner.teardownTestEnvironment());

  test("steps and waits", async () => {
    const { runner, execution } = await run(
      async (event, ctx) => {
        const sum = await ctx.step("sum", async () => event.a + event.b);
        await ctx.wait("pause", { seconds });
        return sum;
      },
      { a: 1, b: 2 },
    );
    expect(execution.getResult()).toBe(3);
    expect(runner.getOperation("sum").getStepDetails().result).toBe(3);
    expect(runner.getOperation("pause").getWaitDetails().waitSeconds).toBe(seconds);
  });

  test("retries", async () => {
    const { runner, execution } = await run(async (_event, ctx) =>
      ctx.step(
        "flaky",
        async ({ attempt }) => {
          if (attempt < 3) throw new Error("not yet");
          return attempt;
        },
        { retryStrategy: () => ({ shouldRetry: true, delay: { seconds } }) },
      ),
    );
    expect(execution.getResult()).toBe(3);
    expect(runner.getOperation("flaky").getStepDetails().attempt).toBe(3);
  });

  test("failures", async () => {
    const { execution } = await run(async (_event, ctx) =>
      ctx.step("doomed", () => Promise.reject(new RangeError("no")), { retryStrategy: () => ({ shouldRetry: false }) }),
    );
    expect(execution.getStatus()).toBe("FAILED");
    expect(execution.getError()).toMatchObject({ errorMessage: "no", errorType: "StepError" });
  });

  test("nested and flat maps, with waits in their items", async () => {
    const { execution } = await run(async (_event, ctx) => {
      const nested = await ctx.map("nested", [1, 2, 3], async (item, n) => {
        await item.wait({ seconds });
        return item.step("double", async () => n * 2);
      });
      const flat = await ctx.map("flat", [1, 2, 3], (item, n) => item.step("triple", async () => n * 3), {
        nesting: "FLAT",
        maxConcurrency: 2,
      });
      return [nested.getResults(), flat.getResults()];
    });
    expect(execution.getResult()).toEqual([
      [2, 4, 6],
      [3, 6, 9],
    ]);
  });

  test("a result over the payload limit, rebuilt after a wait", async () => {
    const { execution } = await run(async (_event, ctx) => {
      const large = await ctx.runInChildContext("large", async (inner) => {
        const half = await inner.step("half", async () => "x".repeat(200_000));
        return half + half;
      });
      await ctx.wait({ seconds });
      return large.length;
    });
    expect(execution.getResult()).toBe(400_000);
  });

  test("conditions, combinators and chained invokes", async () => {
    const handler = async (_event, ctx) => {
      const count = await ctx.waitForCondition("poll", async (state) => state + 1, {
        initialState: 0,
        waitStrategy: (state) =>
          state >= 3 ? { shouldContinue: false } : { shouldContinue: true, delay: { seconds } },
      });
      const both = await ctx.promise.all([ctx.step(async () => 1), ctx.step(async () => 2)]);
      return { count, both, invoked: await ctx.invoke("call", "target", { number: 4 }) };
    };
    const runner = new LocalDurableTestRunner({ handlerFunction: withDurableExecution(handler) });
    const target = async (event, ctx) => {
      await ctx.wait({ seconds });
      return event.number + 1;
    };
    runner.registerDurableFunction("target", withDurableExecution(target));
    const execution = await runner.run({ payload: {} });
    expect(execution.getResult()).toEqual({ count: 3, both: [1, 2], invoked: 5 });
  });

  test("callbacks", async () => {
    const handler = async (_event, ctx) => {
      const approved = await ctx.waitForCallback("approval", async () => {}, { timeout: { minutes: 5 } });
      const [answer] = await ctx.createCallback("answer");
      return [approved, await answer];
    };
    const runner = new LocalDurableTestRunner({ handlerFunction: withDurableExecution(handler) });
    const running = runner.run({ payload: {} });
    const approval = runner.getOperation("approval");
    await approval.waitForData("SUBMITTED");
    await approval.sendCallbackSuccess("yes");
    const answer = runner.getOperation("answer");
    await answer.waitForData("STARTED");
    await answer.sendCallbackSuccess("42");
    expect((await running).getResult()).toEqual(["yes", "42"]);
  });
});
