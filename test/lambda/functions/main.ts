/** The functions that the harness deploys: bundled as a user would, each export one function. */
import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { createRetryStrategy, type DurableContext, withDurableExecution } from "durable-fanout";
import { workers } from "durable-fanout/workers";
import { Unscored } from "./score.ts";

const items = (count: number) => Array.from({ length: count }, (_, index) => index);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
/** A line a run: tests count in this file what really ran. */
const note = (file: string, line: number | string) => appendFileSync(file, `${line}\n`);

export const hello = withDurableExecution(async (event: { name?: string }, ctx: DurableContext) =>
  ctx.step("greet", async () => `Hello, ${event.name ?? "world"}`),
);

export const nested = withDurableExecution(async (event: { count: number }, ctx) => {
  const result = await ctx.map("numbers", items(event.count), (item, n) => item.step("double", async () => n * 2));
  return sum(result.getResults());
});

export const batch = withDurableExecution(async (event: { count: number; log?: string }, ctx) => {
  const { log } = event;
  const result = await ctx.map(
    "numbers",
    items(event.count),
    async (item, n) => {
      const doubled = await item.step("double", async () => n * 2);
      if (log !== undefined) note(log, n);
      return doubled;
    },
    { batch: 100 },
  );
  return sum(result.getResults());
});

const pool = workers<typeof import("./score.ts")>(new URL("./score.ts", import.meta.url), { errors: [Unscored] });

export const threads = withDurableExecution(async (event: { count: number }, ctx) => {
  const results = await ctx.map("score", items(event.count), pool.score, { batch: 50 });
  return sum(results.getResults());
});

/** Threads throw errors of the user's class, by which the retry strategy knows what to try again. */
export const lateThreads = withDurableExecution(async (_event: unknown, ctx) => {
  const retryStrategy = createRetryStrategy({
    ...{ maxAttempts: 8, initialDelay: { seconds: 1 }, maxDelay: { seconds: 1 } },
    retryableErrorTypes: [Unscored],
  });
  const { status } = await ctx.map("score", items(20), pool.lateScore.with({ retryStrategy }), { batch: 10 });
  const kept = await ctx.step("kept", async () => {
    try {
      return await pool.lateScore(3_000_000);
    } catch (error) {
      return error instanceof Unscored ? `Unscored ${error.city}` : String(error);
    }
  });
  return [status, kept];
});

export const waiting = withDurableExecution(async (_event: unknown, ctx) => {
  const before = await ctx.step("before", async () => process.pid);
  await ctx.wait("pause", { seconds: 1 });
  const after = await ctx.step("after", async () => process.pid);
  return { before, after };
});

/** Takes several invocations: each item takes a while, and there are more than one invocation's time allows. */
export const slow = withDurableExecution(async (event: { count: number; ms: number; log: string }, ctx) => {
  const result = await ctx.map(
    "numbers",
    items(event.count),
    (item, n) =>
      item.step("work", async () => {
        await sleep(event.ms);
        note(event.log, n);
        return n;
      }),
    { batch: 10, maxConcurrency: 20 },
  );
  return sum(result.getResults());
});

/** Blocks its thread beyond any deadline, once: the process is killed in the middle of a batch. */
export const stubborn = withDurableExecution(async (event: { count: number; mark: string; log: string }, ctx) => {
  const result = await ctx.map(
    "numbers",
    items(event.count),
    (item, n) =>
      item.step("work", async () => {
        note(event.log, n);
        if (n === event.count / 2 && !existsSync(event.mark)) {
          writeFileSync(event.mark, "");
          for (;;);
        }
        return n;
      }),
    { batch: 10, maxConcurrency: 10 },
  );
  return sum(result.getResults());
});

/** Takes all memory there is, once. */
export const greedy = withDurableExecution(async (event: { mark: string }, ctx) => {
  const first = await ctx.step("first", async () => process.pid);
  const second = await ctx.step("second", async () => {
    if (existsSync(event.mark)) return process.pid;
    writeFileSync(event.mark, "");
    const kept: number[][] = [];
    for (;;) kept.push(new Array(1_000_000).fill(0.5));
  });
  return { first, second };
});

/** Three steps around waits, with something to send each time. */
export const pausing = withDurableExecution(async (event: { count: number }, ctx) => {
  const pids: number[] = [];
  for (const round of items(event.count)) {
    pids.push(await ctx.step(`round ${round}`, async () => process.pid));
    if (round < event.count - 1) await ctx.wait({ seconds: 1 });
  }
  return pids;
});

/** Comes back to more records than fit into an event. */
export const paged = withDurableExecution(async (event: { count: number }, ctx) => {
  const numbers = await Promise.all(items(event.count).map((n) => ctx.step(`step ${n}`, async () => n)));
  await ctx.wait("pause", { seconds: 1 });
  return sum(numbers);
});

/** Asks another function, and somebody outside. */
export const asking = withDurableExecution(async (event: { file: string }, ctx) => {
  const greeting = await ctx.invoke<{ name: string }, string>("greeting", "hello:live", { name: "Grace" });
  const approved = await ctx.waitForCallback("approval", async (id) => note(event.file, id));
  return [greeting, approved];
});

/** Does a bit of everything, then says what the process holds if it is asked. */
export const flat = withDurableExecution(async (event: { isMeasured: boolean }, ctx) => {
  await ctx.map("batched", items(100), (item, n) => item.step("one", async () => `${n}`), { batch: 50 });
  await ctx.map("single", items(10), (item, n) => item.step("one", async () => `${n}`));
  return ctx.step("measure", async () => {
    if (event.isMeasured) await sleep(1);
    if (event.isMeasured) globalThis.gc?.();
    const listeners = sum(process.eventNames().map((name) => process.listenerCount(name)));
    const { heapUsed } = process.memoryUsage();
    return { heapUsed, handles: process.getActiveResourcesInfo().length, listeners, pid: process.pid };
  });
});
