import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, test } from "vitest";
import type { DurableContext, MapConfig, RuntimeOptions } from "../../src/index.ts";
import type { LocalEngine } from "../../src/testing.ts";
import { indexes, later } from "../support/batching.ts";
import { type Gauge, Gauges, pause } from "../support/gauge.ts";
import { type CheckpointCall, type Handler, type Run, replay, runOfficial, runOurs } from "../support/service.ts";

type Work = (item: DurableContext, n: number, engine: () => LocalEngine, atWork: Gauge) => Promise<unknown>;

/** What a branch does between its beginning and its end. */
const works: Record<string, Work> = {
  "three steps": async (item) => {
    for (const name of ["open", "use", "close"]) await item.step(name, async () => 1);
  },
  "a wait": async (item) => void (await item.wait({ seconds: 1 })),
  "a retried step": (item, n) =>
    Promise.resolve(
      item.step(async ({ attempt }) => {
        if (attempt <= n % 2) throw new Error("not yet");
      }, later(1)),
    ),
  "a callback": async (item, _n, engine) =>
    void (await item.waitForCallback(async (id) => engine().completeCallback(id, '"answer"'))),
  "a map inside": async (item) => void (await item.map([1, 2], (inner) => Promise.resolve(inner.wait({ seconds: 1 })))),
  "a child context": async (item) =>
    void (await item.runInChildContext(async (child) => {
      await child.step(async () => 1);
      await child.wait({ seconds: 1 });
    })),
  "plain code": async () => void (await pause(1)),
};

/** Answers a request only after `ms`, as a service far away. */
const slowly =
  (ms: number) =>
  async ({ forward }: CheckpointCall) => {
    await pause(ms);
    return forward();
  };

const requestsOf = (run: Run) => run.invocations.flatMap(({ requests }) => requests);

const forms: [string, Partial<MapConfig<number, unknown>>][] = [
  ["nested", {}],
  ["FLAT", { nesting: "FLAT" }],
  ["in batches", { batch: 4 }],
  ["in one batch", { batch: 100 }],
];

/** Runs items whose branches are gauged in each invocation. */
async function gauged(
  count: number,
  config: Partial<MapConfig<number, unknown>>,
  work: Work,
  runtime?: RuntimeOptions,
) {
  let engine: LocalEngine | undefined;
  const open = new Gauges();
  const atWork = new Gauges();
  const handler: Handler = async (_, context) => {
    const [opened, working] = [open.begin(), atWork.begin()];
    const body = (item: DurableContext, n: number) =>
      opened.during(() => work(item, n, () => engine as LocalEngine, working));
    return (await context.map("m", indexes(count), body, config)).successCount;
  };
  const run = await runOurs(handler, {
    ...(runtime === undefined ? {} : { runtime }),
    onCheckpoint: slowly(1),
    onEngine: (found) => {
      engine = found;
    },
  });
  expect(run.result).toBe(count);
  return { run, most: open.most, mostAtWork: atWork.most };
}

describe("maxConcurrency bounds branches that are open, whatever they wait for:", () => {
  const cases = Object.keys(works).flatMap((work) => forms.map(([form, config]) => [work, form, config] as const));

  test.each(cases)("with %s, %s", async (work, _form, config) => {
    const { most } = await gauged(12, { ...config, maxConcurrency: 3 }, works[work] as Work);
    expect(most).toBe(3);
  });

  test.each(forms)("300 items of three steps, three at once, %s", async (_form, config) => {
    const { most } = await gauged(300, { ...config, maxConcurrency: 3 }, works["three steps"] as Work);
    expect(most).toBe(3);
  });

  test("in a parallel as well", async () => {
    const open = new Gauges();
    await runOurs(async (_, context) => {
      const gauge = open.begin();
      const branch = (inner: DurableContext) => gauge.during(async () => void (await inner.wait({ seconds: 1 })));
      await context.parallel(
        indexes(6).map(() => branch),
        { maxConcurrency: 2 },
      );
    });
    expect(open.most).toBe(2);
  });

  test("with maxConcurrency 1 nothing begins before everything before it is recorded", async () => {
    const begun: number[] = [];
    let recorded = 0;
    await runOurs(
      async (_, context) => {
        const body = (inner: DurableContext) => inner.step(async () => void begun.push(recorded));
        await context.map(indexes(5), body, { maxConcurrency: 1 });
      },
      {
        onCheckpoint: async ({ forward, params }) => {
          const answer = await forward();
          recorded += params.Updates?.filter(({ Type, Action }) => Type === "STEP" && Action === "SUCCEED").length ?? 0;
          return answer;
        },
      },
    );
    expect(begun).toEqual([0, 1, 2, 3, 4]);
  });

  test("1,000 items, ten at once: as many requests as the official SDK, and a handful in batches", async () => {
    const quotas = { operations: Number.POSITIVE_INFINITY };
    const handler =
      (config: Partial<MapConfig<number, unknown>>): Handler =>
      async (_, context) => {
        const body = (item: DurableContext, n: number) => item.step(async () => n);
        return (await context.map(indexes(1_000), body, { maxConcurrency: 10, ...config })).successCount;
      };
    expect(requestsOf(await runOfficial(handler({}), { engine: { quotas } }))).toHaveLength(101);
    expect(requestsOf(await runOurs(handler({}), { engine: { quotas } }))).toHaveLength(101);
    expect(requestsOf(await runOurs(handler({ batch: 100 }), { engine: { quotas } })).length).toBeLessThanOrEqual(12);
  });
});

describe("concurrency bounds branches at work:", () => {
  const bounds: [string, Partial<MapConfig<number, unknown>>, RuntimeOptions][] = [
    ["on the call", { concurrency: 2 }, {}],
    ["of the runtime", {}, { concurrency: 2 }],
    ["on the call, not that of the runtime", { concurrency: 2 }, { concurrency: 1 }],
  ];

  test.each(bounds.flatMap((bound) => forms.map((form) => [...bound, ...form] as const)))(
    "%s (%j, %j), %s",
    async (_what, bound, runtime, _form, config) => {
      const work: Work = async (item, _n, _engine, atWork) => {
        await item.step(() => atWork.during(() => pause(1)));
        await item.wait({ seconds: 1 });
        await item.step(() => atWork.during(() => pause(1)));
        await item.step(() => atWork.during(() => pause(1)));
      };
      const { most, mostAtWork } = await gauged(8, { ...config, ...bound }, work, runtime);
      expect(mostAtWork).toBe(2);
      // One that only waits gives way to all others.
      expect(most).toBe(8);
    },
  );

  test.each(forms)("beside maxConcurrency, %s: two at work of four that are open", async (_form, config) => {
    const work: Work = async (item, _n, _engine, atWork) => {
      await item.step(() => atWork.during(() => pause(1)));
      await item.wait({ seconds: 1 });
      await item.step(() => atWork.during(() => pause(1)));
    };
    const { most, mostAtWork } = await gauged(12, { ...config, maxConcurrency: 4, concurrency: 2 }, work);
    expect(most).toBe(4);
    expect(mostAtWork).toBe(2);
  });

  // What an earlier invocation ended needs no place.
  test.each([
    ["with operations of their own", {}],
    ["in batches", { batch: 2 }],
  ])("items that have ended count before others begin, %s", async (_, config) => {
    const handler: Handler = async (_input, context) => {
      const body = async (item: DurableContext, n: number) => {
        if (n === 0) await item.wait({ seconds: 1 });
        await item.step(async () => n);
        if (n === 0) throw new Error("late");
        return n;
      };
      const map = await context.map(indexes(4), body, { concurrency: 1, ...config });
      const branches = indexes(4).map((n) => (branch: DurableContext) => body(branch, n));
      const parallel = await context.parallel(branches, { concurrency: 1 });
      return [map, parallel].map(({ all }) => all.map(({ status, result }) => result ?? status));
    };
    const run = await runOurs(handler);
    const items = ["FAILED", 1, 2, 3];
    const Result = JSON.stringify([items, items]);
    expect(run.invocations.length).toBe(3);
    expect(run.outcome).toEqual({ status: "SUCCEEDED", result: Result });
    expect(await replay(handler, run)).toMatchObject({ output: { Status: "SUCCEEDED", Result }, requests: [] });
  });

  test.each([
    ["of its own operations", 0, { concurrency: 1 }],
    ["in the batch of the other", 0, { batch: 2 }],
    ["in the batch of the other, one at a time", 0, { batch: 2, concurrency: 1 }],
    ["in a batch of its own, which has ended", 0, { batch: 1 }],
    ["and begin before it", 1, { batch: 2 }],
    ["and begin before it, in a batch of its own", 1, { batch: 1 }],
  ] as const)("an item whose large result is made again may wait for another one: %s", async (_, opener, config) => {
    const run = await runOurs(async (_input, context) => {
      let open = () => {};
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      const body = async (item: DurableContext, n: number) => {
        if (n === opener) open();
        else await opened;
        if (n === opener) await item.wait({ seconds: 1 });
        const texts = await Promise.all(indexes(5).map(() => item.step(async () => "x".repeat(60_000))));
        return texts.join("");
      };
      const { all } = await context.map(indexes(2), body, config);
      return all.map(({ result }) => result?.length);
    });
    expect(run.outcome).toEqual({ status: "SUCCEEDED", result: "[300000,300000]" });
  });

  test.each(["map", "parallel"] as const)("of a %s is a whole number from 1, or infinite", async (kind) => {
    const outcome = async (concurrency: unknown) => {
      const config = { concurrency } as { concurrency: number };
      const { outcome, updates } = await runOurs(async (_, context) => {
        if (kind === "map") return (await context.map("name", [1], async () => 1, config)).successCount;
        return (await context.parallel("name", [async () => 1], config)).successCount;
      });
      return outcome.status === "SUCCEEDED" ? "taken" : [outcome.error?.ErrorMessage, updates.length];
    };
    for (const taken of [1, 7, Number.POSITIVE_INFINITY, undefined]) expect(await outcome(taken)).toBe("taken");
    for (const refused of [0, -1, 1.5, Number.NaN, "3"]) {
      expect(await outcome(refused)).toEqual([expect.stringMatching(new RegExp(`concurrency.*${kind} "name"`)), 0]);
    }
  });

  test.each([
    ["nested", undefined],
    ["in batches", 2],
  ])("a branch whose own map waited has its place before its code goes on, %s", async (_form, batch) => {
    const config = batch === undefined ? {} : { batch };
    const work: Work = async (item, _n, _engine, atWork) => {
      await item.step(() => atWork.during(() => pause(1)));
      await item.map([1, 2, 3], (inner) => Promise.resolve(inner.wait({ seconds: 1 })), config);
      await item.step(() => atWork.during(() => pause(3)));
      await item.step(() => atWork.during(() => pause(1)));
    };
    const { mostAtWork } = await gauged(6, config, work, { concurrency: 2 });
    expect(mostAtWork).toBe(2);
  });
});

describe("a branch begins in the asynchronous context of the code that called", () => {
  const als = new AsyncLocalStorage<string>();
  const bounds: [string, Partial<MapConfig<number, unknown>>, RuntimeOptions][] = [
    ["maxConcurrency", { maxConcurrency: 3 }, {}],
    ["concurrency", { concurrency: 3 }, {}],
    ["runtime.concurrency", {}, { concurrency: 3 }],
    ["batch and maxConcurrency", { batch: 4, maxConcurrency: 3 }, {}],
    ["batch and runtime.concurrency", { batch: 4 }, { concurrency: 3 }],
    ["elided STARTs", { maxConcurrency: 2 }, { checkpoint: { elideStarts: true } }],
  ];

  test.each(bounds)("map, whatever other branches set (%s)", async (_, config, runtime) => {
    const stores = new Set<string | undefined>();
    const body = (item: DurableContext, n: number) => {
      stores.add(als.getStore());
      return als.run(`item ${n}`, async () => {
        await item.step(() => pause(n % 3));
        if (n % 4 === 0) await item.wait({ seconds: 1 });
      });
    };
    await runOurs((_input, context) => als.run("caller", () => context.map(indexes(20), body, config)), { runtime });
    expect([...stores]).toEqual(["caller"]);
  });

  test.each(bounds)("parallel, whatever other branches set (%s)", async (_, { batch: _batch, ...config }, runtime) => {
    const stores = new Set<string | undefined>();
    const branches = indexes(10).map((n) => (item: DurableContext) => {
      stores.add(als.getStore());
      return als.run(`branch ${n}`, async () => void (await item.step(() => pause(n % 3))));
    });
    await runOurs((_input, context) => als.run("caller", () => context.parallel(branches, config as object)), {
      runtime,
    });
    expect([...stores]).toEqual(["caller"]);
  });

  test("and so is what a source gives", async () => {
    const stores = new Set<string | undefined>();
    function* source() {
      for (const n of indexes(9)) {
        stores.add(als.getStore());
        yield n;
      }
    }
    const body = (item: DurableContext, n: number) =>
      als.run(`item ${n}`, async () => void (await item.step(async () => n)));
    const config = { batch: 2, maxConcurrency: 1 };
    await runOurs((_, context) => als.run("caller", () => context.map(source(), body, config)));
    expect([...stores]).toEqual(["caller"]);
  });
});
