import pLimit from "p-limit";
import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { type LocalEngine, VirtualClock } from "../../src/testing.ts";
import { BATCHINGS, batchUpdates, indexes, later, noise, Runs } from "../support/batching.ts";
import { pause } from "../support/gauge.ts";
import { type OurOptions, type Run, runOurs } from "../support/service.ts";

/** A step that fails at first so often, and counts its attempts. */
const flaky = (context: DurableContext, failures: number, runs: Runs, what: string, seconds = 1) =>
  context.step(async ({ attempt }) => {
    runs.note(`${what} attempt ${attempt}`);
    if (attempt <= failures) throw new Error("not yet");
    return what;
  }, later(seconds));

describe("more items than places, each of which is tried again,", () => {
  test.each(BATCHINGS)("end as without batches in %s, and no attempt runs twice", async (_, config) => {
    const runs = new Runs();
    const run = await runOurs(async (_input, context) => {
      const map = await context.map("m", indexes(7), (item, n) => flaky(item, 1 + (n % 2), runs, `${n}`), config);
      await context.wait({ seconds: 1 });
      return map.getResults();
    });
    expect(run.result).toEqual(indexes(7).map(String));
    expect(new Set(Object.values(runs.all))).toEqual(new Set([1]));
  });

  test("a thousand of them in batches of a hundred, ten at once", async () => {
    const runs = new Runs();
    const run = await runOurs(async (_, context) => {
      const body = (item: DurableContext, n: number) => flaky(item, n % 10 === 0 ? 1 : 0, runs, `${n}`);
      return (await context.map("m", indexes(1_000), body, { batch: 100, maxConcurrency: 10 })).successCount;
    });
    expect(run.result).toBe(1_000);
    expect(new Set(Object.values(runs.all))).toEqual(new Set([1]));
  });
});

test.each(
  ["in this process", "after a suspension"].flatMap((where) => [false, 7, 100].map((batch) => [batch, where] as const)),
)("what is due at once goes on in its order (batch: %s, %s)", async (batch, where) => {
  const order: number[] = [];
  const run = await runOurs(async (_, context) => {
    const body = (item: DurableContext, n: number) =>
      item.step(async ({ attempt }) => {
        if (attempt === 1) throw new Error("not yet");
        order.push(n);
      }, later(1));
    // While a neighbour works, the retries are due in this process.
    const busy = where === "in this process" ? context.step(() => pause(1_300)) : undefined;
    const map = await context.map("m", indexes(60), body, { batch: batch as number, concurrency: 2 });
    await busy;
    return map.successCount;
  });
  expect(run.result).toBe(60);
  expect(order).toEqual(indexes(60));
});

describe("what is due a little earlier goes on earlier, although a batch wakes once for both:", () => {
  const pay = (item: DurableContext, seconds: number, runs: string[]) =>
    item.step(async ({ attempt }) => {
      if (attempt === 1) throw new Error("busy");
      await pause(30);
      runs.push("paid");
      return "paid";
    }, later(seconds));
  const timeOut = (item: DurableContext, seconds: number) => item.wait({ seconds }).then(() => "TIMEOUT");
  const races: Record<string, (item: DurableContext, runs: string[]) => PromiseLike<string>> = {
    "a retry before a time-out": (item, runs) => item.promise.race([timeOut(item, 20) as never, pay(item, 18, runs)]),
    "a time-out before a retry": (item, runs) => item.promise.race([pay(item, 20, runs), timeOut(item, 18) as never]),
    "a wait before another one": (item) =>
      Promise.race([timeOut(item, 20), item.wait({ seconds: 17 }).then(() => "first")]),
    "two waits in a row before a time-out": (item) =>
      Promise.race([
        timeOut(item, 20),
        item.runInChildContext(async (child) => {
          await child.wait({ seconds: 9 });
          await child.wait({ seconds: 9 });
          return "first";
        }),
      ]),
  };

  test.each(Object.keys(races).flatMap((name) => [1, 3, 100].map((batch) => [name, batch] as const)))(
    "%s, batch: %i",
    async (name, batch) => {
      const results = async (config: object) => {
        const runs: string[] = [];
        const run = await runOurs(async (_, context) => {
          const body = async (item: DurableContext) => await races[name]?.(item, runs);
          return (await context.map("m", indexes(3), body, config)).getResults();
        });
        return run.result;
      };
      expect(await results({ batch })).toEqual(await results({}));
    },
  );

  test.each([3, 100])("the items of a map that ends with the first of them, batch: %i", async (batch) => {
    const run = await runOurs(async (_, context) => {
      const body = async (item: DurableContext, seconds: number) => {
        await item.wait({ seconds });
        return seconds;
      };
      const config = { batch, completionConfig: { minSuccessful: 1 } };
      return (await context.map("m", [20, 19, 18, 17], body, config)).getResults();
    });
    expect(run.result).toEqual([17]);
  });
});

describe("a batch is no barrier between its items:", () => {
  const pauses: Record<string, (context: DurableContext, runs: Runs, n: number) => PromiseLike<unknown>> = {
    "a retried step": (context, runs, n) => flaky(context, 1, runs, `${n}`),
    "a wait": (context) => context.wait({ seconds: 1 }),
    "a child context with a retried step": (context, runs, n) =>
      context.runInChildContext((child) => flaky(child, 1, runs, `${n}`)),
    "a map with waits": (context) => context.map([1, 2], (inner) => Promise.resolve(inner.wait({ seconds: 1 }))),
  };

  test.each(Object.keys(pauses))("one after the other by a limiter of theirs, each with %s", async (name) => {
    const runs = new Runs();
    const run = await runOurs(async (_, context) => {
      const one = pLimit(1);
      const body = (item: DurableContext, n: number) => one(async () => void (await pauses[name]?.(item, runs, n)));
      return (await context.map(indexes(4), body, { batch: 10 })).successCount;
    });
    expect(run.result).toBe(4);
  });

  // PM3, S3
  test.each(Object.keys(pauses))("one awaits what its neighbour resolves behind %s", async (name) => {
    const runs = new Runs();
    const run = await runOurs(async (_, context) => {
      let open = (_: unknown): void => {};
      const gate = new Promise((resolve) => {
        open = resolve;
      });
      const body = async (item: DurableContext, n: number) => {
        if (n === 1) return gate;
        await pauses[name]?.(item, runs, n);
        open("opened");
        return "opens";
      };
      return (await context.map(indexes(2), body, { batch: 10 })).getResults();
    });
    expect(run.result).toEqual(["opens", "opened"]);
  });

  test.each(["an item", "a child context of an item"])(
    "a retry in %s goes on in process after its delay, while a neighbour is at work",
    async (where) => {
      const runs = new Runs();
      const run = await runOurs(async (_, context) => {
        let open = (_: unknown): void => {};
        const gate = new Promise((resolve) => {
          open = resolve;
        });
        const body = async (item: DurableContext, n: number) => {
          // Works until the other one has been tried again.
          if (n === 1) return item.step("busy", async () => void (await gate));
          const retried = (inner: DurableContext) => flaky(inner, 1, runs, "retried").then(open);
          return where === "an item" ? retried(item) : item.runInChildContext(retried);
        };
        return (await context.map(indexes(2), body, { batch: 2 })).successCount;
      });
      expect(run.result).toBe(2);
      expect(run.invocations).toHaveLength(1);
      expect(runs.of("retried attempt 2")).toBe(1);
    },
    10_000,
  );
});

describe("an invocation suspends at once when the items of a batch await", () => {
  const begun: Record<string, (context: DurableContext, engine: () => LocalEngine) => PromiseLike<unknown>> = {
    "a wait begun before the map": (context) => context.wait("t", { minutes: 5 }),
    "a retried step begun before the map": (context) => flaky(context, 1, new Runs(), "t", 300),
    "a child context begun before the map": (context) =>
      context.runInChildContext(async (child) => void (await child.wait({ minutes: 5 }))),
    "a callback begun before the map": async (context, engine) => {
      const [promise, id] = await context.createCallback("c", { timeout: { minutes: 5 } });
      await context.step(async () => engine().holdCallback(id)());
      return promise.catch(() => "timed out");
    },
  };

  test.each(Object.keys(begun))("%s", async (name) => {
    let engine: LocalEngine | undefined;
    const run = await runOurs(
      async (_, context) => {
        const promise = Promise.resolve(begun[name]?.(context, () => engine as LocalEngine));
        const body = async (_item: DurableContext, n: number) => {
          await promise;
          return n;
        };
        return (await context.map(indexes(3), body, { batch: 3 })).getResults();
      },
      {
        onEngine: (found) => {
          engine = found;
        },
      },
    );
    expect(run.result).toEqual([0, 1, 2]);
    expect(run.invocations[0]?.output?.Status).toBe("PENDING");
    // What awaits something of somebody else makes its batch wake for nothing.
    expect(run.updates.filter(({ Action, SubType }) => Action === "RETRY" && SubType === "MapBatch")).toEqual([]);
  });
});

/** Operations in all, each RETRY counted as one more, and bytes of payloads. */
function costOf({ updates }: Run) {
  const operations = new Set(updates.filter(({ Type }) => Type !== "EXECUTION").map(({ Id }) => Id)).size;
  const retries = updates.filter(({ Action }) => Action === "RETRY").length;
  const bytes = updates.reduce((sum, { Payload = "" }) => sum + Buffer.byteLength(Payload), 0);
  return { operations: operations + retries, bytes };
}

describe("a sleeping batch", () => {
  /** When each item's second attempt began, in virtual milliseconds after the first ones. */
  async function wakes(delays: readonly number[], batch: number) {
    const clock = new VirtualClock();
    const startMs = clock.now();
    const woke: number[] = [];
    const run = await runOurs(
      async (_, context) => {
        const body = (item: DurableContext, seconds: number, index: number) =>
          item.step(async ({ attempt }) => {
            if (attempt === 1) throw new Error("not yet");
            woke[index] = clock.now() - startMs;
          }, later(seconds));
        return (await context.map([...delays], body, { batch })).successCount;
      },
      { engine: { clock } },
    );
    expect(run.result).toBe(delays.length);
    return { woke, run };
  }

  test.each([
    [[10, 11, 12, 13, 14, 60, 61, 64, 66, 600, 604, 606], 20],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 10],
    [[3_600, 60, 1, 86_400], 4],
    [[40, 41, 42, 43, 44, 45, 46, 47, 48], 3],
  ])(
    "with items due after %j seconds wakes each in time: a quarter of its delay late at most, and 5 s",
    async (delays, batch) => {
      const { woke } = await wakes(delays, batch);
      for (const [index, seconds] of delays.entries()) {
        const ms = woke[index] ?? 0;
        // The service counts whole seconds.
        expect([seconds, ms >= seconds * 1_000 - 1_000]).toEqual([seconds, true]);
        expect([seconds, ms <= (seconds + Math.min(5, seconds / 4)) * 1_000 + 1_000]).toEqual([seconds, true]);
      }
    },
  );

  // L1
  test("wakes once for all that is due about the same time", async () => {
    const { run } = await wakes([60, 61, 62, 63, 64], 10);
    expect(run.invocations).toHaveLength(2);
  });

  test.each(["json", "compact"] as const)(
    "of 100 items that keep 4 kB each and fall due at 100 different seconds takes 45 operations and 2 MB at most (%s)",
    async (codec) => {
      const runs = new Runs();
      const run = await runOurs(
        async (_, context) => {
          const body = async (item: DurableContext, n: number) => {
            const kept = await item.step("keep", async () => {
              runs.note(`keep ${n}`);
              return noise(4_000, n);
            });
            await flaky(item, 1, runs, `${n}`, n + 1);
            return kept.length;
          };
          return (await context.map("m", indexes(100), body, { batch: 100 })).successCount;
        },
        { runtime: { codec } },
      );
      expect(run.result).toBe(100);
      expect(new Set(Object.values(runs.all))).toEqual(new Set([1]));
      const { operations, bytes } = costOf(run);
      expect(operations).toBeLessThanOrEqual(45);
      expect(bytes).toBeLessThanOrEqual(2_000_000);
    },
  );

  // D1, BL3
  test("asks once to be woken earlier, for an item that begins to wait while the batch is being put to sleep", async () => {
    let open = (_: unknown): void => {};
    const asleep = new Promise((resolve) => {
      open = resolve;
    });
    const run = await runOurs(
      async (_, context) => {
        const body = async (item: DurableContext, n: number) => {
          if (n === 0) return item.wait({ seconds: 20 });
          await asleep;
          return item.wait({ seconds: 3 });
        };
        return (await context.map("m", indexes(2), body, { batch: 2 })).successCount;
      },
      {
        onCheckpoint: async ({ forward, params }) => {
          if (params.Updates?.some(({ Action }) => Action === "RETRY")) open(undefined);
          await pause(20);
          return forward();
        },
      },
    );
    expect(run.result).toBe(2);
    const asked = batchUpdates(run).filter(({ Action, SubType }) => Action === "RETRY" && SubType === "MapBatchPart");
    expect(asked.map(({ StepOptions }) => StepOptions?.NextAttemptDelaySeconds)).toEqual([3]);
    expect(run.updates.filter(({ Type }) => Type === "WAIT")).toEqual([]);
  });

  test("wakes earlier for a wait that somebody awaits only after the batch was put to sleep for another item's time", async () => {
    const clock = new VirtualClock();
    const beganMs = clock.now();
    let engine: LocalEngine | undefined;
    let overMs = 0;
    let id = "";
    const run = await runOurs(
      async (_, context) => {
        const body = async (item: DurableContext) => {
          const soon = item.wait({ seconds: 3 });
          const [answer, callbackId] = await item.createCallback("answer");
          id = callbackId;
          await Promise.race([flaky(item, 1, new Runs(), "slow", 12), answer]);
          await soon;
          overMs = clock.now() - beganMs;
        };
        return (await context.map("m", [0], body, { batch: 10 })).successCount;
      },
      {
        engine: { clock },
        onEngine: (made) => {
          engine = made;
        },
        onCheckpoint: async ({ forward, params }) => {
          const answer = await forward();
          if (overMs === 0 && params.Updates?.some(({ Action }) => Action === "RETRY")) {
            engine?.completeCallback(id, "yes");
            overMs = 1;
          }
          return answer;
        },
      },
    );
    expect(run.result).toBe(1);
    expect(Math.round(overMs / 1_000)).toBeLessThanOrEqual(4);
  });

  test.each([undefined, Date.UTC(2030, 0)])("follows virtual time, from %s", async (startMs) => {
    const clock = new VirtualClock(startMs);
    const beganMs = clock.now();
    const seconds: number[] = [];
    const body = async (item: DurableContext, n: number) => {
      await item.wait({ seconds: [100, 3_600, 3_600, 200][n] as number });
      seconds[n] = Math.round((clock.now() - beganMs) / 10_000) * 10;
    };
    await runOurs(
      async (_, context) => (await context.map("m", indexes(4), body, { batch: 2, maxConcurrency: 3 })).successCount,
      { engine: { clock } },
    );
    expect(seconds).toEqual([100, 3_600, 3_600, 300]);
  });

  test.each([150, 1_000, 4_000])(
    "keeps a long wait on time, if each of many invocations begins %d ms late",
    async (ms) => {
      const clock = new VirtualClock();
      let beganMs = 0;
      let lateMs: number | undefined;
      const body = async (item: DurableContext, n: number) => {
        if (n === 0) {
          beganMs ||= clock.now();
          await item.wait({ seconds: 600 });
          lateMs = clock.now() - beganMs - 600_000;
          return;
        }
        await item.waitForCondition(async (state) => state + 1, {
          initialState: 0,
          waitStrategy: () => ({ shouldContinue: lateMs === undefined, delay: { seconds: 2 } }),
        });
      };
      const run = await runOurs(
        async (_, context) => {
          clock.advance(ms);
          return (await context.map("m", indexes(2), body, { batch: 2 })).successCount;
        },
        { engine: { clock } },
      );
      expect(run.result).toBe(2);
      expect(run.invocations.length).toBeGreaterThan(90);
      // The wait of the condition, a whole second, and the beginning of the last invocation.
      expect(lateMs).toBeLessThanOrEqual(2_000 + 1_000 + ms);
    },
  );

  test("that one item makes poll for a day does not write its ended items again and again", async () => {
    const run = await runOurs(async (_, context) => {
      const body = async (item: DurableContext, n: number) => {
        if (n > 0) return noise(2_000, n);
        return item.waitForCondition(async (state) => state + 1, {
          initialState: 0,
          waitStrategy: (state) =>
            state < 200 ? { shouldContinue: true, delay: { minutes: 7 } } : { shouldContinue: false },
        });
      };
      return (await context.map("m", indexes(100), body, { batch: 100 })).getResults()[0];
    });
    expect(run.result).toBe(200);
    expect(costOf(run).bytes).toBeLessThan(500_000);
  });
});

test("a batch that its map left asleep is not begun again when the map's large result is made again", async () => {
  const run = await runOurs(async (_, context) => {
    const { all } = await context.map(
      "map",
      [2, 2, 5, 5, 5],
      async (item, seconds) => {
        await item.wait({ seconds });
        return item.step(async () => "x".repeat(200_000));
      },
      { batch: 1, concurrency: 1, completionConfig: { minSuccessful: 2 } },
    );
    await context.wait({ seconds: 10 });
    return all.map(({ status, result }) => result?.length ?? status);
  });
  expect(run.result).toEqual([200_000, 200_000, "STARTED", "STARTED", "STARTED"]);
  const names = run.invocations.map(({ requests }) => requests.flat().map(({ Name, Action }) => `${Name} ${Action}`));
  const ended = names.findIndex((updates) => updates.includes("map SUCCEED"));
  expect(names.slice(ended + 1).flat()).toEqual([]);
});

describe("while a batch sleeps for a long wait of one item, and another item goes on after an answer from outside,", () => {
  /** The answer takes real time, so that the batch sleeps before. */
  const answering: Partial<OurOptions> = {
    onEngine: (engine) => engine.registerFunction("outside", (ms) => pause(ms as number).then(() => "answer")),
  };
  const ofParts = (run: Run) => run.operations.filter(({ SubType }) => SubType === "MapBatchPart").length;
  const poll = (item: DurableContext, times: number, size = 0) =>
    item.waitForCondition(async ({ count }) => ({ count: count + 1, noise: noise(size, count) }), {
      initialState: { count: 0, noise: "" },
      waitStrategy: ({ count }) =>
        count < times ? { shouldContinue: true, delay: { seconds: 2 } } : { shouldContinue: false },
    });

  // SP1
  test.each([10, 40])("%d polls of that item cost one operation", async (times) => {
    const run = await runOurs(async (_, context) => {
      const body = async (item: DurableContext, n: number) => {
        if (n === 0) return item.wait({ hours: 12 });
        await item.invoke("outside", 30);
        return (await poll(item, times)).count;
      };
      return (await context.map("m", indexes(2), body, { batch: 2 })).getResults();
    }, answering);
    expect(run.result).toEqual([times]);
    // One before the invoke, one that sleeps, one with the end of the item.
    expect(ofParts(run)).toBe(3);
    expect(run.operations.filter(({ Type }) => Type === "WAIT")).toEqual([]);
  });

  // SP1
  test("delays within delays within delays cost one operation each", async () => {
    const run = await runOurs(async (_, context) => {
      const outside = [20, 80, 160, 260].map((ms) => context.invoke("outside", ms));
      const body = async (item: DurableContext, n: number) => {
        if (n === 0) return item.wait({ hours: 12 });
        await outside[n - 1];
        if (n < 4) return item.wait({ hours: 12 - 3 * n });
        return (await poll(item, 20)).count;
      };
      return (await context.map("m", indexes(5), body, { batch: 5 })).getResults();
    }, answering);
    expect(run.result).toEqual([20]);
    expect(ofParts(run)).toBeLessThanOrEqual(8);
    expect(run.operations.filter(({ Type }) => Type === "WAIT")).toEqual([]);
  });

  test.each([
    ["beside such an item", 1],
    ["without such an item", 0],
  ])("the results of other steps are not written again and again with each poll, %s", async (_, sleepers) => {
    const bytes = async (batch: number | false) => {
      const run = await runOurs(async (_, context) => {
        const body = async (item: DurableContext, n: number) => {
          if (n < sleepers) return item.wait({ hours: 12 });
          await item.invoke("outside", 30);
          await item.step(async () => noise(3_000, n));
          return (await poll(item, 60, 1_000)).count;
        };
        return (await context.map("m", indexes(1 + sleepers), body, { batch })).getResults();
      }, answering);
      expect(run.result).toEqual([60]);
      expect(ofParts(run)).toBeLessThan(6);
      return costOf(run).bytes;
    };
    expect(await bytes(2)).toBeLessThan(2 * (await bytes(false)));
  });

  test("and more items go on meanwhile, each attempt runs once, and results are as without batches", async () => {
    const results = async (config: object) => {
      const runs = new Runs();
      const run = await runOurs(async (_, context) => {
        const body = async (item: DurableContext, n: number) => {
          if (n === 0) return item.wait({ hours: 12 });
          await item.invoke("outside", n * 15);
          const paid = await flaky(item, 3, runs, `pay ${n}`, 1 + (n % 4));
          await item.wait({ seconds: n });
          return [paid, await flaky(item, n % 3, runs, `mail ${n}`)];
        };
        return (await context.map("m", indexes(12), body, config)).getResults();
      }, answering);
      expect(new Set(Object.values(runs.all))).toEqual(new Set([1]));
      return { result: run.result, operations: run.operations.length };
    };
    const [unbatched, batched] = [await results({}), await results({ batch: 12 })];
    expect(batched.result).toEqual(unbatched.result);
    expect(batched.operations).toBeLessThan(unbatched.operations);
  });
});
