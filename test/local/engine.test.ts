import { withDurableExecution } from "@aws/durable-execution-sdk-js";
import { expect, test, vi } from "vitest";
import {
  type ExecutionEvent,
  LocalEngine,
  type LocalHandler,
  MemoryJournal,
  SqliteJournal,
  VirtualClock,
} from "../../src/testing.ts";

function withSum(engine: LocalEngine): LocalEngine {
  engine.register(
    "sum",
    withDurableExecution(async (event: { numbers: number[] }, context) => {
      const total = await context.step("add", async () => event.numbers.reduce((sum, n) => sum + n, 0));
      await context.wait("pause", { seconds: 10 });
      return { total };
    }),
  );
  return engine;
}

const newEngine = () => withSum(new LocalEngine({ clock: new VirtualClock() }));
const input = JSON.stringify({ numbers: [1, 2, 3] });
const code = (wanted: string) => expect.objectContaining({ code: wanted });

test("an execution can be found by its ARN, its name, its id, and as the last one", async () => {
  const engine = newEngine();
  const one = engine.start({ functionName: "sum", name: "one", input, metadata: { file: "sum.ts" } });
  const two = engine.start({ functionName: "sum", input: '{"numbers":[]}' });
  expect(await one.result).toEqual({ status: "SUCCEEDED", result: '{"total":6}' });
  expect(await two.result).toEqual({ status: "SUCCEEDED", result: '{"total":0}' });
  const found = engine.find("one");
  expect(found).toMatchObject({
    arn: one.arn,
    functionName: "sum",
    input,
    status: "SUCCEEDED",
    result: '{"total":6}',
    metadata: { file: "sum.ts" },
    counters: { operations: 3, updates: 3, invocations: 2, retries: 0, invocationFailures: 0 },
  });
  expect((found?.endTimestamp ?? 0) - (found?.startTimestamp ?? 0)).toBeGreaterThanOrEqual(10_000);
  expect(engine.find(one.arn)).toEqual(found);
  expect(engine.find(one.arn.split("/").at(-1) as string)).toEqual(found);
  expect(engine.find("last")?.arn).toBe(two.arn);
  expect(engine.find("nobody")).toBeUndefined();
  expect(engine.list().map(({ name }) => name)).toEqual(["one", two.name]);
  await engine.close();
});

test("starting twice with one name and input is one execution; with another input it is refused", async () => {
  const engine = newEngine();
  const first = engine.start({ functionName: "sum", name: "once", input });
  const running = engine.start({ functionName: "sum", name: "once", input });
  expect(running.arn).toBe(first.arn);
  await first.result;
  const ended = engine.start({ functionName: "sum", name: "once", input });
  expect(await ended.result).toMatchObject({ result: '{"total":6}' });
  expect(engine.list()).toHaveLength(1);
  expect(engine.find("once")?.counters.invocations).toBe(2);
  const other = () => engine.start({ functionName: "sum", name: "once", input: '{"numbers":[1]}' });
  expect(other).toThrow(code("ERR_EXECUTION_NAME_TAKEN"));
  await engine.close();
});

test("what is unknown is named", async () => {
  const engine = newEngine();
  expect(() => engine.start({ functionName: "product" })).toThrow(code("ERR_FUNCTION_UNKNOWN"));
  expect(() => engine.start({ functionName: "product" })).toThrow(/"product".*known: sum/);
  const asks = [engine.resume, engine.operations, engine.history, engine.stop] as ((arn: string) => unknown)[];
  for (const ask of asks) expect(() => ask.call(engine, "nobody")).toThrow(code("ERR_EXECUTION_UNKNOWN"));
  await engine.close();
});

test("a new engine over a journal goes on where the old one was closed, and not before it is told to", async () => {
  const journal = new MemoryJournal();
  let added = 0;
  const engineOn = (clock?: VirtualClock) => {
    const engine = new LocalEngine({ journal, ...(clock === undefined ? {} : { clock }) });
    const handler = withDurableExecution(async (_event, context) => {
      await context.step("add", async () => ++added);
      await context.wait("long", { hours: 1 });
      return added;
    });
    engine.register("f", handler);
    return engine;
  };
  const first = engineOn();
  const suspended = new Promise<void>((resolve) => {
    first.subscribe(({ type }) => type === "invocation-ended" && resolve());
  });
  const { arn, result } = first.start({ functionName: "f" });
  await suspended;
  const closed = expect(result).rejects.toEqual(code("ERR_ENGINE_CLOSED"));
  await first.close();
  await closed;
  expect(() => first.start({ functionName: "f" })).toThrow(code("ERR_ENGINE_CLOSED"));
  const second = engineOn(new VirtualClock());
  expect(second.find(arn)?.status).toBe("RUNNING");
  expect(second.operations(arn)).toHaveLength(3);
  expect(await second.resume(arn).result).toEqual({ status: "SUCCEEDED", result: "1" });
  expect(added).toBe(1);
  expect(await second.resume(arn).result).toMatchObject({ status: "SUCCEEDED", result: "1" });
  await second.close();
});

test("a listener is told what happens, until it has enough", async () => {
  const engine = newEngine();
  const events: ExecutionEvent[] = [];
  const unsubscribe = engine.subscribe((event) => void events.push(event));
  const { arn, result } = engine.start({ functionName: "sum", input });
  await result;
  unsubscribe();
  const started = events.filter(({ type }) => type === "invocation-started");
  expect(started).toHaveLength(2);
  expect(new Set(events.map((event) => event.arn))).toEqual(new Set([arn]));
  const updates = events.flatMap((event) => (event.type === "checkpoint" ? event.updates : []));
  expect(updates.map(({ Type, Action }) => `${Type} ${Action}`)).toEqual(["STEP START", "STEP SUCCEED", "WAIT START"]);
  expect(events.at(-1)).toMatchObject({
    type: "execution-ended",
    outcome: { status: "SUCCEEDED", result: '{"total":6}' },
  });
  const told = events.length;
  await engine.start({ functionName: "sum", input }).result;
  expect(events).toHaveLength(told);
  await engine.close();
});

test("the input of a redrive is checked like the input of a start", async () => {
  const engine = withSum(new LocalEngine({ clock: new VirtualClock(), quotas: { inputBytes: 100 } }));
  const { arn, result } = engine.start({ functionName: "sum", input });
  await result;
  const none = new Set<string>();
  const amend = () => ({ removed: none, reopened: none, retried: new Map(), payloads: new Map() });
  expect(() => engine.redrive(arn, { amend, input: "{" })).toThrow(code("ERR_INPUT_INVALID"));
  expect(() => engine.redrive(arn, { amend, input: `"${"x".repeat(99)}"` })).toThrow(code("ERR_INPUT_TOO_LARGE"));
  expect(engine.list()).toHaveLength(1);
  await engine.close();
});

test("a second close waits for the journal too", async () => {
  const journal = new MemoryJournal();
  const closing = vi.spyOn(journal, "close");
  const engine = withSum(new LocalEngine({ journal, clock: new VirtualClock() }));
  engine.start({ functionName: "sum", input });
  const first = engine.close();
  await engine.close();
  expect(closing).toHaveBeenCalledOnce();
  expect(engine.close()).toBe(first);
});

test("a journal that fails at the time-out of an execution rejects its result", async () => {
  const journal = new SqliteJournal(":memory:");
  const clock = new VirtualClock();
  const engine = new LocalEngine({ journal, clock });
  engine.register("f", () => new Promise(() => {}));
  const { result } = engine.start({ functionName: "f", executionTimeoutSeconds: 60 });
  journal.close();
  clock.advance(60_000);
  await expect(result).rejects.toEqual(code("ERR_JOURNAL_CLOSED"));
});

test.each(["the same copy", "another copy"])(
  "the stack of a user's error is kept, whatever members it has, and none of the runtime's: %s of the runtime",
  async (copy) => {
    if (copy === "another copy") vi.resetModules();
    const runtime = await import("../../src/index.ts");
    const engine = new LocalEngine({ clock: new VirtualClock() });
    const handler = runtime.withDurableExecution((_event: unknown, context) =>
      context.step("pay", () => Promise.reject(Object.assign(new RangeError("no card"), { errorType: "Declined" })), {
        retryStrategy: () => ({ shouldRetry: false }),
      }),
    );
    engine.register("f", handler as unknown as LocalHandler);
    const { arn, result } = engine.start({ functionName: "f" });
    expect((await result).error).toMatchObject({ ErrorType: "StepError" });
    const text = expect.stringMatching(/^RangeError: no card\n.*engine\.test\.ts/);
    const step = engine.operations(arn).find(({ Name }) => Name === "pay");
    expect(engine.traces(arn)).toEqual([expect.objectContaining({ operationId: step?.Id, text })]);
  },
);
