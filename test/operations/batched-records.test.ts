import { describe, expect, test } from "vitest";
import type { DurableContext, DurablePromise, MapConfig } from "../../src/index.ts";
import { indexes, later, noise, Runs } from "../support/batching.ts";
import { runOurs } from "../support/service.ts";

const forms: [string, Partial<MapConfig<number, unknown>>][] = [
  ["without batches", {}],
  ["in one batch", { batch: 100 }],
  ["in batches of two", { batch: 2 }],
];

const flaky = (context: DurableContext, name = "flaky") =>
  context.step(
    name,
    async ({ attempt }) => {
      if (attempt === 1) throw new Error("not yet");
      return name;
    },
    later(60),
  );

describe("what has succeeded in an item never runs again, however much that is:", () => {
  const payments: [string, (item: DurableContext, pay: () => string) => PromiseLike<string>][] = [
    ["in a step", (item, pay) => item.step("charge", async () => pay())],
    [
      "in an at-most-once step",
      (item, pay) => item.step("charge", async () => pay(), { semantics: "AT_MOST_ONCE_PER_RETRY" }),
    ],
    ["in a child context", (item, pay) => item.runInChildContext((child) => child.step("charge", async () => pay()))],
    [
      "in a map inside",
      async (item, pay) => (await item.map([1], (inner) => inner.step(async () => pay()))).getResults()[0] ?? "",
    ],
    [
      "in a condition",
      (item, pay) =>
        item.waitForCondition(async () => pay(), { initialState: "", waitStrategy: () => ({ shouldContinue: false }) }),
    ],
  ];

  // G1
  test.each(
    payments.flatMap(([where, make]) => (["json", "compact"] as const).map((codec) => [where, codec, make] as const)),
  )("4 kB of 100 items %s, before a retry after a minute (%s)", async (_where, codec, make) => {
    const runs = new Runs();
    const run = await runOurs(
      async (_, context) => {
        const body = async (item: DurableContext, n: number) => {
          const receipt = await make(item, () => {
            runs.note(`${n}`);
            return noise(4_000, n);
          });
          await flaky(item, "notify");
          return receipt === noise(4_000, n);
        };
        return (await context.map("m", indexes(100), body, { batch: 100 })).getResults();
      },
      { runtime: { codec } },
    );
    expect(run.result).toEqual(indexes(100).map(() => true));
    expect(Object.values(runs.all)).toEqual(indexes(100).map(() => 1));
    for (const { Payload = "" } of run.updates) expect(Buffer.byteLength(Payload)).toBeLessThanOrEqual(262_144);
  });

  test("an item that keeps more than 1 MB ends the map with an error that names the item and the limit", async () => {
    const run = await runOurs(async (_, context) => {
      const body = async (item: DurableContext, n: number) => {
        for (const at of indexes(n === 1 ? 12 : 1)) await item.step(async () => noise(100_000, at));
        await flaky(item);
      };
      return context.map("big", indexes(3), body, { batch: 10 }).catch((error: Error) => error.message);
    });
    expect(run.result).toMatch(
      /^Item 1 of map "big" keeps \d+ characters .* the limit is 1048576 for a running item of a batch\./,
    );
  });
});

describe("records hold text, not what user code has in its hands:", () => {
  const changes: Record<string, (item: DurableContext) => Promise<unknown>> = {
    "the result of a step": async (item) => {
      const value = await item.step(async () => ({ n: 1, list: [1] }));
      value.n++;
      value.list.push(2);
      await flaky(item);
      return value;
    },
    "the result of a child context": async (item) => {
      const value = await item.runInChildContext(async () => ({ n: 1 }));
      value.n++;
      await flaky(item);
      return value;
    },
    "the state of a condition": async (item) => {
      const value = await item.waitForCondition(
        async (state) => {
          state.n++;
          return state;
        },
        {
          initialState: { n: 0 },
          waitStrategy: (state) =>
            state.n < 3 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
        },
      );
      value.n += 10;
      await flaky(item);
      return value;
    },
    "the results of a map inside": async (item) => {
      const [value] = (await item.map([1], async () => ({ n: 1 }))).getResults() as [{ n: number }];
      value.n++;
      await flaky(item);
      return value;
    },
    "an error": async (item) => {
      const error = await item
        .step(async () => Promise.reject(new Error("no")), { retryStrategy: () => ({ shouldRetry: false }) })
        .catch((thrown: Error) => thrown);
      const { message } = error as Error;
      (error as Error).message += "!";
      await flaky(item);
      return message;
    },
  };

  // G2
  test.each(Object.keys(changes))("%s that is changed afterwards", async (what) => {
    const results = [];
    for (const [, config] of forms) {
      const body = (item: DurableContext) => changes[what]?.(item) as Promise<unknown>;
      const run = await runOurs(async (_, context) => (await context.map(indexes(3), body, config)).getResults());
      expect(run.invocations.length).toBeGreaterThan(1);
      results.push(run.result);
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});

describe("the winner stays the winner after a suspension:", () => {
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const contests: Record<string, (item: DurableContext, slow: DurablePromise<string>) => PromiseLike<unknown>> = {
    race: (item, slow) => item.promise.race([slow, item.step("fast", async () => "fast")]),
    any: (item, slow) => item.promise.any([slow, item.step("fast", async () => "fast")]),
    "race in a child context": (item, slow) =>
      item.runInChildContext((child) => child.promise.race([slow, child.step(async () => "fast")])),
  };

  test.each(Object.keys(contests).flatMap((contest) => forms.map((form) => [contest, ...form] as const)))(
    "%s, %s",
    async (contest, _form, config) => {
      const winners = new Set<unknown>();
      const run = await runOurs(async (_, context) => {
        const body = async (item: DurableContext) => {
          const slow = item.step("slow", () => pause(5).then(() => "slow"));
          const winner = await contests[contest]?.(item, slow);
          winners.add(winner);
          await slow;
          await flaky(item);
          return winner;
        };
        return (await context.map(indexes(2), body, config)).getResults();
      });
      expect(run.result).toEqual(["fast", "fast"]);
      expect([...winners]).toEqual(["fast"]);
      expect(run.invocations.length).toBeGreaterThan(1);
    },
  );
});

describe("code that has changed since what it did was recorded is noticed:", () => {
  type Code = (item: DurableContext) => PromiseLike<unknown>;
  const versions: Record<string, [before: Code, after: Code]> = {
    "another name": [(item) => item.step("alpha", async () => 1), (item) => item.step("beta", async () => 2)],
    "another type": [(item) => item.step("same", async () => 1), (item) => item.wait("same", { seconds: 1 })],
    "another subtype": [
      (item) => item.step("same", async () => 1),
      (item) =>
        item.waitForCondition("same", async () => 1, {
          initialState: 0,
          waitStrategy: () => ({ shouldContinue: false }),
        }),
    ],
    "a callback where a step was": [(item) => item.step("same", async () => 1), (item) => item.createCallback("same")],
    "a step where a callback was": [(item) => item.createCallback("same"), (item) => item.step("same", async () => 1)],
    "another name in a child context": [
      (item) =>
        item.runInChildContext("child", async (child) => {
          await child.step("alpha", async () => 1);
          await flaky(child, "inside");
        }),
      (item) =>
        item.runInChildContext("child", async (child) => {
          await child.step("beta", async () => 1);
          await flaky(child, "inside");
        }),
    ],
    "another name in a map inside": [
      (item) =>
        item.map([1], async (inner) => {
          await inner.step("alpha", async () => 1);
          await flaky(inner, "inside");
        }),
      (item) =>
        item.map([1], async (inner) => {
          await inner.step("beta", async () => 1);
          await flaky(inner, "inside");
        }),
    ],
  };

  test.each(Object.keys(versions).flatMap((what) => forms.map((form) => [what, ...form] as const)))(
    "%s, %s",
    async (what, _form, config) => {
      const runs = new Runs();
      let invocation = 0;
      const run = await runOurs(async (_, context) => {
        const code = versions[what]?.[invocation++ === 0 ? 0 : 1] as Code;
        const body = async (item: DurableContext) => {
          await code(item);
          runs.note("went on");
          await flaky(item, "pause");
        };
        await context.map(indexes(3), body, config);
      });
      expect(run.outcome).toMatchObject({ status: "FAILED", error: { ErrorType: "NonDeterministicExecutionError" } });
      expect(run.invocations).toHaveLength(2);
    },
  );

  test.each([
    ["itemNamer", { batch: 3 }],
    ["itemNamer, items that have ended", { batch: 1 }],
  ] as const)("other names by %s", async (_what, config) => {
    let prefix = "order";
    const run = await runOurs(async (_, context) => {
      const body = async (item: DurableContext, n: number) => {
        if (n === 2) await flaky(item);
        return n;
      };
      const itemNamer = (_item: number, index: number) => `${prefix} ${index}`;
      const batch = context.map(indexes(3), body, { ...config, itemNamer });
      prefix = "position";
      return (await batch).successCount;
    });
    expect(run.outcome).toMatchObject({ status: "FAILED", error: { ErrorType: "NonDeterministicExecutionError" } });
  });
});
