import { type DurableContext, NestingType, withDurableExecution } from "@aws/durable-execution-sdk-js";
import { expect, test } from "vitest";
import { LocalEngine, type LocalEngineOptions, VirtualClock } from "../../src/testing.ts";

/** Runs a handler of the official SDK to its end, in virtual time. */
async function run(body: (context: DurableContext) => Promise<unknown>, options: LocalEngineOptions = {}) {
  const engine = new LocalEngine({ clock: new VirtualClock(), ...options });
  engine.register(
    "f",
    withDurableExecution((_event, context) => body(context)),
  );
  const { arn, result } = engine.start({ functionName: "f" });
  const { status, error, result: json } = await result;
  const summary = engine.find(arn);
  const operations = engine.operations(arn);
  await engine.close();
  return {
    status,
    error,
    value: json === undefined ? undefined : JSON.parse(json),
    counters: summary?.counters,
    operations,
  };
}

test("steps, child contexts and waits give their results over suspensions", async () => {
  const ran: string[] = [];
  const { value, counters } = await run(async (context) => {
    const one = await context.step("one", async () => ran.push("one"));
    const inner = await context.runInChildContext("child", async (child) => {
      const two = await child.step("two", async () => ran.push("two"));
      await child.wait("days", { days: 30 });
      return [two, await child.step("three", async () => ran.push("three"))];
    });
    return { one, inner };
  });
  expect(value).toEqual({ one: 1, inner: [2, 3] });
  expect(ran).toEqual(["one", "two", "three"]);
  expect(counters?.invocations).toBe(2);
});

test("a step is retried as its strategy says, and its last error reaches the handler", async () => {
  let attempts = 0;
  const retryStrategy = (_error: Error, attempt: number) => ({ shouldRetry: attempt < 3, delay: { seconds: 60 } });
  const good = await run(async (context) => {
    const body = async () => {
      if (++attempts < 3) throw new TypeError(`attempt ${attempts}`);
      return attempts;
    };
    return context.step("flaky", body, { retryStrategy });
  });
  expect(good).toMatchObject({ status: "SUCCEEDED", value: 3, counters: { retries: 2, invocations: 3 } });
  const bad = await run(async (context) => {
    const body = async () => {
      throw new RangeError("never");
    };
    return context.step("broken", body, { retryStrategy });
  });
  expect(bad).toMatchObject({ status: "FAILED", error: { ErrorType: "StepError", ErrorMessage: "never" } });
  expect(bad.operations.at(-1)).toMatchObject({ Status: "FAILED", StepDetails: { Attempt: 3 } });
});

test("a condition is polled until it holds", async () => {
  const { value, counters } = await run((context) =>
    context.waitForCondition("poll", async (state: number) => state + 1, {
      initialState: 0,
      waitStrategy: (state) =>
        state < 4 ? { shouldContinue: true, delay: { seconds: 5 } } : { shouldContinue: false },
    }),
  );
  expect(value).toBe(4);
  expect(counters?.retries).toBe(3);
});

test.for([NestingType.NESTED, NestingType.FLAT])(
  "a map (%s) whose items wait and fail keeps results and order",
  async (nesting) => {
    const { value, status } = await run(async (context) => {
      const batch = await context.map(
        "items",
        Array.from({ length: 40 }, (_, index) => index),
        async (item, index) => {
          const doubled = await item.step("double", async () => index * 2);
          await item.wait("pause", { seconds: 1 + (index % 3) });
          if (index % 10 === 9) throw new Error(`item ${index}`);
          return item.step("more", async () => doubled + 1);
        },
        { nesting, maxConcurrency: 7, completionConfig: { toleratedFailureCount: 10 } },
      );
      return { results: batch.getResults(), failed: batch.failureCount };
    });
    expect(status).toBe("SUCCEEDED");
    const expected = Array.from({ length: 40 }, (_, index) => index * 2 + 1).filter((_, index) => index % 10 !== 9);
    expect(value).toEqual({ results: expected, failed: 4 });
  },
);

test("parallel branches run side by side", async () => {
  const { value } = await run(async (context) => {
    const batch = await context.parallel("both", [
      { name: "a", func: async (branch) => branch.step(async () => "A") },
      async (branch: DurableContext) => {
        await branch.wait({ seconds: 3 });
        return branch.step(async () => "B");
      },
    ]);
    return batch.getResults();
  });
  expect(value).toEqual(["A", "B"]);
});

test("a batch whose result is over the limit is rebuilt from its children", async () => {
  let ran = 0;
  const { value, operations } = await run(async (context) => {
    const batch = await context.map("large", [1, 2, 3, 4], async (item, n) =>
      item.step("make", async () => {
        ran++;
        return String(n).repeat(100_000);
      }),
    );
    await context.wait("suspend", { seconds: 1 });
    return batch.getResults().map((text) => text.length);
  });
  expect(value).toEqual([100_000, 100_000, 100_000, 100_000]);
  expect(ran).toBe(4);
  expect(operations[1]).toMatchObject({ Name: "large", ContextDetails: { ReplayChildren: true } });
});

test("an execution whose state takes several pages goes on as if it took one", async () => {
  const steps = 300;
  const body = async (context: DurableContext) => {
    let sum = 0;
    for (let n = 0; n < steps; n++) sum += await context.step(async () => n);
    await context.wait({ seconds: 1 });
    return sum;
  };
  const { value, counters } = await run(body, { statePage: { maxItems: 10 } });
  expect(value).toBe((steps * (steps - 1)) / 2);
  expect(counters?.stateReads).toBeGreaterThan(0);
});

test("a result over the limit of a response is recorded by a checkpoint", async () => {
  const { value, status } = await run(async () => "x".repeat(6_291_420), {
    quotas: { inputBytes: Number.POSITIVE_INFINITY },
  });
  expect(status).toBe("SUCCEEDED");
  expect(value).toHaveLength(6_291_420);
});

test("a payload that the service refuses ends the execution", async () => {
  const { status, error, counters } = await run((context) => context.step("large", async () => "x".repeat(300_000)));
  expect(status).toBe("FAILED");
  expect(error).toMatchObject({
    ErrorType: "CheckpointUnrecoverableExecutionError",
    ErrorMessage: expect.stringMatching(/STEP output payload size must be less than or equal to 262144 bytes/),
  });
  expect(counters?.invocations).toBe(1);
});

test("latency that is asked for changes nothing but the time", async () => {
  const body = async (context: DurableContext) => {
    await context.step(async () => 1);
    await context.wait({ seconds: 1 });
    return context.step(async () => 2);
  };
  const { value } = await run(body, { latencyMs: { checkpoint: 5, getState: 5 }, statePage: { maxItems: 1 } });
  expect(value).toBe(2);
});
