import type { CompletionConfig, DurableContext } from "../../src/index.ts";
import { describeError } from "../support/differential.ts";
import {
  flaky,
  indexes,
  later,
  never,
  noise,
  pages,
  type Ran,
  type RecordedHandler,
  summary,
  tagged,
  tolerant,
} from "./handler-parts.ts";

interface Order {
  readonly id: string;
  /** Attempts of the mail that fail; from 3 on it fails for good. */
  readonly failures: number;
  readonly noteLength?: number;
  /** Its item gives nothing. */
  readonly silent?: true;
}

/** An order is charged and, in a child context, its customer is told, which may have to be tried again. */
async function handleOrder(ran: Ran, item: DurableContext, order: Order, index: number) {
  const { id } = order;
  const charge = await item.step("charge", async () => {
    ran(`charge ${id}`);
    return { id, note: noise(index, order.noteLength ?? 5) };
  });
  const mail = await item.runInChildContext("notify", async (inner) => {
    const address = await inner.step("address", async () => {
      ran(`address ${id}`);
      return `${id}@example.com`;
    });
    return [address, await inner.step("mail", flaky(ran, `mail ${id}`, order.failures), later(60, 3))];
  });
  return order.silent ? undefined : { charge, mail };
}

/** Batched maps. How many items a batch has is the runtime's setting, which a recording names. */
export const batchedHandlers: Record<string, RecordedHandler> = {
  orders: (ran) => async (input: { orders: Order[] }, context) => {
    const batch = await context.map("orders", input.orders, (item, order, n) => handleOrder(ran, item, order, n), {
      ...tolerant,
      itemNamer: ({ id }) => `order ${id}`,
    });
    await context.wait("settlement", { hours: 1 });
    const report = await context.step("report", async () => {
      ran("report");
      return batch.successCount;
    });
    return { report, ...summary(batch) };
  },

  // Its map has no name, and its items none either.
  "must succeed": (ran) => async (input: { orders: Order[] }, context) => {
    const batch = await context.map(input.orders, (item, order, n) => handleOrder(ran, item, order, n), tolerant);
    batch.throwIfError();
    return batch.getResults();
  },

  "patient retries": (ran) => async (delays: number[], context) => {
    const batch = await context.map("patient", delays, async (item, seconds, n) => {
      const first = await item.step("first", flaky(ran, `first ${n}`, 1), later(seconds));
      const second = await item.step("second", flaky(ran, `second ${n}`, n % 3), later(seconds * 2));
      return [first, second];
    });
    return summary(batch);
  },

  "several steps at once": (ran) => async (count: number, context) => {
    const batch = await context.map(
      "several",
      indexes(count),
      async (item, n) => {
        const settled = await item.promise.allSettled([
          item.step("a", flaky(ran, `a ${n}`, 0), never),
          item.step("b", flaky(ran, `b ${n}`, 1), never),
          item.step("c", flaky(ran, `c ${n}`, 2), later(30)),
        ]);
        const failed = await item
          .runInChildContext("failing", (inner) => inner.step("d", flaky(ran, `d ${n}`, 1), never))
          .catch((error: Error) => [error.name, error.message]);
        const nothing = await item.step("nothing", async () => ran(`nothing ${n}`));
        const last = await item.step("last", flaky(ran, `last ${n}`, n === 1 ? 2 : 0), later(30));
        const outcomes = settled.map((end) => (end.status === "rejected" ? describeError(end.reason) : end.value));
        return [outcomes, failed, nothing === undefined, last];
      },
      tolerant,
    );
    return summary(batch);
  },

  "values of every type": (ran) => async (count: number, context) => {
    const batch = await context.map("typed", indexes(count), async (item, n) => {
      const kept = await item.step("kept", async () => {
        ran(`kept ${n}`);
        const of = new Map([[n, new Set([`${n}`])]]);
        return { at: new Date(n), of, big: 10n ** 20n, gone: undefined, text: noise(n, 60) };
      });
      await item.step("retried", flaky(ran, `retried ${n}`, n % 2), later(60));
      return { ...kept, bytes: Uint8Array.of(n, 2) };
    });
    await context.wait({ seconds: 5 });
    return batch.getResults().map(({ at, of, big, bytes, ...rest }) => ({
      at: [at instanceof Date, at.getTime()],
      of: [...of].map(([key, value]) => [key, ...value]),
      big: `${big}`,
      bytes: [...bytes],
      hasGone: "gone" in rest,
    }));
  },

  "large results": (ran) => async (input: { count: number; length: number; retried: number[] }, context) => {
    const batch = await context.map(
      "rows",
      indexes(input.count),
      async (item, n) => {
        await item.step("check", flaky(ran, `check ${n}`, input.retried.includes(n) ? 1 : 0), later(60));
        if (n % 5 === 3) throw new RangeError(`${n} is bad`);
        return item.step("row", async () => {
          ran(`row ${n}`);
          return noise(n, input.length);
        });
      },
      tolerant,
    );
    await context.wait("pause", { seconds: 10 });
    const { all, ...rest } = summary(batch);
    const whole = batch.all.filter(({ result, index }) => result === noise(index, input.length)).length;
    return { ...rest, whole, all: all.map(({ result: _, ...item }) => item) };
  },

  // What its items have finished is more than an operation holds.
  "large steps": (ran) => async (input: { count: number; length: number }, context) => {
    const batch = await context.map("steps", indexes(input.count), async (item, n) => {
      const text = await item.step("load", async () => {
        ran(`load ${n}`);
        return noise(n, input.length);
      });
      return [text.length, await item.step("store", flaky(ran, `store ${n}`, 2), later(60))];
    });
    return summary(batch);
  },

  stream: (ran) => async (count: number, context) => {
    const batch = await context.map("lines", pages(count), async (item, { row }) =>
      item.step("line", flaky(ran, `line ${row}`, row % 7 === 3 ? 1 : 0), later(60)),
    );
    return summary(batch);
  },

  "serdes of their own": (ran) => async (count: number, context) => {
    context.configureSerdes({ defaultSerdes: tagged("default") });
    const batch = await context.map(
      "tagged",
      indexes(count),
      async (item, n) => {
        const [one, two] = await item.promise.all([
          item.step("one", async () => ({ one: n }), { serdes: tagged("step") }),
          item.step("two", flaky(ran, `two ${n}`, 0)),
        ]);
        await item.step("retried", flaky(ran, `retried ${n}`, n % 2), { ...later(60), serdes: tagged("step") });
        return n === 2 ? undefined : { one, two };
      },
      { itemSerdes: tagged("item") as never },
    );
    await context.wait({ seconds: 5 });
    return summary(batch);
  },

  "only the failures": (ran) => async (count: number, context) => {
    const batch = await context.map(
      "failures",
      pages(count),
      async (item, { row }) => {
        if (row % 4 === 1) throw new RangeError(`row ${row} is bad`);
        return item.step("row", flaky(ran, `row ${row}`, row % 5 === 0 ? 1 : 0), later(60));
      },
      { ...tolerant, collect: "failures" },
    );
    await context.wait({ seconds: 5 });
    return summary(batch);
  },

  "one value": (ran) => async (count: number, context) => {
    const { reduced, ...batch } = await context.map(
      "sum",
      indexes(count),
      async (item, n) => {
        if (n === 5) throw new RangeError("five");
        return item.step("value", flaky(ran, `value ${n}`, n % 4 === 2 ? 1 : 0), later(60));
      },
      { ...tolerant, collect: { reduce: (text: string, value: string) => `${text}, ${value}`, initial: "" } },
    );
    await context.wait({ seconds: 5 });
    return [reduced, batch.completionReason];
  },

  // One after the other, so that it is known which items begin.
  "early end":
    (ran) => async (input: { count: number; bad: number[]; until: CompletionConfig; length: number }, context) => {
      const batch = await context.map(
        "early",
        indexes(input.count),
        async (item, n) => {
          const text = await item.step("work", async () => {
            ran(`work ${n}`);
            return noise(n, input.length);
          });
          if (input.bad.includes(n)) throw new RangeError(`${n} is bad`);
          return text;
        },
        { maxConcurrency: 1, completionConfig: input.until },
      );
      await context.wait("after the map", { minutes: 1 });
      return summary(batch);
    },

  "custom end": (ran) => async (count: number, context) => {
    const batch = await context.map("custom", indexes(count), (item, n) => item.step(flaky(ran, `work ${n}`, 0)), {
      maxConcurrency: 1,
      completionConfig: {
        shouldComplete: ({ completedCount, items }) =>
          completedCount === 7 && items.length >= 7 ? { complete: true, outcome: "SUCCEEDED" } : { complete: false },
      },
    });
    await context.wait("after the map", { minutes: 1 });
    return summary(batch);
  },

  // The map ends while its first batch waits: what that one has of items that had not ended stays as it is.
  "end beside a batch that waits": (ran) => async (length: number, context) => {
    const batch = await context.map(
      "beside",
      indexes(6),
      async (item, n) => {
        await item.step("flaky", flaky(ran, `flaky ${n}`, n === 0 ? 1 : 0), later(36_000));
        return item.step("slow", async () => {
          ran(`slow ${n}`);
          await new Promise((resolve) => setTimeout(resolve, 20 * n));
          return noise(n, length);
        });
      },
      { completionConfig: { minSuccessful: 4 } },
    );
    await context.wait("after the map", { minutes: 1 });
    return { reason: batch.completionReason, all: batch.all.map(({ index, status }) => [index, status]) };
  },

  // Cut off by its deadlines: each piece of work tells of itself, and the recording's invocations had time for a few.
  "short of time": (ran) => async (count: number, context) => {
    const batch = await context.map(
      "short",
      indexes(count),
      async (item, n) => {
        const one = await item.step("one", flaky(ran, `one ${n}`, n === 1 ? 1 : 0), later(60));
        const two = await item.step("two", flaky(ran, `two ${n}`, 0));
        return [one, two];
      },
      { maxConcurrency: 2 },
    );
    return summary(batch);
  },
};
