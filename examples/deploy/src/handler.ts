import { withDurableExecution } from "durable-fanout";
import { workers } from "durable-fanout/workers";
import type { Order } from "./score.ts";

const scoring = workers<typeof import("./score.ts")>(new URL("./score.ts", import.meta.url));

export interface Event {
  /** How many orders there are. */
  readonly orders: number;
}

/** In life the orders come from a database, in a step of its own. */
const ordersOf = ({ orders }: Event): Order[] =>
  Array.from({ length: orders }, (_, id) => ({ id, cents: (id * 7_919) % 100_000 }));

/** Scores every order on worker threads, 200 to an operation, and says how many need to be looked at. */
export const handler = withDurableExecution(
  async (event: Event, ctx) => {
    const scores = await ctx.map("score", ordersOf(event), scoring.score, {
      batch: 200,
      completionConfig: { toleratedFailurePercentage: 1 },
    });
    scores.throwIfError();
    await ctx.wait("settle", { seconds: 1 }); // the function does not run meanwhile
    return ctx.step("report", async () => {
      const risky = scores.getResults().filter(({ risk }) => risk > 95);
      return { scored: scores.successCount, failed: scores.failureCount, risky: risky.length };
    });
  },
  { runtime: { logUsage: true } },
);
