import { expect, test } from "vitest";
import { VirtualClock } from "../../src/testing.ts";
import { context, execution, PENDING, runRaw, step, wait } from "../support/raw-invocation.ts";

const STALE = expect.objectContaining({
  name: "InvalidParameterValueException",
  message: expect.stringMatching(/^invalid checkpoint token/i),
});

// E2
test("each checkpoint spends its token and gives the next one", async () => {
  await runRaw([
    async (invocation) => {
      const first = invocation.token;
      await invocation.checkpoint([step("a", "START")]);
      const second = invocation.token;
      expect(second).not.toBe(first);
      await expect(invocation.send(first, [step("b", "START")])).rejects.toEqual(STALE);
      await expect(invocation.send("made up", [])).rejects.toEqual(STALE);
      await invocation.checkpoint([]);
      expect(invocation.token).not.toBe(second);
    },
  ]);
});

test("an invocation's token is worth nothing in the next one", async () => {
  let earlier = "";
  await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([wait("w")]);
        earlier = invocation.token;
        return PENDING;
      },
      async (invocation) => {
        await expect(invocation.send(earlier, [])).rejects.toEqual(STALE);
        await invocation.checkpoint([]);
      },
    ],
    { clock: new VirtualClock() },
  );
});

// E3
test("a checkpoint that is repeated with its client token gets the same answer, and counts once", async () => {
  const run = await runRaw([
    async (invocation) => {
      const updates = [step("a", "START"), step("a", "SUCCEED", { Payload: "1" })];
      const first = await invocation.send(invocation.token, updates, "client-1");
      const repeated = await invocation.send(invocation.token, updates, "client-1");
      expect(repeated).toEqual(first);
      const next = first.CheckpointToken as string;
      await expect(invocation.send(invocation.token, updates, "client-2")).rejects.toEqual(STALE);
      await invocation.send(next, [step("b", "START")], "client-1");
    },
  ]);
  expect(run.engine.find(run.arn)?.counters).toMatchObject({ updates: 3, checkpoints: 2 });
});

test("an answer brings what the request changed, once, in its final state", async () => {
  const clock = new VirtualClock(1_767_225_600_000);
  await runRaw(
    [
      async (invocation) => {
        const changed = await invocation.checkpoint([
          context("c", "START", { Name: "child" }),
          step("s", "START", { ParentId: "c", Name: "s" }),
          step("s", "SUCCEED", { ParentId: "c", Name: "s", Payload: '"done"' }),
          step("r", "RETRY", { Error: { ErrorType: "TypeError", ErrorMessage: "boom" } }),
          wait("w", 5),
          { Id: "k", Type: "CALLBACK", Action: "START", CallbackOptions: {} },
        ]);
        const byId = Object.fromEntries(changed.map((operation) => [operation.Id, operation]));
        expect(Object.keys(byId).sort()).toEqual(["c", "k", "r", "s", "w"]);
        const StartTimestamp = new Date(1_767_225_600_000);
        expect(byId["c"]).toMatchObject({ Status: "STARTED", Type: "CONTEXT", Name: "child", StartTimestamp });
        expect(byId["s"]).toEqual({
          Id: "s",
          ParentId: "c",
          Name: "s",
          Type: "STEP",
          SubType: "Step",
          Status: "SUCCEEDED",
          StartTimestamp,
          EndTimestamp: StartTimestamp,
          StepDetails: { Attempt: 1, Result: '"done"' },
        });
        expect(byId["r"]).toMatchObject({
          Status: "PENDING",
          StepDetails: {
            Attempt: 1,
            NextAttemptTimestamp: new Date(1_767_225_601_000),
            Error: { ErrorType: "TypeError", ErrorMessage: "boom" },
          },
        });
        expect(byId["w"]).toMatchObject({
          Status: "STARTED",
          WaitDetails: { ScheduledEndTimestamp: new Date(1_767_225_605_000) },
        });
        expect(byId["k"]?.Status).toBe("STARTED");
        expect(await invocation.checkpoint([step("z", "START")])).toMatchObject([{ Id: "z" }]);
      },
    ],
    { clock },
  );
});

test("a poll brings the waits and retries that have come due since, once", async () => {
  const clock = new VirtualClock();
  await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([wait("w", 2), step("r", "RETRY", { Payload: "7" }), wait("later", 60)]);
        expect(await invocation.checkpoint([])).toEqual([]);
        clock.advance(1_000);
        expect(await invocation.checkpoint([])).toMatchObject([
          { Id: "r", Status: "READY", StepDetails: { Attempt: 1, Result: "7" } },
        ]);
        clock.advance(1_000);
        expect(await invocation.checkpoint([step("r", "START")])).toMatchObject([
          { Id: "w", Status: "SUCCEEDED", EndTimestamp: new Date(clock.now()) },
          { Id: "r", Status: "STARTED", StepDetails: { Attempt: 1 } },
        ]);
        expect(await invocation.checkpoint([])).toEqual([]);
      },
    ],
    { clock },
  );
});

test("a step's attempts are counted over its retries", async () => {
  const clock = new VirtualClock();
  const { engine, arn } = await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([step("s", "START"), step("s", "RETRY", { Error: { ErrorMessage: "1" } })]);
        clock.advance(1_000);
        await invocation.checkpoint([]);
        await invocation.checkpoint([step("s", "START"), step("s", "RETRY", { Error: { ErrorMessage: "2" } })]);
        clock.advance(1_000);
        await invocation.checkpoint([]);
        await invocation.checkpoint([step("s", "START")]);
        await invocation.checkpoint([step("s", "SUCCEED", { Payload: "3" })]);
      },
    ],
    { clock },
  );
  expect(engine.operations(arn)[1]).toMatchObject({ Status: "SUCCEEDED", StepDetails: { Attempt: 3, Result: "3" } });
  expect(engine.find(arn)?.counters).toMatchObject({ retries: 2, updates: 6, operations: 4 });
});

test.for([
  ["SUCCEED", { Payload: '"large"' }, { status: "SUCCEEDED", result: '"large"' }],
  ["FAIL", { Error: { ErrorType: "E", ErrorMessage: "m" } }, { status: "FAILED", error: { ErrorType: "E" } }],
] as const)(
  "an execution ends with a checkpoint of %s, whatever the answer to the invocation",
  async ([action, extra, expected]) => {
    const { outcome, engine, arn } = await runRaw([
      async (invocation) => {
        await invocation.checkpoint([step("s", "SUCCEED"), execution(action, extra)]);
        await expect(invocation.checkpoint([step("late", "START")])).rejects.toEqual(STALE);
        return { Status: "SUCCEEDED", Result: "" };
      },
    ]);
    expect(outcome).toMatchObject(expected);
    expect(engine.find(arn)).toMatchObject(expected);
  },
);

test("a request for another execution finds none", async () => {
  await runRaw([
    async ({ event }) => {
      const request = { DurableExecutionArn: "arn:other", CheckpointToken: event.CheckpointToken };
      const unknown = expect.objectContaining({ name: "ResourceNotFoundException" });
      await expect(event.durableExecutionClient.checkpoint(request)).rejects.toEqual(unknown);
      await expect(event.durableExecutionClient.getExecutionState(request)).rejects.toEqual(unknown);
    },
  ]);
});

test("what a handler does to the objects it sent or was given stays with the handler", async () => {
  const { engine, arn } = await runRaw(
    [
      async (invocation) => {
        const error = { ErrorType: "E", ErrorMessage: "sent", StackTrace: ["at a"] };
        const update = step("s", "FAIL", { Error: error });
        const [given] = await invocation.checkpoint([update, wait("w")]);
        error.ErrorMessage = "changed";
        error.StackTrace.push("at b");
        update.Name = "changed";
        if (given?.StepDetails !== undefined) given.StepDetails.Attempt = 99;
        return PENDING;
      },
      async (invocation) => {
        const recorded = invocation.recorded("s");
        expect(recorded).toMatchObject({ StepDetails: { Attempt: 1, Error: { ErrorMessage: "sent" } } });
        if (recorded?.StepDetails !== undefined) recorded.StepDetails.Attempt = 98;
      },
    ],
    { clock: new VirtualClock() },
  );
  const [, operation] = engine.operations(arn);
  expect(operation).toMatchObject({
    StepDetails: { Attempt: 1, Error: { ErrorType: "E", ErrorMessage: "sent", StackTrace: ["at a"] } },
  });
  expect(operation?.Name).toBeUndefined();
});

test("an old request is not answered again: after 15 minutes, or 1,000 others", async () => {
  const clock = new VirtualClock(0);
  await runRaw(
    [
      async (invocation) => {
        const first = invocation.token;
        await invocation.checkpoint([step("a", "START")], "client-a");
        clock.advance(15 * 60_000);
        await expect(invocation.send(first, [], "client-a")).resolves.toBeDefined();
        clock.advance(1);
        await expect(invocation.send(first, [], "client-a")).rejects.toThrow("Invalid checkpoint token");
        const second = invocation.token;
        await invocation.checkpoint([], "client-b");
        for (let n = 0; n < 999; n++) await invocation.checkpoint([], `client-${n}`);
        await expect(invocation.send(second, [], "client-b")).resolves.toBeDefined();
        await invocation.checkpoint([], "client-last");
        await expect(invocation.send(second, [], "client-b")).rejects.toThrow("Invalid checkpoint token");
      },
    ],
    { clock, invocation: { timeoutMs: Number.POSITIVE_INFINITY } },
  );
});
