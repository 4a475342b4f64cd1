import { expect, test } from "vitest";
import { type DurableContext, type MapConfig, withDurableExecution } from "../../src/index.ts";
import { LocalEngine, MemoryJournal, VirtualClock } from "../../src/testing.ts";

const ITEMS = 60;
const AT_ONCE = 3;
const BODY_MS = 4;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Ran {
  /** The times that the body of each item began. */
  readonly bodies: number[];
  readonly results: unknown;
  readonly waits: number;
}

/** Closes the engine after `closeAfter` bodies have begun, and lets a second engine continue the execution. */
async function closedAndResumed(
  work: (context: DurableContext, body: (index: number) => Promise<number>) => Promise<unknown>,
  closeAfter: number,
): Promise<Ran> {
  const journal = new MemoryJournal();
  const bodies = new Array<number>(ITEMS).fill(0);
  let begun = 0;
  let reached = () => {};
  const isReached = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const body = async (index: number) => {
    bodies[index] = (bodies[index] ?? 0) + 1;
    begun++;
    if (begun === closeAfter) reached();
    await pause(BODY_MS);
    return index * 10;
  };
  const engineOn = () => {
    const engine = new LocalEngine({ journal });
    engine.register(
      "f",
      withDurableExecution(async (_event, context) => work(context, body)),
    );
    return engine;
  };
  const first = engineOn();
  const { arn, result } = first.start({ functionName: "f" });
  const closed = expect(result).rejects.toMatchObject({ code: "ERR_ENGINE_CLOSED" });
  await isReached;
  await first.close();
  await closed;
  const begunAtClose = begun;
  await pause(BODY_MS * 3);
  expect(begun).toBe(begunAtClose);
  expect(begunAtClose).toBeLessThan(closeAfter + AT_ONCE + 1);
  const second = engineOn();
  const outcome = await second.resume(arn).result;
  const waits = second.operations(arn).filter(({ Type: type }) => type === "WAIT").length;
  await second.close();
  expect(outcome.status).toBe("SUCCEEDED");
  return { bodies, results: JSON.parse(outcome.result as string), waits };
}

const mapOf =
  (config: MapConfig<number, number>) =>
  async (context: DurableContext, body: (index: number) => Promise<number>): Promise<unknown> => {
    const items = Array.from({ length: ITEMS }, (_, index) => index);
    const all = await context.map(
      "all",
      items,
      async (inner, item) => {
        const first = await inner.step("price", async () => body(item));
        return inner.step("add", async () => first + 1);
      },
      { maxConcurrency: AT_ONCE, ...config },
    );
    return all.getResults();
  };

test.for([
  ["batch: 100", { batch: 100 }],
  ["batch: 7", { batch: 7 }],
  ["no batch", {}],
  ["FLAT", { nesting: "FLAT" }],
] satisfies [string, MapConfig<number, number>][])(
  "an engine that closes lets running bodies end and records them: %s",
  async ([, config]) => {
    const { bodies, results, waits } = await closedAndResumed(mapOf(config), 25);
    expect(bodies).toEqual(new Array(ITEMS).fill(1));
    expect(results).toEqual(bodies.map((_, index) => index * 10 + 1));
    // Near a deadline, a WAIT would bring the next invocation about. Here the user does so.
    expect(waits).toBe(0);
  },
);

test("a wait under way does not hold up the work that an engine left when it closed", async () => {
  const { bodies } = await closedAndResumed(async (context, body) => {
    const isAnswered = context.wait("an hour", { hours: 1 });
    const all = await mapOf({})(context, body);
    void isAnswered;
    return all;
  }, 25);
  expect(bodies).toEqual(new Array(ITEMS).fill(1));
});

test.for([{}, { batch: 10 }])(
  "an engine that closes records what ends within a second, beside a body that never ends: %j",
  async (config) => {
    const journal = new MemoryJournal();
    const bodies = [0, 0, 0];
    const timersOf = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const timersBefore = timersOf();
    let isCutOff = true;
    const engineOn = () => {
      const engine = new LocalEngine({ journal });
      const work = (item: DurableContext, n: number) =>
        item.step("s", async () => {
          bodies[n] = (bodies[n] ?? 0) + 1;
          if (n === 2 && isCutOff) return new Promise<number>(() => {});
          await pause(n * 300);
          return n;
        });
      const handler = withDurableExecution(
        async (_event, context) => (await context.map("m", [0, 1, 2], work, config)).successCount,
      );
      engine.register("f", handler);
      return engine;
    };
    const first = engineOn();
    const { arn, result } = first.start({ functionName: "f" });
    result.catch(() => {});
    await pause(100);
    await first.close();
    // Nothing keeps the process alive.
    expect(timersOf()).toBeLessThanOrEqual(timersBefore);
    isCutOff = false;
    const second = engineOn();
    expect(await second.resume(arn).result).toEqual({ status: "SUCCEEDED", result: "3" });
    await second.close();
    expect(bodies).toEqual([1, 1, 2]);
  },
);

test("an engine that closes begins no chained invoke, and a later engine begins the invoke once", async () => {
  const journal = new MemoryJournal();
  let calls = 0;
  let closing: Promise<void> | undefined;
  const engineOn = (close: boolean) => {
    const engine = new LocalEngine({ journal });
    const child = withDurableExecution(async (_event, context) => context.step("count", async () => ++calls));
    const parent = withDurableExecution(async (_event, context) => {
      await context.step("first", async () => {
        if (close) closing = engine.close();
      });
      return context.invoke("child", "child", {});
    });
    engine.register("child", child);
    engine.register("parent", parent);
    return engine;
  };
  const { arn, result } = engineOn(true).start({ functionName: "parent" });
  await expect(result).rejects.toMatchObject({ code: "ERR_ENGINE_CLOSED" });
  await closing;
  expect(calls).toBe(0);
  const second = engineOn(false);
  expect(await second.resume(arn).result).toEqual({ status: "SUCCEEDED", result: "1" });
  await second.close();
  expect(calls).toBe(1);
});

test.for([{}, { batch: 10 }])(
  "a wait goes on while no engine runs, and is over when its time has passed: %j",
  async (config) => {
    const journal = new MemoryJournal();
    const START_MS = 1_000_000;
    let overMs: number | undefined;
    let isCutOff = true;
    const engineOn = (clock: VirtualClock) => {
      const engine = new LocalEngine({ journal, clock });
      const handler = withDurableExecution(async (_event, context) => {
        const work = async (item: DurableContext, n: number) => {
          await item.wait(n === 0 ? { seconds: 1 } : { hours: 1 });
          if (n === 1) overMs = clock.now();
          else await item.step("slow", () => (isCutOff ? new Promise<void>(() => {}) : Promise.resolve()));
        };
        return (await context.map("waits", [0, 1], work, config)).successCount;
      });
      engine.register("f", handler);
      return engine;
    };
    const first = engineOn(new VirtualClock(START_MS));
    const isSlow = new Promise<void>((resolve) => {
      let invocations = 0;
      first.subscribe(({ type }) => {
        if (type === "invocation-started" && ++invocations === 2) setTimeout(resolve, 50);
      });
    });
    const { arn, result } = first.start({ functionName: "f" });
    result.catch(() => {});
    await isSlow;
    await first.close();
    isCutOff = false;
    const lateMs = START_MS + 7_200_000;
    const second = engineOn(new VirtualClock(lateMs));
    expect(await second.resume(arn).result).toEqual({ status: "SUCCEEDED", result: "2" });
    await second.close();
    expect(overMs).toBe(lateMs);
  },
);

test.for([{}, { batch: 10 }])("what ends beside a body that the deadline cuts off is recorded: %j", async (config) => {
  const bodies = [0, 0];
  const engine = new LocalEngine({ invocation: { timeoutMs: 1_600, retryPauseMs: 1 } });
  const work = (item: DurableContext, n: number) =>
    item.step("s", async () => {
      bodies[n] = (bodies[n] ?? 0) + 1;
      if (n === 1 && bodies[n] === 1) return new Promise<number>(() => {});
      // The invocation drains from 200 ms on.
      await pause(500);
      return n;
    });
  const handler = withDurableExecution(
    async (_event, context) => (await context.map("m", [0, 1], work, config)).successCount,
    { runtime: { suspension: { reserveMs: 1_400 } } },
  );
  engine.register("f", handler);
  expect(await engine.start({ functionName: "f" }).result).toEqual({ status: "SUCCEEDED", result: "2" });
  await engine.close();
  expect(bodies).toEqual([1, 2]);
});
