import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { later } from "../support/batching.ts";
import { auditor, type Call, runWithPlugins } from "../support/plugins.ts";

type Body = (item: DurableContext, n: number) => Promise<unknown>;

const seconds = (count: number) => ({ seconds: count });
const third = async ({ attempt }: { attempt: number }) => {
  if (attempt < 3) throw new TypeError(`attempt ${attempt}`);
  return { attempt };
};

const bodies: Record<string, Body> = {
  "a step": (item, n) => item.step("s", async () => n),
  "a step that is retried": (item) => item.step("s", third, later(1)),
  "a step that fails for good": (item) => item.step("s", third, later(1, 2)).catch(() => "caught"),
  "a step that may run but once": (item) => item.step("s", third, { ...later(1), semantics: "AT_MOST_ONCE_PER_RETRY" }),
  "a wait between steps": async (item, n) => {
    await item.step("before", async () => n);
    await item.wait("w", seconds(1));
    await item.step("after", async () => n);
  },
  "two waits": async (item) => {
    await item.wait("one", seconds(1));
    await item.wait("two", seconds(1));
  },
  "a wait of a child, and another one behind": async (item) => {
    await item.runInChildContext("child", async (k) => {
      await k.step("s", async () => 1);
      await k.wait(seconds(1));
      await k.runInChildContext("new", async () => 2);
      return k.step("t", async () => 3);
    });
    await item.wait(seconds(1));
  },
  "a child that fails": (item) =>
    item.runInChildContext("child", async () => Promise.reject(new RangeError("no"))).catch(() => "caught"),
  "a virtual child": (item) =>
    item.runInChildContext(
      "v",
      async (k) => {
        await k.step("s", async () => 1);
        await k.wait(seconds(1));
      },
      { virtualContext: true },
    ),
  "a condition": (item) =>
    item.waitForCondition("c", async (state: number) => state + 1, {
      initialState: 0,
      waitStrategy: (state) => (state < 3 ? { shouldContinue: true, delay: seconds(1) } : { shouldContinue: false }),
    }),
  "a map": async (item) => {
    const batch = await item.map("inner", [1, 2], async (inner, n) => {
      await inner.step("s", async () => n);
      await inner.wait(seconds(1));
    });
    return batch.successCount;
  },
  "promises side by side": (item) =>
    item.promise.all("all", [item.step("s", third, later(1)), item.wait("w", seconds(1))] as never),
  "nothing durable": async (_, n) => n,
  "an item that fails": async (item, n) => {
    await item.step("s", async () => n);
    if (n === 1) throw new RangeError("one");
  },
};

/** What plugins were told of each operation, in order: without times, some of which come with the answers of the service. */
async function toldOf(body: Body, batch: number | false, count: number): Promise<Record<string, unknown[]>> {
  const calls: Call[] = [];
  const handler = async (_: unknown, context: DurableContext) => {
    const items = Array.from({ length: count }, (_, n) => n);
    await context.map("map", items, body, { batch, completionConfig: { toleratedFailurePercentage: 100 } });
    await context.step("last", async () => 1);
  };
  const { outcome } = await runWithPlugins("ours", handler, { plugins: [auditor(calls)] });
  expect(outcome.status).toBe("SUCCEEDED");
  const told: Record<string, unknown[]> = {};
  for (const { hook, info } of calls) {
    const { id, subType, startTimestamp, endTimestamp, result, ...rest } = info;
    if (typeof id !== "string" || subType === "MapBatch" || hook.includes("Invocation")) continue;
    told[id] ??= [];
    told[id].push({ hook, subType, ...rest });
  }
  return told;
}

describe.each(Object.entries(bodies))("plugins are told of an operation in a batch as of others: %s", (_, body) => {
  test.each([1, 3])("%i items", async (count) => {
    const without = await toldOf(body, false, count);
    expect(Object.keys(without).length).toBeGreaterThan(count);
    expect(await toldOf(body, 100, count)).toEqual(without);
  });
});
