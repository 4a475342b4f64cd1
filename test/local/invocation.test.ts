import { expect, test } from "vitest";
import { LocalEngine, VirtualClock } from "../../src/testing.ts";
import { MeantToFail, PENDING, type RawInvocation, runRaw, step, wait } from "../support/raw-invocation.ts";

const events = (engine: LocalEngine, arn: string) => engine.history(arn).map(({ EventType }) => EventType);
const suspend =
  (...updates: Parameters<RawInvocation["checkpoint"]>[0]) =>
  async (invocation: RawInvocation) => {
    await invocation.checkpoint(updates);
    return PENDING;
  };
const failing = async () => {
  throw new MeantToFail("crashed");
};

// LE1
test("an execution that suspends is invoked again when its first timer is due", async () => {
  const clock = new VirtualClock(0);
  const startsMs: number[] = [];
  const { invocations } = await runRaw(
    [
      suspend(wait("late", 60), wait("soon", 5), step("r", "RETRY", { StepOptions: { NextAttemptDelaySeconds: 30 } })),
      async ({ event }) => {
        startsMs.push(clock.now());
        expect(event.UpdatedOperationIds).toEqual(["soon"]);
        return PENDING;
      },
      async ({ event }) => {
        startsMs.push(clock.now());
        expect(event.UpdatedOperationIds).toEqual(["r"]);
        return PENDING;
      },
      async () => void startsMs.push(clock.now()),
    ],
    { clock },
  );
  expect(startsMs).toEqual([5_000, 30_000, 60_000]);
  expect(invocations).toBe(4);
});

// LE2
test("an invocation that suspends without knowing of a change is followed by another at once", async () => {
  const clock = new VirtualClock(0);
  await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([wait("w", 1)]);
        clock.advance(2_000);
        return PENDING;
      },
      async ({ event }) => {
        expect(clock.now()).toBe(2_000);
        expect(event.UpdatedOperationIds).toEqual(["w"]);
      },
    ],
    { clock },
  );
});

test("suspending with nothing to wait for is an invocation that failed", async () => {
  const { outcome, engine, arn, invocations } = await runRaw([suspend(step("s", "START"))], {
    clock: new VirtualClock(),
    invocation: { maxFailures: 1 },
  });
  expect(invocations).toBe(1);
  expect(outcome).toMatchObject({
    status: "FAILED",
    error: { ErrorMessage: "Cannot return PENDING status with no pending operations." },
  });
  expect(engine.find(arn)?.counters.invocationFailures).toBe(1);
});

test("a failed invocation is tried again after a pause, and the fifth failure in a row ends the execution", async () => {
  const clock = new VirtualClock(0);
  const { outcome, engine, arn, invocations } = await runRaw([failing], { clock });
  expect(invocations).toBe(5);
  expect(clock.now()).toBe(20_000);
  expect(outcome).toEqual({ status: "FAILED", error: { ErrorType: "MeantToFail", ErrorMessage: "crashed" } });
  expect(events(engine, arn)).toEqual([
    "ExecutionStarted",
    ...Array.from({ length: 5 }, () => "InvocationCompleted"),
    "ExecutionFailed",
  ]);
});

test("an invocation that went well begins the count of failures anew", async () => {
  const { outcome, engine, arn } = await runRaw(
    [failing, failing, suspend(wait("w")), failing, failing, async () => ({ Status: "SUCCEEDED", Result: '"ok"' })],
    { clock: new VirtualClock(), invocation: { maxFailures: 3, retryPauseMs: 10 } },
  );
  expect(outcome).toEqual({ status: "SUCCEEDED", result: '"ok"' });
  expect(engine.find(arn)?.counters).toMatchObject({ invocations: 6, invocationFailures: 4 });
});

test.for([
  ["nothing", null],
  ["a plain value", { hello: "world" }],
  ["a success with an error", { Status: "SUCCEEDED", Error: {} }],
  ["a failure with a result", { Status: "FAILED", Result: "1" }],
  ["a status that does not exist", { Status: "DONE" }],
] as const)("an answer that is %s is an invocation that failed", async ([, answer]) => {
  const { outcome } = await runRaw([async () => answer ?? "nothing"], { invocation: { maxFailures: 1 } });
  expect(outcome).toMatchObject({ status: "FAILED", error: { ErrorType: "InvalidParameterValueException" } });
});

test("a failure that the handler reports ends the execution at once", async () => {
  const error = { ErrorType: "RangeError", ErrorMessage: "nope", ErrorData: "{}" };
  const { outcome, invocations } = await runRaw([async () => ({ Status: "FAILED", Error: error })]);
  expect(invocations).toBe(1);
  expect(outcome).toEqual({ status: "FAILED", error });
});

test("an invocation is cut off at its deadline, and what it recorded stays", async () => {
  const clock = new VirtualClock(0);
  const { engine, arn } = await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([step("s", "SUCCEED", { Payload: "1" })]);
        const cutOff = new Promise(() => {});
        setImmediate(() => clock.advance(60_000));
        return cutOff;
      },
      async (invocation) => expect(invocation.recorded("s")?.Status).toBe("SUCCEEDED"),
    ],
    { clock, invocation: { timeoutMs: 60_000 } },
  );
  const [, , cutOff] = engine.history(arn, { includeExecutionData: true });
  expect(cutOff).toMatchObject({
    EventType: "InvocationCompleted",
    InvocationCompletedDetails: { Error: { Payload: { ErrorMessage: "Task timed out after 60.00 seconds" } } },
  });
});

test("a handler can see how much time its invocation has left", async () => {
  const clock = new VirtualClock();
  const engine = new LocalEngine({ clock, invocation: { timeoutMs: 60_000 } });
  const seenMs: number[] = [];
  engine.register("f", async (_event, context) => {
    seenMs.push(context.getRemainingTimeInMillis());
    clock.advance(1_500);
    seenMs.push(context.getRemainingTimeInMillis());
    return { Status: "SUCCEEDED" };
  });
  await engine.start({ functionName: "f" }).result;
  expect(seenMs).toEqual([60_000, 58_500]);
});

test("an execution ends at its timeout, whatever it waits for", async () => {
  const clock = new VirtualClock(0);
  const { outcome, engine, arn } = await runRaw(
    [suspend(wait("w", 3_600))],
    { clock },
    { executionTimeoutSeconds: 90 },
  );
  expect(outcome.status).toBe("TIMED_OUT");
  expect(clock.now()).toBe(90_000);
  expect(events(engine, arn)).toEqual(["ExecutionStarted", "WaitStarted", "InvocationCompleted", "ExecutionTimedOut"]);
});

test("an execution that is stopped answers no further checkpoint", async () => {
  const engine = new LocalEngine();
  const refusals: unknown[] = [];
  engine.register("f", async (event) => {
    engine.stop(event.DurableExecutionArn, { ErrorType: "Operator", ErrorMessage: "enough" });
    const request = { DurableExecutionArn: event.DurableExecutionArn, CheckpointToken: event.CheckpointToken };
    await event.durableExecutionClient.checkpoint(request).catch((error) => refusals.push(error));
    return PENDING;
  });
  const { result, arn } = engine.start({ functionName: "f" });
  expect(await result).toEqual({ status: "STOPPED", error: { ErrorType: "Operator", ErrorMessage: "enough" } });
  expect(engine.find(arn)?.status).toBe("STOPPED");
  await engine.close();
  expect(refusals).toMatchObject([{ name: "InvalidParameterValueException" }]);
});

test("an execution that only waits can be stopped", async () => {
  const engine = new LocalEngine();
  engine.register("f", async (event) => {
    const request = { DurableExecutionArn: event.DurableExecutionArn, CheckpointToken: event.CheckpointToken };
    await event.durableExecutionClient.checkpoint({ ...request, Updates: [wait("w", 3_600)] });
    setImmediate(() => engine.stop(event.DurableExecutionArn));
    return PENDING;
  });
  expect((await engine.start({ functionName: "f" }).result).status).toBe("STOPPED");
  await engine.close();
});

test("waits are kept to real time by default", async () => {
  const { outcome, engine, arn } = await runRaw([suspend(wait("w", 1)), async () => undefined]);
  expect(outcome.status).toBe("SUCCEEDED");
  const [, operation] = engine.operations(arn);
  const tookMs = (operation?.EndTimestamp?.getTime() ?? 0) - (operation?.StartTimestamp?.getTime() ?? 0);
  expect(tookMs).toBeGreaterThanOrEqual(1_000);
});
