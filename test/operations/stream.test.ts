import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type CompletionItemStatus,
  type CompletionStatus,
  createRetryStrategy,
  type DurableContext,
  DurableExecutionClientError,
  defaultSerdes,
  type MapConfig,
} from "../../src/index.ts";
import { type CheckpointCall, type Handler, replay, runOurs } from "../support/service.ts";

function* numbers(count: number): Generator<number> {
  for (let n = 0; n < count; n++) yield n;
}

async function* pages(count: number, size: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) {
    if (n % size === 0) await new Promise((resolve) => setImmediate(resolve));
    yield n;
  }
}

const double = (item: { step: <T>(fn: () => Promise<T>) => PromiseLike<T> }, n: number) =>
  Promise.resolve(item.step(async () => n * 2));

const sum = { reduce: (total: number, n: number) => total + n, initial: 0 };

/** Cuts the invocation off after so many of its requests. */
function cutAfter(requests: number) {
  let left = requests;
  return async ({ forward }: CheckpointCall) => {
    const answer = await forward();
    if (--left === 0) throw new DurableExecutionClientError("cut off");
    return answer;
  };
}

const never = { retryStrategy: () => ({ shouldRetry: false }) };

const engine = { invocation: { retryPauseMs: 0 } };

describe("items that are read one after the other", () => {
  test.each([0, 1, 7, 10, 23])(
    "%i items of a generator, and of an async one, come to what an array comes to",
    async (count) => {
      const run = (items: () => Iterable<number> | AsyncIterable<number>) =>
        runOurs(async (_, context) => {
          const batch = await context.map("map", items() as Iterable<number>, double, { batch: 5 });
          return { all: batch.all, reason: batch.completionReason, total: batch.totalCount };
        });
      const expected = (await run(() => [...numbers(count)])).result;
      const generated = await run(() => numbers(count));
      expect(generated.result).toEqual(expected);
      expect((await run(() => pages(count, 3))).result).toEqual(expected);
      const batches = generated.operations.filter(({ SubType }) => SubType === "MapBatch");
      expect(batches).toHaveLength(Math.ceil(count / 5));
    },
  );

  test("the lines of a file, in batches of 100 unless told otherwise", async () => {
    const folder = mkdtempSync(join(tmpdir(), "durable-fanout-lines-"));
    const file = join(folder, "lines.txt");
    writeFileSync(file, [...numbers(250)].map((n) => `line ${n}`).join("\n"));
    try {
      const run = await runOurs(async (_, context) => {
        const handle = await open(file);
        const batch = await context.map("lines", handle.readLines(), async (_item, line) => line.length);
        return [batch.totalCount, batch.getResults().reduce((a, b) => a + b)];
      });
      expect(run.result).toEqual([250, [...numbers(250)].map((n) => `line ${n}`.length).reduce((a, b) => a + b)]);
      const names = run.operations.filter(({ SubType }) => SubType === "MapBatch").map(({ Name }) => Name);
      expect(names).toEqual(["lines[0..99]", "lines[100..199]", "lines[200..249]"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("they are read as they are needed, and not at all when the map is finished", async () => {
    let read = 0;
    let closed = 0;
    function* counted(): Generator<number> {
      try {
        for (let n = 0; n < 1_000_000; n++) {
          read++;
          yield n;
        }
      } finally {
        closed++;
      }
    }
    const handler: Handler = async (_, context) => {
      const config: MapConfig<number, number> = {
        batch: 10,
        maxConcurrency: 2,
        completionConfig: { minSuccessful: 25 },
      };
      const batch = await context.map("map", counted(), double, config);
      await context.wait({ seconds: 1 });
      return [batch.completionReason, batch.successCount];
    };
    const run = await runOurs(handler);
    expect(run.result).toEqual(["MIN_SUCCESSFUL_REACHED", 25]);
    expect(read).toBeLessThanOrEqual(60);
    expect(closed).toBe(1);
    expect(run.invocations).toHaveLength(2);
    const before = read;
    expect((await replay(handler, run)).requests).toEqual([]);
    expect(read).toBe(before);
  });

  test("an execution that was cut off reads them again, and runs only what is not recorded", async () => {
    const ran = new Map<number, number>();
    const run = await runOurs(
      async (_, context) => {
        const batch = await context.map(
          "map",
          pages(60, 7),
          async (item, n) =>
            item.step(async () => {
              ran.set(n, (ran.get(n) ?? 0) + 1);
              await new Promise((resolve) => setTimeout(resolve, 1));
              return n;
            }),
          { batch: 10, maxConcurrency: 2 },
        );
        return batch.getResults();
      },
      { onCheckpoint: cutAfter(6), engine },
    );
    expect(run.result).toEqual([...numbers(60)]);
    expect(run.invocations).toHaveLength(2);
    const recorded = run.invocations[1]?.recorded.filter(
      ({ Status, Type }) => Type === "STEP" && Status === "SUCCEEDED",
    );
    expect(recorded?.length).toBeGreaterThan(0);
    for (const n of numbers((recorded?.length ?? 0) * 10)) expect([n, ran.get(n)]).toEqual([n, 1]);
  });

  test.each([
    ["with another item", (n: number) => (n === 3 ? -1 : n), 60, "items 0 to 9 are not the recorded items"],
    ["with fewer items", (n: number) => n, 4, "it ends after 4 items, and 10 are recorded"],
  ])("a source that comes back %s ends the execution, and says what differs", async (_what, change, count, message) => {
    let invocations = 0;
    const run = await runOurs(
      async (_, context) => {
        const again = invocations++ > 0;
        const items = [...numbers(again ? count : 60)].map((n) => (again ? change(n) : n)).values();
        const slow = () => new Promise((resolve) => setTimeout(resolve, 1));
        await context.map("map", items, (item) => item.step(slow), { batch: 10, maxConcurrency: 2 });
      },
      { onCheckpoint: cutAfter(6), engine },
    );
    expect(run.outcome.status).toBe("FAILED");
    expect(run.outcome.error).toMatchObject({ ErrorType: "NonDeterministicExecutionError" });
    expect(run.outcome.error?.ErrorMessage).toContain(`The items of map "map" have changed`);
    expect(run.outcome.error?.ErrorMessage).toContain(message);
  });

  test.each([10, 15])("an array of 20 that comes back with %i items ends the execution", async (count) => {
    let invocations = 0;
    const run = await runOurs(
      async (_, context) => {
        const items = [...numbers(invocations++ > 0 ? count : 20)];
        const wait = (item: DurableContext, n: number) => item.wait({ seconds: n + 1 });
        return (await context.map("map", items, wait, { batch: 10 })).successCount;
      },
      { engine },
    );
    expect(run.outcome.status).toBe("FAILED");
    expect(run.outcome.error).toMatchObject({
      ErrorType: "NonDeterministicExecutionError",
      ErrorMessage: expect.stringContaining(`it ends after ${count} items, and 20 are recorded`),
    });
  });

  test("an array that comes back shorter when its map has ended changes nothing", async () => {
    let invocations = 0;
    const run = await runOurs(
      async (_, context) => {
        const items = [...numbers(invocations++ > 0 ? 10 : 20)];
        const batch = await context.map("map", items, async (_item, n) => "x".repeat(n), { batch: 10 });
        await context.wait({ seconds: 1 });
        return batch.successCount;
      },
      { engine, runtime: { quotas: { payloadBytes: 1_024 } } },
    );
    expect([run.result, run.invocations.length]).toEqual([20, 2]);
  });

  test.each([
    ["minSuccessful", { minSuccessful: 2 }],
    [
      "a policy that looks at the items",
      {
        shouldComplete: ({ totalCount, items }: CompletionStatus) => ({
          complete: totalCount > 1 && items[0]?.status === "SUCCEEDED" && items[1]?.status === "SUCCEEDED",
        }),
      },
    ],
  ])(
    "an endless source, without batches and with a result over the size limit, is read as far as before: %s",
    async (_name, completionConfig) => {
      let read = 0;
      function* endless(): Generator<number> {
        for (let n = 0; n < 1_000; n++) {
          read++;
          yield n;
        }
        throw new RangeError("It was read to the end.");
      }
      const run = await runOurs(
        async (_, context) => {
          const text = async (_item: DurableContext, n: number) => `${n}`.padEnd(900, "x");
          const config = { batch: false as const, maxConcurrency: 1, completionConfig: completionConfig as never };
          const batch = await context.map("map", endless(), text, config);
          read = 0;
          await context.wait({ seconds: 1 });
          return batch.getResults().map((result) => result.length);
        },
        { engine, runtime: { quotas: { payloadBytes: 1_024 } } },
      );
      expect(run.result).toEqual([900, 900]);
      expect(run.invocations).toHaveLength(2);
      expect(read).toBeLessThanOrEqual(4);
    },
  );

  test("a source that throws fails the map with its error", async () => {
    function* broken(): Generator<number> {
      yield 1;
      throw new RangeError("page 2 is gone");
    }
    const run = await runOurs(async (_, context) => {
      const error = await context.map("map", broken(), double, { batch: 1 }).then(
        () => undefined,
        (thrown: unknown) => thrown as Error,
      );
      return [error?.name, error?.message, (error?.cause as Error | undefined)?.cause?.toString()];
    });
    expect(run.result).toEqual(["ChildContextError", "page 2 is gone", "RangeError: page 2 is gone"]);
  });

  test.each([
    [{ batch: 100 }, []],
    [{ batch: 2 }, [0, 1]],
    [{ batch: false as const }, [0, 1, 2]],
  ])("of the batch that a source throws in nothing runs, with %j", async (config, expected) => {
    const began: number[] = [];
    async function* broken(): AsyncGenerator<number> {
      yield* numbers(3);
      throw new RangeError("page 2 is gone");
    }
    const run = await runOurs(async (_, context) =>
      context
        .map("map", broken(), async (_item, n) => void began.push(n), config)
        .catch((error: Error) => error.message),
    );
    expect([run.result, began]).toEqual(["page 2 is gone", expected]);
  });

  test("policies: a share of failures is judged at the end, a predicate sees what has been read", async () => {
    const run = await runOurs(async (_, context) => {
      const fail = async (_item: unknown, n: number) => {
        if (n < 3) throw new Error("no");
        return n;
      };
      const share = await context.map("share", numbers(20), fail, {
        batch: 5,
        completionConfig: { toleratedFailurePercentage: 10 },
      });
      const seen: number[] = [];
      const custom = await context.map("custom", numbers(20), double, {
        batch: 5,
        maxConcurrency: 1,
        completionConfig: {
          shouldComplete: ({ completedCount, items, totalCount }) => {
            seen.push(totalCount - items.length);
            return { complete: completedCount === 7 };
          },
        },
      });
      return [share.completionReason, share.totalCount, custom.totalCount, new Set(seen).size];
    });
    expect(run.result).toEqual(["FAILURE_TOLERANCE_EXCEEDED", 20, 7, 1]);
  });
});

describe("what a map collects", () => {
  const retryStrategy = createRetryStrategy({ maxAttempts: 2, initialDelay: { seconds: 1 }, jitter: "NONE" });

  test.each([
    ["an array", () => [...numbers(50)]],
    ["a generator", () => numbers(50)],
  ])("one value of %s, in the order of the items, whatever ran first", async (_what, items) => {
    const handler: Handler = async (_, context) => {
      const batch = await context.map(
        "map",
        items(),
        async (item, n) =>
          item.step(
            async ({ attempt }) => {
              if (n % 10 === 4 && attempt === 1) throw new Error("later");
              if (n === 7) throw new Error("never");
              return `${n}`;
            },
            { retryStrategy: n === 7 ? () => ({ shouldRetry: false }) : retryStrategy },
          ),
        {
          batch: 8,
          completionConfig: { toleratedFailureCount: 1 },
          collect: { reduce: (text: string, result) => `${text} ${result}`, initial: "" },
        },
      );
      await context.wait({ seconds: 1 });
      const { reduced } = batch;
      return {
        reduced,
        counts: [batch.successCount, batch.failureCount, batch.totalCount],
        all: batch.all.map(({ index }) => index),
      };
    };
    const run = await runOurs(handler);
    const expected = [...numbers(50)].filter((n) => n !== 7).reduce((text, n) => `${text} ${n}`, "");
    expect(run.result).toEqual({ reduced: expected, counts: [49, 1, 50], all: [7] });
    expect(await replay(handler, run)).toEqual({
      output: { Status: "SUCCEEDED", Result: run.outcome.result },
      requests: [],
    });
  });

  test("failures alone: the map's own payload has nothing else", async () => {
    const run = await runOurs(async (_, context) => {
      const batch = await context.map(
        "map",
        numbers(40),
        async (_item, n) => {
          if (n % 20 === 0) throw new Error(`no ${n}`);
          return "x".repeat(100);
        },
        { batch: 10, collect: "failures", completionConfig: { toleratedFailureCount: 5 } },
      );
      return [batch.getResults(), batch.getErrors().map(({ message }) => message), batch.successCount, batch.status];
    });
    expect(run.result).toEqual([[], ["no 0", "no 20"], 38, "FAILED"]);
    const payload = run.updates.findLast(({ SubType }) => SubType === "Map")?.Payload as string;
    expect(payload).not.toContain("xxx");
    expect(JSON.parse(payload)).toMatchObject({ uncollected: 38, completionReason: "ALL_COMPLETED" });
  });

  test("a reduction that is cut off begins again, and ends the same", async () => {
    const run = await runOurs(
      async (_, context) => {
        const slow = async (n: number) => {
          await new Promise((resolve) => setTimeout(resolve, 1));
          return n;
        };
        const batch = await context.map("map", pages(60, 9), (item, n) => item.step(() => slow(n)), {
          batch: 10,
          maxConcurrency: 3,
          collect: sum,
        });
        return batch.reduced;
      },
      { onCheckpoint: cutAfter(6), engine },
    );
    expect(run.invocations).toHaveLength(2);
    expect(run.result).toBe((59 * 60) / 2);
  });

  test.each([
    ["a map", {}],
    ["a FLAT map", { nesting: "FLAT" }],
    ["a map in batches", { batch: 3 }],
  ] as const)("of %s that ended early and is over the limit: a replay gives the same", async (_what, config) => {
    for (const collect of ["failures", { reduce: (text: string, part: string) => text + part, initial: "" }] as const) {
      const seen: unknown[] = [];
      const quotas = { payloadBytes: 2_048 };
      const handler: Handler = async (_, context) => {
        const batch = await context.map(
          "map",
          [...numbers(8)],
          async (item, n) => {
            if (n === 6) await item.wait({ hours: 1 });
            return item.step(async () => {
              if (n === 1) throw new Error("e".repeat(900));
              return `${n}`.repeat(300);
            }, never);
          },
          {
            ...config,
            collect: collect as "failures",
            completionConfig: { toleratedFailureCount: 0 },
          },
        );
        const { reduced, all, completionReason, successCount, totalCount } = batch as never as Record<string, unknown>;
        seen.push(JSON.stringify([reduced, all, completionReason, successCount, totalCount]));
        await context.wait({ seconds: 1 });
        return totalCount;
      };
      const run = await runOurs(handler, { runtime: { quotas }, engine: { quotas } });
      expect(run.outcome.status).toBe("SUCCEEDED");
      expect(run.operations.find(({ SubType }) => SubType === "Map")?.ContextDetails?.ReplayChildren).toBe(true);
      expect(seen.length).toBeGreaterThan(1);
      expect(new Set(seen).size).toBe(1);
    }
  });

  test("a reduction that throws fails the map", async () => {
    const run = await runOurs(async (_, context) => {
      const reduce = () => {
        throw new RangeError("too much");
      };
      return context
        .map("map", [1, 2], async (_item, n) => n, { collect: { reduce, initial: 0 } })
        .catch((error: unknown) => (error as Error).message);
    });
    expect(run.result).toBe("too much");
  });

  test.each([
    [{ collect: "everything" }, 'The collect of map "m" is'],
    [{ collect: { reduce: 1, initial: 0 } }, 'The collect of map "m" is'],
  ])("%j is refused before anything is written", async (config, message) => {
    const run = await runOurs(async (_, context) => {
      await context.map("m", [1], async () => 1, config as never);
    });
    expect(run.outcome.error?.ErrorMessage).toContain(message);
    expect(run.updates).toEqual([]);
  });

  test.each([
    ["a generator", () => numbers(30)],
    ["an async generator", () => pages(30, 7)],
    ["an array", () => [...numbers(30)]],
  ])("%s whose items have operations of their own, as it does in batches", async (_what, items) => {
    const run = (batch: number | false, collect: "all" | "failures" | typeof sum) =>
      runOurs(async (_, context) => {
        const batches = await context.map(
          "map",
          items() as Iterable<number>,
          async (item, n) => {
            const value = await double(item, n);
            await item.wait({ seconds: 1 });
            if (n === 7) throw new Error("no 7");
            return value;
          },
          { batch, collect: collect as "all", maxConcurrency: 4, completionConfig: { toleratedFailureCount: 1 } },
        );
        const { reduced } = batches as { reduced?: number };
        return [batches.getResults(), batches.getErrors().map(({ message }) => message), batches.totalCount, reduced];
      });
    for (const collect of ["all", "failures", sum] as const) {
      const own = await run(false, collect);
      expect(own.result).toEqual((await run(10, collect)).result);
      expect(own.operations.filter(({ SubType }) => SubType === "MapIteration")).toHaveLength(30);
      expect(own.operations.some(({ SubType }) => SubType === "MapBatch")).toBe(false);
    }
  });

  test.each([false, 1, 3] as const)("a custom policy gets the names of the items (batch: %s)", async (batch) => {
    const asked: string[] = [];
    const statusOf = ({ name, status }: CompletionItemStatus) => `${name} ${status ?? "-"}`;
    const run = await runOurs(async (_, context) => {
      const batches = await context.map(
        "map",
        pages(7, 2) as unknown as Iterable<number>,
        async (item, n) => {
          const value = await double(item, n);
          if (n === 4) await item.wait({ seconds: 5 });
          return value;
        },
        {
          batch,
          maxConcurrency: 2,
          itemNamer: (n) => (n === 6 ? "" : `n${n.toFixed(0)}`),
          completionConfig: {
            shouldComplete: ({ items, completedCount }) => {
              asked.push(items.map(statusOf).join());
              return { complete: completedCount === 7 };
            },
          },
        },
      );
      return batches.getResults();
    });
    expect(run.result).toEqual([0, 2, 4, 6, 8, 10, 12]);
    const named = ["n0", "n1", "n2", "n3", "n4", "n5", "map-item-6"].map((name) => `${name} SUCCEEDED`);
    expect(asked.at(-1)).toBe(named.join());
    expect(asked.join()).not.toContain("undefined");
  });

  test.each([
    [{ runtime: { batch: false as const } }, false],
    [{ runtime: {} }, true],
  ])("are in batches unless the runtime says no: %j", async (options, isBatched) => {
    const run = await runOurs(async (_, context) => {
      return (await context.map("map", numbers(5), double, { collect: sum })).reduced;
    }, options);
    expect(run.result).toBe(20);
    expect(run.operations.some(({ SubType }) => SubType === "MapBatch")).toBe(isBatched);
  });

  test.each([false, 2] as const)("the source's own clean-up may fail, batch: %s", async (batch) => {
    const items = function* () {
      try {
        yield* numbers(9);
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: this is the mistake that the map must survive.
        throw new Error("clean-up failed");
      }
    };
    const run = await runOurs(async (_, context) => {
      const config = { batch, maxConcurrency: 1, completionConfig: { minSuccessful: 2 } };
      return (await context.map("map", items(), double, config)).getResults();
    });
    expect(run.result).toEqual([0, 2]);
  });

  test.each(["failures", sum] as const)(
    "what is collected passes through a serdes of the map (%j)",
    async (collect) => {
      const run = await runOurs(async (_, context) => {
        const config = { batch: 2, collect, serdes: defaultSerdes };
        const map = await context.map("map", numbers(4), double, config as object);
        return [map.successCount, map.totalCount, (map as { reduced?: number }).reduced ?? null];
      });
      expect(run.result).toEqual([4, 4, collect === "failures" ? null : 12]);
    },
  );

  test("a text is not a stream of characters", async () => {
    const run = await runOurs(async (_, context) => {
      await context.map("m", "text" as never, async () => 1);
    });
    expect(run.outcome.error?.ErrorMessage).toBe(
      'Map operation requires an array of items. The list of map "m" is "text"; it must be an array, or an iterable or ' +
        "async iterable object.",
    );
  });
});
