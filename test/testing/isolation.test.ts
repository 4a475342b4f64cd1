import { execFile } from "node:child_process";
import { join } from "node:path";
import timers from "node:timers";
import promised from "node:timers/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { LocalDurableTestRunner } from "../../src/testing.ts";
import { type Handler, withRuntime } from "../support/service.ts";

/** What tests and fake clocks may replace, and a runner must not. */
const globals = () => ({
  Date,
  dateNow: Date.now,
  performanceNow: performance.now,
  setTimeout,
  setInterval,
  setImmediate,
  clearTimeout,
  clearInterval,
  clearImmediate,
  queueMicrotask,
  nextTick: process.nextTick,
  random: Math.random,
  fetch,
  console: { ...console },
  timers: { ...timers },
  promised: { ...promised },
  listeners: process.eventNames().map((name) => [name, process.listenerCount(name)]),
});

/** Waits days, asks somebody, invokes a function, fails and tries again: each with times and values of its own. */
const busy: Handler = async ({ n }: { n: number }, context: DurableContext) => {
  const first = await context.step(
    "first",
    async ({ attempt }) => {
      if (attempt <= n % 3) throw new Error(`attempt ${attempt} of ${n}`);
      return n;
    },
    { retryStrategy: () => ({ shouldRetry: true, delay: { hours: n + 1 } }) },
  );
  await context.wait("pause", { days: n + 1 });
  const answer = await context
    .waitForCallback("ask", async () => {}, { timeout: { minutes: n + 1 } })
    .catch((error: Error) => error.name);
  const invoked = await context.invoke("helper", { n });
  const batch = await context.map("items", [1, 2, 3], (item, m) => item.step("item", async () => m * n));
  return { first, answer, invoked, items: batch.getResults() };
};

const START = new Date("2026-01-01T00:00:00Z");
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

test("fifty tests at once in one process have their own time, operations, callbacks and functions", async () => {
  const runOne = async (n: number) => {
    const runner = new LocalDurableTestRunner({ handlerFunction: withRuntime(busy), startTime: START });
    runner.registerFunction("helper", (event: { n: number }) => `helped ${event.n} of ${n}`);
    const running = runner.run({ payload: { n } });
    // Every second one answers; in the others the callback times out.
    if (n % 2 === 0) {
      const ask = runner.getOperation("ask");
      await ask.waitForData("SUBMITTED");
      await new Promise((resolve) => setTimeout(resolve, n % 7));
      await ask.sendCallbackSuccess(`answer ${n}`);
    }
    const result = await running;
    return {
      result: result.getResult(),
      attempts: runner.getOperation("first").getStepDetails()?.attempt,
      names: result.getOperations().map((operation) => operation.getName()),
      passedMs: runner.getCurrentTime().getTime() - START.getTime(),
    };
  };
  const numbers = Array.from({ length: 50 }, (_, n) => n);
  const names = ["first", "pause", "ask", undefined, undefined, undefined, "items"];
  const items = ["map-item-0", "map-item-1", "map-item-2", "item", "item", "item"];
  expect(await Promise.all(numbers.map(runOne))).toEqual(
    numbers.map((n) => ({
      result: {
        first: n,
        answer: n % 2 === 0 ? `answer ${n}` : "CallbackTimeoutError",
        invoked: `helped ${n} of ${n}`,
        items: [n, 2 * n, 3 * n],
      },
      attempts: (n % 3) + 1,
      names: [...names, ...items],
      passedMs: (n % 3) * (n + 1) * HOUR_MS + (n + 1) * DAY_MS + (n % 2 === 0 ? 0 : (n + 1) * 60_000),
    })),
  );
});

test("no global is replaced: not when the module is loaded, not while a test runs, not afterwards", async () => {
  const before = globals();
  const seen: unknown[] = [];
  const runner = new LocalDurableTestRunner({
    handlerFunction: withRuntime(async (_event, context) => {
      seen.push(globals());
      await context.wait({ days: 365 });
      await context.step(async () => void seen.push(globals()));
      const [answer] = await context.createCallback("answer", { timeout: { days: 1 } });
      return answer.catch(() => Date.now());
    }),
  });
  const startMs = Date.now();
  const finishedMs = (await runner.run()).getResult() as number;
  expect(seen).toHaveLength(4);
  for (const during of [...seen, globals()]) expect(during).toEqual(before);
  // The handler's own clock is the system's.
  expect(finishedMs - startMs).toBeLessThan(DAY_MS);
});

test("loading the module replaces nothing either, and leaves nothing that keeps the process alive", async () => {
  const script = `
    const before = [Date, setTimeout, setImmediate, setInterval, queueMicrotask, Date.now, process.nextTick];
    const { LocalDurableTestRunner } = await import("./src/testing.ts");
    new LocalDurableTestRunner({ handlerFunction: async () => {} });
    const after = [Date, setTimeout, setImmediate, setInterval, queueMicrotask, Date.now, process.nextTick];
    console.log(before.every((value, at) => value === after[at]), process.getActiveResourcesInfo().filter((name) => name !== "PipeWrap" && name !== "TTYWrap"));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    cwd: join(import.meta.dirname, "../.."),
  });
  expect(stdout.trim()).toBe("true []");
});
