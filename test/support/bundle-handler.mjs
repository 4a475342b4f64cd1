import { withDurableExecution } from "durable-fanout";

export const handler = withDurableExecution(async (event, ctx) => {
  const batch = await ctx.map("squares", event.numbers ?? [1, 2, 3], (item, n) => item.step("square", async () => n * n));
  await ctx.wait("pause", { seconds: 3600 });
  const refused = ctx.step("refused", async () => Promise.reject(new RangeError("no")), { retryStrategy: () => ({ shouldRetry: false }) });
  return [...batch.getResults(), await refused.catch((error) => [error.name, error.constructor.name, error.errorType])];
});
