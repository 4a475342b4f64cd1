import { expect, test } from "vitest";
import { type DurableContext, withDurableExecution } from "../../src/index.ts";
import { LocalEngine, VirtualClock } from "../../src/testing.ts";

const YEAR_MS = 365 * 86_400_000;

test("virtual time skips a year of waiting", async () => {
  const clock = new VirtualClock(0);
  const engine = new LocalEngine({ clock });
  const handler = async (_event: unknown, context: DurableContext) => {
    await context.wait("a year", { days: 365 });
    return "grown";
  };
  engine.register("f", withDurableExecution(handler));
  const { arn, result } = engine.start({ functionName: "f" });
  expect(await result).toEqual({ status: "SUCCEEDED", result: '"grown"' });
  expect(clock.now()).toBe(YEAR_MS);
  expect(engine.find(arn)?.counters.invocations).toBe(2);
});

// IT1
test("several executions run side by side, each in its own order, and each with its own state", async () => {
  const engine = new LocalEngine({ clock: new VirtualClock(0) });
  const done: string[] = [];
  engine.register(
    "f",
    withDurableExecution(async ({ n }: { n: number }, context: DurableContext) => {
      const first = await context.step("first", async () => n);
      await context.wait("pause", { seconds: 50 - n });
      const second = await context.step("second", async () => first * 2);
      done.push(`${n}`);
      return second;
    }),
  );
  const numbers = Array.from({ length: 40 }, (_, n) => n);
  const executions = numbers.map((n) => engine.start({ functionName: "f", input: JSON.stringify({ n }) }));
  const outcomes = await Promise.all(executions.map(({ result }) => result));
  expect(outcomes).toEqual(numbers.map((n) => ({ status: "SUCCEEDED", result: String(n * 2) })));
  // The shortest wait ends first.
  expect(done).toEqual(numbers.map(String).reverse());
  expect(engine.list().map(({ counters }) => counters.operations)).toEqual(numbers.map(() => 4));
});

test("an execution that is busy holds nobody else up", async () => {
  const engine = new LocalEngine();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  engine.register(
    "busy",
    withDurableExecution(async (_event, context: DurableContext) => context.step(() => held)),
  );
  engine.register(
    "quick",
    withDurableExecution(async (_event, context: DurableContext) => context.step(async () => 1)),
  );
  const busy = engine.start({ functionName: "busy" });
  const quick = engine.start({ functionName: "quick" });
  expect(await quick.result).toEqual({ status: "SUCCEEDED", result: "1" });
  expect(engine.find(busy.arn)?.status).toBe("RUNNING");
  release();
  expect((await busy.result).status).toBe("SUCCEEDED");
});
