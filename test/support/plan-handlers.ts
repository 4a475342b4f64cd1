import { createHash } from "node:crypto";
import { appendFileSync } from "node:fs";
import { type DurableContext, NestingType, withDurableExecution } from "../../src/index.ts";

const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);
const row = (index: number) => ({ id: index, name: `order ${index}`, near: [index + 1, index + 2], km: index / 7 });

const noRetry = () => ({ shouldRetry: false });

/** A step's function that fails twice, and writes a line each time. */
const twice =
  (index: number, log: string | undefined) =>
  async ({ attempt }: { attempt: number }) => {
    if (log !== undefined) appendFileSync(log, `${index}\n`);
    if (attempt < 3) throw new Error("later");
    return index;
  };

interface PlanEvent {
  count: number;
  log?: string;
}

type Body = (event: PlanEvent, ctx: DurableContext) => Promise<unknown>;

/** Handlers to be planned and tuned. */
export const bodies = {
  /** Two steps an item, of which some fail at first, and a step at the end. */
  async nested({ count, log }, ctx) {
    const rows = await ctx.map("rows", indexes(count), async (item, index) => {
      await item.step("fetch", async () => {
        if (log !== undefined) appendFileSync(log, `${index}\n`);
      });
      return item.step("score", async ({ attempt }) => {
        if (index % 10 === 3 && attempt === 1) throw new Error("later");
        return row(index);
      });
    });
    return ctx.step("count", async () => rows.successCount);
  },

  async flat({ count }, ctx) {
    const rows = await ctx.map(
      "rows",
      indexes(count),
      async (item, index) => {
        await item.step(async () => index);
        return item.step(async () => row(index));
      },
      { nesting: NestingType.FLAT, maxConcurrency: 50 },
    );
    return rows.successCount;
  },

  /** Three areas, one after the other, with `count` orders each. */
  async areas({ count }, ctx) {
    const orders = (area: DurableContext) =>
      area.map("orders", indexes(count), (item, index) => item.step(async () => row(index)));
    const all = await ctx.map("areas", [1, 2, 3], async (area) => (await orders(area)).successCount, {
      maxConcurrency: 1,
    });
    return all.successCount;
  },

  /** An hour between two steps of each item. */
  async patient({ count, log }, ctx) {
    const all = await ctx.map("patient", indexes(count), async (item, index) => {
      await item.step(async () => {
        if (log !== undefined) appendFileSync(log, `${index}\n`);
      });
      await item.wait({ hours: 1 });
      return index;
    });
    return all.successCount;
  },

  async streamed({ count }, ctx) {
    function* numbers() {
      for (let index = 0; index < count; index++) yield index;
    }
    const all = await ctx.map("numbers", numbers(), (item, index) => item.step(async () => row(index)), { batch: 20 });
    return all.successCount;
  },

  /** Results that no codec makes much smaller. */
  async heavy({ count }, ctx) {
    const noise = (index: number) => createHash("shake256", { outputLength: 600 }).update(String(index));
    const all = await ctx.map("heavy", indexes(count), (item, index) =>
      item.step(async () => noise(index).digest("base64")),
    );
    return all.successCount;
  },

  /** The step of each item fails twice. */
  async unsteady({ count, log }, ctx) {
    const all = await ctx.map("rows", indexes(count), (item, index) => item.step(twice(index, log)));
    return all.successCount;
  },

  async unsteadyInBatches({ count, log }, ctx) {
    const all = await ctx.map("rows", indexes(count), (item, index) => item.step(twice(index, log)), { batch: 20 });
    return all.successCount;
  },

  async unsteadyStep({ count, log }, ctx) {
    return ctx.step(twice(count, log));
  },

  /** Two maps of the same name, of which the second has no items. */
  async uneven({ count }, ctx) {
    for (const rows of [count, 0]) await ctx.map("rows", indexes(rows), (item, index) => item.step(async () => index));
    return count;
  },

  async broken({ count }, ctx) {
    const failing = () => Promise.reject(new RangeError("no such order"));
    const all = await ctx.map("rows", indexes(count), (item) => item.step(failing, { retryStrategy: noRetry }), {
      completionConfig: { toleratedFailurePercentage: 100 },
    });
    all.throwIfError();
    return all.successCount;
  },

  async failing({ count }, ctx) {
    await ctx.map("rows", indexes(count), (item, index) => item.step(async () => index));
    throw new RangeError("nothing to add up");
  },
} satisfies Record<string, Body>;

export const nested = withDurableExecution(bodies.nested);
export const streamed = withDurableExecution(bodies.streamed);
export const failing = withDurableExecution(bodies.failing);
export const patient = withDurableExecution(bodies.patient);
export const unsteady = withDurableExecution(bodies.unsteady);
export const broken = withDurableExecution(bodies.broken);
