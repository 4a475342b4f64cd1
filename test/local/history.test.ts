import { expect, test } from "vitest";
import { type HistoryEvent, type LocalEngine, VirtualClock } from "../../src/testing.ts";
import { context, PENDING, runRaw, step, wait } from "../support/raw-invocation.ts";

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
