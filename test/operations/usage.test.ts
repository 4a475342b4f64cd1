import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DurableLogger, Usage } from "../../src/index.ts";
import { LocalEngine, VirtualClock } from "../../src/testing.ts";
import { captureLogs } from "../support/output.ts";
import { type Handler, runOurs, withRuntime } from "../support/service.ts";

const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);
const unlimited = { quotas: { operations: Number.POSITIVE_INFINITY, dataBytes: Number.POSITIVE_INFINITY } };

let usages: Usage[] = [];
const listen = (usage: unknown) => void usages.push(usage as Usage);
beforeEach(() => {
  usages = [];
  subscribe("durable-fanout:usage", listen);
});
afterEach(() => void unsubscribe("durable-fanout:usage", listen));

/** Runs a handler, and gives what the engine counted. */
async function countersOf(handler: Handler, input: unknown = {}) {
  const engine = new LocalEngine({ clock: new VirtualClock() });
  engine.register("function", withRuntime(handler));
  const { arn, result } = engine.start({ functionName: "function", input: JSON.stringify(input) });
  await result;
  return engine.find(arn)?.counters;
}

const everything: Handler = async (_, context) => {
  await context.step("flaky", async ({ attempt }) => {
    if (attempt < 3) throw new Error("later");
    return "x".repeat(1_000);
  });
  await context.map("nested", indexes(20), (item, n) => item.step("é".repeat(10), async () => ({ n })));
  await context.map("flat", indexes(20), (item, n) => item.step(async () => n), { nesting: "FLAT" });
  await context.map("batched", indexes(20), (item, n) => item.step(async () => n), { batch: 7 });
  await context.runInChildContext(async () => Promise.reject(new RangeError("no"))).catch(() => {});
  return "y".repeat(500);
};

describe("what an invocation has used", () => {
  // UC1
  test("is what the service counts, when the execution ends in one invocation", async () => {
    const counters = await countersOf(
      async (_, context) => {
        await context.map("map", indexes(50), (item, n) => item.step(async () => `result ${n}`));
        await context.map("batched", indexes(50), (item, n) => item.step(async () => n), { batch: 10 });
        return "done";
      },
      { order: 1 },
    );
    expect(usages).toHaveLength(1);
    const [{ invocation, execution }] = usages as [Usage];
    expect(invocation).toEqual({
      operations: 101 + 6,
      updates: counters?.updates,
      requests: counters?.checkpoints,
      requestBytes: counters?.requestBytes,
      dataBytes: (counters?.dataBytes ?? 0) - '{"order":1}'.length,
      retries: 0,
      batches: 5,
    });
    expect(execution).toEqual({
      operations: 107,
      retries: 0,
      dataBytes: counters?.dataBytes,
      dollars: expect.closeTo((108 * 8) / 1e6 + ((counters?.dataBytes ?? 0) * 0.25) / 1e9, 12),
      isExact: true,
    });
  });

  test("adds up over the invocations to what the service counts", async () => {
    const counters = await countersOf(everything);
    expect(usages.length).toBeGreaterThan(2);
    const sum = (key: keyof Usage["invocation"]) =>
      usages.map(({ invocation }) => invocation[key]).reduce((total, value) => total + value, 0);
    expect(sum("operations") + 1).toBe((counters?.operations ?? 0) - (counters?.retries ?? 0));
    expect(sum("retries")).toBe(counters?.retries);
    expect(sum("updates")).toBe(counters?.updates);
    expect(sum("requests")).toBe(counters?.checkpoints);
    expect(sum("requestBytes")).toBe(counters?.requestBytes);
    expect(sum("dataBytes") + "{}".length).toBe(counters?.dataBytes);
    expect(sum("batches")).toBe(3);
  });

  test("of an execution that goes on counts what earlier invocations did, and says that this is an estimate", async () => {
    const handler: Handler = async (_, context) => {
      await context.step("before", async () => "x".repeat(100));
      await context.map("ended", indexes(30), (item, n) => item.step(async () => n));
      await context.wait({ seconds: 5 });
      await context.step("after", async () => 1);
    };
    const counters = await countersOf(handler);
    const [first, last] = usages.map(({ execution }) => execution) as [Usage["execution"], Usage["execution"]];
    expect(first).toMatchObject({ operations: 1 + 61 + 1, isExact: true });
    // The 30 steps inside the items are not delivered any more; the items are known from the map's result.
    expect(last).toMatchObject({ operations: 1 + 31 + 1 + 1, isExact: false });
    expect(last.dataBytes).toBeLessThanOrEqual(counters?.dataBytes ?? 0);
    expect(last.dataBytes).toBeGreaterThan(100);
  });

  test("is logged at the end of each invocation on request, and not without", async () => {
    const handler: Handler = async (_, context) => {
      await context.wait({ seconds: 1 });
    };
    const silent = await captureLogs(() => runOurs(handler));
    expect(silent.out).toEqual([]);
    const logged = await captureLogs(() => runOurs(handler, { runtime: { logUsage: true } }));
    expect(logged.out.map(({ message }) => message)).toEqual([
      {
        type: "durable-fanout usage",
        invocation: expect.objectContaining({ operations: 1, updates: 1, requests: 1 }),
        execution: expect.objectContaining({ operations: 1, dollars: expect.any(Number) }),
      },
      expect.objectContaining({ invocation: expect.objectContaining({ operations: 0, requests: 0 }) }),
    ]);
  });
});

/** Remembers warnings; the rest is nobody's business here. */
class Warnings implements DurableLogger {
  readonly messages: string[] = [];
  error(): void {}
  info(): void {}
  debug(): void {}
  warn(message: string): void {
    this.messages.push(message);
  }
}

async function warningsOf(handler: Handler, quotas: object, options: object = {}): Promise<string[]> {
  const customLogger = new Warnings();
  const run = await runOurs(
    async (input, context) => {
      context.configureLogger({ customLogger });
      return handler(input, context);
    },
    { runtime: { quotas }, engine: unlimited, ...options },
  );
  expect(run.outcome.status).toBe("SUCCEEDED");
  return customLogger.messages;
}

describe("an execution that comes near a quota is warned", () => {
  test("once at 80 % of the operations, and says what the map needs", async () => {
    const messages = await warningsOf(
      async (_, context) => {
        await context.map("score", indexes(60), (item, n) => item.step(async () => n), { maxConcurrency: 1 });
      },
      { operations: 100, onExceed: "off" },
    );
    expect(messages).toHaveLength(1);
    expect(messages[0]).toBe(
      'This execution uses 81 of 100 operations. Map "score" has 60 items, 40 of them begun, and needs about 41 ' +
        "operations more; 19 are left. In a new execution: { batch: 2 } needs 31, about twice as many if many items are tried again.",
    );
  });

  test("with what would fit into a new execution, when the map does not fit", async () => {
    const messages = await warningsOf(
      async (_, context) => {
        await context.map("score", indexes(1_000), (item, n) => item.step(async () => n));
      },
      { operations: 300, onExceed: "off" },
    );
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain('Map "score" has 1,000 items');
    expect(messages[0]).toMatch(
      /operations more; \d+ are left\. In a new execution: \{ batch: 7 \} needs 144, about twice/,
    );
  });

  test("once at 80 % of the data, and says what the map will write at this rate", async () => {
    const messages = await warningsOf(
      async (_, context) => {
        const config = { maxConcurrency: 1, nesting: "FLAT" as const };
        await context.map("rows", indexes(200), (item, n) => item.step(async () => "x".repeat(1_000) + n), config);
      },
      { dataBytes: 100_000 },
    );
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(
      /^This execution has written 8\d\.\d kB of 100\.0 kB of data\. Map "rows" has ended (7|8)\d of 200 items; at this rate the others write 1[12]\d\.\d kB more\.$/,
    );
  });

  test("again in the next invocation, with a word on what it cannot know", async () => {
    const messages = await warningsOf(
      async (_, context) => {
        await context.map("score", indexes(45), (item, n) => item.step(async () => n));
        await context.wait({ seconds: 1 });
        await context.map("more", indexes(40), (item, n) => item.step(async () => n), { nesting: "FLAT" });
      },
      { operations: 100, onExceed: "off" },
    );
    expect(messages).toHaveLength(2);
    expect(messages[0]).not.toContain("as far as it is recorded");
    expect(messages[1]).toContain("The number of operations from earlier invocations is an estimate.");
  });

  test("not at all when the quota is lifted", async () => {
    const handler: Handler = async (_, context) => {
      await context.map("score", indexes(2_000), (item, n) => item.step(async () => n));
    };
    expect(await warningsOf(handler, { operations: Number.POSITIVE_INFINITY })).toEqual([]);
    expect((await warningsOf(handler, {})).length).toBeGreaterThan(0);
  });
});

describe("a map that cannot fit into the quota", () => {
  const map =
    (count: number, config: object): Handler =>
    async (_, context) => {
      await context.step(async () => 1);
      const batch = await context.map("score", indexes(count), (item, n) => item.step(async () => n), config);
      return batch.successCount;
    };

  test.each([
    ["NESTED", 3_000, {}, 'Map "score" has 3,000 items: it needs at least 3,001 operations'],
    ["FLAT", 3_000, { nesting: "FLAT" }, "if each of them makes one operation it needs 3,001 operations"],
    ["in batches", 9_000, { batch: 3 }, '"score" has 9,000 items in batches of 3: it needs at least 3,001 operations'],
  ])(
    "%s is warned of before anything of it is written, with the batch that fits",
    async (_what, count, config, text) => {
      const messages: string[] = [];
      let updatesBefore = 0;
      const logger = new Warnings();
      logger.warn = (message) => void messages.push(message);
      const run = await runOurs(
        async (input, context) => {
          context.configureLogger({ customLogger: logger });
          return map(count, config)(input, context);
        },
        {
          engine: unlimited,
          onCheckpoint: ({ params, forward }) => {
            if (messages.length === 0) updatesBefore += params.Updates?.length ?? 0;
            return forward();
          },
        },
      );
      expect(run.result).toBe(count);
      expect(messages[0]).toContain(text);
      expect(messages[0]).toContain("this execution has 2,999 of 3,000 left");
      const batch = Math.ceil((2 * count) / 2_998);
      expect(messages[0]).toContain(
        `{ batch: ${batch} } would need ${(Math.ceil(count / batch) + 1).toLocaleString("en")}, about twice as many`,
      );
      expect(updatesBefore).toBe(2);
    },
  );

  test.each([
    ["NESTED", 3_000, {}],
    ["in batches", 6_000, { batch: 2 }],
  ])("%s fails the execution before anything of it is written, where that is wanted", async (_what, count, config) => {
    const run = await runOurs(map(count, config), { runtime: { quotas: { onExceed: "error" } } });
    expect(run.outcome.status).toBe("FAILED");
    expect(run.outcome.error?.ErrorMessage).toContain("and this execution has 2,999 of 3,000 left");
    expect(run.updates).toHaveLength(2);
  });

  test.each(["warn", "error"] as const)(
    "only if its items make operations is warned of and begins (%s)",
    async (onExceed) => {
      const [message, ...further] = await warningsOf(
        async (_, context) => {
          await context.map("score", indexes(60), async (_item, n) => n);
          await context.map("small", indexes(10), (item, n) => item.step(async () => n));
        },
        { operations: 100, onExceed },
      );
      expect(message).toContain(
        'Map "score" has 60 items: if each of them makes one operation it needs 121 operations, and this execution has ' +
          "100 of 100 left; { batch: 2 } would need 31, about twice as many if many items are tried again.",
      );
      expect(further).toEqual([expect.stringContaining("This execution uses")]);
    },
  );

  test("in a later invocation is told what is left at most, since that is not told what ended maps took", async () => {
    const messages = await warningsOf(
      async (_, context) => {
        await context.map("before", indexes(40), (item, n) => item.step(async () => n));
        await context.wait({ seconds: 1 });
        await context.map("score", indexes(70), (item, n) => item.step(async () => n));
      },
      { operations: 100 },
    );
    // 40 more have been used: those inside the items of the map before.
    expect(messages.find((message) => message.includes('"score" has 70 items: it needs at least 71'))).toContain(
      "and this execution has at most 58 of 100 left",
    );
  });

  test("is let through by what it really needs: few successes, a policy of its own, items without operations", async () => {
    const runtime = { quotas: { onExceed: "error" as const, operations: 20 } };
    const minimum = await runOurs(map(100, { completionConfig: { minSuccessful: 3 }, maxConcurrency: 1 }), { runtime });
    expect(minimum.result).toBe(3);
    const shouldComplete = ({ completedCount }: { completedCount: number }) => ({ complete: completedCount === 2 });
    const custom = await runOurs(map(100, { completionConfig: { shouldComplete }, maxConcurrency: 1 }), { runtime });
    expect(custom.result).toBe(2);
    const { value: flat } = await captureLogs(() =>
      runOurs(
        async (_, context) =>
          (await context.map(indexes(100), async (_item, n) => n, { nesting: "FLAT" })).successCount,
        { runtime },
      ),
    );
    expect(flat.result).toBe(100);
  });

  test("goes on once it has begun, whatever is left", async () => {
    const run = await runOurs(
      async (_, context) => {
        const batch = await context.map(indexes(10), async (item, n) => {
          await item.wait({ seconds: 1 });
          return n;
        });
        return batch.successCount;
      },
      { runtime: { quotas: { onExceed: "error", operations: 21 } } },
    );
    expect(run.result).toBe(10);
    expect(run.invocations.length).toBeGreaterThan(1);
  });

  test("with a batch that is enough although every item is tried again", async () => {
    const failsOnce = (item: Parameters<Handler>[1], n: number) =>
      item.step(
        async ({ attempt }) => {
          if (attempt === 1) throw new Error("not yet");
          return n;
        },
        { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 1 } }) },
      );
    const [message] = await warningsOf(
      async (_, context) => {
        await context.map("score", indexes(1_200), failsOnce);
      },
      { operations: 500, onExceed: "warn" },
    );
    const batch = Number(/\{ batch: (\d+) \} would need/.exec(message ?? "")?.[1]);
    const run = await runOurs(
      async (_, context) => (await context.map("score", indexes(1_200), failsOnce, { batch })).successCount,
      { engine: { clock: new VirtualClock(), quotas: { operations: 500 } } },
    );
    expect(run.outcome).toMatchObject({ status: "SUCCEEDED", result: "1200" });
  });

  test("of a parallel is told that branches do not share operations", async () => {
    const messages = await warningsOf(
      async (_, context) => {
        await context.parallel(
          "all",
          indexes(30).map((n) => async () => n),
        );
      },
      { operations: 20 },
    );
    expect(messages[0]).toContain('Parallel "all" has 30 branches: it needs at least 31 operations');
    expect(messages[0]).toContain(
      "branches of a parallel do not share operations, but a map with { batch: 4 } would need 9, about twice as many if many items are tried again.",
    );
  });

  test("of no size is told to be split", async () => {
    const messages = await warningsOf(
      async (_, context) => {
        for (const n of indexes(5)) await context.step(async () => n);
        await context.map("late", indexes(3), async (_item, n) => n);
      },
      { operations: 6 },
    );
    expect(messages.at(-1)).toContain("no batch is large enough: split the items over several executions.");
  });

  test("is warned of once for each name, not for each map", async () => {
    const messages = await warningsOf(
      async (_, context) => {
        await context.map("outer", indexes(4), (item) => item.map("inner", indexes(30), async (_inner, n) => n));
      },
      { operations: 25 },
    );
    expect(messages.filter((message) => message.startsWith('Map "inner"'))).toHaveLength(1);
  });
});
