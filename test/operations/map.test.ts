import { describe, expect, test } from "vitest";
import type { BatchResult, ChildContextError, DurableContext } from "../../src/index.ts";
import { VirtualClock } from "../../src/testing.ts";
import { type Handler, invokeOver, replay, runOurs, withRuntime } from "../support/service.ts";

const never = () => ({ shouldRetry: false });
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const UNLIMITED_OPERATIONS = { quotas: { operations: Number.POSITIVE_INFINITY } };

const summary = (batch: BatchResult<unknown>) => [batch.completionReason, batch.successCount, batch.totalCount];

describe("a map", () => {
  test("gives results in the order of the items, however they end", async () => {
    const run = await runOurs(async (_, context) => {
      const batch = await context.map([30, 1, 15], async (_inner, ms) => {
        await pause(ms);
        return ms;
      });
      return batch.getResults();
    });
    expect(run.result).toEqual([30, 1, 15]);
  });

  test("runs each item once over suspensions, and replays without a request", async () => {
    const runs = new Map<number, number>();
    const handler: Handler = async (_, context) => {
      const batch = await context.map("m", upTo(5), async (inner, item) => {
        await inner.wait({ seconds: item + 1 });
        return inner.step(async () => {
          runs.set(item, (runs.get(item) ?? 0) + 1);
          return item * 10;
        });
      });
      return batch.getResults();
    };
    const run = await runOurs(handler);
    expect(run.result).toEqual([0, 10, 20, 30, 40]);
    expect([...runs.values()]).toEqual([1, 1, 1, 1, 1]);
    expect(run.invocations).toHaveLength(6);
    expect(await replay(handler, run)).toMatchObject({ requests: [] });
  });

  test("fails items, not itself; their errors are the same live and on replay", async () => {
    const seen: unknown[] = [];
    const handler: Handler = async (_, context) => {
      const batch = await context.map(
        "m",
        [1, 2],
        (inner, item) =>
          inner.step(
            async () => {
              if (item === 2) throw new RangeError("two");
              return item;
            },
            { retryStrategy: never },
          ),
        { completionConfig: { toleratedFailureCount: 1 } },
      );
      const error = batch.getErrors()[0] as ChildContextError;
      seen.push([error.name, error.message, error.cause?.name, batch.hasFailure, batch.status, JSON.stringify(batch)]);
      await context.wait({ seconds: 1 });
    };
    await replay(handler, await runOurs(handler));
    expect(seen).toHaveLength(3);
    expect(new Set(seen.map((entry) => JSON.stringify(entry))).size).toBe(1);
    expect((seen[0] as unknown[]).slice(0, 5)).toEqual(["ChildContextError", "two", "StepError", true, "FAILED"]);
  });

  test("of items that give nothing counts them, and leaves them out of the results; null stays", async () => {
    const run = await runOurs(async (_, context) => {
      const batch = await context.map([undefined, null, 0], async (_inner, item) => item);
      return [batch.successCount, batch.getResults(), batch.succeeded().length];
    });
    expect(run.result).toEqual([3, [null, 0], 2]);
  });

  test("throws its first failure on demand", async () => {
    const run = await runOurs(async (_, context) => {
      const batch = await context.map([1], async () => {
        throw new Error("first");
      });
      batch.throwIfError();
    });
    expect(run.outcome.error).toMatchObject({ ErrorType: "ChildContextError", ErrorMessage: "first" });
  });

  test("names its items, all before anything is written", async () => {
    const run = await runOurs(async (_, context) => {
      await context.map("m", ["a", "b"], async () => 1, { itemNamer: (item, index) => `${item}${index}` });
    });
    expect(
      run.updates.flatMap(({ SubType, Action, Name }) =>
        SubType === "MapIteration" && Action === "START" ? Name : [],
      ),
    ).toEqual(["a0", "b1"]);
    const failing = await runOurs(async (_, context) => {
      await context.map("m", ["a", "b"], async () => 1, {
        itemNamer: (item) => {
          if (item === "b") throw new Error("no name for b");
          return item;
        },
      });
    });
    expect(failing.outcome.error?.ErrorMessage).toBe("no name for b");
    expect(failing.updates).toEqual([]);
  });

  test.each([undefined, null, Number.POSITIVE_INFINITY])(
    "with maxConcurrency %s is not limited by it",
    async (maxConcurrency) => {
      let open = 0;
      let most = 0;
      await runOurs(async (_, context) => {
        await context.map(
          upTo(20),
          async () => {
            most = Math.max(most, ++open);
            await pause(5);
            open--;
          },
          { maxConcurrency: maxConcurrency as number },
        );
      });
      expect(most).toBe(20);
    },
  );
});

describe("maxConcurrency", () => {
  test.each([1, 2, 7])("%d bounds the items that are open, waiting ones included", async (maxConcurrency) => {
    const started: number[][] = [];
    const run = await runOurs(async (_, context) => {
      const here: number[] = [];
      started.push(here);
      await context.map(
        upTo(10),
        async (inner, item) => {
          here.push(item);
          await inner.wait({ seconds: 1 });
        },
        { maxConcurrency },
      );
    });
    expect(started[0]).toEqual(upTo(maxConcurrency));
    expect(run.updates.filter(({ Type }) => Type === "WAIT")).toHaveLength(10);
  });
});

describe("the window of a map without maxConcurrency", () => {
  // T1
  test("lets 1,000 waiting items begin before the invocation suspends", async () => {
    const run = await runOurs(
      async (_, context) => {
        await context.map("m", upTo(1_000), (inner) => inner.wait({ seconds: 60 }));
      },
      { runtime: { concurrency: 10 }, engine: UNLIMITED_OPERATIONS },
    );
    const waits = run.invocations.map(({ requests }) => requests.flat().filter(({ Type }) => Type === "WAIT").length);
    expect(waits).toEqual([1_000, 0]);
  });

  // PM1
  test("lets waiting items begin even where each first ran a step beside its wait", async () => {
    const run = await runOurs(
      async (_, context) => {
        await context.map("m", upTo(20), async (inner) => {
          await Promise.all([inner.step(() => pause(1)), inner.wait({ seconds: 60 })]);
        });
      },
      { runtime: { concurrency: 2 } },
    );
    const waits = run.invocations.map(({ requests }) => requests.flat().filter(({ Type }) => Type === "WAIT").length);
    expect(waits).toEqual([20, 0]);
  });

  // S2
  test("never has more bodies at work than it allows, over waits, retries and nested maps", async () => {
    let working = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++working);
      await pause(1);
      working--;
    };
    const run = await runOurs(
      async (_, context) => {
        const batch = await context.map("m", upTo(60), async (inner, item) => {
          await inner.step(work);
          await inner.wait({ seconds: 1 + (item % 3) });
          await inner.step(
            async ({ attempt }) => {
              await work();
              if (attempt === 1 && item % 4 === 0) throw new Error("once");
            },
            { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 1 } }) },
          );
          await inner.runInChildContext(async (child) => {
            await child.wait({ seconds: 1 });
            await child.step(work);
          });
        });
        return batch.successCount;
      },
      { runtime: { concurrency: 5 } },
    );
    expect(run.result).toBe(60);
    expect(most).toBe(5);
  });

  test("holds for items whose waits all end at once, in one invocation", async () => {
    // The service's clock is far behind the runtime's, so that the runtime asks for news at once.
    const clock = new VirtualClock(0);
    let working = 0;
    let waiting = 0;
    let ended = 0;
    let most = 0;
    const run = await runOurs(
      async (_, context) => {
        const alive = context.step("keeps the invocation alive", async () => {
          while (waiting < 12) await pause(5);
          while (ended < 12) {
            await pause(20);
            // Not once: on a slow machine a wait may be recorded after the clock was moved.
            clock.advance(5_000);
          }
        });
        const batch = await context.map("m", upTo(12), async (inner) => {
          waiting++;
          await inner.wait({ seconds: 5 });
          await inner.step(async () => {
            most = Math.max(most, ++working);
            await pause(2);
            working--;
            ended++;
          });
        });
        await alive;
        return batch.successCount;
      },
      { runtime: { concurrency: 3 }, engine: { clock }, hasOwnClock: true },
    );
    expect([run.result, run.invocations.length, most]).toEqual([12, 1, 3]);
  });

  test("does not hold back maps inside maps", async () => {
    const run = await runOurs(
      async (_, context) => {
        const batch = await context.map("outer", upTo(4), async (outer) => {
          const inner = await outer.map("inner", upTo(4), async (item) => {
            await item.wait({ seconds: 1 });
            return item.step(async () => 1);
          });
          return inner.successCount;
        });
        return batch.getResults();
      },
      { runtime: { concurrency: 1 } },
    );
    expect(run.result).toEqual([4, 4, 4, 4]);
    expect(run.invocations).toHaveLength(2);
  });

  // S4, F1
  test("pulls items: of 10,000 only a window is ever started when one success is enough", async () => {
    let touched = 0;
    const run = await runOurs(
      async (_, context) => {
        const batch = await context.map("m", upTo(10_000), async (inner, item) => inner.step(async () => item), {
          completionConfig: { minSuccessful: 1 },
          itemNamer: (item) => {
            touched++;
            return `item-${item}`;
          },
        });
        return summary(batch);
      },
      { runtime: { concurrency: 10 } },
    );
    expect(run.result).toEqual(["MIN_SUCCESSFUL_REACHED", 1, 10]);
    expect(run.operations.filter(({ SubType }) => SubType === "MapIteration").length).toBeLessThanOrEqual(20);
    // Names are made for all, since a namer may throw.
    expect(touched).toBe(10_000);
  });

  test("is 256 wide by default", async () => {
    let working = 0;
    let most = 0;
    await runOurs(
      async (_, context) => {
        await context.map(upTo(600), async () => {
          most = Math.max(most, ++working);
          await pause(5);
          working--;
        });
      },
      { engine: UNLIMITED_OPERATIONS },
    );
    expect(most).toBe(256);
  });
});

describe("a large result of a map", () => {
  const quotas = { payloadBytes: 1_024 };
  const options = { runtime: { quotas }, engine: { quotas } };

  test.each(["NESTED", "FLAT"] as const)("is rebuilt with all counts, %s", async (nesting) => {
    const bodies: number[] = [];
    const seen: string[] = [];
    const handler: Handler = async (_, context) => {
      const batch = await context.map(
        "m",
        upTo(6),
        async (inner: DurableContext, item) => {
          if (item === 5) await inner.wait({ seconds: 1_000 });
          return inner.step(
            async () => {
              bodies.push(item);
              if (item === 1) throw new RangeError("one");
              return `${item}`.repeat(500);
            },
            { retryStrategy: never },
          );
        },
        { nesting, completionConfig: { minSuccessful: 4 } },
      );
      seen.push(JSON.stringify([summary(batch), batch.failureCount, batch.startedCount, batch]));
      await context.wait({ seconds: 1 });
      return batch.all.map(({ status }) => status.slice(0, 2)).join(" ");
    };
    const run = await runOurs(handler, options);
    expect(run.result).toBe("SU FA SU SU SU ST");
    expect(run.updates.find(({ SubType, Action }) => SubType === "Map" && Action === "SUCCEED")).toMatchObject({
      ContextOptions: { ReplayChildren: true },
      Payload: expect.stringContaining('"itemStatuses":"SFSSS-"'),
    });
    await replay(handler, run, options);
    expect(new Set(seen).size).toBe(1);
    expect(bodies.sort()).toEqual([0, 1, 2, 3, 4]);
  });

  test("keeps the summary's words and the user's text beside them", async () => {
    const run = await runOurs(async (_, context) => {
      await context.map("m", upTo(3), async () => "x".repeat(600), {
        summaryGenerator: (batch) => `${batch.totalCount} texts`,
      });
    }, options);
    expect(JSON.parse(run.updates.at(-1)?.Payload as string)).toEqual({
      type: "MapResult",
      totalCount: 3,
      successCount: 3,
      failureCount: 0,
      completionReason: "ALL_COMPLETED",
      status: "SUCCEEDED",
      itemStatuses: "SSS",
      summary: "3 texts",
    });
  });

  test("keeps its reason, whatever the policy says by now", async () => {
    let invocation = 0;
    const run = await runOurs(async (_, context) => {
      invocation++;
      const batch = await context.map("m", upTo(3), async () => "x".repeat(600), {
        maxConcurrency: 1,
        completionConfig: invocation === 1 ? { minSuccessful: 2 } : {},
      });
      await context.wait({ seconds: 1 });
      return summary(batch);
    }, options);
    expect(run.result).toEqual(["MIN_SUCCESSFUL_REACHED", 2, 2]);
  });

  test("of an older version, without statuses, is rebuilt from the items' own records", async () => {
    const handler: Handler = async (_, context) => {
      const batch = await context.map("m", upTo(3), async (inner, item) => inner.step(async () => item));
      return [summary(batch), batch.getResults()];
    };
    const run = await runOurs(handler);
    const operations = run.operations
      .filter(({ Type }) => Type !== "EXECUTION")
      .map((operation) =>
        operation.SubType === "Map"
          ? { ...operation, ContextDetails: { ReplayChildren: true, Result: '{"type":"MapResult"}' } }
          : operation,
      );
    const { output, requests } = await invokeOver(withRuntime(handler), operations);
    expect(output).toMatchObject({
      Result: JSON.stringify([
        ["ALL_COMPLETED", 3, 3],
        [0, 1, 2],
      ]),
    });
    expect(requests).toEqual([]);
  });
});

describe("what the official SDK 2.4.0 gets wrong", () => {
  test("§18.1: a batch that ends early while a step runs does not keep the invocation from suspending", async () => {
    const run = await runOurs(async (_, context) => {
      const batch = await context.map(
        "m",
        [5, 0],
        (inner, ms) => inner.step(() => (ms === 0 ? pause(0) : new Promise(() => {}))),
        { completionConfig: { minSuccessful: 1 } },
      );
      await context.wait({ seconds: 1 });
      return batch.completionReason;
    });
    expect(run.result).toBe("MIN_SUCCESSFUL_REACHED");
    expect(run.invocations.map(({ output }) => output?.Status)).toEqual(["PENDING", "SUCCEEDED"]);
  });

  test("§18.8b: a predicate that throws later fails the batch", async () => {
    const run = await runOurs(async (_, context) => {
      const error = await context
        .map("m", upTo(3), async () => 1, {
          completionConfig: {
            shouldComplete: ({ completedCount }) => {
              if (completedCount === 2) throw new RangeError("undecided");
              return { complete: false };
            },
          },
        })
        .catch((thrown) => thrown);
      await context.wait({ seconds: 1 });
      return [(error as Error).name, (error as Error).message];
    });
    expect(run.result).toEqual(["ChildContextError", "undecided"]);
    expect(run.updates.find(({ SubType, Action }) => SubType === "Map" && Action === "FAIL")?.Error).toEqual({
      ErrorType: "RangeError",
      ErrorMessage: "undecided",
    });
  });

  test("§18.14: what a finished batch left behind is not kept until the invocation ends", async () => {
    const collected: number[] = [];
    const registry = new FinalizationRegistry<number>((id) => collected.push(id));
    const gc = (globalThis as { gc?: () => void }).gc ?? (await exposedGc());
    await runOurs(async (_, context) => {
      await context.map(
        upTo(50),
        async (inner, item) => {
          if (item === 0) return;
          const kept = { item };
          registry.register(kept, item);
          await inner.step(() => new Promise(() => {}));
          return kept;
        },
        { completionConfig: { minSuccessful: 1 } },
      );
      for (let turn = 0; turn < 20 && collected.length < 40; turn++) {
        await pause(5);
        gc();
      }
    });
    expect(collected.length).toBeGreaterThanOrEqual(40);
  });
});

async function exposedGc(): Promise<() => void> {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
