import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { LocalDurableTestRunner, type LocalDurableTestRunnerParameters } from "../../src/testing.ts";
import { type Handler, SDKS, withRuntime } from "../support/service.ts";

const START = new Date("2026-01-01T00:00:00Z");
const DAY_MS = 86_400_000;

type Options = Omit<LocalDurableTestRunnerParameters, "handlerFunction">;

const runnerOf = (handler: Handler, options: Options = {}) =>
  new LocalDurableTestRunner({ handlerFunction: withRuntime(handler), startTime: START, ...options });

describe.for(SDKS)("a runner of a handler of %s", ([, wrap]) => {
  const on = (handler: Handler, options: Options = {}) =>
    new LocalDurableTestRunner({ handlerFunction: wrap(handler), startTime: START, ...options });

  test("gives the result, the operations in their order, and what each of them was", async () => {
    const runner = on(async (event: { n: number }, context) => {
      const doubled = await context.step("double", async () => ({ value: event.n * 2 }));
      await context.wait("pause", { days: 3 });
      const sum = await context.runInChildContext("sum", async (inner: DurableContext) => {
        const one = await inner.step("part", async () => 1);
        return one + (await inner.step("part", async () => 2));
      });
      return { ...doubled, sum };
    });
    const result = await runner.run({ payload: { n: 21 } });
    expect(result.getStatus()).toBe("SUCCEEDED");
    expect(result.getResult()).toEqual({ value: 42, sum: 3 });
    expect(result.getOperations().map((operation) => operation.getName())).toEqual([
      ...["double", "pause", "sum", "part", "part"],
    ]);
    const double = runner.getOperation("double");
    expect([double.getType(), double.getSubType(), double.getStatus(), double.getParentId()]).toEqual([
      ...["STEP", "Step", "SUCCEEDED", undefined],
    ]);
    expect(double.getStepDetails()).toEqual({
      ...{ attempt: 1, result: { value: 42 }, error: undefined, nextAttemptTimestamp: undefined },
    });
    expect(double.getStartTimestamp()).toEqual(START);
    const pause = runner.getOperationByIndex(1);
    const end = new Date(START.getTime() + 3 * DAY_MS);
    expect(pause.getWaitDetails()).toEqual({ waitSeconds: (3 * DAY_MS) / 1_000, scheduledEndTimestamp: end });
    expect([pause.getName(), pause.getEndTimestamp()]).toEqual(["pause", end]);
    const sum = runner.getOperation<number>("sum");
    expect(sum.getContextDetails()).toEqual({ result: 3, error: undefined });
    expect(sum.getChildOperations()?.map((child) => child.getStepDetails()?.result)).toEqual([1, 2]);
    const second = runner.getOperationByNameAndIndex("part", 1);
    expect(second.getStepDetails()?.result).toBe(2);
    expect(second.getId()).toBe(runner.getOperation("part", 1).getId());
    expect(second.getParentId()).toBe(sum.getId());
    expect(runner.getOperationById(second.getId() as string).getOperationData()).toMatchObject({
      ...{ Name: "part", Status: "SUCCEEDED", StepDetails: { Result: "2" } },
    });
    expect(runner.getCurrentTime()).toEqual(end);
  });

  test("tells invocations, and events with their payloads, of all and of one operation", async () => {
    const runner = on(async (_event, context) => {
      await context.step(
        "flaky",
        async ({ attempt }) => {
          if (attempt === 1) throw new RangeError("not yet");
          return "now";
        },
        { retryStrategy: () => ({ shouldRetry: true, delay: { minutes: 5 } }) },
      );
    });
    const result = await runner.run();
    const at = (ms: number) => new Date(START.getTime() + ms);
    expect(result.getInvocations()).toEqual(
      [0, 300_000].map((ms) => ({
        ...{ startTimestamp: at(ms), endTimestamp: at(ms), requestId: expect.any(String), error: undefined },
      })),
    );
    expect(result.getHistoryEvents().map(({ EventType }) => EventType)).toEqual([
      ...["ExecutionStarted", "StepStarted", "StepFailed", "InvocationCompleted"],
      ...["StepStarted", "StepSucceeded", "InvocationCompleted", "ExecutionSucceeded"],
    ]);
    const events = runner.getOperation("flaky").getEvents();
    expect(events?.map(({ EventId }) => EventId)).toEqual([2, 3, 5, 6]);
    expect(events?.[1]?.StepFailedDetails).toMatchObject({
      Error: { Payload: { ErrorType: "RangeError", ErrorMessage: "not yet" } },
      RetryDetails: { CurrentAttempt: 1, NextAttemptDelaySeconds: 300 },
    });
    expect(runner.getOperation("flaky").getStepDetails()).toMatchObject({ attempt: 2, result: "now" });
  });

  test("gives the error of an execution that failed, and of the operation that did", async () => {
    const runner = on(async (_event, context) => {
      await context.step("fine", async () => 1);
      await context.step("doomed", () => Promise.reject(new TypeError("no")), {
        retryStrategy: () => ({ shouldRetry: false }),
      });
    });
    const result = await runner.run();
    expect(result.getStatus()).toBe("FAILED");
    const absent = { errorData: undefined, stackTrace: undefined };
    expect(result.getError()).toEqual({ errorType: "StepError", errorMessage: "no", ...absent });
    expect(() => result.getResult()).toThrow(
      expect.objectContaining({
        code: "ERR_EXECUTION_FAILED",
        message: "The execution FAILED with StepError: no.",
        cause: expect.objectContaining({ name: "StepError", message: "no" }),
      }),
    );
    const [failed, ...others] = result.getOperations({ status: "FAILED" });
    expect(others).toEqual([]);
    expect(failed?.getName()).toBe("doomed");
    expect(failed?.getStepDetails()?.error).toEqual({ errorType: "TypeError", errorMessage: "no", ...absent });
  });

  test("runs functions that the handler invokes, durable or not, by name, version or ARN", async () => {
    const runner = on(async (_event, context) => ({
      durable: await context.invoke("call", "child:3", { n: 1 }),
      plain: await context.invoke("tenant", { n: 2 }, { tenantId: "t1" }),
      old: await context.invoke("arn:aws:lambda:us-east-1:123456789012:function:old", {}),
    }))
      .registerDurableFunction(
        "child",
        wrap(async ({ n }: { n: number }, context) => {
          await context.wait("long", { days: 30 });
          return context.step("add", async () => n + 1);
        }),
      )
      .registerFunction(
        "tenant",
        async ({ n }: { n: number }, { tenantId }: { tenantId: string }) => `${tenantId}:${n}`,
      )
      .registerFunction("old", (_event, _context, callback) => void setImmediate(() => callback(null, "called back")));
    const result = await runner.run();
    expect(result.getResult()).toEqual({ durable: 2, plain: "t1:2", old: "called back" });
    expect(runner.getOperation("call").getChainedInvokeDetails()).toEqual({ result: 2 });
    // What a function does that was invoked is not among the operations.
    expect(result.getOperations().map((operation) => operation.getType())).toEqual(Array(3).fill("CHAINED_INVOKE"));
    expect(runner.getOperation("add").getStatus()).toBeUndefined();
    expect(runner.getCurrentTime().getTime() - START.getTime()).toBe(30 * DAY_MS);
  });
});

test("waits, polls and retries of years end without real waiting, in the order in which they are due", async () => {
  const order: string[] = [];
  const runner = runnerOf(async (_event, context: DurableContext) => {
    const note = async (name: string, branch: DurableContext, days: number) => {
      await branch.wait({ days });
      order.push(name);
    };
    await context.parallel([
      (branch: DurableContext) => note("a year", branch, 365),
      (branch: DurableContext) => note("a day", branch, 1),
      (branch: DurableContext) => note("a week", branch, 7),
    ]);
    return context.waitForCondition("poll", async (count: number) => count + 1, {
      initialState: 0,
      waitStrategy: (count) =>
        count >= 10 ? { shouldContinue: false } : { shouldContinue: true, delay: { days: 30 } },
    });
  });
  const result = await runner.run();
  expect(result.getResult()).toBe(10);
  expect(order).toEqual(["a day", "a week", "a year"]);
  expect(runner.getOperation("poll").getStepDetails()?.attempt).toBe(10);
  expect(runner.getCurrentTime().getTime() - START.getTime()).toBe((365 + 9 * 30) * DAY_MS);
});

test("results that the codec has packed are read, and what a serdes has written is given as it is", async () => {
  const rows = Array.from({ length: 200 }, (_, id) => ({ id, name: `row ${id}`, active: id % 2 === 0 }));
  const handler: Handler = async (_event, context) => {
    await context.step("rows", async () => rows);
    await context.step("own", async () => "plain", {
      serdes: { serialize: async (value) => `<${value}>`, deserialize: async () => "plain" },
    });
    return rows;
  };
  const runner = new LocalDurableTestRunner({
    handlerFunction: withRuntime(handler, { runtime: { codec: "compact" } }),
  });
  const result = await runner.run();
  expect(runner.getOperation("rows").getOperationData()?.StepDetails?.Result).toMatch(/^~/);
  expect(runner.getOperation("rows").getStepDetails()?.result).toEqual(rows);
  expect(runner.getOperation("own").getStepDetails()?.result).toBe("<plain>");
  expect(result.getResult()).toEqual(rows);
});

test("what an operation is can be asked for while the execution goes on, and there is nothing before it begins", async () => {
  const runner = runnerOf(async (_event, context) => {
    await context.step("first", async () => 1);
    const [answer] = await context.createCallback("answer");
    return answer;
  });
  const first = runner.getOperation("first");
  expect([
    first.getStatus(),
    first.getId(),
    first.getStepDetails(),
    first.getChildOperations(),
    first.getEvents(),
  ]).toEqual(Array(5).fill(undefined));
  expect([first.isCallback(), first.isWaitForCallback()]).toEqual([false, false]);
  const answer = runner.getOperation("answer");
  const begun = answer.waitForData();
  const running = runner.run();
  expect(await begun).toBe(answer);
  expect([first.getStatus(), answer.getStatus(), answer.isCallback()]).toEqual(["SUCCEEDED", "STARTED", true]);
  expect(answer.getEvents()?.map(({ EventType }) => EventType)).toEqual(["CallbackStarted"]);
  await answer.sendCallbackSuccess('{"ok":true}');
  expect((await running).getResult()).toBe('{"ok":true}');
  expect(answer.getCallbackDetails()).toEqual({ callbackId: expect.any(String), result: { ok: true } });
});

test("each run is an execution of its own; operations are those of the last run, until the runner is reset", async () => {
  const runner = runnerOf((event: { n: number }, context) => context.step("n", async () => event.n));
  const [one, two] = await Promise.all([runner.run({ payload: { n: 1 } }), runner.run({ payload: { n: 2 } })]);
  expect([one.getResult(), two.getResult()]).toEqual([1, 2]);
  expect(one.getOperations().map((operation) => operation.getStepDetails()?.result)).toEqual([1]);
  const operation = runner.getOperation("n");
  expect(operation.getStepDetails()?.result).toBe(2);
  runner.reset();
  expect(operation.getStatus()).toBeUndefined();
  const began = operation.waitForData("COMPLETED");
  expect((await runner.run({ payload: { n: 3 } })).getResult()).toBe(3);
  await began;
  expect(operation.getStepDetails()?.result).toBe(3);
  expect(one.getHistoryEvents()).toHaveLength(5);
});

test("a reset keeps the functions, begins time anew, and abandons what still goes on", async () => {
  const runner = runnerOf(async (event: { endless?: boolean }, context) => {
    await context.wait({ days: 1 });
    const helped = await context.invoke("helper", {});
    if (event.endless !== true) return helped;
    const [never] = await context.createCallback("never");
    return never;
  }).registerFunction("helper", () => "helped");
  const running = runner.run({ payload: { endless: true } });
  const never = runner.getOperation("never");
  await never.waitForData();
  const waiting = never.waitForData("COMPLETED");
  runner.reset();
  await expect(running).rejects.toThrow(expect.objectContaining({ code: "ERR_RUNNER_RESET" }));
  await expect(waiting).rejects.toThrow(expect.objectContaining({ code: "ERR_RUNNER_RESET" }));
  expect(runner.getCurrentTime()).toEqual(START);
  expect((await runner.run()).getResult()).toBe("helped");
});

test("an execution that times out says so, and an invocation that fails is tried again", async () => {
  const timed = runnerOf((_event, context) => context.wait({ days: 2 }));
  const result = await timed.run({ executionTimeoutSeconds: 86_400 });
  expect(result.getStatus()).toBe("TIMED_OUT");
  expect(result.getError().errorMessage).toBeUndefined();
  expect(() => result.getResult()).toThrow("The execution TIMED_OUT.");
  expect(timed.getCurrentTime().getTime() - START.getTime()).toBe(DAY_MS);

  let invocations = 0;
  const handler = withRuntime(async () => "at last");
  const failing = new LocalDurableTestRunner({
    handlerFunction: (event, context) => {
      if (++invocations < 3) throw new Error("cut off");
      return handler(event, context);
    },
  });
  const again = await failing.run();
  expect(again.getResult()).toBe("at last");
  expect(again.getInvocations().map(({ error }) => error?.errorMessage)).toEqual(["cut off", "cut off", undefined]);
});

test("the engine's limits, the tenant and the function's name can be chosen", async () => {
  const runner = runnerOf(
    async (_event, context) => {
      const { functionName, tenantId } = context.lambdaContext as { functionName: string; tenantId?: string };
      await context.step("one", async () => 1);
      await context.step("two", async () => 1).catch(() => {});
      return `${functionName} ${tenantId}`;
    },
    { functionName: "orders", quotas: { operations: 2 } },
  );
  expect((await runner.run({ tenantId: "t1" })).getResult()).toBe("orders t1");
  const limited = runnerOf(
    async (_event, context) => {
      await context.step("one", async () => 1);
      await context.step("two", async () => 1);
    },
    { quotas: { operations: 1 } },
  );
  expect((await limited.run()).getError().errorMessage).toMatch(/2 operations; the quota is 1/);
});

test("real time is kept on request: a wait takes as long as it says", async () => {
  const runner = new LocalDurableTestRunner({
    handlerFunction: withRuntime((_event, context) => context.wait("second", { seconds: 1 })),
    skipTime: false,
  });
  const result = await runner.run();
  const second = runner.getOperation("second");
  const tookMs = (second.getEndTimestamp()?.getTime() ?? 0) - (second.getStartTimestamp()?.getTime() ?? 0);
  expect(result.getStatus()).toBe("SUCCEEDED");
  expect(tookMs).toBeGreaterThanOrEqual(1_000);
  await expect(runner.advanceTime({ seconds: 1 })).rejects.toThrow(expect.objectContaining({ code: "ERR_TIME_REAL" }));
});

test("set-up that tests of the official library do is taken, and taken back", async () => {
  await LocalDurableTestRunner.setupTestEnvironment({ checkpointDelay: 5 });
  const handlerFunction = withRuntime(async () => 1);
  const real = new LocalDurableTestRunner({ handlerFunction });
  const skipping = new LocalDurableTestRunner({ handlerFunction, skipTime: true });
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: true });
  const alsoSkipping = new LocalDurableTestRunner({ handlerFunction });
  await LocalDurableTestRunner.teardownTestEnvironment();
  const byDefault = new LocalDurableTestRunner({ handlerFunction });
  const advanced = [real, skipping, alsoSkipping, byDefault].map((runner) =>
    runner.advanceTime({ seconds: 1 }).then(
      () => "skips",
      () => "real",
    ),
  );
  expect(await Promise.all(advanced)).toEqual(["real", "skips", "skips", "skips"]);
});
