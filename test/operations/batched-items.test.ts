import { describe, expect, test } from "vitest";
import type { DurableContext, MapConfig } from "../../src/index.ts";
import type { LocalEngine } from "../../src/testing.ts";
import { BATCHINGS, cutAfter, indexes, later, never, noise, RETRYING, Runs, summary } from "../support/batching.ts";
import { type Handler, type OurOptions, replay, runOurs } from "../support/service.ts";

interface World {
  readonly runs: Runs;
  engine: LocalEngine | undefined;
}

type Body = (item: DurableContext, n: number, world: World) => Promise<unknown>;

/** What an item does; each works in a batch as it does without. */
const bodies: Record<string, Body> = {
  "a wait": async (item, n) => {
    await item.wait("rest", { seconds: 1 + n });
    return n;
  },
  "steps around waits": async (item, n, { runs }) => {
    const step = (name: string) => item.step(name, async () => `${name} ${n} ${runs.note(`${name} ${n}`) > 0}`);
    const first = await step("first");
    await item.wait({ seconds: 2 });
    const second = await step("second");
    await item.wait({ seconds: n + 1 });
    return [first, second];
  },
  "a step that is retried": (item, n, { runs }) =>
    item.step(
      "flaky",
      async ({ attempt }) => {
        runs.note(`attempt ${attempt} of ${n}`);
        if (attempt <= n % 3) throw new Error("not yet");
        return attempt;
      },
      later(1 + n),
    ),
  "an at-most-once step that is retried": (item, n, { runs }) =>
    item.step(
      "once",
      async ({ attempt }) => {
        runs.note(`attempt ${attempt} of ${n}`);
        if (attempt <= n % 2) throw new Error("not yet");
        return n;
      },
      { ...later(2), semantics: "AT_MOST_ONCE_PER_RETRY" },
    ),
  "a condition": (item, n, { runs }) =>
    item.waitForCondition(
      "ready",
      async (state) => {
        runs.note(`check ${state} of ${n}`);
        return state + 1;
      },
      {
        initialState: 0,
        waitStrategy: (state) =>
          state > n ? { shouldContinue: false } : { shouldContinue: true, delay: { seconds: 1 + n } },
      },
    ),
  "a child context with a wait and a step": (item, n, { runs }) =>
    item.runInChildContext("child", async (child) => {
      await child.wait({ seconds: 1 });
      const step = async () => runs.note(`child ${n}`) > 0;
      return child.runInChildContext("inner", (inner) => inner.step(step));
    }),
  "a virtual child context with a wait": (item, n) =>
    item.runInChildContext(
      "virtual",
      async (child) => {
        await child.wait({ seconds: 1 });
        return child.step(async () => n);
      },
      { virtualContext: true },
    ),
  "a child context of 300 kB": async (item, n) => {
    const text = await item.runInChildContext("large", async (child) => {
      await child.step(async () => 1);
      return noise(300_000, n);
    });
    await item.wait({ seconds: 1 });
    return text.slice(-20);
  },
  "a map with waits": async (item, n, { runs }) => {
    const batch = await item.map("inner", indexes(3), async (inner, m) => {
      await inner.wait({ seconds: 1 + m });
      return inner.step(async () => (runs.note(`${n}.${m}`) > 0 ? m : -1));
    });
    return summary(batch);
  },
  "a map in batches with retries": async (item, n, { runs }) => {
    const body = (inner: DurableContext, m: number) =>
      inner.step(async ({ attempt }) => {
        runs.note(`${n}.${m}.${attempt}`);
        if (attempt <= m) throw new Error("not yet");
        return m;
      }, later(1));
    return summary(await item.map("inner", indexes(3), body, { batch: 2 }));
  },
  "a FLAT map two at a time": async (item, n) => {
    const config = { nesting: "FLAT", maxConcurrency: 2 } as const;
    const body = async (inner: DurableContext, m: number) => {
      await inner.wait({ seconds: 1 });
      return inner.step(async () => m * n);
    };
    return summary(await item.map(indexes(5), body, config));
  },
  "a parallel that ends early": async (item, n) => {
    const batch = await item.parallel(
      "both",
      [
        async (branch) => {
          await branch.wait({ days: 1 });
          return "late";
        },
        (branch) => branch.step(async () => `early ${n}`),
      ],
      { completionConfig: { minSuccessful: 1 } },
    );
    await item.wait({ seconds: 1 });
    return summary(batch);
  },
  "combinators over waits and steps": async (item, n) => {
    const flaky = (name: string, failures: number) =>
      item.step(
        name,
        async ({ attempt }) => {
          if (attempt <= failures) throw new Error("not yet");
          return `${name} ${n}`;
        },
        later(1),
      );
    return [
      await item.promise.race([flaky("slow", 2), item.step("fast", async () => "fast")]),
      await item.promise.any([item.step(async () => Promise.reject(new Error("no")), never), flaky("later", 1)]),
      await item.promise.all([flaky("a", 1), item.step("b", async () => "b")]),
      (await item.promise.allSettled([flaky("c", 1), flaky("d", 3)])).map(({ status }) => status),
    ];
  },
  "a callback": async (item, n, { engine }) => {
    const [promise, id] = await item.createCallback<string>("answer", { timeout: { minutes: 1 } });
    await item.step("submit", async () => {
      if (n !== 1) engine?.completeCallback(id, `"of ${n}"`);
    });
    return promise.catch((error: Error) => error.name);
  },
  "a wait for a callback": async (item, n, { engine, runs }) => {
    const answer = await item.waitForCallback("answer", async (id) => {
      const run = runs.note(`submitter ${n}`);
      if (run === 1 && n === 2) throw new Error("not yet");
      if (run === (n === 2 ? 2 : 1)) engine?.completeCallback(id, `"of ${n}"`);
    });
    await item.wait({ seconds: 1 });
    return answer;
  },
  "an invoke": async (item, n, { runs }) => {
    await item.step("before", async () => runs.note(`before ${n}`) > 0);
    return [n, await item.invoke("other", n === 2 ? { fails: true } : { n }).catch((error: Error) => error.name)];
  },
  "failures of every kind, late": async (item, n) => {
    await item.wait({ seconds: 1 });
    if (n === 0) throw new RangeError("plain");
    if (n === 1) await item.step(async () => Promise.reject(new TypeError("in a step")), never);
    if (n === 2) await item.runInChildContext("child", async () => Promise.reject(new Error("in a child")));
    return n;
  },
};

const ITEMS = 5;
const tolerant = { completionConfig: { toleratedFailurePercentage: 100 } };

async function runBody(body: Body, config: MapConfig<number, unknown>, options: OurOptions = {}) {
  const world: World = { runs: new Runs(), engine: undefined };
  const handler: Handler = async (_, context) => {
    const batch = await context.map("map", indexes(ITEMS), (item, n) => body(item, n, world), {
      ...tolerant,
      ...config,
    });
    return summary(batch);
  };
  const run = await runOurs(handler, {
    ...options,
    onEngine: (engine) => {
      world.engine = engine;
      engine.registerFunction("other", async (input) => {
        if ((input as { fails?: true }).fails) throw new Error("the other one fails");
        return input;
      });
    },
  });
  return { run, handler, runs: world.runs.all };
}

describe.each(Object.entries(bodies))("an item with %s", (_name, body) => {
  test.each(BATCHINGS)("comes to the same in %s: results, errors, and how often each body runs", async (_, config) => {
    const { batch, ...plain } = config;
    const expected = await runBody(body, plain);
    const { run, handler, runs } = await runBody(body, config);
    expect(run.result).toEqual(expected.run.result);
    expect(runs).toEqual(expected.runs);
    expect(run.operations.some(({ SubType }) => SubType === "MapBatch")).toBe(true);
    expect(run.operations.some(({ SubType }) => SubType === "MapIteration")).toBe(false);
    const again = await replay(handler, run);
    expect(again).toEqual({ output: { Status: "SUCCEEDED", Result: run.outcome.result }, requests: [] });
  });

  test("may be large and hold values that only the codec `typed` keeps", async () => {
    const handler: Handler = async (_, context) => {
      const make = async (item: DurableContext, n: number) => {
        await item.step(async () => n);
        return { big: 12n, text: noise(400_000, n) };
      };
      const all = (await context.map([1, 2], make, { batch: 2 })).getResults();
      return all.map(({ big, text }) => `${big} ${text.length}`);
    };
    const run = await runOurs(handler, { runtime: { codec: "typed" } });
    expect(run.result).toEqual(["12 400000", "12 400000"]);
  });

  test.each(["compact", "typed"] as const)("comes to the same by the codec %s", async (codec) => {
    const runtime = { codec };
    const [expected, batched] = [await runBody(body, {}, { runtime }), await runBody(body, { batch: 2 }, { runtime })];
    expect(batched.run.result).toEqual(expected.run.result);
    expect(batched.runs).toEqual(expected.runs);
  });

  test.each([1, 2, 3, 4, 6])("comes to the same when the invocation is cut off at request %d", async (request) => {
    const expected = await runBody(body, {});
    const { run } = await runBody(body, { batch: 2 }, { engine: RETRYING, onCheckpoint: cutAfter(request) });
    expect(run.result).toEqual(expected.run.result);
  });
});
