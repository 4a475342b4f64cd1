import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type DurableInstrumentationPlugin, type OperationInfo, refreshLogConfig } from "../../src/index.ts";
import { auditor, type Call, HOOKS, runWithPlugins, WRAPPERS } from "../support/plugins.ts";
import { type Handler, runOurs } from "../support/service.ts";

const seconds = (count: number) => ({ seconds: count });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const never = { retryStrategy: () => ({ shouldRetry: false }) };
const twice = {
  retryStrategy: (_error: Error, attempt: number) => ({ shouldRetry: attempt < 2, delay: seconds(1) }),
};
const second = async ({ attempt }: { attempt: number }) => {
  if (attempt < 2) throw new TypeError("not yet");
  return { attempt };
};

const run = (handler: Handler, ...plugins: DurableInstrumentationPlugin[]) =>
  runOurs(handler, { config: { plugins: plugins as never } });

describe("beyond what the official SDK tells,", () => {
  test("the end of an invocation says whether it was the first", async () => {
    const firsts: unknown[] = [];
    const onInvocationEnd = async ({ isFirstInvocation, status }: { isFirstInvocation?: boolean; status: string }) => {
      firsts.push([isFirstInvocation, status]);
    };
    await run(async (_, c) => c.step("a", second, twice), { onInvocationEnd });
    expect(firsts).toEqual([
      [true, "PENDING"],
      [false, "SUCCEEDED"],
    ]);
  });

  test("the end of every attempt has the attempt's own times, and that of the step the step's", async () => {
    const attempts: Record<string, Date>[] = [];
    const began: (Date | undefined)[] = [];
    const wrapped: (Date | undefined)[] = [];
    const whole: OperationInfo[] = [];
    const plugin: DurableInstrumentationPlugin = {
      onOperationAttemptStart: async ({ startTimestamp }) => void began.push(startTimestamp),
      wrapOperationAttemptFn: ({ startTimestamp }, fn) => {
        wrapped.push(startTimestamp);
        return fn();
      },
      onOperationAttemptEnd: async ({ startTimestamp, endTimestamp }) =>
        void attempts.push({ startTimestamp, endTimestamp } as Record<string, Date>),
      onOperationEnd: async (info) => void whole.push(info),
    };
    const handler: Handler = async (_, c) => {
      await c.step("a", second, twice);
      await c.waitForCondition("c", async (state: number) => state + 1, {
        initialState: 0,
        waitStrategy: (state) => (state < 2 ? { shouldContinue: true, delay: seconds(1) } : { shouldContinue: false }),
      });
    };
    await runWithPlugins("ours", handler, { plugins: [plugin as never] });
    expect(attempts).toHaveLength(4);
    expect(attempts.map(({ startTimestamp }) => startTimestamp)).toEqual(began);
    expect(wrapped).toEqual(began);
    for (const { startTimestamp, endTimestamp } of attempts) {
      expect(endTimestamp?.getTime()).toBeGreaterThanOrEqual(startTimestamp?.getTime() as number);
    }
    // The service's clock is in 2100 here.
    expect(attempts.map(({ endTimestamp }) => (endTimestamp?.getUTCFullYear() as number) < 2100)).toEqual(
      attempts.map(() => true),
    );
    expect(whole.map(({ startTimestamp, endTimestamp }) => Number(endTimestamp) - Number(startTimestamp))).toEqual([
      1_000, 1_000,
    ]);
  });

  test("the wrapper of a context knows whether what is inside it was recorded earlier", async () => {
    const seen: unknown[] = [];
    const plugin: DurableInstrumentationPlugin = {
      wrapChildContextFn: ({ name, isReplayingChildren }, fn) => {
        seen.push([name, isReplayingChildren]);
        return fn();
      },
    };
    const handler: Handler = async (_, c) => {
      await c.runInChildContext("open", async (k) => {
        await k.step("s", async () => 1);
        await k.wait(seconds(1));
        await k.runInChildContext("new", async () => 2);
      });
      const virtual = { virtualContext: true };
      await c.runInChildContext("v", (k) => k.runInChildContext("w", (l) => l.wait(seconds(1)), virtual), virtual);
    };
    await run(handler, plugin);
    expect(seen).toEqual([
      ["open", false],
      ["open", true],
      ["new", false],
      ["v", false],
      ["w", false],
      // The child "open" is recorded with its result by now.
      ["v", true],
      ["w", true],
    ]);
  });
});

describe("a wrapper cannot change what a function comes to:", () => {
  const wrappers: [string, (info: object, fn: () => Promise<unknown>) => unknown][] = [
    ["one that never calls it", () => undefined],
    ["one that calls it twice", async (_, fn) => [await fn(), await fn()]],
    ["one that throws before it", () => Promise.reject(new Error("plugin"))],
    [
      "one that throws at once",
      () => {
        throw new Error("plugin");
      },
    ],
    [
      "one that throws after it",
      async (_, fn) => {
        await fn();
        throw new Error("plugin");
      },
    ],
    ["one that returns something else", async (_, fn) => fn().then(() => "else")],
    ["one that swallows its error", async (_, fn) => fn().catch(() => "swallowed")],
    ["one that replaces its error", async (_, fn) => fn().catch(() => Promise.reject(new Error("other")))],
    ["one that does not wait for it", (_, fn) => void fn()],
    [
      "one that lets go of it and does something long",
      async (_, fn) => {
        void fn();
        await pause(30);
      },
    ],
    [
      "one that takes its time before it",
      async (_, fn) => {
        await pause(30);
        return fn();
      },
    ],
  ];
  const bodies: [string, () => unknown, unknown][] = [
    ["returns", async () => pause(5).then(() => "value"), "value"],
    ["rejects", async () => pause(5).then(() => Promise.reject(new RangeError("own"))), "own"],
    ["returns at once, nothing", () => undefined, undefined],
    ["returns at once", () => "value", "value"],
    [
      "throws at once",
      () => {
        throw new RangeError("own");
      },
      "own",
    ],
  ];

  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  beforeAll(() => void process.on("unhandledRejection", note));
  afterAll(() => void process.off("unhandledRejection", note));
  afterEach(() => {
    expect(unhandled.splice(0)).toEqual([]);
  });

  test.each(wrappers)("%s", async (_what, wrap) => {
    const plugin = Object.fromEntries(WRAPPERS.map((wrapper) => [wrapper, wrap])) as DurableInstrumentationPlugin;
    for (const [what, body, expected] of bodies) {
      let runs = 0;
      const counted = () => {
        runs++;
        return body() as Promise<unknown>;
      };
      const handler: Handler = async (_, c) => {
        const message = (error: Error) => error.message;
        return [
          await c.step("s", counted, never).catch(message),
          await c.runInChildContext("c", counted).catch(message),
        ];
      };
      const { outcome, result } = await run(handler, plugin, plugin);
      expect([what, outcome.status, runs]).toEqual([what, "SUCCEEDED", 2]);
      expect([what, result]).toEqual([what, [expected ?? null, expected ?? null]]);
    }
  });

  test("nor what an invocation comes to", async () => {
    const plugins = wrappers.map(([, wrap]) => ({ wrapInvocation: wrap }) as DurableInstrumentationPlugin);
    let runs = 0;
    const handler: Handler = async (_, c) => {
      runs++;
      return c.step("s", async () => 1);
    };
    expect((await run(handler, ...plugins)).outcome).toEqual({ status: "SUCCEEDED", result: "1" });
    expect(runs).toBe(1);
    const failed = await run(async () => Promise.reject(new RangeError("own")), ...plugins);
    expect(failed.outcome).toMatchObject({ status: "FAILED", error: { ErrorMessage: "own" } });
  });
});

describe("hooks", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    refreshLogConfig();
  });

  function broken(): DurableInstrumentationPlugin {
    const hooks = HOOKS.map((hook, index) => {
      const call = () => {
        if (index % 2 === 0) throw new Error(`${hook} is broken`);
        return Promise.reject(new Error(`${hook} is broken`));
      };
      return [hook, call];
    });
    const enrichLogContext = () => {
      throw new Error("enrichLogContext is broken");
    };
    return { ...Object.fromEntries(hooks), enrichLogContext };
  }

  test("that throw or reject change nothing, and the other plugins are told", async () => {
    const alone: Call[] = [];
    const beside: Call[] = [];
    const handler: Handler = async (_, c) => c.step("a", second, twice);
    const expected = await runWithPlugins("ours", handler, { plugins: [auditor(alone)] });
    const plugins = [broken() as never, auditor(beside)];
    const { outcome, updates } = await runWithPlugins("ours", handler, { plugins });
    expect([outcome, updates]).toEqual([expected.outcome, expected.updates]);
    expect(beside).toEqual(alone);
  });

  test("that are missing, absent plugins and things that are no hooks are left out", async () => {
    const plugins = [null, undefined, false, {}, { onOperationStart: 5, wrapChildContextFn: "text" }];
    const { result } = await run(
      async (_, c) => c.runInChildContext((k) => k.step(async () => 1)),
      ...(plugins as never[]),
    );
    expect(result).toBe(1);
    expect((await runOurs(async () => 2, { config: { plugins: null as never } })).result).toBe(2);
  });

  test("are waited for: the execution goes on, and the response leaves, when all plugins are done", async () => {
    const order: string[] = [];
    const slow = Object.fromEntries(
      HOOKS.map((hook) => [
        hook,
        async () => {
          order.push(`${hook} begins`);
          await pause(3);
          order.push(`${hook} is done`);
        },
      ]),
    );
    const { invocations } = await run(async (_, c) => {
      order.push("handler");
      await c.step("a", async () => void order.push("step"));
      order.push("goes on");
    }, slow);
    order.push(`${invocations[0]?.output?.Status}`);
    const begun = (hook: string) => [`${hook} begins`, `${hook} is done`];
    expect(order).toEqual([
      ...begun("onInvocationStart"),
      "handler",
      "onOperationStart begins",
      // The START has left meanwhile.
      expect.anything(),
      expect.anything(),
      expect.anything(),
      expect.anything(),
      expect.anything(),
      "step",
      ...begun("onOperationChange"),
      ...begun("onOperationAttemptEnd"),
      ...begun("onOperationEnd"),
      "goes on",
      ...begun("onInvocationEnd"),
      "SUCCEEDED",
    ]);
  });

  test("that take longer than everything else waits keep the invocation from being suspended", async () => {
    const begins: string[] = [];
    const plugin: DurableInstrumentationPlugin = {
      onOperationStart: async ({ name }) => {
        if (name !== "slow") return;
        begins.push("slow");
        await pause(60);
      },
    };
    const handler: Handler = async (_, c) => {
      await c.parallel("p", [
        (k) => k.wait("hour", { hours: 1 }),
        (k) => k.runInChildContext("slow", (l) => l.step("s", async () => 1)),
      ]);
    };
    const { invocations } = await runWithPlugins("ours", handler, { plugins: [plugin as never] });
    // Its step has run before the hour begins, not after it.
    expect(invocations[0]?.requests.flat().map(({ Action, Name }) => `${Action} ${Name}`)).toContain("SUCCEED s");
    expect(begins).toEqual(["slow"]);
  });

  test("are not called after the invocation has ended, by what it left behind", async () => {
    const calls: Call[] = [];
    const left: Promise<unknown>[] = [];
    const handler: Handler = async (_, c) => {
      await c.parallel(
        "p",
        [
          (k) => {
            const late = pause(40).then(() => "late");
            left.push(late);
            return k.runInChildContext("late", () => late);
          },
          async () => "first",
        ],
        { completionConfig: { minSuccessful: 1 } },
      );
    };
    await runWithPlugins("ours", handler, { plugins: [auditor(calls)] });
    const [last, before] = [calls.at(-1), calls.at(-2)];
    expect([before?.hook, last?.hook]).toEqual(["onInvocationEnd", "wrapInvocation <"]);
    const { length } = calls;
    await Promise.all(left);
    await pause(10);
    // The wrapper of the function that was running returns with it; those around it do not.
    expect(calls.slice(length).map(({ hook }) => hook)).toEqual(["wrapChildContextFn <"]);
  });

  test("have their failures shown in verbose mode", async () => {
    vi.stubEnv("DURABLE_VERBOSE_MODE", "true");
    refreshLogConfig();
    const lines: string[] = [];
    const debug = vi.spyOn(console, "debug").mockImplementation((line) => void lines.push(String(line)));
    const wrap = () => Promise.reject(new Error("wrapOperationAttemptFn is broken"));
    try {
      await run(
        async (_, c) =>
          c
            .step(
              "a",
              async () => {
                throw new Error("the step's own");
              },
              never,
            )
            .catch(() => 0),
        { ...broken(), wrapOperationAttemptFn: wrap },
      );
    } finally {
      debug.mockRestore();
    }
    const text = lines.join("\n");
    for (const hook of [...HOOKS, "wrapOperationAttemptFn"])
      expect(text).toContain(`${hook} of a plugin failed: Error: ${hook}`);
    expect(text).not.toContain("the step's own");
  });
});

describe("maps of all operations", () => {
  test("say what was known when the hook was called, whenever they are read", async () => {
    const kept: (() => string)[] = [];
    const statuses = (operations: Record<string, OperationInfo>) =>
      Object.values(operations)
        .filter(({ type }) => type !== "EXECUTION")
        .map(({ name, status }) => `${name} ${status}`)
        .join(", ");
    const plugin: DurableInstrumentationPlugin = {
      onInvocationStart: async (info) => void kept.push(() => `start: ${statuses(info.operations)}`),
      onOperationChange: async (info) =>
        void kept.push(() => `${statuses(info.updatedOperations)} of ${statuses(info.operations)}`),
      onInvocationEnd: async (info) => void kept.push(() => `end: ${statuses(info.operations)}`),
    };
    await run(async (_, c) => {
      await c.step("a", async () => 1);
      await c.wait("w", seconds(1));
      await c.step("b", async () => 1);
    }, plugin);
    expect(kept.map((read) => read())).toEqual([
      "start: ",
      "a SUCCEEDED of a SUCCEEDED",
      "w STARTED of a SUCCEEDED, w STARTED",
      "end: a SUCCEEDED, w STARTED",
      "start: a SUCCEEDED, w SUCCEEDED",
      "b SUCCEEDED of a SUCCEEDED, w SUCCEEDED, b SUCCEEDED",
      "end: a SUCCEEDED, w SUCCEEDED, b SUCCEEDED",
    ]);
  });

  test("are members like any other: they are spread, listed and written as JSON", async () => {
    const seen: unknown[] = [];
    const onOperationChange = async (info: object) => {
      seen.push(Object.keys(info), Object.keys({ ...info }), Object.keys(JSON.parse(JSON.stringify(info))));
    };
    await run(async (_, c) => c.step("a", async () => 1), { onOperationChange });
    const members = ["executionArn", "updatedOperations", "operations"];
    expect(seen).toEqual([members, members, members]);
  });
});

describe("a plugin without hooks", () => {
  test("leaves every turn of the execution as it is", async () => {
    const turns = async (plugins: DurableInstrumentationPlugin[]) => {
      const order: string[] = [];
      const handler: Handler = async (_, c) => {
        const note = (what: string) => void order.push(what);
        await c.map("m", [1, 2, 3], async (item, n) => {
          note(`item ${n}`);
          await item.step(
            "s",
            async ({ attempt }) => {
              note(`step ${n} ${attempt}`);
              await undefined;
              note(`step ${n} ${attempt} goes on`);
              if (n === 2 && attempt === 1) throw new Error("again");
            },
            twice,
          );
          note(`item ${n} goes on`);
          await item.runInChildContext("c", async () => note(`child ${n}`));
          await item.wait("w", seconds(n));
          note(`item ${n} has waited`);
        });
        note("end");
      };
      const { updates } = await run(handler, ...plugins);
      return { order, updates };
    };
    const without = await turns([]);
    expect(await turns([{}])).toEqual(without);
    expect(await turns([{ enrichLogContext: () => ({}) }, { onInvocationStart: async () => {} }])).toEqual(without);
    expect(without.order.length).toBeGreaterThan(20);
  });
});

describe("hooks that nobody has", () => {
  /** Turns of the microtask queue until it is over: what does not wait for the service takes the same ones always. */
  async function turnsOf(begin: () => PromiseLike<unknown>): Promise<number> {
    let isOver = false;
    const over = begin().then(
      () => {
        isOver = true;
      },
      () => {
        isOver = true;
      },
    );
    let turns = 0;
    for (; !isOver && turns < 1_000; turns++) await undefined;
    await over;
    return turns;
  }

  test("cost no turn, whatever else the plugin has", async () => {
    const count = async (plugins: DurableInstrumentationPlugin[]) => {
      const counts: Record<string, number> = {};
      let invocations = 0;
      const handler: Handler = async (_, c) => {
        const phase = invocations++ === 0 ? "live" : "replayed";
        const note = async (what: string, begin: () => PromiseLike<unknown>) => {
          counts[`${what}, ${phase}`] = await turnsOf(begin);
        };
        const fails = async () => {
          throw new Error("no");
        };
        await note("a context", () => c.runInChildContext(async () => 1));
        await note("a context that fails", () => c.runInChildContext(fails));
        await note("a virtual context", () => c.runInChildContext(async () => 1, { virtualContext: true }));
        await note("a map", () => c.map([1, 2, 3], async (_item, n) => n));
        await note("a flat map", () => c.map([1, 2, 3], async (_item, n) => n, { nesting: "FLAT" }));
        await note("a combinator", () => c.promise.all([c.runInChildContext(async () => 1)]));
        await note("a step", () => c.step(async () => 1));
        await note("a wait", () => c.wait(seconds(1)));
        await note("a callback", () => c.createCallback({ timeout: seconds(1) }));
        await c.wait(seconds(2));
      };
      await run(handler, ...plugins);
      // These wait for the service while they are live.
      for (const what of ["a step", "a wait", "a callback"]) delete counts[`${what}, live`];
      return counts;
    };
    const without = await count([]);
    expect(Object.keys(without)).toHaveLength(15);
    expect(await count([{}, { enrichLogContext: () => ({}) }])).toEqual(without);
    expect(await count([{ onInvocationEnd: async () => {}, onOperationAttemptEnd: async () => {} }])).toEqual(without);
    expect(await count([{ onOperationStart: async () => {} }])).not.toEqual(without);
  });
});

describe("batched items", () => {
  test("share one operation, and what is inside is told as elsewhere", async () => {
    const seen: string[] = [];
    const plugin: DurableInstrumentationPlugin = {
      onOperationStart: async ({ name }) => void seen.push(`start ${name}`),
      onOperationEnd: async ({ name, status }) => void seen.push(`end ${name} ${status}`),
      wrapOperationAttemptFn: ({ name, attempt }, fn) => {
        seen.push(`attempt ${attempt} of ${name}`);
        return fn();
      },
    };
    const handler: Handler = async (_, c) => {
      const batch = await c.map("m", [1, 2, 3], (item, n) => item.step(`s${n}`, async () => n), { batch: 2 });
      return batch.getResults();
    };
    const { result } = await run(handler, plugin);
    expect(result).toEqual([1, 2, 3]);
    expect(seen.toSorted()).toEqual([
      "attempt 1 of s1",
      "attempt 1 of s2",
      "attempt 1 of s3",
      "end m SUCCEEDED",
      "end m[0..1] SUCCEEDED",
      "end m[2..2] SUCCEEDED",
      ...[0, 1, 2].map((index) => `end map-item-${index} SUCCEEDED`),
      ...[1, 2, 3].map((n) => `end s${n} SUCCEEDED`),
      "start m",
      "start m[0..1]",
      "start m[2..2]",
      ...[0, 1, 2].map((index) => `start map-item-${index}`),
      ...[1, 2, 3].map((n) => `start s${n}`),
    ]);
  });

  test("have what is told of them done before the invocation ends", async () => {
    const order: string[] = [];
    const plugin: DurableInstrumentationPlugin = {
      onOperationEnd: async ({ name }) => {
        await pause(30);
        order.push(`told ${name}`);
      },
      onInvocationEnd: async () => void order.push("end"),
    };
    await run(async (_, c) => void (await c.map("m", [1], async () => 1, { batch: 1 })), plugin);
    expect(order.toSorted()).toEqual(["end", "told m", "told m[0..0]", "told map-item-0"]);
    expect(order.at(-1)).toBe("end");
  });
});
