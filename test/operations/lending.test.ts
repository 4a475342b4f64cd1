import { describe, expect, test } from "vitest";
import {
  type BatchResult,
  type CompletionConfig,
  type DurableContext,
  DurableExecutionClientError,
  type MapConfig,
  type RuntimeOptions,
} from "../../src/index.ts";
import { type CheckpointCall, type Handler, type Run, replay, runOurs } from "../support/service.ts";

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const unacknowledged = (maxUnacknowledged: number): RuntimeOptions => ({ checkpoint: { maxUnacknowledged } });
const requestsOf = (run: Run) => run.invocations.flatMap(({ requests }) => requests);
const summary = ({ completionReason, successCount, failureCount, totalCount }: BatchResult<unknown>) =>
  [completionReason, successCount, failureCount, totalCount] as const;

/** Counts how much is at work at once. */
class Gauge {
  now = 0;
  most = 0;

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.most = Math.max(this.most, ++this.now);
    try {
      return await work();
    } finally {
      this.now--;
    }
  }
}

/** Answers a request only after `ms`, as a service far away. */
const slowly =
  (ms: number) =>
  async ({ forward }: CheckpointCall) => {
    await pause(ms);
    return forward();
  };

describe("a branch that only waits for an acknowledgement", () => {
  const mapping =
    (config: MapConfig<number, number>, gauge = new Gauge()): Handler =>
    async (_, context) => {
      const batch = await context.map(
        "m",
        upTo(200),
        (inner, item) => inner.step(() => gauge.during(async () => item * 2)),
        config,
      );
      return batch.getResults();
    };

  test("lends its place: requests fill up, and no more bodies run than before", async () => {
    const gauge = new Gauge();
    const handler = mapping({ maxConcurrency: 10 }, gauge);
    const run = await runOurs(handler);
    expect(run.result).toEqual(upTo(200).map((item) => item * 2));
    expect(requestsOf(run).length).toBeLessThan(8);
    expect(gauge.most).toBeLessThanOrEqual(10);
    expect(await replay(handler, run)).toMatchObject({ requests: [], output: { Result: run.outcome.result } });
    const holding = await runOurs(mapping({ maxConcurrency: 10 }), { runtime: unacknowledged(0) });
    expect(requestsOf(holding).length).toBeGreaterThan(20);
    expect(holding.result).toEqual(run.result);
  });

  test("has it again before its code goes on", async () => {
    const gauge = new Gauge();
    const run = await runOurs(
      async (_, context) => {
        const batch = await context.map(
          "m",
          upTo(40),
          async (inner, item) => {
            const first = await inner.step(() => gauge.during(async () => pause(1).then(() => item)));
            const second = await gauge.during(async () => pause(1).then(() => first + 1));
            return inner.step(() => gauge.during(async () => pause(1).then(() => second * 2)));
          },
          { maxConcurrency: 3 },
        );
        return batch.getResults();
      },
      { onCheckpoint: slowly(3) },
    );
    expect(run.result).toEqual(upTo(40).map((item) => (item + 1) * 2));
    expect(gauge.most).toBe(3);
  });

  test("of a map without maxConcurrency lends it too, within `concurrency`", async () => {
    const gauge = new Gauge();
    const run = await runOurs(mapping({}, gauge), { runtime: { concurrency: 10 } });
    expect(requestsOf(run).length).toBeLessThan(8);
    expect(gauge.most).toBeLessThanOrEqual(10);
  });

  test("keeps it where the places alone fill requests", async () => {
    const gauge = new Gauge();
    const run = await runOurs(mapping({ maxConcurrency: 5 }, gauge), { runtime: { checkpoint: { maxUpdates: 5 } } });
    const kept = await runOurs(mapping({ maxConcurrency: 5 }, gauge), {
      runtime: { checkpoint: { maxUpdates: 5, maxUnacknowledged: 0 } },
    });
    expect(requestsOf(run).length).toBe(requestsOf(kept).length);
  });

  test("with maxConcurrency 1 keeps it: nothing starts before everything before it is recorded", async () => {
    const started: number[] = [];
    let recorded = 0;
    await runOurs(
      async (_, context) => {
        await context.map(
          upTo(5),
          (inner) =>
            inner.step(async () => {
              started.push(recorded);
            }),
          { maxConcurrency: 1 },
        );
      },
      {
        onCheckpoint: async ({ forward, params }) => {
          const answer = await forward();
          recorded += params.Updates?.filter(({ Type, Action }) => Type === "STEP" && Action === "SUCCEED").length ?? 0;
          return answer;
        },
      },
    );
    expect(started).toEqual([0, 1, 2, 3, 4]);
  });

  test("keeps it while the start of an at-most-once step is on its way", async () => {
    let announced = 0;
    let most = 0;
    await runOurs(
      async (_, context) => {
        await context.map(
          upTo(12),
          (inner) => inner.step(async () => announced--, { semantics: "AT_MOST_ONCE_PER_RETRY" }),
          {
            maxConcurrency: 3,
          },
        );
      },
      {
        onCheckpoint: async ({ forward, params }) => {
          announced += params.Updates?.filter(({ Type, Action }) => Type === "STEP" && Action === "START").length ?? 0;
          most = Math.max(most, announced);
          return forward();
        },
      },
    );
    expect(most).toBe(3);
  });

  test("keeps it while its code does something beside the step", async () => {
    const gauge = new Gauge();
    await runOurs(
      async (_, context) => {
        await context.map(
          upTo(12),
          async (inner) => {
            const step = inner.step(async () => 1);
            await gauge.during(() => pause(5));
            await step;
          },
          { maxConcurrency: 2 },
        );
      },
      { onCheckpoint: slowly(2) },
    );
    expect(gauge.most).toBe(2);
  });

  test("keeps it when it also waits at the service: so many callbacks are open at once", async () => {
    const run = await runOurs(async (_, context) => {
      await context.map(
        upTo(6),
        (inner) => inner.waitForCallback(async () => {}, { timeout: { seconds: 1 } }).catch(() => "late"),
        { maxConcurrency: 2 },
      );
    });
    const open = run.invocations.map(
      ({ requests }) => requests.flat().filter(({ Type }) => Type === "CALLBACK").length,
    );
    expect(Math.max(...open)).toBe(2);
  });

  test.each([
    [
      "a parallel",
      (inner: DurableContext, work: (context: DurableContext) => Promise<number>) => inner.parallel([work, work]),
    ],
    [
      "a child context",
      (inner: DurableContext, work: (context: DurableContext) => Promise<number>) => inner.runInChildContext(work),
    ],
    [
      "a combinator",
      (inner: DurableContext, work: (context: DurableContext) => Promise<number>) =>
        inner.promise.all([inner.runInChildContext(work), inner.runInChildContext(work)]),
    ],
  ])("in %s inside of the branch counts as one that does", async (_what, around) => {
    const gauge = new Gauge();
    const makeHandler = (): Handler => async (_, context) => {
      const batch = await context.map(
        upTo(60),
        async (inner) => {
          await around(inner, async (child) => {
            const value = await child.step(async () => 1);
            await gauge.during(() => pause(0));
            return child.step(async () => value);
          });
        },
        { maxConcurrency: 4 },
      );
      return batch.successCount;
    };
    const run = await runOurs(makeHandler(), { onCheckpoint: slowly(2) });
    expect(run.result).toBe(60);
    expect(gauge.most).toBeLessThanOrEqual(8);
    const holding = await runOurs(makeHandler(), { runtime: unacknowledged(0) });
    expect(requestsOf(run).length).toBeLessThan(requestsOf(holding).length / 2);
  });

  test("lends neither its place nor that of the branch around it while code of the same branch runs", async () => {
    const gauge = new Gauge();
    await runOurs(
      async (_, context) => {
        await context.map(
          upTo(8),
          (outer) =>
            gauge.during(async () => {
              await outer.parallel([
                (inner) => inner.step(async () => 1),
                async (inner) => {
                  await pause(8);
                  return inner.step(async () => 2);
                },
              ]);
            }),
          { maxConcurrency: 2 },
        );
      },
      { onCheckpoint: slowly(1) },
    );
    // An item is at work until it ends, and lends its place only at its very end.
    expect(gauge.most).toBeLessThanOrEqual(4);
  });
});

describe("checkpoint.maxUnacknowledged", () => {
  test.each([
    [12, 3],
    [50, 3],
    [4, 8],
  ])("%d bounds what has ended and is not acknowledged, with %d at once", async (maxUnacknowledged, maxConcurrency) => {
    let unrecorded = 0;
    let most = 0;
    const run = await runOurs(
      async (_, context) => {
        const batch = await context.map(
          upTo(150),
          (inner, item) =>
            inner.step(async () => {
              await pause(item % 3);
              most = Math.max(most, ++unrecorded);
            }),
          { maxConcurrency },
        );
        return batch.successCount;
      },
      {
        runtime: unacknowledged(maxUnacknowledged),
        onCheckpoint: async ({ forward, params }) => {
          await pause(5);
          const answer = await forward();
          unrecorded -=
            params.Updates?.filter(({ Type, Action }) => Type === "STEP" && Action === "SUCCEED").length ?? 0;
          return answer;
        },
      },
    );
    expect(run.result).toBe(150);
    expect(most).toBeLessThanOrEqual(Math.max(maxUnacknowledged, maxConcurrency));
    expect(most).toBeGreaterThan(Math.min(maxUnacknowledged, maxConcurrency) / 2);
  });

  test("lets further branches start as soon as acknowledgements come in", async () => {
    const run = await runOurs(
      async (_, context) => {
        await context.map(upTo(1_000), (inner) => inner.step(async () => 1), { maxConcurrency: 5 });
      },
      { runtime: unacknowledged(80), engine: { quotas: { operations: Number.POSITIVE_INFINITY } } },
    );
    // 4,002 updates, 250 in a request: each request is full.
    expect(requestsOf(run)).toHaveLength(17);
  });

  test.each([1, 2, 3, 4, 6])("bounds what runs again after a crash at request %d", async (crashAt) => {
    const runs = new Map<number, number>();
    let left = crashAt;
    const run = await runOurs(
      async (_, context) => {
        const batch = await context.map(
          upTo(300),
          (inner, item) =>
            inner.step(async () => {
              runs.set(item, (runs.get(item) ?? 0) + 1);
              return item;
            }),
          { maxConcurrency: 5 },
        );
        return batch.getResults();
      },
      {
        runtime: unacknowledged(40),
        engine: { invocation: { retryPauseMs: 0 } },
        onCheckpoint: async ({ forward }) => {
          if (--left === 0) throw new DurableExecutionClientError("cut off");
          return forward();
        },
      },
    );
    expect(run.result).toEqual(upTo(300));
    const again = [...runs.values()].filter((count) => count > 1).length;
    expect(again).toBeGreaterThan(0);
    expect(again).toBeLessThanOrEqual(40);
  });
});

describe("a batch that may end early", () => {
  /** What starts, with and without lending. */
  async function started(
    count: number,
    maxConcurrency: number,
    completionConfig: CompletionConfig | undefined,
    body: (inner: DurableContext, item: number) => Promise<unknown>,
    maxUnacknowledged: number,
  ) {
    const items: number[] = [];
    const run = await runOurs(
      async (_, context) => {
        const batch = await context.map(
          upTo(count),
          async (inner, item) => {
            items.push(item);
            return body(inner, item);
          },
          { maxConcurrency, ...(completionConfig === undefined ? {} : { completionConfig }) },
        );
        return summary(batch);
      },
      { runtime: unacknowledged(maxUnacknowledged), onCheckpoint: slowly(2) },
    );
    return { items, result: run.result };
  }

  const failing = (bad: number, ms: number) => (inner: DurableContext, item: number) =>
    inner.step(
      async () => {
        await pause(item === bad ? ms : 6);
        if (item === bad) throw new Error("bad");
      },
      { retryStrategy: () => ({ shouldRetry: false }) },
    );

  const policies: [string, CompletionConfig | undefined, number][] = [
    ["the first failure", undefined, 0],
    ["the first failure, of the second item", undefined, 1],
    ["a tolerance of none", { toleratedFailureCount: 0 }, 0],
    ["a tolerance in per cent", { toleratedFailurePercentage: 0.5 }, 0],
    ["enough successes", { minSuccessful: 3 }, -1],
    ["as many successes as places", { minSuccessful: 4 }, -1],
    ["a predicate", { shouldComplete: ({ completedCount }) => ({ complete: completedCount >= 2 }) as never }, -1],
  ];

  test.each(policies)("by %s starts nothing more than without lending", async (_policy, config, bad) => {
    const lending = await started(100, 4, config, failing(bad, 0), 500);
    const holding = await started(100, 4, config, failing(bad, 0), 0);
    // Each of three acknowledgements that come before the deciding one lets one more begin, with lending or without.
    expect(lending.items.length).toBeLessThanOrEqual(Math.max(holding.items.length, 7));
    expect((lending.result as unknown[])[0]).toBe((holding.result as unknown[])[0]);
  });

  test("by tolerated failures goes on lending, as long as one more would not end it", async () => {
    const count = async (maxUnacknowledged: number) => {
      const run = await runOurs(
        async (_, context) => {
          const batch = await context.map(
            upTo(200),
            (inner, item) =>
              inner.step(
                async () => {
                  if (item % 20 === 0) throw new Error("bad");
                },
                { retryStrategy: () => ({ shouldRetry: false }) },
              ),
            { maxConcurrency: 5, completionConfig: { toleratedFailureCount: 100 } },
          );
          return summary(batch);
        },
        { runtime: unacknowledged(maxUnacknowledged) },
      );
      expect(run.result).toEqual(["ALL_COMPLETED", 190, 10, 200]);
      return requestsOf(run).length;
    };
    expect(await count(500)).toBeLessThan((await count(0)) / 3);
  });

  test("lends again when the branch that failed went on regardless", async () => {
    const count = async (maxUnacknowledged: number) => {
      const run = await runOurs(
        async (_, context) => {
          const batch = await context.map(
            upTo(200),
            async (inner, item) => {
              const step = inner.step(
                async () => {
                  if (item % 4 === 0) throw new Error("bad");
                },
                { retryStrategy: () => ({ shouldRetry: false }) },
              );
              await step.catch(() => inner.step(async () => "instead"));
            },
            { maxConcurrency: 5 },
          );
          return batch.successCount;
        },
        { runtime: unacknowledged(maxUnacknowledged) },
      );
      expect(run.result).toBe(200);
      return requestsOf(run).length;
    };
    expect(await count(500)).toBeLessThan((await count(0)) * 0.8);
  });
});
