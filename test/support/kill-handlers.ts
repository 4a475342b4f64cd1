import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createRetryStrategy, JitterStrategy, withDurableExecution } from "../../src/index.ts";
import { workers } from "../../src/workers.ts";

interface OrdersEvent {
  /** Each run of a step is a line of this file. */
  log: string;
  count: number;
  stepMs: number;
  /** While this file is there, every third order fails for good. */
  broken: string;
}

const again = createRetryStrategy({
  maxAttempts: 2,
  initialDelay: { seconds: 1 },
  jitter: JitterStrategy.NONE,
});

/** Reads orders one by one, weighs and prices each in batches, and adds the prices up. Every tenth needs two attempts. */
export const orders = withDurableExecution(async ({ log, count, stepMs, broken }: OrdersEvent, ctx) => {
  async function* read() {
    for (let order = 0; order < count; order++) yield order;
  }
  const prices = await ctx.map(
    "orders",
    read(),
    async (item, order) => {
      const weight = await item.step("weigh", async () => {
        appendFileSync(log, `weigh ${order}\n`);
        await sleep(stepMs);
        return order % 5;
      });
      return item.step(
        "price",
        async ({ attempt }) => {
          appendFileSync(log, `price ${order} ${attempt}\n`);
          await sleep(stepMs);
          if (order % 10 === 3 && attempt === 1) throw new Error("the scales swing");
          if (order % 3 === 0 && existsSync(broken)) throw new Error("no price");
          return weight * order;
        },
        { retryStrategy: again },
      );
    },
    {
      batch: 20,
      maxConcurrency: 8,
      collect: { reduce: (sum: number, price: number) => sum + price, initial: 0 },
      completionConfig: { toleratedFailurePercentage: 100 },
    },
  );
  return ctx.step("sum up", async () => ({
    sum: prices.reduced,
    priced: prices.successCount,
    failed: prices.failureCount,
  }));
});

const grinder = workers<typeof import("./kill-grinder.ts")>(new URL("./kill-grinder.ts", import.meta.url), {
  ...{ mode: "threads", threads: 2 },
});

/** Grinds orders on threads, in batches, and adds up what comes of it. */
export const grinding = withDurableExecution(async ({ log, count, stepMs }: OrdersEvent, ctx) => {
  const all = Array.from({ length: count }, (_, order) => ({ order, log, ms: stepMs }));
  const ground = await ctx.map("orders", all, grinder.grind, { batch: 5 });
  return ground.getResults().reduce((sum, square) => sum + square, 0);
});
