import { describe, expect, test } from "vitest";
import type { BatchResult, DurableContext, MapConfig } from "../../src/index.ts";
import { createClassSerdes, createRetryStrategy, DurableExecutionClientError } from "../../src/index.ts";
import { describeError } from "../support/differential.ts";
import { type CheckpointCall, type Handler, replay, runOurs } from "../support/service.ts";

const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);
const twice = { retryStrategy: createRetryStrategy({ maxAttempts: 3, initialDelay: { seconds: 1 }, jitter: "NONE" }) };
const never = { retryStrategy: () => ({ shouldRetry: false }) };
const tolerant = { completionConfig: { toleratedFailurePercentage: 100 } };

function summary(batch: BatchResult<unknown>) {
  return {
    all: batch.all.map(({ error, ...item }) => ({
      ...item,
      ...(error === undefined ? {} : { error: describeError(error) }),
    })),
    results: batch.getResults(),
    counts: [batch.successCount, batch.failureCount, batch.startedCount, batch.totalCount],
    why: [batch.completionReason, batch.status, batch.hasFailure],
    json: JSON.stringify(batch),
  };
}

type Body = (context: DurableContext, item: number, index: number, array: number[]) => Promise<unknown>;

const bodies: Record<string, Body> = {
  "plain code": async (_context, item, index, array) => [item, index, array.length],
  "a step": (context, item) => context.step("double", async () => item * 2),
  "several steps": async (context, item) => {
    const [a, b] = await context.promise.all([
      context.step(async () => `a${item}`),
      context.step("b", async () => `b${item}`),
    ]);
    return { a, b, c: await context.step(async () => new Date(0)) };
  },
  "undefined, null and what JSON drops": async (context, item) => {
    if (item % 3 === 0) return undefined;
    if (item % 3 === 1) return null;
    return context.step(async () => ({ at: new Date(item), nothing: undefined, not: Number.NaN }));
  },
  "errors of every kind": async (context, item) => {
    if (item % 5 === 0) throw new RangeError("plain");
    if (item % 5 === 1) await context.step(async () => Promise.reject(new TypeError("in a step")), never);
    if (item % 5 === 2) await context.runInChildContext("child", async () => Promise.reject(new Error("in a child")));
    if (item % 5 === 3) throw "no error at all";
    return item;
  },
  "a child context": (context, item) =>
    context.runInChildContext("child", async (child) => (await child.step(async () => item)) + 1),
  "a failed step that is caught": async (context, item) => {
    const caught = await context.step(async () => Promise.reject(new Error(`no ${item}`)), never).catch(describeError);
    return { caught };
  },
  "a step that succeeds at the second attempt": (context, item) =>
    context.step(async ({ attempt }) => {
      if (attempt < 2 && item % 2 === 0) throw new Error("not yet");
      return { item, attempt };
    }, twice),
  "settled promises": (context, item) =>
    context.promise.allSettled([
      context.step(async () => item),
      context.step(async () => Promise.reject(new Error("no")), never),
    ]),
};

describe("a map in batches gives what it gives without them", () => {
  describe.each(Object.entries(bodies))("for %s", (_name, body) => {
    test.each([
      ["one batch", { batch: 100 }],
      ["several", { batch: 4 }],
      ["batches of one", { batch: 1 }],
      ["little room", { batch: { maxItems: 6, maxBytes: 1_024 } }],
      ["one item after the other", { batch: 4, maxConcurrency: 1 }],
    ] satisfies [string, MapConfig<number, unknown>][])("in %s", async (_what, batching) => {
      const run = (config: MapConfig<number, unknown>) =>
        runOurs(async (_, context) => summary(await context.map("map", indexes(11), body, { ...tolerant, ...config })));
      const { batch: _batch, ...plain } = batching;
      const expected = await run(plain);
      const batched = await run(batching);
      expect(batched.outcome.status).toBe("SUCCEEDED");
      expect(batched.result).toEqual(expected.result);
    });
  });

  test("with names, a serdes for items, a class, and in the order of the items", async () => {
    class Point {
      x = 0;
      get double() {
        return this.x * 2;
      }
    }
    const run = async (config: MapConfig<number, Point>) => {
      const names: (string | undefined)[] = [];
      const seen: unknown[] = [];
      const handler: Handler = async (_, context) => {
        const make = (item: DurableContext, x: number) =>
          item.step("make", async () => Object.assign(new Point(), { x }), { serdes: createClassSerdes(Point) });
        const batch = await context.map("points", indexes(7), make, {
          ...config,
          itemNamer: (item) => `point ${item}`,
          itemSerdes: createClassSerdes(Point),
          completionConfig: {
            shouldComplete: ({ items, completedCount }) => {
              names.push(...items.map(({ name }) => name));
              return { complete: completedCount === 7 };
            },
          },
        });
        seen.push(batch.getResults().map((point) => [point instanceof Point, point.double, point.x]));
        await context.wait({ seconds: 1 });
        return batch.getResults();
      };
      const finished = await runOurs(handler);
      expect((await replay(handler, finished)).requests).toEqual([]);
      return { result: finished.result, seen, names: new Set(names) };
    };
    expect(await run({ batch: 3 })).toEqual(await run({}));
    expect((await run({ batch: 3 })).names).toEqual(new Set(indexes(7).map((index) => `point ${index}`)));
  });
});

describe("on the wire", () => {
  test("a batch is one step with the range of its items in its name", async () => {
    const run = await runOurs(async (_, context) => {
      await context.map("score", indexes(250), async (item, n) => item.step(async () => n), { batch: 100 });
    });
    expect(run.updates.map(({ Type, SubType, Action, Name }) => [Type, SubType, Action, Name].join(" "))).toEqual([
      "CONTEXT Map START score",
      "STEP MapBatch START score[0..99]",
      "STEP MapBatch START score[100..199]",
      "STEP MapBatch START score[200..249]",
      "STEP MapBatch SUCCEED score[0..99]",
      "STEP MapBatch SUCCEED score[100..199]",
      "STEP MapBatch SUCCEED score[200..249]",
      "CONTEXT Map SUCCEED score",
    ]);
  });

  test("10,000 items take 101 operations and 202 updates", async () => {
    const run = await runOurs(
      async (_, context) => {
        const batch = await context.map("score", indexes(10_000), async (item, n) => item.step(async () => n), {
          batch: 100,
        });
        return batch.successCount;
      },
      { runtime: { codec: "compact" } },
    );
    expect(run.result).toBe(10_000);
    expect(run.operations.filter(({ Type }) => Type !== "EXECUTION")).toHaveLength(101);
    expect(run.updates).toHaveLength(202);
    expect(run.invocations.flatMap(({ requests }) => requests).length).toBeLessThan(60);
  });

  test("the handler's setting makes batches of every map, and a map can do without", async () => {
    const operations = async (config: MapConfig<number, number>) => {
      const run = await runOurs(
        async (_, context) => void (await context.map(indexes(30), async (_item, n) => n, config)),
        {
          runtime: { batch: { maxItems: 10 } },
        },
      );
      return run.operations.filter(({ SubType }) => SubType === "MapBatch" || SubType === "MapIteration").length;
    };
    expect(await operations({})).toBe(3);
    expect(await operations({ batch: 15 })).toBe(2);
    expect(await operations({ batch: false })).toBe(30);
  });

  // BL1
  test("outcomes for which an operation has no room go to further ones, and a replay finds them", async () => {
    const quotas = { payloadBytes: 4_096 };
    const handler: Handler = async (_, context) => {
      const batch = await context.map(
        "rows",
        indexes(20),
        async (item, n) => item.step(async () => "x".repeat(900) + n),
        {
          batch: 10,
        },
      );
      await context.wait({ seconds: 1 });
      return batch.getResults().map((text) => text.length);
    };
    const options = { runtime: { quotas }, engine: { quotas } };
    const run = await runOurs(handler, options);
    expect(run.result).toEqual(indexes(20).map((n) => 900 + String(n).length));
    const parts = run.operations.filter(({ SubType }) => SubType === "MapBatchPart").map(({ Name }) => Name);
    expect(parts).toEqual(expect.arrayContaining(["rows[0..9] part 1", "rows[10..19] part 4"]));
    for (const { Payload = "" } of run.updates) expect(Buffer.byteLength(Payload)).toBeLessThanOrEqual(4_096);
    const again = await replay(handler, run, options);
    expect(again).toEqual({ output: { Status: "SUCCEEDED", Result: run.outcome.result }, requests: [] });
  });

  // L3
  test("a map that ends early has the items that an earlier invocation recorded, live as replayed", async () => {
    const quotas = { payloadBytes: 4_096 };
    let seen: unknown;
    const handler: Handler = async (_, context) => {
      const batch = await context.map(
        indexes(5),
        async (item, n) => {
          if (n === 4) await item.wait({ hours: 1 });
          return item.step(async ({ attempt }) => {
            if (n > 0) throw new Error("e".repeat(1_200));
            if (attempt === 1) throw new Error("not yet");
            return "x".repeat(1_500);
          }, once(n));
        },
        { batch: 1, concurrency: 1, completionConfig: { minSuccessful: 1 } },
      );
      seen = batch.all.map(({ index, status }) => [index, status]);
      return batch.completionReason;
    };
    const options = { runtime: { quotas }, engine: { quotas } };
    const run = await runOurs(handler, options);
    expect(run.invocations.length).toBe(2);
    expect(run.operations.find(({ SubType }) => SubType === "Map")?.ContextDetails?.ReplayChildren).toBe(true);
    const all = ["SUCCEEDED", "FAILED", "FAILED", "FAILED", "STARTED"].map((status, index) => [index, status]);
    expect(seen).toEqual(all);
    seen = undefined;
    const { output, requests } = await replay(handler, run, options);
    expect({ output, requests, seen }).toEqual({
      output: { Status: "SUCCEEDED", Result: '"MIN_SUCCESSFUL_REACHED"' },
      requests: [],
      seen: all,
    });
  });
});

/** Items after the first one do not try again. */
function once(index: number) {
  return { retryStrategy: (_: Error, attempt: number) => ({ shouldRetry: index === 0 && attempt < 3 }) };
}

describe("retries", () => {
  // L2
  test("an item that has ended does not run again because of its neighbour, nor does a step that succeeded", async () => {
    const ran: string[] = [];
    const handler: Handler = async (_, context) => {
      const batch = await context.map(
        "map",
        indexes(5),
        async (item, n) => {
          await item.step("first", async () => void ran.push(`first ${n}`));
          return item.step(
            "second",
            async ({ attempt }) => {
              ran.push(`second ${n} attempt ${attempt}`);
              if (n === 3 && attempt < 3) throw new Error("not yet");
              return n;
            },
            twice,
          );
        },
        { batch: 5 },
      );
      return batch.getResults();
    };
    const run = await runOurs(handler);
    expect(run.result).toEqual(indexes(5));
    expect(run.invocations.length).toBeGreaterThan(1);
    expect(ran.toSorted()).toEqual(
      [
        ...indexes(5).map((n) => `first ${n}`),
        ...indexes(5).map((n) => `second ${n} attempt 1`),
        "second 3 attempt 2",
        "second 3 attempt 3",
      ].toSorted(),
    );
    const retries = run.updates.filter(({ Action }) => Action === "RETRY");
    expect(retries.map(({ Name, StepOptions }) => [Name, StepOptions?.NextAttemptDelaySeconds])).toEqual([
      ["map[0..4]", 1],
      ["map[0..4]", 2],
    ]);
  });

  test("attempts whose delays are near each other begin together", async () => {
    const attempts: string[] = [];
    const run = await runOurs(async (_, context) => {
      const delays = [60, 61, 70, 120];
      await context.map(
        delays,
        (item, seconds) =>
          item.step(
            async ({ attempt }) => {
              attempts.push(`${seconds} ${attempt}`);
              if (attempt === 1) throw new Error("later");
            },
            { retryStrategy: () => ({ shouldRetry: true, delay: { seconds } }) },
          ),
        { batch: 10 },
      );
    });
    expect(run.outcome.status).toBe("SUCCEEDED");
    const waits = run.updates.filter(({ Action }) => Action === "RETRY").map(({ StepOptions }) => StepOptions);
    // One that waits for a minute may be five seconds late, and no more.
    expect(waits).toEqual([
      { NextAttemptDelaySeconds: 61 },
      { NextAttemptDelaySeconds: 9 },
      { NextAttemptDelaySeconds: 50 },
    ]);
    expect(attempts.slice(4)).toEqual(["60 2", "61 2", "70 2", "120 2"]);
  });

  test.each([
    ["gives its place to the next one where `concurrency` bounds", { concurrency: 1 }, "0.1 1.1 2.1 3.1 0.2"],
    ["keeps its place where `maxConcurrency` bounds", { maxConcurrency: 1 }, "0.1 0.2 1.1 2.1 3.1"],
  ])("a waiting item %s", async (_what, bound, expected) => {
    const order: string[] = [];
    await runOurs(async (_, context) => {
      await context.map(
        indexes(4),
        (item, n) =>
          item.step(async ({ attempt }) => {
            order.push(`${n}.${attempt}`);
            if (n === 0 && attempt === 1) throw new Error("later");
          }, twice),
        { batch: 2, ...bound },
      );
    });
    expect(order.join(" ")).toBe(expected);
  });

  test("no more bodies run at once than allowed, across batches and retries", async () => {
    let running = 0;
    let most = 0;
    await runOurs(async (_, context) => {
      await context.map(
        indexes(60),
        (item, n) =>
          item.step(async ({ attempt }) => {
            most = Math.max(most, ++running);
            await new Promise((resolve) => setTimeout(resolve, 1));
            running--;
            if (attempt === 1 && n % 3 === 0) throw new Error("again");
          }, twice),
        { batch: 7, maxConcurrency: 5 },
      );
    });
    expect(most).toBe(5);
  });
});

describe("an execution that is under way", () => {
  const cutAfterFirstBatches = (requests: number) => {
    let left = requests;
    return async ({ forward }: CheckpointCall) => {
      const answer = await forward();
      if (--left === 0) throw new DurableExecutionClientError("cut off");
      return answer;
    };
  };

  test.each([
    ["larger batches", 4, 9],
    ["smaller batches", 9, 4],
    ["no batches", 6, false],
  ] as const)("goes on with %s where it was", async (_what, before, after) => {
    let batch: number | false = before;
    const ran = new Map<number, number>();
    const handler: Handler = async (_, context) => {
      const config = { batch, maxConcurrency: 2 };
      const result = await context.map(
        "map",
        indexes(20),
        (item, n) =>
          item.step(async () => {
            ran.set(n, (ran.get(n) ?? 0) + 1);
            await new Promise((resolve) => setTimeout(resolve, 2));
          }),
        config,
      );
      return result.successCount;
    };
    const cut = cutAfterFirstBatches(4);
    const run = await runOurs(handler, {
      onCheckpoint: (call) =>
        cut(call).catch((error) => {
          batch = after;
          throw error;
        }),
      engine: { invocation: { retryPauseMs: 0 } },
    });
    expect(run.result).toBe(20);
    expect(run.invocations).toHaveLength(2);
    const finished = run.invocations[1]?.recorded.filter(
      ({ SubType, Status }) => SubType === "MapBatch" && Status === "SUCCEEDED",
    );
    expect(finished?.length).toBeGreaterThan(0);
    for (const n of indexes((finished?.length ?? 0) * before)) expect([n, ran.get(n)]).toEqual([n, 1]);
  });

  // M1
  test.each(["NESTED", "FLAT"] as const)("a map begun without batches (%s) ends without them", async (nesting) => {
    let batch: number | false = false;
    const cut = cutAfterFirstBatches(2);
    const run = await runOurs(
      async (_, context) => {
        const config = { batch, nesting, maxConcurrency: 3 };
        const result = await context.map("map", indexes(9), (item, n) => item.step(async () => n), config);
        return result.getResults();
      },
      {
        onCheckpoint: (call) =>
          cut(call).catch((error) => {
            batch = 4;
            throw error;
          }),
        engine: { invocation: { retryPauseMs: 0 } },
      },
    );
    expect(run.result).toEqual(indexes(9));
    expect(run.operations.some(({ SubType }) => SubType === "MapBatch")).toBe(false);
  });
});

describe("wherever a map may stand", () => {
  const inner = (context: DurableContext, count: number) =>
    context.map("inner", indexes(count), (item, n) => item.step(async () => n * 10), { batch: 2 });

  test("in branches, child contexts, items without batches", async () => {
    const handler: Handler = async (_, context) => {
      const branches = await context.parallel(
        "both",
        [3, 5].map((count) => async (branch: DurableContext) => (await inner(branch, count)).successCount),
      );
      const child = await context.runInChildContext(async (childContext) =>
        (await inner(childContext, 3)).getResults(),
      );
      const outer = await context.map(indexes(3), async (item, n) => {
        const results = (await inner(item, n + 1)).getResults();
        await item.wait({ seconds: 1 });
        return results;
      });
      return [branches.all.map(({ result }) => result), child, outer.getResults()];
    };
    const run = await runOurs(handler);
    expect(run.result).toEqual([
      [3, 5],
      [0, 10, 20],
      [[0], [0, 10], [0, 10, 20]],
    ]);
    expect((await replay(handler, run)).requests).toEqual([]);
  });

  test("an item's context is not used by another function", async () => {
    const run = await runOurs(async (_, context) => {
      await context.map([1], (item) => item.step(async () => item.step(async () => 1)), { batch: 1 });
    });
    expect(run.outcome).toMatchObject({ status: "FAILED" });
    expect(run.outcome.error?.ErrorMessage).toContain('Context usage error in "step"');
  });
});

test.each([
  [0, "is 0"],
  [-1, "is -1"],
  [1.5, "is 1.5"],
  [Number.NaN, "is NaN"],
  [10_001, "is 10001"],
  ["100", 'is "100"'],
  [null, "is null"],
  [[], "is an array"],
  [new Map(), "is a Map"],
  [true, "is true"],
  [{ maxItems: 0 }, 'The batch.maxItems of map "score" is 0'],
  [{ maxBytes: 10 }, 'The batch.maxBytes of map "score" is 10; it must be a whole number of bytes from 1024 to 262144'],
  [{ maxBytes: 262_145 }, 'batch.maxBytes of map "score" is 262145'],
  [{ items: 10 }, 'has no member "items"'],
])("a batch of %j is refused before anything is written", async (batch, message) => {
  const run = await runOurs(async (_, context) => {
    await context.map("score", [1], async () => 1, { batch } as never);
  });
  expect(run.outcome.error?.ErrorMessage).toContain(message);
  expect(run.outcome.error?.ErrorMessage).toContain("The batch");
  expect(run.updates).toEqual([]);
});
