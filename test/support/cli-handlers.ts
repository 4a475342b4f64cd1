import { createHash } from "node:crypto";
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createRetryStrategy,
  type DurableContext,
  JitterStrategy,
  NestingType,
  withDurableExecution,
} from "../../src/index.ts";

const retryAfterASecond = createRetryStrategy({
  maxAttempts: 3,
  initialDelay: { seconds: 1 },
  backoffRate: 1,
  jitter: JitterStrategy.NONE,
});

/** Text that no codec makes much smaller, the same for the same seed. */
function noise(seed: string, length: number): string {
  return createHash("shake256", { outputLength: length }).update(seed).digest("base64").slice(0, length);
}

/** Squares the numbers below `count`, one step each, and adds them up. */
export const handler = withDurableExecution(async ({ count = 3 }: { count?: number }, ctx) => {
  const numbers = Array.from({ length: count }, (_, index) => index);
  const batch = await ctx.map("squares", numbers, (item, number) => item.step("square", async () => number * number));
  return { sum: batch.getResults().reduce((sum, square) => sum + square, 0) };
});

export const formatted = withDurableExecution(async () => ({ text: "plain" }));

export const failing = withDurableExecution(async (_event: unknown, ctx) => {
  await ctx.step(
    "doomed",
    async () => {
      throw new RangeError("the shelf is empty");
    },
    { retryStrategy: () => ({ shouldRetry: false }) },
  );
});

/** Fails at the first attempt of one step and waits a second for the next. */
export const retrying = withDurableExecution(async (_event: unknown, ctx) =>
  ctx.step(
    "flaky",
    async ({ attempt }) => {
      if (attempt === 1) throw new Error("not yet");
      return attempt;
    },
    { retryStrategy: retryAfterASecond },
  ),
);

export const waiting = withDurableExecution(async (_event: unknown, ctx) => {
  await ctx.step("first", async () => "done");
  await ctx.wait("a long while", { hours: 1 });
  return "awake";
});

/** Asks twice; a failed answer is part of the result. */
export const asking = withDurableExecution(async (_event: unknown, ctx) => {
  const timeouts = { timeout: { hours: 2 }, heartbeatTimeout: { hours: 1 } };
  const approval = await ctx.waitForCallback("approval", async () => {}, timeouts);
  const [answered] = await ctx.createCallback("answer");
  const answer = await answered.catch(({ name, message, cause }: Error) => [name, message, (cause as Error)?.name]);
  return { approval, answer };
});

/** Asks everybody at once, by one name. */
export const asksAll = withDurableExecution(async ({ count }: { count: number }, ctx) => {
  const people = Array.from({ length: count }, (_, index) => index);
  return (await ctx.map(people, (item) => item.waitForCallback("everybody", async () => {}))).getResults();
});

/** Asks by one name in several items, in different places. */
export const asksInside = withDurableExecution(async ({ batch }: { batch: number }, ctx) => {
  const score = async (item: DurableContext, index: number) => {
    if (index < 2) return item.runInChildContext("inner", (inner) => inner.waitForCallback("ask", async () => {}));
    await item.step("prepare", async () => index);
    const [answer] = await item.createCallback("ask");
    return answer;
  };
  return (await ctx.map("score", [0, 1, 2], score, batch === 0 ? {} : { batch })).getResults();
});

export const invoking = withDurableExecution(async ({ n }: { n: number }, ctx) => [
  await ctx.invoke("plain", "double", { n }),
  await ctx.invoke("child", "child:live", { n }),
]);

export const double = async ({ n }: { n: number }) => n * 2;

export const child = withDurableExecution(async ({ n }: { n: number }, ctx) => {
  const [more] = await ctx.createCallback("more");
  return n + Number(await more);
});

export const talkative = withDurableExecution(
  async (_event: unknown, ctx) => {
    console.log("said by the handler");
    ctx.logger.info("logged by the handler");
    process.stdout.write("written by the handler\n");
    new console.Console(process.stdout).log("said on a console of its own");
    return "quiet result";
  },
  { runtime: { logUsage: true } },
);

/** Leaves a line open on each of its ways out, before the command says something. */
export const unended = withDurableExecution(async ({ by }: { by: "stdout" | "stderr" | "bytes" }) => {
  if (by === "stdout") process.stdout.write("left open");
  if (by === "stderr") process.stderr.write("said\n\u001b[31m left open\u001b[39m");
  if (by === "bytes") process.stderr.write(Buffer.from("left open"));
});

export const large = withDurableExecution(async (_event: unknown, ctx) =>
  ctx.step("export rows", async () => noise("rows", 300_000), { retryStrategy: retryAfterASecond }),
);

/** Writes `megabytes` in steps of 100 kB. */
export const writing = withDurableExecution(async ({ megabytes }: { megabytes: number }, ctx) => {
  for (let step = 0; step < megabytes * 10; step++)
    await ctx.step(`block ${step}`, async () => noise(String(step), 100_000));
  return megabytes;
});

export const unserializable = withDurableExecution(async () => ({ big: 1n }));

export const oversized = withDurableExecution(async () => "x".repeat(7_000_000));

export const unserializableStep = withDurableExecution(async (_event: unknown, ctx) =>
  ctx.step("count atoms", async () => 10n ** 80n),
);

/**
 * Scores the numbers below `count`, `batch` of them in one operation. Those in `failing` fail; those in `waiting` fail at
 * first and wait for an hour. Each result has `bytes` characters.
 */
export const batched = withDurableExecution(
  async ({ count = 10, batch = 5, failing = [], waiting = [], bytes = 1 }: BatchedEvent, ctx) => {
    const numbers = Array.from({ length: count }, (_, index) => index);
    const scores = await ctx.map(
      "score",
      numbers,
      (item, number) =>
        item.step(
          "score",
          async ({ attempt }) => {
            if (failing.includes(number)) throw new RangeError(`${number} has no score`);
            if (waiting.includes(number) && attempt === 1) throw new Error("try again later");
            return bytes === 1 ? number : noise(String(number), bytes);
          },
          { retryStrategy: (error) => ({ shouldRetry: error.name === "Error", delay: { hours: 1 } }) },
        ),
      { batch, completionConfig: { toleratedFailurePercentage: 100 } },
    );
    return { succeeded: scores.successCount, failed: scores.failureCount };
  },
);

interface BatchedEvent {
  count?: number;
  batch?: number;
  failing?: number[];
  waiting?: number[];
  bytes?: number;
}

/** Every fourth item fails as long as the file `broken` is there; each one that succeeds leaves a line in `log`. */
export const mending = withDurableExecution(
  async ({ count, batch, broken, log }: { count: number; batch: number | false; broken: string; log: string }, ctx) => {
    const numbers = Array.from({ length: count }, (_, index) => index);
    const mended = await ctx.map(
      "mend",
      numbers,
      (item, number) =>
        item.step(
          "mend",
          async () => {
            if (number % 4 === 3 && existsSync(broken)) throw new Error(`${number} is broken`);
            appendFileSync(log, `${number}\n`);
            return number;
          },
          { retryStrategy: () => ({ shouldRetry: false }) },
        ),
      { batch, completionConfig: { toleratedFailurePercentage: 100 } },
    );
    return { succeeded: mended.successCount, failed: mended.failureCount };
  },
);

export const exiting = withDurableExecution(async ({ code }: { code: number }, ctx) => {
  await ctx.step("first", async () => "done");
  process.exit(code);
});

/** Throws with a cause, in the step `doomed` and beside it. */
export const caused = withDurableExecution(async (_event: unknown, ctx) => {
  await ctx.step(
    "doomed",
    async () => {
      throw new RangeError("the shelf is empty", { cause: new TypeError("no supplier") });
    },
    { retryStrategy: () => ({ shouldRetry: false }) },
  );
});

/** Keeps what JSON cannot say, in a payload that is packed. */
export const packed = withDurableExecution(
  async (_event: unknown, ctx) => {
    await ctx.step("rows", async () => Array.from({ length: 300 }, (_, id) => ({ id, at: new Date(id) })));
    await ctx.step("day", async () => new Map([["at", new Date(0)]]));
    await ctx.runInChildContext("inside", async (inner) => inner.step("deep", async () => "found"));
  },
  { runtime: { codec: "typed" } },
);

/** Waits for what never comes. */
export const stuck = withDurableExecution(() => new Promise<never>(() => {}));

export const stuckStep = withDurableExecution(async (_event: unknown, ctx) =>
  ctx.step("endless", () => {
    console.log("step begun");
    return sleep(3_600_000);
  }),
);

export const crashing = withDurableExecution(async (_event: unknown, ctx) => {
  await ctx.step("first", async () => "done");
  setTimeout(() => {
    throw new Error("thrown from a timer");
  }, 1);
  await sleep(60_000);
});

/** Steps that take `stepMs` each and leave a line in `log` when they run: what a kill must not repeat. */
export const ledger = withDurableExecution(
  async ({ log, count, stepMs }: { log: string; count: number; stepMs: number }, ctx) => {
    const items = Array.from({ length: count }, (_, index) => index);
    const batch = await ctx.map(
      "ledger",
      items,
      (item, index) =>
        item.step(
          `entry-${index}`,
          async ({ attempt }) => {
            await sleep(stepMs);
            appendFileSync(log, `${process.pid} entry-${index} ${attempt}\n`);
            if (index % 50 === 7 && attempt === 1) throw new Error("first attempt of some");
            return index * 3;
          },
          { retryStrategy: retryAfterASecond },
        ),
      { maxConcurrency: 8, nesting: NestingType.FLAT },
    );
    return { sum: batch.getResults().reduce((sum, value) => sum + value, 0), count: batch.successCount };
  },
);

export function formatResult(result: unknown): string {
  if (typeof result === "object" && result !== null && "text" in result) return `formatted: ${String(result.text)}`;
  return JSON.stringify(result);
}

export const notAFunction = 42;
