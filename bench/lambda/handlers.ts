import { type DurableContext, type DurableExecutionConfig, withDurableExecution } from "durable-fanout";

const items = (count: number) => Array.from({ length: count }, (_, index) => index);

/** The handlers that both SDKs run. In the bundle for the official SDK, `durable-fanout` is an alias for that SDK. */
export function makeHandlers(config: DurableExecutionConfig) {
  return {
    hello: withDurableExecution(
      async (_event: unknown, ctx: DurableContext) => ctx.step("greet", async () => "Hello, world"),
      config,
    ),
    map: withDurableExecution(async ({ count }: { count: number }, ctx: DurableContext) => {
      const { successCount } = await ctx.map("map", items(count), (item, n) => item.step("double", async () => n * 2));
      return successCount;
    }, config),
    /** The official SDK ignores the option `batch`. */
    batch: withDurableExecution(async ({ count }: { count: number }, ctx: DurableContext) => {
      const run = (item: DurableContext, n: number) => item.step("double", async () => n * 2);
      const { successCount } = await ctx.map("map", items(count), run, { batch: 100 });
      return successCount;
    }, config),
  };
}
