import { describe, expect, test } from "vitest";
import { type DurableContext, withDurableExecution } from "../../src/index.ts";
import type { LocalHandler } from "../../src/testing.ts";
import { FAST, type Handler, runLambda, runOfficial } from "../support/service.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Runs a handler in invocations that end so soon; `reserveMs` before, nothing new begins. */
function runShort(handler: Handler, totalMs: number, reserveMs: number) {
  const suspension = { graceMs: 1, reserveMs };
  const lambda = withDurableExecution(handler, { runtime: { ...FAST, suspension } }) as unknown as LocalHandler;
  const shortened: LocalHandler = (event, context) => {
    const end = Date.now() + totalMs;
    return lambda(event, { ...context, getRemainingTimeInMillis: () => end - Date.now() } as never);
  };
  return runLambda(shortened);
}

/** Counts how often each item's code ran. */
function counting() {
  const runs = new Map<number, number>();
  return {
    count: (n: number) => void runs.set(n, (runs.get(n) ?? 0) + 1),
    repeated: () => [...runs].filter(([, times]) => times > 1),
  };
}

describe("near the deadline nothing new begins, what runs is recorded, and the next invocation goes on:", () => {
  // F5
  test("20,000 items in batches", async () => {
    const { count, repeated } = counting();
    const run = await runShort(
      async (_, context) => {
        const batch = await context.map(
          "map",
          indexes(20_000),
          async (item, n) =>
            item.step(async () => {
              count(n);
              await new Promise((resolve) => setImmediate(resolve));
              return n;
            }),
          { batch: 100, maxConcurrency: 20 },
        );
        return batch.successCount;
      },
      150,
      100,
    );
    expect(run.outcome).toEqual({ status: "SUCCEEDED", result: "20000" });
    expect(run.invocations.length).toBeGreaterThan(3);
    expect(repeated()).toEqual([]);
    for (const { output, error } of run.invocations) expect([error, output?.Status]).not.toContain("FAILED");
  });

  test.each([
    [
      "a nested map",
      (c: DurableContext, run: (item: DurableContext, n: number) => Promise<number>) =>
        c.map("m", indexes(60), run, { maxConcurrency: 4 }),
    ],
    ["a flat map", (c, run) => c.map("m", indexes(60), run, { maxConcurrency: 4, nesting: "FLAT" })],
    [
      "steps in a row",
      async (c, run) => {
        let sum = 0;
        for (const n of indexes(60)) sum += await run(c, n);
        return { totalCount: sum };
      },
    ],
  ] as [
    string,
    (
      c: DurableContext,
      run: (item: DurableContext, n: number) => Promise<number>,
    ) => PromiseLike<{ totalCount: number }>,
  ][])("%s", async (_what, work) => {
    const { count, repeated } = counting();
    const handler: Handler = async (_, context) => {
      const result = await work(context, (item, n) =>
        Promise.resolve(
          item.step(async () => {
            count(n);
            await pause(5);
            return n;
          }),
        ),
      );
      return result.totalCount;
    };
    const run = await runShort(handler, 150, 100);
    expect(run.outcome.status).toBe("SUCCEEDED");
    expect(run.invocations.length).toBeGreaterThan(1);
    expect(repeated()).toEqual([]);
    const continuations = run.history.filter(({ Name }) => Name === "continued in the next invocation");
    expect(continuations.length).toBeGreaterThan(0);
  });

  test("work that ends within the reserve ends the execution, without another invocation", async () => {
    const run = await runShort(
      async (_, context) =>
        context.step(async () => {
          await pause(80);
          return "done";
        }),
      1_000,
      950,
    );
    expect(run.result).toBe("done");
    expect(run.invocations).toHaveLength(1);
    expect(run.updates.map(({ Action }) => Action)).toEqual(["START", "SUCCEED"]);
  });

  test("a reserve of 0 leaves the deadline to the platform", async () => {
    const run = await runShort(
      async (_, context) => {
        for (const n of indexes(20)) await context.step(`${n}`, () => pause(2));
      },
      30,
      0,
    );
    expect(run.invocations).toHaveLength(1);
  });

  test("the official SDK finishes what was left so", async () => {
    let isOurs = true;
    const handler: Handler = async (_, context) => {
      const batch = await context.map("m", indexes(40), (item, n) => item.step(() => pause(5).then(() => n)), {
        maxConcurrency: 4,
      });
      return batch.getResults().length;
    };
    const suspension = { graceMs: 1, reserveMs: 100 };
    const own = withDurableExecution(handler, { runtime: { ...FAST, suspension } }) as unknown as LocalHandler;
    const { withDurableExecution: wrap } = await import("@aws/durable-execution-sdk-js");
    const theirs = wrap(handler as never) as unknown as LocalHandler;
    const run = await runLambda((event, context) => {
      if (!isOurs) return theirs(event, context);
      isOurs = false;
      const end = Date.now() + 130;
      return own(event, { ...context, getRemainingTimeInMillis: () => end - Date.now() } as never);
    });
    expect(run.result).toBe(40);
    expect(run.invocations.length).toBeGreaterThan(1);
    expect((await runOfficial(handler)).result).toBe(40);
  });
});

/** Runs a handler in invocations whose time is up once so many pieces of work were begun in each: no clock decides. */
async function runPieces(
  handler: (context: DurableContext, begin: (piece: string) => void) => unknown,
  pieces: number,
  tickMs = Number.POSITIVE_INFINITY,
) {
  let begun = 0;
  const all: string[] = [];
  const begin = (piece: string): void => {
    begun++;
    all.push(piece);
  };
  const suspension = { graceMs: 1, reserveMs: 1_000 };
  const lambda = withDurableExecution(async (_: unknown, context: DurableContext) => handler(context, begin), {
    runtime: { ...FAST, suspension, tickMs },
  }) as unknown as LocalHandler;
  const run = await runLambda((event, context) => {
    begun = 0;
    const getRemainingTimeInMillis = () => (begun < pieces ? 900_000 : 500);
    return lambda(event, { ...context, getRemainingTimeInMillis } as never);
  });
  return { run, all };
}

describe("however little time an invocation has, it takes the execution a step further:", () => {
  const works: Record<string, (context: DurableContext, begin: (piece: string) => void) => Promise<unknown>> = {
    "steps in a row": async (context, begin) => {
      for (const n of indexes(5)) await context.step(`${n}`, async () => begin(`${n}`));
      return 5;
    },
    "a map without a limit": async (context, begin) =>
      (await context.map(indexes(5), (item, n) => item.step(async () => begin(`${n}`)))).successCount,
    "a flat map, two at a time": async (context, begin) => {
      const config = { maxConcurrency: 2, nesting: "FLAT" } as const;
      return (await context.map(indexes(5), (item, n) => item.step(async () => begin(`${n}`)), config)).successCount;
    },
    "a batch without a limit": async (context, begin) =>
      (await context.map(indexes(5), (item, n) => item.step(async () => begin(`${n}`)), { batch: 5 })).successCount,
    "a batch, one item at a time": async (context, begin) => {
      const config = { batch: 5, maxConcurrency: 1 };
      return (await context.map(indexes(5), (item, n) => item.step(async () => begin(`${n}`)), config)).successCount;
    },
    "a batch of items without steps, one at a time": async (context, begin) =>
      (await context.map(indexes(5), async (_item, n) => begin(`${n}`), { batch: 5, maxConcurrency: 1 })).successCount,
    "a batch of one item of several steps": async (context, begin) =>
      (
        await context.map(
          [0],
          async (item) => {
            for (const n of indexes(5)) await item.step(async () => begin(`${n}`));
          },
          { batch: 5 },
        )
      ).successCount * 5,
  };

  test.each(Object.keys(works))("%s, with no time at all", async (name) => {
    const { run, all } = await runPieces(works[name] as never, 0);
    expect(run.outcome).toMatchObject({ status: "SUCCEEDED" });
    expect([...all].sort()).toEqual(["0", "1", "2", "3", "4"]);
    expect(run.invocations.length).toBeLessThanOrEqual(6);
  });

  // V1
  test.each(Object.keys(works))("%s, with no time at all, and each function in a tick of its own", async (name) => {
    const { run, all } = await runPieces(works[name] as never, 0, 0);
    expect(run.outcome).toMatchObject({ status: "SUCCEEDED" });
    expect([...all].sort()).toEqual(["0", "1", "2", "3", "4"]);
    expect(run.invocations.length).toBeLessThanOrEqual(6);
  });

  // Without a limit they begin together.
  const bounded = Object.keys(works).filter((name) => !name.includes("without a limit"));
  test.each(bounded)("%s, with time for two pieces: each invocation uses it", async (name) => {
    const { run, all } = await runPieces(works[name] as never, 2);
    expect(run.outcome).toMatchObject({ status: "SUCCEEDED" });
    expect([...all].sort()).toEqual(["0", "1", "2", "3", "4"]);
    expect(run.invocations.length).toBeGreaterThan(1);
    expect(run.invocations.length).toBeLessThanOrEqual(4);
  });

  test("a map without a limit runs what has begun, and begins the rest in the next ones", async () => {
    const { run, all } = await runPieces(
      async (context, begin) =>
        (await context.map(indexes(600), (item, n) => item.step(async () => begin(`${n}`)))).successCount,
      2,
    );
    expect(run.result).toBe(600);
    expect(new Set(all).size).toBe(600);
    expect(all.length).toBe(600);
    expect(run.invocations.length).toBe(3);
  });

  test("100,000 items in batches end in 50 invocations, and none runs twice", async () => {
    const { run, all } = await runPieces(async (context, begin) => {
      const config = { batch: 1_000, maxConcurrency: 20, collect: "failures" } as const;
      const batch = await context.map(indexes(100_000), async (_item, n) => begin(`${n}`), config);
      return batch.successCount;
    }, 2_000);
    expect(run.result).toBe(100_000);
    expect(all.length).toBe(100_000);
    expect(new Set(all).size).toBe(100_000);
    expect(run.invocations.length).toBeGreaterThanOrEqual(45);
    expect(run.invocations.length).toBeLessThanOrEqual(51);
  });
});
