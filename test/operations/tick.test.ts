import { describe, expect, test } from "vitest";
import type { DurableContext, MapConfig } from "../../src/index.ts";
import {
  type Handler,
  lambdaContext,
  runLambda,
  runOurs,
  type ServiceOptions,
  withRuntime,
} from "../support/service.ts";

const ITEMS = 40;
/** Four of them fill a tick. */
const BURN_MS = 5;
/** One begins before the time is over, and one may before the first of a tick is counted. */
const MOST_A_TICK = 6;
const items = Array.from({ length: ITEMS }, (_, index) => index);

/** Keeps the thread for a while. */
function burn(): void {
  const endMs = performance.now() + BURN_MS;
  while (performance.now() < endMs);
}

/** Notes in which tick of the event loop each piece of code runs. */
function countingTicks() {
  let tick = 0;
  let next = setImmediate(function count() {
    tick++;
    next = setImmediate(count);
  });
  const ticks: number[] = [];
  return {
    note: () => void ticks.push(tick),
    end: () => clearImmediate(next),
    /** The most pieces that ran in one tick. */
    get most() {
      return Math.max(...ticks.map((one) => ticks.filter((other) => other === one).length));
    },
  };
}

/** The other tests do not limit a tick. */
const tickMs = 16;
const runInTicks = (handler: Handler, options: ServiceOptions = {}) =>
  runOurs(handler, { ...options, runtime: { tickMs } });

type Config = MapConfig<number, number>;

const inSteps =
  (config: Config = {}) =>
  (context: DurableContext, work: (n: number) => number) =>
    context.map("map", items, async (item, n) => item.step(async () => work(n)), config);
const inItems =
  (config: Config = {}) =>
  (context: DurableContext, work: (n: number) => number) =>
    context.map("map", items, async (_, n) => work(n), config);

const shapes: [string, ReturnType<typeof inSteps>][] = [
  ["steps of a map", inSteps()],
  ["steps of a flat map", inSteps({ nesting: "FLAT" })],
  ["steps of a map with a limit", inSteps({ maxConcurrency: 10 })],
  ["steps in a batch", inSteps({ batch: 100 })],
  ["items without a step", inItems()],
  ["items without a step in a batch", inItems({ batch: 100 })],
];

describe("the event loop runs while items compute:", () => {
  // V2, V3
  test.each(shapes)("%s", async (_, shape) => {
    const ticks = countingTicks();
    const order: number[] = [];
    const run = await runInTicks(async (_, context) => {
      const batch = await shape(context, (n) => {
        ticks.note();
        order.push(n);
        burn();
        return n * 2;
      });
      return batch.getResults();
    });
    ticks.end();
    expect(run.result).toEqual(items.map((n) => n * 2));
    expect(order).toEqual(items);
    expect(ticks.most).toBeLessThanOrEqual(MOST_A_TICK);
  });

  test("branches of a parallel, and children", async () => {
    const ticks = countingTicks();
    const work = async () => {
      ticks.note();
      burn();
    };
    await runInTicks(async (_, context) => {
      await context.parallel(items.map(() => work));
      await Promise.all(items.map(() => context.runInChildContext(work)));
    });
    ticks.end();
    expect(ticks.most).toBeLessThanOrEqual(MOST_A_TICK);
  });
});

test("what has begun is on its way before most of the code has run", async () => {
  let requests = 0;
  const sentBefore: number[] = [];
  const handler: Handler = async (_, context) => {
    // biome-ignore lint/nursery/noFloatingPromises: it is awaited, and what it gives is no promise.
    await inSteps()(context, (n) => {
      sentBefore.push(requests);
      burn();
      return n;
    });
  };
  await runInTicks(handler, {
    onCheckpoint: ({ forward }) => {
      requests++;
      return forward();
    },
  });
  expect(sentBefore[0]).toBe(0);
  expect(sentBefore[2 * MOST_A_TICK]).toBeGreaterThan(0);
});

test("timers of the user's fire while items compute", async () => {
  let firedAt: number | undefined;
  let done = 0;
  await runInTicks(async (_, context) => {
    setTimeout(() => {
      firedAt = done;
    }, 1);
    // biome-ignore lint/nursery/noFloatingPromises: it is awaited, and what it gives is no promise.
    await inSteps()(context, (n) => {
      burn();
      return done++ + n;
    });
  });
  expect(firedAt).toBeLessThan(ITEMS / 2);
});

// F3
test("a batch that ends early does not run what waits for the next tick", async () => {
  let runs = 0;
  const run = await runInTicks(async (_, context) => {
    const batch = await inSteps({ completionConfig: { minSuccessful: 1 } })(context, (n) => {
      runs++;
      burn();
      return n;
    });
    return [batch.completionReason, batch.successCount];
  });
  expect(run.result).toEqual(["MIN_SUCCESSFUL_REACHED", expect.any(Number)]);
  expect(runs).toBeLessThan(ITEMS / 2);
});

test.each([
  ["each an operation", {}],
  ["in batches", { batch: 10 }],
] as [string, Config][])(
  "near the deadline what waits for the next tick is left to the next invocation: %s",
  async (_, config) => {
    const runs = new Map<number, number>();
    const lambda = withRuntime(
      async (_, context) => {
        const batch = await inSteps(config)(context, (n) => {
          runs.set(n, (runs.get(n) ?? 0) + 1);
          burn();
          return n;
        });
        return batch.successCount;
      },
      { runtime: { tickMs, suspension: { graceMs: 1, reserveMs: 40 } } },
    );
    const run = await runLambda((event) => lambda(event, lambdaContext(90)));
    expect(run.outcome).toEqual({ status: "SUCCEEDED", result: `${ITEMS}` });
    expect(run.invocations.length).toBeGreaterThan(1);
    expect([...runs.values()].filter((times) => times > 1)).toEqual([]);
  },
);
