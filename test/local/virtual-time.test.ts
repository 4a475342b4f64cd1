import { describe, expect, test } from "vitest";
import type { OperationUpdate } from "../../src/core/wire.ts";
import { type ExecutionEvent, LocalEngine, VirtualClock } from "../../src/testing.ts";
import { PENDING, RawInvocation, wait } from "../support/raw-invocation.ts";
import { withRuntime } from "../support/service.ts";

const START_MS = 1_767_225_600_000;

const callback = (Id: string, CallbackOptions: OperationUpdate["CallbackOptions"]): OperationUpdate => ({
  Id,
  Name: Id,
  Type: "CALLBACK",
  SubType: "Callback",
  Action: "START",
  CallbackOptions,
});

/** An execution that starts these operations and ends when none of them is open; it has begun to wait. */
async function waitingFor(updates: OperationUpdate[]) {
  const clock = new VirtualClock(START_MS);
  const engine = new LocalEngine({ clock });
  engine.register("f", async (event) => {
    const invocation = new RawInvocation(event);
    if (event.InitialExecutionState.Operations.length === 1) {
      await invocation.checkpoint(updates);
      const held = engine.openCallbacks(event.DurableExecutionArn).find(({ name }) => name === "held");
      if (held !== undefined) release = engine.holdCallback(held.callbackId);
    }
    const known = event.InitialExecutionState.Operations.slice(1);
    const isOpen = known.length === 0 || known.some(({ Status }) => Status === "STARTED");
    return isOpen ? PENDING : { Status: "SUCCEEDED" };
  });
  let release = () => {};
  const { arn, result } = engine.start({ functionName: "f" });
  await engine.rest();
  const idOf = (id: string) => engine.operation(arn, id)?.CallbackDetails?.CallbackId as string;
  const statuses = () => engine.operations(arn).map(({ Id, Status }) => (Id === undefined ? "" : `${Id} ${Status}`));
  return {
    ...{ engine, clock, arn, result, idOf, release: () => release(), statuses: () => statuses().slice(1) },
    seconds: () => (clock.now() - START_MS) / 1_000,
  };
}

// IT2
test("time goes on to everything but the time-out of a callback that is held, until it is released", async () => {
  const run = await waitingFor([
    wait("w", 30),
    callback("free", { TimeoutSeconds: 50 }),
    callback("held", { TimeoutSeconds: 60 }),
    wait("later", 90),
  ]);
  expect(run.seconds()).toBe(50);
  expect(run.statuses()).toEqual(["w SUCCEEDED", "free TIMED_OUT", "held STARTED", "later STARTED"]);
  run.release();
  expect((await run.result).status).toBe("SUCCEEDED");
  expect(run.statuses()[2]).toBe("held TIMED_OUT");
  expect(run.seconds()).toBe(90);
});

test("what is due at the same moment as the time-out of a callback that is held waits with it", async () => {
  const run = await waitingFor([
    callback("free", { TimeoutSeconds: 60 }),
    callback("held", { TimeoutSeconds: 60 }),
    wait("w", 60),
  ]);
  expect(run.statuses()).toEqual(["free STARTED", "held STARTED", "w STARTED"]);
  run.engine.completeCallback(run.idOf("held"), "done");
  await run.result;
  expect(run.statuses()).toEqual(["free TIMED_OUT", "held SUCCEEDED", "w SUCCEEDED"]);
});

describe("time goes on when the execution of a callback that stops the time", () => {
  const holds: [string, boolean][] = [
    ["all callbacks are held", true],
    ["this callback is held", false],
  ];

  /** `a` has a callback with a time-out of 10 s, at which the time stands still. `b` waits for an hour. */
  async function standingStill(holdsAll: boolean) {
    const clock = new VirtualClock(START_MS);
    const engine = new LocalEngine({ clock, skipCallbackTimeouts: !holdsAll });
    engine.register("a", async (event) => {
      await new RawInvocation(event).checkpoint([callback("c", { TimeoutSeconds: 10 })]);
      const [open] = engine.openCallbacks(event.DurableExecutionArn);
      if (!holdsAll) engine.holdCallback(open?.callbackId as string);
      return PENDING;
    });
    engine.register("b", async (event) => {
      const invocation = new RawInvocation(event);
      if (invocation.recorded("w") !== undefined) return { Status: "SUCCEEDED" };
      await invocation.checkpoint([wait("w", 3_600)]);
      return PENDING;
    });
    const a = engine.start({ functionName: "a", executionTimeoutSeconds: 20 });
    const b = engine.start({ functionName: "b" });
    await engine.rest();
    expect(clock.now()).toBe(START_MS);
    return { engine, clock, a, b };
  }

  test.each(holds)("is stopped: %s", async (_name, holdsAll) => {
    const { engine, a, b } = await standingStill(holdsAll);
    engine.stop(a.arn);
    expect((await b.result).status).toBe("SUCCEEDED");
  });

  test.each(holds)("times out, because a caller moves the clock: %s", async (_name, holdsAll) => {
    const { clock, a, b } = await standingStill(holdsAll);
    clock.advance(20_000);
    expect((await a.result).status).toBe("TIMED_OUT");
    expect((await b.result).status).toBe("SUCCEEDED");
  });
});

test("a heartbeat of a callback that is held lets time go on to what is due before the next one", async () => {
  const run = await waitingFor([callback("held", { HeartbeatTimeoutSeconds: 10 }), wait("w", 15)]);
  expect(run.seconds()).toBe(0);
  run.clock.advance(9_000);
  run.engine.heartbeatCallback(run.idOf("held"));
  while (run.statuses()[1] === "w STARTED") await new Promise((resolve) => setImmediate(resolve));
  expect([run.seconds(), ...run.statuses()]).toEqual([15, "held STARTED", "w SUCCEEDED"]);
  run.release();
  await run.result;
  expect(run.seconds()).toBe(19);
});

test("an engine rests when everything has ended or waits for somebody outside", async () => {
  const run = await waitingFor([callback("endless", {}), wait("w", 3_600)]);
  expect(run.statuses()).toEqual(["endless STARTED", "w SUCCEEDED"]);
  expect(run.seconds()).toBe(3_600);
  run.engine.completeCallback(run.idOf("endless"));
  await run.engine.rest();
  expect(run.engine.find(run.arn)?.status).toBe("SUCCEEDED");
  await run.engine.close();
  await run.engine.rest();
});

test("only the id of a callback can be held", () => {
  const engine = new LocalEngine();
  expect(() => engine.holdCallback("nonsense")).toThrow(/Invalid callback id/);
});

test("open callbacks are listed with their names and the moments at which they time out", async () => {
  const clock = new VirtualClock(START_MS);
  const engine = new LocalEngine({ clock, skipCallbackTimeouts: false });
  engine.register(
    "f",
    withRuntime(async (_event, context) => {
      const timeouts = { timeout: { minutes: 5 }, heartbeatTimeout: { seconds: 30 } };
      const asked = context.waitForCallback("approval", async () => {}, timeouts);
      const [answered] = await context.createCallback("answer");
      const [open] = await context.createCallback();
      return context.promise.all([asked, answered, open]);
    }),
  );
  const { arn, result } = engine.start({ functionName: "f" });
  await engine.rest();
  const about = {
    executionArn: arn,
    startTimestamp: START_MS,
    timeoutTimestamp: undefined,
    heartbeatTimestamp: undefined,
  };
  const any = { callbackId: expect.any(String), operationId: expect.any(String) };
  const open = new Map(engine.openCallbacks(arn).map((callback) => [callback.name, callback]));
  expect(open.size).toBe(3);
  const [approval, answer, unnamed] = [open.get("approval"), open.get("answer"), open.get(undefined)];
  expect([answer, unnamed]).toEqual([
    { ...about, ...any, name: "answer" },
    { ...about, ...any, name: undefined },
  ]);
  expect(approval).toEqual({
    ...{ ...about, ...any, name: "approval" },
    timeoutTimestamp: START_MS + 300_000,
    heartbeatTimestamp: START_MS + 30_000,
  });
  clock.advance(20_000);
  engine.heartbeatCallback(approval?.callbackId as string);
  const after = engine.openCallbacks(arn).find(({ name }) => name === "approval");
  expect(after).toMatchObject({ heartbeatTimestamp: START_MS + 50_000 });
  engine.completeCallback(answer?.callbackId as string, "yes");
  expect(engine.openCallbacks(arn).map(({ name }) => name)).toEqual(["approval", undefined]);
  engine.stop(arn);
  await result;
  expect(engine.openCallbacks(arn)).toEqual([]);
});

test("a listener is told which operations a checkpoint changed, and which changed by themselves or from outside", async () => {
  const clock = new VirtualClock(START_MS);
  const engine = new LocalEngine({ clock });
  const events: ExecutionEvent[] = [];
  engine.subscribe((event) => void events.push(event));
  engine.register("f", async (event) => {
    const invocation = new RawInvocation(event);
    if (invocation.recorded("c") === undefined) {
      const [c] = await invocation.checkpoint([callback("c", {}), wait("w", 5)]);
      engine.completeCallback(c?.CallbackDetails?.CallbackId as string);
      await invocation.checkpoint([wait("v", 5)]);
      return PENDING;
    }
    return { Status: "SUCCEEDED" };
  });
  await engine.start({ functionName: "f" }).result;
  expect(events.flatMap((event) => ("changedIds" in event ? [[event.type, ...event.changedIds]] : []))).toEqual([
    ["checkpoint", "c", "w"],
    ["operations-changed", "c"],
    ["checkpoint", "c", "v"],
    ["operations-changed", "w", "v"],
  ]);
});
