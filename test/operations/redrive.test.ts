import { describe, expect, test } from "vitest";
import type { Operation } from "../../src/core/wire.ts";
import { type DurableContext, type MapConfig, type RuntimeOptions, withDurableExecution } from "../../src/index.ts";
import { failedItemsOf } from "../../src/redrive/failed-items.ts";
import { OperationTree } from "../../src/redrive/operation-tree.ts";
import {
  failedItems,
  LocalEngine,
  type LocalHandler,
  MemoryJournal,
  planRedrive,
  VirtualClock,
} from "../../src/testing.ts";
import { pause } from "../support/gauge.ts";

const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);
const never = { retryStrategy: () => ({ shouldRetry: false }) };
const tolerant = { completionConfig: { toleratedFailurePercentage: 100 } };

type Work = (item: DurableContext, what: string) => Promise<unknown>;
type Body = (context: DurableContext, work: Work) => Promise<unknown>;

/**
 * Runs a handler whose `work` fails for what is in `failing`, then again from where it ended, and tells what ran in each
 * of both.
 */
async function redriven(
  body: Body,
  failing: readonly string[],
  options: { runtime?: RuntimeOptions; payloadBytes?: number; stillFailing?: readonly string[] } = {},
) {
  const { runtime = {}, payloadBytes = 262_144, stillFailing = [] } = options;
  const quotas = { payloadBytes };
  const engine = new LocalEngine({ clock: new VirtualClock(), quotas });
  let ran: string[] = [];
  let broken = new Set(failing);
  const work: Work = (item, what) =>
    item.step(
      what,
      async () => {
        ran.push(what);
        if (broken.has(what)) throw new RangeError(`no ${what}`);
        return `did ${what}`;
      },
      never,
    );
  const settings = { suspension: { graceMs: 1 }, quotas, ...runtime };
  const handler = withDurableExecution((_, context) => body(context, work), { runtime: settings });
  engine.register("f", handler as unknown as LocalHandler);
  const first = engine.start({ functionName: "f", name: "first" });
  const before = await first.result;
  const ranBefore = ran.toSorted();
  ran = [];
  broken = new Set(stillFailing);
  const second = engine.redrive("first", { amend: failedItems, name: "second" });
  const after = await second.result;
  const parse = (text: string | undefined) => (text ? JSON.parse(text) : undefined);
  return {
    engine,
    arn: second.arn,
    before: { ...before, result: parse(before.result), ran: ranBefore },
    after: { ...after, result: parse(after.result), ran: ran.toSorted() },
  };
}

const forms: [string, MapConfig<number, unknown>, RuntimeOptions?][] = [
  ["a NESTED map", {}],
  ["a FLAT map", { nesting: "FLAT" }],
  ["a map in batches", { batch: 4 }],
  ["a map in one batch", { batch: 100 }],
  ["a map in batches of one", { batch: 1 }],
  ["a map in batches, with the codec json", { batch: 4 }, { codec: "json" }],
  ["a map in batches, with the codec typed", { batch: 4 }, { codec: "typed" }],
];

describe.each(forms)("a redrive of the failed items of %s", (_name, config, runtime = {}) => {
  const map =
    (count: number, rest: MapConfig<number, unknown> = {}): Body =>
    async (context, work) => {
      await work(context, "before");
      const batch = await context.map(
        "map",
        indexes(count),
        async (item, n) => {
          await work(item, `first of ${n}`);
          return work(item, `second of ${n}`);
        },
        { ...tolerant, ...config, ...rest },
      );
      const results = batch.getResults();
      const after = await work(context, "after");
      return { results, after, counts: [batch.successCount, batch.failureCount, batch.totalCount] };
    };

  // A1, A2, A3, A4
  test("runs these from their start, and what follows the map; nothing else", async () => {
    const { before, after } = await redriven(map(11), ["second of 3", "first of 7"], { runtime });
    expect(before.result.counts).toEqual([9, 2, 11]);
    expect(after).toMatchObject({ status: "SUCCEEDED" });
    expect(after.ran).toEqual(["after", "first of 3", "first of 7", "second of 3", "second of 7"]);
    expect(after.result).toEqual({
      results: indexes(11).map((n) => `did second of ${n}`),
      after: "did after",
      counts: [11, 0, 11],
    });
  });

  test("keeps an item that fails again failed, and can be redriven once more", async () => {
    const { engine, after } = await redriven(map(6), ["first of 2", "first of 4"], {
      runtime,
      stillFailing: ["first of 4"],
    });
    expect(after.result.counts).toEqual([5, 1, 6]);
    const third = engine.redrive("second", { amend: failedItems, name: "third" });
    const { counts } = JSON.parse((await third.result).result ?? "");
    expect(counts).toEqual([5, 1, 6]);
    expect(engine.find("third")?.redriveOf).toBe(engine.find("second")?.arn);
  });

  test("lets those run that had not begun when the first failure ended the map", async () => {
    const failFast: Body = async (context, work) => {
      const batch = await context.map("map", indexes(9), (item, n) => work(item, `${n}`), {
        ...config,
        maxConcurrency: 2,
      });
      batch.throwIfError();
      return batch.getResults();
    };
    const { before, after } = await redriven(failFast, ["3"], { runtime });
    expect(before.status).toBe("FAILED");
    expect(after.result).toEqual(indexes(9).map((n) => `did ${n}`));
    for (const done of ["0", "1"]) expect(after.ran).not.toContain(done);
    expect(after.ran).toContain("3");
  });

  test("is an execution like any other: it goes on where it was after a crash, and has a history", async () => {
    const journal = new MemoryJournal();
    const ran: string[] = [];
    const engineOf = (mode: "fails" | "hangs" | "works") => {
      const engine = new LocalEngine({ journal, clock: new VirtualClock() });
      const work: Work = (item, what) =>
        item.step(
          what,
          async () => {
            if (mode === "fails" && (what === "first of 1" || what === "first of 4")) throw new Error("broken");
            if (mode === "hangs" && what === "first of 4") return new Promise<never>(() => {});
            ran.push(`${mode}: ${what}`);
            return `did ${what}`;
          },
          never,
        );
      const body = map(5, { maxConcurrency: 1 });
      const handler = withDurableExecution((_, context) => body(context, work), { runtime });
      engine.register("f", handler as unknown as LocalHandler);
      return engine;
    };
    await engineOf("fails").start({ functionName: "f", name: "first" }).result;
    const crashing = engineOf("hangs");
    const recorded = new Promise<void>((resolve) =>
      crashing.subscribe((event) => {
        if (event.type === "checkpoint" && ran.includes("hangs: second of 1")) setImmediate(resolve);
      }),
    );
    crashing.redrive("first", { amend: failedItems, name: "second" });
    await recorded;
    const engine = engineOf("works");
    const outcome = await engine.resume("second").result;
    expect(JSON.parse(outcome.result ?? "").counts).toEqual([5, 0, 5]);
    expect(ran).toContain("works: first of 4");
    expect(ran).not.toContain("works: first of 0");
    const types = engine.history("second").map(({ EventType }) => EventType);
    expect([types[0], types.at(-1)]).toEqual(["ExecutionStarted", "ExecutionSucceeded"]);
  });
});

describe("a redrive of failed items", () => {
  test("finds them in children, branches, and maps inside the items of a map", async () => {
    const { before, after } = await redriven(
      async (context, work) => {
        const outer = await context.map(
          "areas",
          indexes(3),
          async (area, a) => {
            await work(area, `open ${a}`);
            const inner = await area.map("orders", indexes(3), (item, n) => work(item, `${a}.${n}`), tolerant);
            await work(area, `close ${a}`);
            return inner.successCount;
          },
          tolerant,
        );
        const child = await context.runInChildContext("child", async (inner) => {
          await work(inner, "in child");
          const both = await inner.parallel("both", [
            { name: "left", func: (branch) => work(branch, "left") },
            { name: "right", func: (branch) => work(branch, "right") },
          ]);
          return both.successCount;
        });
        return [outer.getResults(), child];
      },
      ["1.2"],
    );
    expect(before.result).toEqual([[3, 2, 3], 2]);
    expect(after.result).toEqual([[3, 3, 3], 2]);
    // What follows the map inside its area, and what follows the areas.
    expect(after.ran).toEqual(["1.2", "close 1", "in child", "left", "right"]);
  });

  // A1
  test("looks inside an item that failed because of a map in it", async () => {
    const { before, after } = await redriven(
      async (context, work) => {
        const outer = await context.map(
          indexes(2),
          async (area, a) => {
            const inner = await area.map(indexes(3), (item, n) => work(item, `${a}.${n}`), { batch: 2, ...tolerant });
            inner.throwIfError();
            return inner.getResults();
          },
          tolerant,
        );
        return [outer.successCount, outer.failureCount];
      },
      ["0.1"],
    );
    expect(before.result).toEqual([1, 1]);
    expect(after.result).toEqual([2, 0]);
    expect(after.ran).toEqual(["0.1"]);
  });

  test("finds the failed branch of a parallel in a child context, and keeps the others", async () => {
    const { after } = await redriven(
      (context, work) =>
        context.runInChildContext("child", async (child) => {
          const both = await child.parallel(
            "both",
            ["left", "right"].map((name) => (branch: DurableContext) => work(branch, name)),
            tolerant,
          );
          return both.getResults();
        }),
      ["right"],
    );
    expect(after).toMatchObject({ result: ["did left", "did right"], ran: ["right"] });
  });

  test("takes failures out of batches that fill several operations", async () => {
    const text = (n: number) => "x".repeat(800) + n;
    const { after } = await redriven(
      async (context, work) => {
        const batch = await context.map(
          "rows",
          indexes(12),
          async (item, n) => {
            await work(item, `${n}`);
            return text(n);
          },
          { batch: 12, ...tolerant },
        );
        await context.wait({ seconds: 1 });
        return batch.getResults();
      },
      ["0", "6", "11"],
      { payloadBytes: 4_096, runtime: { codec: "json" } },
    );
    expect(after.result).toEqual(indexes(12).map(text));
    expect(after.ran).toEqual(["0", "11", "6"]);
  });

  test("keeps what only the codec typed can say", async () => {
    const { after } = await redriven(
      async (context, work) => {
        const batch = await context.map(
          indexes(3),
          async (item, n) => {
            await work(item, `${n}`);
            return new Map([[n, new Date(n)]]);
          },
          { batch: 3, ...tolerant },
        );
        return batch.getResults().map((map) => [map instanceof Map, [...map.values()].map((date) => date.getTime())]);
      },
      ["1"],
      { runtime: { codec: "typed" } },
    );
    expect(after.result).toEqual(indexes(3).map((n) => [true, [n]]));
  });

  test("of results over the limit finds the items by what is kept of them", async () => {
    const { after } = await redriven(
      async (context, work) => {
        const batch = await context.map(
          indexes(8),
          async (item, n) => {
            await work(item, `${n}`);
            return "x".repeat(600);
          },
          { nesting: "FLAT", ...tolerant },
        );
        return [batch.successCount, batch.failureCount];
      },
      ["5"],
      { payloadBytes: 2_048 },
    );
    expect(after).toMatchObject({ result: [8, 0], ran: ["5"] });
  });

  test("of FLAT items also finds those that failed without a failed operation, and leaves caught failures alone", async () => {
    let broken = true;
    const { after } = await redriven(
      async (context, work) => {
        const batch = await context.map(
          indexes(4),
          async (item, n) => {
            await work(item, `${n}`).catch(() => "caught");
            if (n === 2 && broken) throw new Error("not now");
            return n;
          },
          { nesting: "FLAT", ...tolerant },
        );
        broken = false;
        return [batch.successCount, batch.failureCount];
      },
      ["1"],
    );
    expect(after).toMatchObject({ result: [4, 0], ran: ["2"] });
  });

  test("of FLAT items finds those whose callback timed out or whose invoke was stopped before the map ended", async () => {
    const engine = new LocalEngine({ clock: new VirtualClock() });
    const ran: string[] = [];
    let isFirst = true;
    const handler = withDurableExecution(
      async (_: unknown, context) => {
        const batch = await context.map(
          "map",
          indexes(3),
          async (item, n) => {
            await item.step(async () => void ran.push(`step ${n}`));
            const answer = async (id: string) => void (isFirst || engine.completeCallback(id, "yes"));
            if (n === 1) return item.invoke("target", {});
            if (n === 2) return item.waitForCallback(answer);
            const [answered, id] = await item.createCallback({ timeout: { minutes: 1 } });
            await item.step(() => answer(id));
            return answered;
          },
          { nesting: "FLAT", ...tolerant },
        );
        return [batch.successCount, batch.failureCount];
      },
      { runtime: { suspension: { graceMs: 1 } } },
    );
    const target = withDurableExecution(async (_: unknown, context) => {
      if (isFirst) await context.wait({ hours: 3 });
    });
    engine.register("f", handler as unknown as LocalHandler);
    engine.register("target", target as unknown as LocalHandler);
    const first = engine.start({ functionName: "f", name: "first", executionTimeoutSeconds: 3_600 });
    const unsubscribe = engine.subscribe((event) => {
      const child = engine.list().find(({ parent }) => parent !== undefined);
      if (event.type === "operations-changed" && child?.status === "RUNNING") engine.stop(child.arn);
    });
    expect((await first.result).status).toBe("TIMED_OUT");
    unsubscribe();
    isFirst = false;
    ran.length = 0;
    const statuses = engine.operations(first.arn).map(({ Status }) => Status);
    expect(statuses).toEqual(expect.arrayContaining(["TIMED_OUT", "STOPPED"]));
    expect(failedItems(engine.operations(first.arn)).failedCount).toBe(2);
    const outcome = await engine.redrive("first", { amend: failedItems }).result;
    expect(JSON.parse(outcome.result ?? "")).toEqual([3, 0]);
    expect(ran.toSorted()).toEqual(["step 0", "step 1"]);
  });

  test("hands a callback out anew that nobody answered", async () => {
    const ids: string[] = [];
    let isFirst = true;
    const engine = new LocalEngine({ clock: new VirtualClock(), skipCallbackTimeouts: false });
    const handler = withDurableExecution(
      async (_: unknown, context) => {
        const both = await context.parallel("both", [
          (branch) => branch.waitForCallback("approval", async (id) => void ids.push(id)),
          async (branch) => {
            await branch.wait({ seconds: 1 });
            if (isFirst) throw new Error("broken");
            engine.completeCallback(ids.at(-1) ?? "", "yes");
            return "sent";
          },
        ]);
        return both.getResults();
      },
      { runtime: { suspension: { graceMs: 1 } } },
    );
    engine.register("f", handler as unknown as LocalHandler);
    await engine.start({ functionName: "f", name: "first" }).result;
    isFirst = false;
    const outcome = await engine.redrive("first", { amend: failedItems }).result;
    expect(JSON.parse(outcome.result ?? "")).toEqual(["yes", "sent"]);
    expect(new Set(ids).size).toBe(2);
  });

  test("counts what it took over, but no request for it", async () => {
    const { engine } = await redriven(
      async (context, work) => {
        await context.map(indexes(10), (item, n) => work(item, `${n}`), { ...tolerant, nesting: "FLAT" });
      },
      ["4"],
    );
    const first = engine.find("first")?.counters;
    const second = engine.find("second")?.counters;
    expect(second?.operations).toBe(first?.operations);
    expect(second).toMatchObject({ updates: 3, invocations: 1 });
  });

  test("is refused when nothing failed, while the execution runs, and for a name that is taken", async () => {
    const engine = new LocalEngine({ clock: new VirtualClock() });
    const handler = withDurableExecution(async (_: unknown, context) => {
      await context.map([1, 2], async (item, n) => item.step(async () => n));
    });
    engine.register("f", handler as unknown as LocalHandler);
    const running = engine.start({ functionName: "f", name: "fine" });
    const redrive = (name?: string) => () =>
      engine.redrive("fine", { amend: failedItems, ...(name === undefined ? {} : { name }) });
    expect(redrive()).toThrow(expect.objectContaining({ code: "ERR_EXECUTION_RUNNING" }));
    await running.result;
    expect(redrive()).toThrow(expect.objectContaining({ code: "ERR_NOTHING_FAILED" }));
    expect(redrive("fine")).toThrow(expect.objectContaining({ code: "ERR_EXECUTION_NAME_TAKEN" }));
    expect(() => engine.redrive("nobody", { amend: failedItems })).toThrow(
      expect.objectContaining({ code: "ERR_EXECUTION_UNKNOWN" }),
    );
    expect(engine.list()).toHaveLength(1);
  });
});

test.each(['"nonsense"', '{"batch":3}', "~1zKLU"])("a batch that holds %s is refused by its name", (Result) => {
  const time = { StartTimestamp: undefined, Status: "SUCCEEDED" } as const;
  const batch = (Id: string, Name: string, payload: string) =>
    ({
      ...time,
      Id,
      ParentId: "1",
      Type: "STEP",
      SubType: "MapBatch",
      Name,
      StepDetails: { Result: payload },
    }) as const;
  const failed = '{"batch":2,"statuses":"F","results":[],"errors":[{}]}';
  const operations = [
    { ...time, Id: "1", Type: "CONTEXT", SubType: "Map", Name: "pay" } as const,
    batch("2", "pay[0..0]", failed),
    batch("3", "pay[1..1]", Result),
  ];
  const refusal = { code: "ERR_PAYLOAD_UNREADABLE", message: expect.stringContaining('batch "pay[1..1]"') };
  expect(() => failedItems(operations)).toThrow(expect.objectContaining(refusal));
});

describe("an item that had not ended when its map did", () => {
  const two = async (
    context: DurableContext,
    work: Work,
    config: MapConfig<number, unknown>,
    inner: "map" | "child",
  ) => {
    const batch = await context.map(
      "map",
      indexes(4),
      async (item, n) => {
        await work(item, `first of ${n}`);
        const second = (around: DurableContext) => work(around, `second of ${n}`);
        if (inner === "map") return (await item.map([0], second)).throwIfError();
        return item.runInChildContext(second);
      },
      { ...config, completionConfig: { toleratedFailureCount: 0 } },
    );
    return [batch.completionReason, batch.successCount];
  };
  const cases = forms.flatMap(([name, config, runtime = {}]) =>
    (["map", "child"] as const).map((inner) => [name, inner, config, runtime] as const),
  );

  test.each(cases)(
    "%s goes on, and what has failed in a %s of it runs again",
    async (_name, inner, config, runtime) => {
      const failing = indexes(4).map((n) => `second of ${n}`);
      const { before, after } = await redriven((context, work) => two(context, work, config, inner), failing, {
        runtime,
      });
      expect(before.result[0]).toBe("FAILURE_TOLERANCE_EXCEEDED");
      expect(after).toMatchObject({ status: "SUCCEEDED", result: ["ALL_COMPLETED", 4] });
      expect(after.ran).toEqual(expect.arrayContaining(failing));
    },
  );

  test.each(forms)("keeps what has succeeded in it: %s", async (_name, config, runtime = {}) => {
    const body: Body = async (context, work) => {
      const batch = await context.map(
        "map",
        indexes(3),
        async (item, n) => {
          if (n > 0) await work(item, `first of ${n}`);
          return work(item, `second of ${n}`);
        },
        { ...config, completionConfig: { toleratedFailureCount: 0 } },
      );
      return batch.successCount;
    };
    const { after } = await redriven(body, ["second of 0", "second of 1", "second of 2"], { runtime });
    expect(after.result).toBe(3);
    expect(after.ran.filter((what: string) => what.startsWith("second"))).toEqual(
      indexes(3).map((n) => `second of ${n}`),
    );
    expect(after.ran.filter((what: string) => what.startsWith("first"))).toEqual([]);
  });
});

const batchings: [string, MapConfig<number, unknown>][] = [
  ["without batches", {}],
  ["in a batch", { batch: 100 }],
  ["in batches of one", { batch: 1 }],
];

/** Runs a handler that makes callbacks and invokes, then redrives it; those with an id in `answers` are answered. */
async function withExternals(
  body: (context: DurableContext, submit: (what: string) => (id: string) => Promise<void>) => Promise<unknown>,
  answers: Record<string, (engine: LocalEngine, id: string) => void>,
) {
  const engine = new LocalEngine({ clock: new VirtualClock() });
  const did: string[] = [];
  const submit = (what: string) => async (id: string) => {
    did.push(what);
    answers[what]?.(engine, id);
  };
  const handler = withDurableExecution((_, context) => body(context, submit), {
    runtime: { suspension: { graceMs: 1 } },
  });
  let isBroken = true;
  const target = withDurableExecution(async (n: number) => {
    did.push(`target ${n}`);
    if (isBroken) throw new Error("target is broken");
    return n;
  });
  engine.register("f", handler as unknown as LocalHandler);
  engine.register("target", target as unknown as LocalHandler);
  const before = await engine.start({ functionName: "f", name: "first" }).result;
  did.length = 0;
  isBroken = false;
  for (const what of Object.keys(answers)) answers[what] = (e, id) => e.completeCallback(id, `answer to ${what}`);
  const after = await engine.redrive("first", { amend: failedItems }).result;
  return { before, after, result: JSON.parse(after.result ?? "null"), did: did.toSorted() };
}

describe.each(batchings)("what others had to answer in an item, %s,", (_name, config) => {
  const places: [
    string,
    (item: DurableContext, ask: (where: DurableContext) => Promise<unknown>) => Promise<unknown>,
  ][] = [
    ["at once", (item, ask) => ask(item)],
    [
      "after steps and in a context",
      async (item, ask) => {
        for (let n = 0; n < 7; n++) await item.step(async () => n);
        return item.runInChildContext((inner) => inner.runInChildContext(ask));
      },
    ],
    [
      "in the 30th item of a map inside",
      async (item, ask) => {
        const inner = await item.map(indexes(30), async (one, n) => (n === 29 ? ask(one) : n));
        inner.throwIfError();
        return inner.getResults().at(-1);
      },
    ],
  ];

  test.each(places)("runs anew when the item failed because of it: %s", async (_where, place) => {
    const { result, did } = await withExternals(
      async (context, submit) => {
        const batch = await context.map(
          "map",
          indexes(4),
          (item, n) =>
            place(item, async (where) => {
              if (n === 1) return where.invoke("target", n);
              return n === 0 ? "none" : where.waitForCallback(`ask ${n}`, submit(`${n}`));
            }),
          { ...config, ...tolerant },
        );
        return [batch.getResults(), batch.failureCount];
      },
      {
        2: (engine, id) => engine.failCallback(id, { ErrorType: "No", ErrorMessage: "refused" }),
        3: (engine, id) => engine.completeCallback(id, "first answer"),
      },
    );
    expect(result).toEqual([["none", 1, "answer to 2", "first answer"], 0]);
    expect(did).toEqual(["2", "target 1"]);
  });

  // A5
  test("is handed out anew where the item had not ended, and the steps before it do not run again", async () => {
    let runs = 0;
    let isBroken = true;
    const { before, result, did } = await withExternals(
      async (context, submit) => {
        const both = await context.parallel([
          async (branch) => {
            const batch = await branch.map(
              "map",
              indexes(2),
              async (item, n) => {
                await item.step(async () => void runs++);
                return item.waitForCallback(submit(`${n}`));
              },
              config,
            );
            return batch.getResults();
          },
          async (branch) => {
            await branch.wait({ seconds: 1 });
            if (isBroken) throw new Error("broken");
            return "sent";
          },
        ]);
        isBroken = false;
        return both.getResults();
      },
      { 0: () => {}, 1: () => {} },
    );
    expect(before.status).toBe("SUCCEEDED");
    expect(result).toEqual([["answer to 0", "answer to 1"], "sent"]);
    expect([did, runs]).toEqual([["0", "1"], 2]);
  });
});

test("a redrive of a batch that sleeps for a wait, and for a retry beside it, runs again only what had failed", async () => {
  const engine = new LocalEngine({ clock: new VirtualClock() });
  engine.registerFunction("outside", (ms) => pause(ms as number).then(() => "answer"));
  const ran: string[] = [];
  let isBroken = true;
  const handler = withDurableExecution(
    async (_, context) => {
      const [soon, later] = [context.invoke("outside", 60), context.invoke("outside", 250)];
      const body = async (item: DurableContext, n: number) => {
        if (n === 0) return item.wait({ hours: 12 });
        await (n === 3 ? later : soon);
        await item.step(async () => ran.push(`before ${n}`));
        if (n !== 2 && isBroken) throw new RangeError("broken");
        const step = async ({ attempt }: { attempt: number }) => {
          ran.push(`attempt ${attempt} of ${n}`);
          if (attempt === 1) throw new Error("busy");
          return n;
        };
        return item.step(step, { retryStrategy: () => ({ shouldRetry: true, delay: { minutes: 10 } }) });
      };
      const config = { batch: 4, completionConfig: { toleratedFailureCount: 1 } };
      const map = await context.map("map", indexes(4), body, config);
      map.throwIfError();
      return map.getResults();
    },
    { runtime: { suspension: { graceMs: 1 } } },
  );
  engine.register("f", handler as unknown as LocalHandler);
  const first = engine.start({ functionName: "f", name: "first" });
  expect(await first.result).toMatchObject({ status: "FAILED" });
  const sleeping = engine.operations(first.arn).filter(({ Status }) => Status === "PENDING");
  expect(sleeping.map(({ SubType }) => SubType)).toEqual(["MapBatch", "MapBatchPart"]);
  isBroken = false;
  ran.length = 0;
  const second = engine.redrive("first", { amend: failedItems, name: "second" });
  expect((await second.result).result).toBe("[1,2,3]");
  expect(ran.toSorted()).toEqual([
    ...[
      "attempt 1 of 1",
      "attempt 1 of 3",
      "attempt 2 of 1",
      "attempt 2 of 2",
      "attempt 2 of 3",
      "before 1",
      "before 3",
    ],
  ]);
});

/** Lets an execution fail, mends what made it fail, and redrives it by a plan. Returns the new result. */
async function redrivenByPlan(
  engine: LocalEngine,
  body: (context: DurableContext) => Promise<unknown>,
  mend: () => void,
) {
  const handler = withDurableExecution((_, context) => body(context), { runtime: { suspension: { graceMs: 1 } } });
  engine.register("f", handler as unknown as LocalHandler);
  const first = engine.start({ functionName: "f", name: "first" });
  expect(await first.result).toMatchObject({ status: "FAILED" });
  mend();
  const plan = await planRedrive(engine, first.arn);
  const second = engine.redrive("first", { amend: () => plan, name: "second" });
  return { result: (await second.result).result };
}

test.each([false, 3] as const)(
  "a redrive asks again for the answer that an item waits for (batch: %s)",
  async (batch) => {
    const engine = new LocalEngine({ clock: new VirtualClock() });
    const asked: string[] = [];
    const ran: string[] = [];
    let isBroken = true;
    const run = async (context: DurableContext) => {
      const body = async (item: DurableContext, n: number) => {
        if (n === 0) return item.wait({ hours: 12 });
        await item.step(async () => ran.push(`before ${n}`));
        if (n === 2) await item.step(async () => Promise.reject(new Error("refused")), never).catch(() => {});
        return item.waitForCallback(async (id) => {
          asked.push(id);
          if (!isBroken) engine.completeCallback(id, "yes");
        });
      };
      const map = context.map("map", indexes(3), body, { batch });
      await context.wait({ seconds: 2 });
      await context.step("fuse", async () => isBroken && Promise.reject(new Error("blown")), never);
      return (await map).getResults();
    };
    const { result } = await redrivenByPlan(engine, run, () => {
      isBroken = false;
    });
    expect(result).toBe('["yes","yes"]');
    expect(new Set(asked).size).toBe(4);
    expect(ran).toEqual(["before 1", "before 2"]);
  },
);

test.each([false, 3] as const)(
  "a map that succeeded needs no changes, beside an item that waits for an answer (batch: %s)",
  async (batch) => {
    const engine = new LocalEngine({ clock: new VirtualClock() });
    const run = async (context: DurableContext) => {
      const map = context.map("map", [0], (item) => item.waitForCallback(async () => {}), { batch });
      map.catch(() => {});
      await context.wait({ seconds: 2 });
      await context.map("other", [0], async () => 1, { batch });
      throw new Error("an error of the handler itself");
    };
    const redrive = redrivenByPlan(engine, run, () => {});
    await expect(redrive).rejects.toMatchObject({ code: "ERR_REDRIVE_FAILS_AGAIN" });
    const tree = new OperationTree(engine.operations("first"));
    const changesOf = (name: string) =>
      failedItemsOf(tree, [...tree.all].find(({ Name }) => Name === name) as Operation);
    expect(changesOf("other")).toBeUndefined();
  },
);

test.each([false, 3, 100] as const)(
  "items that ended beside what failed do not run again in a redrive (batch: %s)",
  async (batch) => {
    const engine = new LocalEngine({ clock: new VirtualClock() });
    const ran: number[] = [];
    let isBroken = true;
    const run = async (context: DurableContext) => {
      const body = async (item: DurableContext, n: number) => {
        if (n === 0) return item.step("slow", () => pause(200).then(() => n));
        return item.step("pay", async () => ran.push(n));
      };
      const map = context.map("map", indexes(20), body, { batch });
      const fuse = async () => isBroken && pause(50).then(() => Promise.reject(new Error("blown")));
      await context.step("fuse", fuse, never);
      return (await map).successCount;
    };
    const { result } = await redrivenByPlan(engine, run, () => {
      isBroken = false;
    });
    expect(result).toBe("20");
    expect(ran.length).toBe(19);
  },
);
