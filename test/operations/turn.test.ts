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
/** Four of them fill a turn. */
const BURN_MS = 5;
/** One begins before the time is over, and one may before the first of a turn is counted. */
const MOST_A_TURN = 6;
const items = Array.from({ length: ITEMS }, (_, index) => index);

/** Keeps the thread for a while. */
function burn(): void {
  const endMs = performance.now() + BURN_MS;
  while (performance.now() < endMs);
}

/** Notes in which turn of the event loop each piece of code runs. */
function countingTurns() {
  let turn = 0;
  let next = setImmediate(function count() {
    turn++;
    next = setImmediate(count);
  });
  const turns: number[] = [];
  return {
    note: () => void turns.push(turn),
    end: () => clearImmediate(next),
    /** The most pieces that ran in one turn. */
    get most() {
      return Math.max(...turns.map((one) => turns.filter((other) => other === one).length));
    },
  };
}

/** The other tests have no turns. */
const turnMs = 16;
const runInTurns = (handler: Handler, options: ServiceOptions = {}) =>
  runOurs(handler, { ...options, runtime: { turnMs } });

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

describe("the event loop turns while items compute:", () => {
  test.each(shapes)("%s", async (_, shape) => {
    const turns = countingTurns();
    const order: number[] = [];
    const run = await runInTurns(async (_, context) => {
      const batch = await shape(context, (n) => {
        turns.note();
        order.push(n);
        burn();
        return n * 2;
      });
      return batch.getResults();
    });
    turns.end();
    expect(run.result).toEqual(items.map((n) => n * 2));
    expect(order).toEqual(items);
    expect(turns.most).toBeLessThanOrEqual(MOST_A_TURN);
  });

  test("branches of a parallel, and children", async () => {
    const turns = countingTurns();
    const work = async () => {
      turns.note();
      burn();
    };
    await runInTurns(async (_, context) => {
      await context.parallel(items.map(() => work));
      await Promise.all(items.map(() => context.runInChildContext(work)));
    });
    turns.end();
    expect(turns.most).toBeLessThanOrEqual(MOST_A_TURN);
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
  await runInTurns(handler, {
    onCheckpoint: ({ forward }) => {
      requests++;
      return forward();
    },
  });
  expect(sentBefore[0]).toBe(0);
  expect(sentBefore[2 * MOST_A_TURN]).toBeGreaterThan(0);
});

test("timers of the user's fire while items compute", async () => {
  let firedAt: number | undefined;
  let done = 0;
  await runInTurns(async (_, context) => {
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

test("a batch that ends early does not run what has not had its turn", async () => {
  let runs = 0;
  const run = await runInTurns(async (_, context) => {
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
  "near the deadline what waits for its turn is left to the next invocation: %s",
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
      { runtime: { turnMs, suspension: { graceMs: 1, reserveMs: 40 } } },
    );
    const run = await runLambda((event) => lambda(event, lambdaContext(90)));
    expect(run.outcome).toEqual({ status: "SUCCEEDED", result: `${ITEMS}` });
    expect(run.invocations.length).toBeGreaterThan(1);
    expect([...runs.values()].filter((times) => times > 1)).toEqual([]);
  },
);
