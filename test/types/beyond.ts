// What only this package's types accept. Compiled, never run.
import { type DurableContext, withDurableExecution } from "../../src/index.ts";

const same = <T>(_value: T): void => {};
declare const lines: AsyncIterable<string>;

export const tuned = withDurableExecution(async () => 1, {
  runtime: { concurrency: 10, batch: { maxItems: 50 }, codec: "json", checkpoint: { maxUnacknowledged: 10 } },
});

export async function batches(context: DurableContext): Promise<void> {
  const batch = await context.map("name", [1, 2], async (item, n) => item.step(async () => `${n}`), { batch: 100 });
  same<string[]>(batch.getResults());
  await context.map([1], async () => 1, { batch: { maxItems: 5, maxBytes: 10_000 }, collect: "failures" });
  const read = await context.map("lines", lines, async (_item, line, index) => line.length + index);
  same<number[]>(read.getResults());
  const sum = await context.map(lines, async (_item, line) => line.length, {
    collect: { reduce: (total: number, length) => total + length, initial: 0 },
  });
  same<number>(sum.reduced);
  // @ts-expect-error a batch is a number of items, both limits, or false
  await context.map([1], async () => 1, { batch: "100" });
  // @ts-expect-error there is no array of what is read one after the other
  await context.map(lines, async (_item, _line, _index, array) => array);
}

export async function branches(context: DurableContext): Promise<void> {
  const { all } = await context.parallel([async () => 1, async () => "text", { name: "c", func: async () => true }]);
  same<number | undefined>(all[0].result);
  same<string | undefined>(all[1].result);
  same<boolean | undefined>(all[2].result);
  // @ts-expect-error there are three branches
  same<unknown>(all[3]);
  const { byName, successCount } = await context.parallel("both", {
    a: async (branch) => branch.step(async () => 1),
    b: { func: async () => "text" },
  });
  same<number | undefined>(byName.a?.result);
  same<string | undefined>(byName.b?.result);
  same<number>(successCount);
  // @ts-expect-error there is no such branch
  same<unknown>(byName.c);
  // @ts-expect-error a branch is a function or has one
  await context.parallel("name", ["branch"]);
}
