import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { OperationUpdate } from "../../src/core/wire.ts";
import {
  type Journal,
  LocalEngine,
  type LocalEngineOptions,
  MemoryJournal,
  SqliteJournal,
  VirtualClock,
} from "../../src/testing.ts";
import { execution, PENDING, RawInvocation, step, wait } from "../support/raw-invocation.ts";

type Invoke = (invocation: RawInvocation, requestId: string) => Promise<unknown>;

/** An engine, as a process would have one, whose function does this. */
function engineOn(journal: Journal, invoke: Invoke, options: LocalEngineOptions = {}): LocalEngine {
  const engine = new LocalEngine({ journal, clock: new VirtualClock(), ...options });
  engine.register("f", (event, context) => invoke(new RawInvocation(event), context.awsRequestId));
  return engine;
}

/** Starts an execution in an engine that is then left alone in the middle of an invocation, as by a crash. */
function crashAfter(journal: Journal, clock: VirtualClock, work: Invoke): Promise<string> {
  return new Promise((crashed, failed) => {
    const hang: Invoke = (invocation, requestId) => {
      work(invocation, requestId).then(() => crashed(invocation.event.DurableExecutionArn), failed);
      return new Promise(() => {});
    };
    engineOn(journal, hang, { clock }).start({ functionName: "f" });
  });
}

const succeed: Invoke = async () => ({ Status: "SUCCEEDED" });
const eventTypes = (engine: LocalEngine, arn: string) => engine.history(arn).map(({ EventType }) => EventType);
const code = (wanted: string) => expect.objectContaining({ code: wanted });

test.for([
  ["before its first checkpoint", []],
  ["after a checkpoint", [step("s", "START")]],
] as [string, OperationUpdate[]][])(
  "a crash %s is seen in the history as an invocation that ended",
  async ([, updates]) => {
    const journal = new MemoryJournal();
    const clock = new VirtualClock(1_000);
    let interruptedId = "";
    const arn = await crashAfter(journal, clock, async (invocation, requestId) => {
      interruptedId = requestId;
      clock.advance(500);
      if (updates.length > 0) await invocation.checkpoint(updates);
    });
    const engine = engineOn(journal, succeed, { clock: new VirtualClock(60_000) });
    expect(await engine.resume(arn).result).toEqual({ status: "SUCCEEDED" });
    const ends = engine
      .history(arn, { includeExecutionData: true })
      .filter(({ EventType }) => EventType === "InvocationCompleted");
    expect(ends).toMatchObject([
      {
        InvocationCompletedDetails: {
          RequestId: interruptedId,
          StartTimestamp: new Date(1_000),
          Error: { Payload: { ErrorType: "Runtime.ExitError" } },
        },
      },
      { InvocationCompletedDetails: { StartTimestamp: new Date(60_000) } },
    ]);
    expect(ends[1]?.["InvocationCompletedDetails"]).not.toHaveProperty("Error");
    expect(engine.find(arn)?.counters).toMatchObject({ invocations: 2, invocationFailures: 1 });
  },
);

test("after a crash the next invocation is told of what changed since the last checkpoint, and of nothing older", async () => {
  const journal = new MemoryJournal();
  const clock = new VirtualClock();
  let invocations = 0;
  const first = engineOn(
    journal,
    async (invocation) => {
      if (++invocations === 1) await invocation.checkpoint([wait("early", 1)]);
      else await invocation.checkpoint([wait("late", 60)]);
      return PENDING;
    },
    { clock },
  );
  const suspended = new Promise<void>((resolve) => {
    first.subscribe(({ type }) => type === "invocation-ended" && invocations === 2 && resolve());
  });
  const { arn } = first.start({ functionName: "f" });
  await suspended;
  await first.close();
  const told: unknown[] = [];
  const second = engineOn(journal, async ({ event }) => {
    told.push(event.UpdatedOperationIds);
    return { Status: "SUCCEEDED" };
  });
  await second.resume(arn).result;
  expect(told).toEqual([["late"]]);
});

test("an end that a checkpoint announced survives a crash, and the function is not invoked again", async () => {
  const journal = new MemoryJournal();
  const arn = await crashAfter(journal, new VirtualClock(), (invocation) =>
    invocation.checkpoint([execution("SUCCEED", { Payload: '"large"' })]),
  );
  let invoked = 0;
  const engine = engineOn(journal, async () => ++invoked);
  expect(await engine.resume(arn).result).toEqual({ status: "SUCCEEDED", result: '"large"' });
  expect(invoked).toBe(0);
  expect(eventTypes(engine, arn)).toEqual(["ExecutionStarted", "InvocationCompleted", "ExecutionSucceeded"]);
});

test("an end that a checkpoint announced stands, even if the invocation fails then, and is counted once", async () => {
  const engine = engineOn(new MemoryJournal(), async (invocation) => {
    await invocation.checkpoint([execution("SUCCEED", { Payload: "x".repeat(1_000) })]);
    throw new Error("too late");
  });
  const { arn, result } = engine.start({ functionName: "f" });
  expect((await result).status).toBe("SUCCEEDED");
  const errorBytes = JSON.stringify({ ErrorType: "Error", ErrorMessage: "too late" }).length;
  expect(engine.find(arn)?.counters).toMatchObject({ invocations: 1, dataBytes: 1_000 + errorBytes });
});

// E5
test("nothing is written after an end: what a stopped invocation still does is lost", async () => {
  const journal = new MemoryJournal();
  let goOn = () => {};
  const engine = engineOn(journal, async (invocation) => {
    await invocation.checkpoint([step("s", "START"), wait("w")]);
    engine.stop(invocation.event.DurableExecutionArn, { ErrorType: "Operator" });
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
    return { Status: "SUCCEEDED" };
  });
  const { arn, result } = engine.start({ functionName: "f" });
  expect(await result).toEqual({ status: "STOPPED", error: { ErrorType: "Operator" } });
  goOn();
  await new Promise((resolve) => setImmediate(resolve));
  expect(eventTypes(engine, arn)).toEqual(["ExecutionStarted", "StepStarted", "WaitStarted", "ExecutionStopped"]);
  expect([...journal.entries(arn)].at(-1)?.kind).toBe("end");
});

test("what an invocation answers after the engine was closed is not recorded", async () => {
  const journal = new MemoryJournal();
  let answer = (_output: unknown) => {};
  const refusals: unknown[] = [];
  const first = engineOn(journal, async (invocation) => {
    await invocation.checkpoint([step("s", "START")]);
    const output = await new Promise((resolve) => {
      answer = resolve;
    });
    await invocation.checkpoint([]).catch((error) => refusals.push(error));
    return output;
  });
  const started = new Promise<void>((resolve) => {
    first.subscribe(({ type }) => type === "checkpoint" && resolve());
  });
  const { arn, result } = first.start({ functionName: "f" });
  await started;
  const closed = expect(result).rejects.toEqual(code("ERR_ENGINE_CLOSED"));
  await first.close();
  await closed;
  answer({ Status: "FAILED", Error: { ErrorMessage: "nobody hears this" } });
  const second = engineOn(journal, succeed);
  expect(await second.resume(arn).result).toEqual({ status: "SUCCEEDED" });
  expect(refusals).toEqual([code("ERR_ENGINE_CLOSED")]);
  expect(() => first.resume(arn)).toThrow(code("ERR_ENGINE_CLOSED"));
});

test("an execution is not invoked for a timer that is early, or for a wait that was cancelled", async () => {
  const time = new VirtualClock(0);
  const hasty = {
    now: () => time.now(),
    after: (delayMs: number, action: () => void) => time.after(delayMs > 1 ? delayMs - 1 : delayMs, action),
    skip: () => time.skip(),
  };
  const startsMs: number[] = [];
  const engine = engineOn(
    new MemoryJournal(),
    async (invocation) => {
      startsMs.push(time.now());
      if (startsMs.length > 1) return { Status: "SUCCEEDED" };
      await invocation.checkpoint([wait("cancelled", 1), wait("kept", 10)]);
      await invocation.checkpoint([wait("cancelled", 1, { Action: "CANCEL", WaitOptions: undefined })]);
      return PENDING;
    },
    { clock: hasty },
  );
  await engine.start({ functionName: "f" }).result;
  expect(startsMs).toEqual([0, 10_000]);
});

test("a running execution is the same one by its name as by its ARN", async () => {
  const engine = engineOn(new MemoryJournal(), async (invocation) => {
    await invocation.checkpoint([step("s", "START")]);
    expect(engine.operations("named")).toHaveLength(2);
    expect(engine.history("named")).toHaveLength(2);
    engine.stop("named");
    return PENDING;
  });
  const { arn, result } = engine.start({ functionName: "f", name: "named" });
  expect((await result).status).toBe("STOPPED");
  expect(engine.find(arn)?.status).toBe("STOPPED");
});

test("an engine that may only read its journal shows what is there, and runs nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "restart-"));
  const file = join(folder, "journal.db");
  try {
    const journal = new SqliteJournal(file);
    const arn = await crashAfter(journal, new VirtualClock(), (invocation) =>
      invocation.checkpoint([step("s", "START")]),
    );
    const reader = engineOn(new SqliteJournal(file, { readOnly: true }), succeed);
    expect(reader.operations(arn)).toHaveLength(2);
    expect(() => reader.resume(arn)).toThrow(code("ERR_JOURNAL_READ_ONLY"));
    expect(() => reader.stop(arn)).toThrow(code("ERR_JOURNAL_READ_ONLY"));
    expect(() => reader.start({ functionName: "f" })).toThrow(code("ERR_JOURNAL_READ_ONLY"));
    await reader.close();
    journal.close();
    const writer = engineOn(new SqliteJournal(file), succeed);
    await writer.resume(arn).result;
    await writer.close();
    const later = engineOn(new SqliteJournal(file, { readOnly: true }), succeed);
    expect(await later.resume(arn).result).toEqual({ status: "SUCCEEDED" });
    await later.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
