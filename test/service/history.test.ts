import { EventType } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import type { OperationUpdate } from "../../src/core/wire.ts";
import { type HistoryEvent, LocalEngine, VirtualClock } from "../../src/testing.ts";
import { context, PENDING, RawInvocation, runRaw, step, wait } from "../support/raw-invocation.ts";

const START_MS = 1_767_225_600_000;

function named(events: HistoryEvent[]): string[] {
  return events.map(({ EventId, EventType }) => `${EventId} ${EventType}`);
}

const read = ({ engine, arn }: { engine: LocalEngine; arn: string }) =>
  engine.history(arn, { includeExecutionData: true });

test("the history of a step and a wait is the service's, event by event", async () => {
  const run = await runRaw(
    [
      async (invocation) => {
        const about = { Name: "s" };
        await invocation.checkpoint([step("s", "START", about), step("s", "SUCCEED", { ...about, Payload: "1" })]);
        await invocation.checkpoint([wait("w", 5, { Name: "pause" })]);
        return PENDING;
      },
      async () => ({ Status: "SUCCEEDED", Result: '"done"' }),
    ],
    { clock: new VirtualClock(START_MS) },
    { input: '{"n":1}', name: "n1", executionTimeoutSeconds: 600 },
  );
  const at = (afterMs: number) => ({ EventTimestamp: new Date(START_MS + afterMs) });
  const executionId = run.engine.operations(run.arn)[0]?.Id;
  expect(read(run)).toEqual([
    {
      EventId: 1,
      EventType: "ExecutionStarted",
      Id: executionId,
      Name: "n1",
      ...at(0),
      ExecutionStartedDetails: { Input: { Payload: '{"n":1}', Truncated: false }, ExecutionTimeout: 600 },
    },
    { EventId: 2, EventType: "StepStarted", SubType: "Step", Id: "s", Name: "s", ...at(0), StepStartedDetails: {} },
    {
      EventId: 3,
      EventType: "StepSucceeded",
      SubType: "Step",
      Id: "s",
      Name: "s",
      ...at(0),
      StepSucceededDetails: { Result: { Payload: "1", Truncated: false }, RetryDetails: { CurrentAttempt: 1 } },
    },
    {
      EventId: 4,
      EventType: "WaitStarted",
      SubType: "Wait",
      Id: "w",
      Name: "pause",
      ...at(0),
      WaitStartedDetails: { Duration: 5, ScheduledEndTimestamp: new Date(START_MS + 5_000) },
    },
    {
      EventId: 5,
      EventType: "InvocationCompleted",
      ...at(0),
      InvocationCompletedDetails: {
        StartTimestamp: new Date(START_MS),
        EndTimestamp: new Date(START_MS),
        RequestId: expect.any(String),
      },
    },
    {
      EventId: 6,
      EventType: "WaitSucceeded",
      SubType: "Wait",
      Id: "w",
      Name: "pause",
      ...at(5_000),
      WaitSucceededDetails: { Duration: 5 },
    },
    expect.objectContaining({ EventId: 7, EventType: "InvocationCompleted" }),
    {
      EventId: 8,
      EventType: "ExecutionSucceeded",
      Id: executionId,
      Name: "n1",
      ...at(5_000),
      ExecutionSucceededDetails: { Result: { Payload: '"done"', Truncated: false } },
    },
  ]);
});

test("the history of a step that fails twice tells its attempts and its delay", async () => {
  const error = { ErrorType: "TypeError", ErrorMessage: "boom" };
  const run = await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([step("s", "START"), step("s", "RETRY", { Error: error })]);
        return PENDING;
      },
      async (invocation) => {
        await invocation.checkpoint([step("s", "START"), step("s", "FAIL", { Error: error })]);
        return { Status: "FAILED", Error: { ErrorType: "StepError", ErrorMessage: "boom" } };
      },
    ],
    { clock: new VirtualClock() },
  );
  const events = read(run);
  expect(named(events)).toEqual([
    "1 ExecutionStarted",
    "2 StepStarted",
    "3 StepFailed",
    "4 InvocationCompleted",
    "5 StepStarted",
    "6 StepFailed",
    "7 InvocationCompleted",
    "8 ExecutionFailed",
  ]);
  const failed = { Payload: error, Truncated: false };
  expect(events[2]?.["StepFailedDetails"]).toEqual({
    Error: failed,
    RetryDetails: { CurrentAttempt: 1, NextAttemptDelaySeconds: 1 },
  });
  expect(events[5]?.["StepFailedDetails"]).toEqual({ Error: failed, RetryDetails: { CurrentAttempt: 2 } });
  expect(events[7]?.["ExecutionFailedDetails"]).toMatchObject({ Error: { Payload: { ErrorType: "StepError" } } });
});

test("a condition that is not met yet is a step that succeeded and will be retried", async () => {
  const about = { SubType: "WaitForCondition" };
  const run = await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([step("c", "START", about), step("c", "RETRY", { ...about, Payload: "1" })]);
        return PENDING;
      },
      async (invocation) => {
        await invocation.checkpoint([step("c", "START", about), step("c", "SUCCEED", { ...about, Payload: "2" })]);
      },
    ],
    { clock: new VirtualClock() },
  );
  const events = read(run);
  expect(events[2]).toMatchObject({
    EventType: "StepSucceeded",
    SubType: "WaitForCondition",
    StepSucceededDetails: {
      Result: { Payload: "1" },
      RetryDetails: { CurrentAttempt: 1, NextAttemptDelaySeconds: 1 },
    },
  });
  expect(events[5]).toMatchObject({
    EventType: "StepSucceeded",
    StepSucceededDetails: { Result: { Payload: "2" }, RetryDetails: { CurrentAttempt: 2 } },
  });
});

test("contexts and what is in them are told in the order of the updates, with their parents", async () => {
  const run = await runRaw([
    async (invocation) => {
      const child = { ParentId: "m", SubType: "MapIteration" };
      await invocation.checkpoint([
        context("m", "START", { SubType: "Map", Name: "m" }),
        context("a", "START", child),
        context("b", "START", child),
        step("b1", "SUCCEED", { ParentId: "b" }),
        context("b", "FAIL", { ...child, Error: { ErrorMessage: "bad" } }),
      ]);
      await invocation.checkpoint([
        context("a", "SUCCEED", { ...child, Payload: "1" }),
        context("m", "SUCCEED", { SubType: "Map", Name: "m", Payload: "[]" }),
      ]);
    },
  ]);
  expect(read(run).map(({ EventType, Id, ParentId }) => [EventType, Id, ParentId].filter(Boolean).join(" "))).toEqual([
    expect.stringMatching(/^ExecutionStarted/),
    "ContextStarted m",
    "ContextStarted a m",
    "ContextStarted b m",
    "StepSucceeded b1 b",
    "ContextFailed b m",
    "ContextSucceeded a m",
    "ContextSucceeded m",
    "InvocationCompleted",
    expect.stringMatching(/^ExecutionSucceeded/),
  ]);
});

test("payloads and errors are told only on request", async () => {
  const { engine, arn } = await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([
          step("s", "SUCCEED", { Payload: '"secret"' }),
          step("f", "FAIL", { Error: { ErrorMessage: "secret" } }),
        ]);
        return { Status: "SUCCEEDED", Result: '"secret"' };
      },
    ],
    {},
    { input: '"secret"' },
  );
  expect(JSON.stringify(engine.history(arn))).not.toContain("secret");
  expect(JSON.stringify(engine.history(arn, { includeExecutionData: true })).split("secret")).toHaveLength(5);
});

/** The events about operations, of an execution that starts these and is then told what `outside` says. */
async function external(
  starts: OperationUpdate[],
  outside: (engine: LocalEngine, callbackIds: string[]) => void = () => {},
): Promise<Record<string, unknown>[]> {
  const engine = new LocalEngine({ clock: new VirtualClock(START_MS) });
  engine.registerFunction("good", () => 1);
  engine.registerFunction("bad", () => {
    throw Object.assign(new RangeError("no"), { stack: "at x" });
  });
  engine.register("raw", async (event) => {
    const invocation = new RawInvocation(event);
    const isNew = event.InitialExecutionState.Operations.length === 1;
    const operations = isNew ? await invocation.checkpoint(starts) : event.InitialExecutionState.Operations.slice(1);
    if (isNew)
      outside(
        engine,
        operations.map(({ CallbackDetails }) => CallbackDetails?.CallbackId ?? ""),
      );
    return operations.some(({ Status }) => Status === "STARTED") ? PENDING : { Status: "SUCCEEDED" };
  });
  const { arn, result } = engine.start({ functionName: "raw" });
  await result;
  return read({ engine, arn })
    .filter(({ SubType }) => SubType !== undefined)
    .map(({ EventId: _, EventTimestamp, ...event }) => ({ ...event, at: EventTimestamp.getTime() - START_MS }));
}

test("the history tells of callbacks with their ids, time-outs and ends", async () => {
  const about = (Id: string) => ({ Id, SubType: "Callback", Name: `callback ${Id}`, at: 0 });
  const start = (Id: string, CallbackOptions: OperationUpdate["CallbackOptions"]): OperationUpdate => {
    return { Id, Name: `callback ${Id}`, SubType: "Callback", Type: "CALLBACK", Action: "START", CallbackOptions };
  };
  const events = await external(
    [start("a", {}), start("b", { TimeoutSeconds: 0 }), start("c", { TimeoutSeconds: 60, HeartbeatTimeoutSeconds: 5 })],
    (engine, [a = "", b = "", c = ""]) => {
      engine.completeCallback(a, "r");
      engine.failCallback(b, { ErrorType: "Refused" });
      engine.heartbeatCallback(c);
    },
  );
  const CallbackId = expect.any(String);
  const error = { ErrorType: "Callback.Heartbeat", ErrorMessage: "Callback timed out on heartbeat" };
  expect(events).toEqual([
    { ...about("a"), EventType: "CallbackStarted", CallbackStartedDetails: { CallbackId } },
    { ...about("b"), EventType: "CallbackStarted", CallbackStartedDetails: { CallbackId } },
    {
      ...about("c"),
      EventType: "CallbackStarted",
      CallbackStartedDetails: { CallbackId, HeartbeatTimeout: 5, Timeout: 60 },
    },
    {
      ...about("a"),
      EventType: "CallbackSucceeded",
      CallbackSucceededDetails: { Result: { Payload: "r", Truncated: false } },
    },
    {
      ...about("b"),
      EventType: "CallbackFailed",
      CallbackFailedDetails: { Error: { Payload: { ErrorType: "Refused" }, Truncated: false } },
    },
    {
      ...about("c"),
      EventType: "CallbackTimedOut",
      at: 5_000,
      CallbackTimedOutDetails: { Error: { Payload: error, Truncated: false } },
    },
  ]);
});

test("the history tells of chained invokes with what they were given and what came back", async () => {
  const about = (Id: string) => ({ Id, SubType: "ChainedInvoke", at: 0 });
  const start = (Id: string, options: Partial<OperationUpdate>): OperationUpdate => {
    return { Id, SubType: "ChainedInvoke", Type: "CHAINED_INVOKE", Action: "START", ...options };
  };
  const events = await external([
    start("g", { Payload: "{}", ChainedInvokeOptions: { FunctionName: "good:1", TenantId: "t" } }),
    start("b", { ChainedInvokeOptions: { FunctionName: "bad" } }),
  ]);
  const Truncated = false;
  const Input = { Payload: "{}", Truncated };
  expect(events).toEqual([
    {
      ...about("g"),
      EventType: "ChainedInvokeStarted",
      ChainedInvokeStartedDetails: { FunctionName: "good:1", TenantId: "t", Input },
    },
    {
      ...about("b"),
      EventType: "ChainedInvokeStarted",
      ChainedInvokeStartedDetails: { FunctionName: "bad", Input: { Truncated } },
    },
    {
      ...about("g"),
      EventType: "ChainedInvokeSucceeded",
      ChainedInvokeSucceededDetails: { Result: { Payload: "1", Truncated } },
    },
    {
      ...about("b"),
      EventType: "ChainedInvokeFailed",
      ChainedInvokeFailedDetails: {
        Error: { Payload: { ErrorType: "RangeError", ErrorMessage: "no", StackTrace: ["at x"] }, Truncated },
      },
    },
  ]);
});

const callback = (Id: string, extra: Partial<OperationUpdate> = {}): OperationUpdate => {
  return { Id, Type: "CALLBACK", SubType: "Callback", Action: "START", CallbackOptions: {}, ...extra };
};
const invoke = (Id: string, FunctionName: string, extra: Partial<OperationUpdate> = {}): OperationUpdate => {
  const ChainedInvokeOptions = { FunctionName };
  return { Id, Type: "CHAINED_INVOKE", SubType: "ChainedInvoke", Action: "START", ChainedInvokeOptions, ...extra };
};

test("every type of event that the service has is written, and no other", async () => {
  const engine = new LocalEngine({ clock: new VirtualClock(START_MS), invocation: { timeoutMs: 60_000 } });
  engine.registerFunction("good", () => 1);
  engine.registerFunction("bad", () => Promise.reject(new RangeError("no")));
  engine.register("stopped", async (event) => {
    engine.stop(event.DurableExecutionArn, { ErrorType: "Operator" });
    return PENDING;
  });
  engine.register("raw", async (event) => {
    const invocation = new RawInvocation(event);
    if (invocation.recorded("s") === undefined) {
      await invocation.checkpoint([
        step("s", "START"),
        step("f", "START"),
        context("c", "START"),
        context("d", "START"),
      ]);
      const error = { Error: { ErrorMessage: "no" } };
      await invocation.checkpoint([
        ...[step("s", "SUCCEED"), step("f", "FAIL", error), context("c", "SUCCEED"), context("d", "FAIL", error)],
        ...[
          wait("w"),
          wait("v"),
          callback("a"),
          callback("b"),
          callback("e", { CallbackOptions: { TimeoutSeconds: 9 } }),
        ],
        ...[callback("x"), invoke("g", "good"), invoke("h", "bad"), invoke("i", "stopped"), invoke("y", "good")],
      ]);
      const cancelled = { Action: "CANCEL" } as const;
      await invocation.checkpoint([
        wait("v", 1, { ...cancelled, WaitOptions: undefined, Error: { ErrorMessage: "not needed" } }),
        callback("x", { ...cancelled, CallbackOptions: undefined }),
        invoke("y", "good", { ...cancelled, ChainedInvokeOptions: undefined }),
      ]);
      const [a, b] = engine.openCallbacks(event.DurableExecutionArn);
      engine.completeCallback(a?.callbackId as string);
      engine.failCallback(b?.callbackId as string);
    }
    const operations = event.InitialExecutionState.Operations.slice(1);
    const isOpen = operations.length === 0 || operations.some(({ Status }) => Status === "STARTED");
    return isOpen ? PENDING : { Status: "SUCCEEDED" };
  });
  engine.register("failing", async () => ({ Status: "FAILED", Error: {} }));
  // In real time: in virtual time nothing passes while a function runs.
  const slow = new LocalEngine({ invocation: { timeoutMs: 50 } });
  slow.registerFunction("slow", () => new Promise(() => {}));
  slow.register("patient", async (event) => {
    const invocation = new RawInvocation(event);
    if (invocation.recorded("i") === undefined) await invocation.checkpoint([invoke("i", "slow")]);
    return invocation.recorded("i")?.Status === "TIMED_OUT" ? { Status: "SUCCEEDED" } : PENDING;
  });
  const all = engine.start({ functionName: "raw" });
  expect((await all.result).status).toBe("SUCCEEDED");
  const failing = engine.start({ functionName: "failing" });
  await failing.result;
  const stopped = engine.start({ functionName: "stopped" });
  await stopped.result;
  engine.register("waiting", async (event) => {
    await new RawInvocation(event).checkpoint([callback("a")]);
    return PENDING;
  });
  const timed = engine.start({ functionName: "waiting", executionTimeoutSeconds: 5 });
  expect((await timed.result).status).toBe("TIMED_OUT");
  const patient = slow.start({ functionName: "patient" });
  await patient.result;

  const events = [
    ...[all, failing, stopped, timed].flatMap(({ arn }) => read({ engine, arn })),
    ...read({ engine: slow, arn: patient.arn }),
  ];
  expect([...new Set(events.map((event) => event.EventType))].sort()).toEqual(Object.values(EventType).sort());
  expect(events.find((event) => event.EventType === "WaitCancelled")?.["WaitCancelledDetails"]).toEqual({
    Error: { Payload: { ErrorMessage: "not needed" }, Truncated: false },
  });
  for (const event of events) expect(event).toHaveProperty(`${event.EventType}Details`);
});
