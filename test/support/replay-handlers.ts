import { appendFileSync } from "node:fs";
import { type DurableContext, withDurableExecution } from "../../src/index.ts";

/** Fails the test that sees it: no body runs in a replay. */
function body<T>(value: T): () => Promise<T> {
  return async () => {
    const log = process.env["REPLAY_TEST_LOG"];
    if (log !== undefined) appendFileSync(log, "a body ran\n");
    return value;
  };
}

interface Order {
  readonly order: string;
}

async function priced(event: Order, ctx: DurableContext): Promise<unknown[]> {
  const order = await ctx.step("load order", body({ id: event.order, lines: [3, 4, 5] }));
  const batch = await ctx.map("price lines", order.lines, (item, line) => item.step("price", body(line * 10)));
  await ctx.wait("cooling off", { seconds: 30 });
  return batch.getResults();
}

const report = (ctx: DurableContext) => ctx.runInChildContext("report", (child) => child.step("render", body("text")));

/** As it was recorded. */
export const same = withDurableExecution(async (event: Order, ctx) => {
  const results = await priced(event, ctx);
  const text = await report(ctx);
  await ctx.step("archive", body(text.length));
  return results;
});

/** The last step has another name. */
export const renamed = withDurableExecution(async (event: Order, ctx) => {
  const results = await priced(event, ctx);
  const text = await report(ctx);
  await ctx.step("store", body(text.length));
  return results;
});

/** The wait has become a step. */
export const retyped = withDurableExecution(async (event: Order, ctx) => {
  const order = await ctx.step("load order", body({ id: event.order, lines: [3, 4, 5] }));
  await ctx.map("price lines", order.lines, (item, line) => item.step("price", body(line * 10)));
  await ctx.step("cooling off", body(1));
});

/** The end is missing. */
export const shortened = withDurableExecution(priced);

/** One step more. */
export const longer = withDurableExecution(async (event: Order, ctx) => {
  const results = await priced(event, ctx);
  const text = await report(ctx);
  await ctx.step("archive", body(text.length));
  await ctx.step("tell", body(1));
  return results;
});

interface Rows {
  readonly rows: number[];
}

/** A map in batches whose items wait after their step. */
const charging = (step: string, item: string) =>
  withDurableExecution(async ({ rows }: Rows, ctx) => {
    const charged = await ctx.map(
      "charge",
      rows,
      async (inner, row) => {
        await inner.step(step, body(row));
        await inner.wait("settled", { hours: 1 });
      },
      { batch: 4, itemNamer: (row) => `${item} ${row}` },
    );
    return charged.successCount;
  });

export const batches = charging("pay", "row");
export const batchesOfOtherNames = charging("pay", "line");
export const batchesOfOtherSteps = charging("charge", "row");
