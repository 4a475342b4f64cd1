import { AsyncLocalStorage } from "node:async_hooks";
import * as official from "@aws/durable-execution-sdk-js";
import { describe, expect, test } from "vitest";
import type { DurableContext, DurableInstrumentationPlugin } from "../../src/index.ts";
import * as ours from "../../src/index.ts";
import { FAST, type Handler, runLambda, type ServiceOptions } from "../support/service.ts";

type Event = readonly [hook: string, info: unknown];

const HOOKS = [
  "onInvocationStart",
  "onInvocationEnd",
  "onOperationStart",
  "onOperationEnd",
  "onOperationAttemptStart",
  "onOperationAttemptEnd",
  "onOperationChange",
] as const;
const WRAPPERS = ["wrapInvocation", "wrapChildContextFn", "wrapOperationAttemptFn"] as const;

/** Members that only this package gives; asserted on their own below. */
const ADDED: Record<string, readonly string[]> = {
  onInvocationEnd: ["isFirstInvocation"],
  onOperationAttemptEnd: ["startTimestamp", "endTimestamp"],
  wrapChildContextFn: ["isReplayingChildren"],
};

/** An info without what differs from run to run: times become "time", ids of the execution its word. */
function plain(hook: string, info: object): unknown {
  const rest = { ...info } as Record<string, unknown>;
  for (const member of ADDED[hook] ?? []) delete rest[member];
  return JSON.parse(
    JSON.stringify(rest, (key, value) => {
      if (value instanceof Error) return `${value.constructor.name} ${value.name}: ${value.message}`;
      if (key.endsWith("Timestamp")) return value === undefined ? undefined : "time";
      if (key === "requestId" || key === "executionArn") return key;
      if (key === "operations" || key === "updatedOperations") {
        const isOperation = ({ type }: { type: string }) => type !== "EXECUTION";
        return Object.values(value as Record<string, { type: string }>).filter(isOperation);
      }
      return value;
    }),
  );
}

/** A plugin that writes down everything it is told. */
function auditor(events: Event[]): DurableInstrumentationPlugin {
  const plugin: Record<string, unknown> = {};
  for (const hook of HOOKS) {
    plugin[hook] = async (info: object) => {
      events.push([hook, plain(hook, info)]);
    };
  }
  for (const wrapper of WRAPPERS) {
    plugin[wrapper] = async (info: object, fn: () => unknown) => {
      events.push([`${wrapper} >`, plain(wrapper, info)]);
      try {
        return await fn();
      } finally {
        events.push([`${wrapper} <`, (info as { name?: string }).name]);
      }
    };
  }
  return plugin as DurableInstrumentationPlugin;
}

interface Config {
  readonly plugins?: DurableInstrumentationPlugin[];
  readonly pluginsConfig?: { childOperationsDepth?: number };
}

function runOn(sdk: "official" | "ours", handler: Handler, config: Config, options: ServiceOptions = {}) {
  const lambda =
    sdk === "official"
      ? official.withDurableExecution(handler as never, config as never)
      : ours.withDurableExecution(handler, { ...config, runtime: FAST });
  return runLambda(lambda as never, options);
}

const never = { retryStrategy: () => ({ shouldRetry: false }) };
const twice = {
  retryStrategy: (_error: Error, attempt: number) => ({ shouldRetry: attempt < 2, delay: { seconds: 1 } }),
};
const fail = async (): Promise<never> => {
  throw new RangeError("no");
};
const second = async ({ attempt }: { attempt: number }) => {
  if (attempt < 2) throw new TypeError("not yet");
  return { attempt };
};

/** Handlers whose branches do not run side by side: then the order of events is one. */
const cases: Record<string, Handler | [Handler, Config, ServiceOptions?]> = {
  "a step": async (_, c) => c.step("a", async () => 1),
  "a step without a name, of undefined": async (_, c) => c.step(async () => {}),
  "a step that fails": async (_, c) => c.step("a", fail, never),
  "a step that is retried": async (_, c) => c.step("a", second, twice),
  "an at-most-once step that is retried": async (_, c) =>
    c.step("a", second, { ...twice, semantics: "AT_MOST_ONCE_PER_RETRY" }),
  "steps before and after a wait": async (_, c) => {
    await c.step("a", async () => 1);
    await c.wait("w", { seconds: 5 });
    await c.wait({ seconds: 5 });
    return c.step("b", async () => 2);
  },
  "a condition": async (_, c) =>
    c.waitForCondition("cond", async (state: number) => state + 1, {
      initialState: 0,
      waitStrategy: (state) =>
        state < 3 ? { shouldContinue: true, delay: { seconds: 2 } } : { shouldContinue: false },
    }),
  "a condition that fails": async (_, c) =>
    c.waitForCondition("cond", fail, { initialState: 0, waitStrategy: () => ({ shouldContinue: false }) }),
  "a callback that times out": async (_, c) => {
    const [result] = await c.createCallback("cb", { timeout: { seconds: 3 } });
    return result.catch(() => "timed out");
  },
  waitForCallback: async (_, c) =>
    c.waitForCallback("approval", async () => {}, { timeout: { seconds: 3 } }).catch(() => "timed out"),
  "waitForCallback without a name": async (_, c) =>
    c.waitForCallback(async () => {}, { timeout: { seconds: 3 } }).catch(() => "timed out"),
  "waitForCallback whose submitter fails": async (_, c) =>
    c.waitForCallback("approval", fail, { timeout: { seconds: 3 }, ...never }).catch(() => "failed"),
  "a child context": async (_, c) => c.runInChildContext("child", (k) => k.step("in", async () => 7)),
  "a child context that fails": async (_, c) => c.runInChildContext("child", fail).catch(() => "failed"),
  "a child context over several invocations": async (_, c) =>
    c.runInChildContext("child", async (k) => {
      await k.step("before", async () => 1);
      await k.wait({ seconds: 1 });
      return k.step("after", async () => 2);
    }),
  "a virtual child context": async (_, c) => {
    await c.runInChildContext("child", (k) => k.step("in", async () => 7), { virtualContext: true });
    await c.wait({ seconds: 1 });
  },
  "a child context whose result is too large": async (_, c) => {
    await c.runInChildContext("big", async (k) => {
      await k.step("in", async () => 1);
      return "x".repeat(300_000);
    });
    await c.wait({ seconds: 1 });
  },
  "a map, one after the other": async (_, c) => {
    const batch = await c.map(
      "m",
      [1, 2, 3],
      async (item, n) => {
        await item.step("s", async () => n);
        await item.wait({ seconds: 1 });
        if (n === 2) throw new Error("two");
        return n;
      },
      { maxConcurrency: 1, completionConfig: { toleratedFailureCount: 1 } },
    );
    return batch.successCount;
  },
  "a flat map": async (_, c) => {
    const batch = await c.map("m", [1, 2], (item, n) => item.step("s", async () => n), {
      nesting: "FLAT",
      maxConcurrency: 1,
    });
    await c.wait({ seconds: 1 });
    return batch.getResults();
  },
  "a parallel": async (_, c) => {
    const batch = await c.parallel("p", [{ name: "b", func: (k: DurableContext) => k.step("s", async () => 1) }], {});
    await c.wait({ seconds: 1 });
    return batch.getResults();
  },
  "a large map, rebuilt from its items": async (_, c) => {
    const big = async () => "x".repeat(100_000);
    await c.map("m", [1, 2, 3], (item) => item.step("s", big), { maxConcurrency: 1 });
    await c.wait({ seconds: 1 });
  },
  "promise.all": async (_, c) => {
    const all = await c.promise.all("all", [c.step("a", async () => 1)]);
    await c.wait({ seconds: 1 });
    return all;
  },
  "an execution that fails with an error of its own": async () => {
    throw new RangeError("own");
  },
  "an execution that fails": async (_, c) => {
    await c.step("a", fail, never);
  },
  "a result too large for a response": [
    async (_, c) => {
      await c.step("a", async () => 1);
      return "x".repeat(6_291_450);
    },
    {},
  ],
  "a child whose operations are kept": [
    async (_, c) => {
      await c.runInChildContext("outer", (k) =>
        k.runInChildContext("middle", (l) => l.runInChildContext("inner", (m) => m.step("in", async () => 1))),
      );
      await c.runInChildContext("failed", fail).catch(() => 0);
      await c.wait({ seconds: 1 });
    },
    { pluginsConfig: { childOperationsDepth: 2 } },
  ],
  "a map whose operations are all kept": [
    async (_, c) => {
      const batch = await c.map("m", [1, 2], (item, n) => item.step("s", async () => n), { maxConcurrency: 1 });
      await c.wait({ seconds: 1 });
      return batch.getResults();
    },
    { pluginsConfig: { childOperationsDepth: Number.POSITIVE_INFINITY } },
  ],
  "a depth that makes no sense": [async () => 1, { pluginsConfig: { childOperationsDepth: -1 } }],
};

describe("a plugin sees the same events in the same order on both SDKs:", () => {
  test.each(Object.entries(cases))("%s", async (_name, given) => {
    const [handler, config, options] = typeof given === "function" ? [given, {}] : given;
    const seen: Event[][] = [];
    const outcomes: unknown[] = [];
    const updates: unknown[] = [];
    for (const sdk of ["official", "ours"] as const) {
      const events: Event[] = [];
      const run = await runOn(sdk, handler, { ...config, plugins: [auditor(events)] }, options);
      seen.push(events);
      outcomes.push(run.outcome);
      updates.push(run.updates.filter(({ Type }) => Type !== "EXECUTION"));
    }
    expect(seen[1]).toEqual(seen[0]);
    expect(outcomes[1]).toEqual(outcomes[0]);
    expect(updates[1]).toEqual(updates[0]);
  });

  test("branches side by side: the same events for each operation", async () => {
    const handler: Handler = async (_, c) => {
      await c.map("m", [1, 2, 3], async (item, n) => {
        await item.step(`s${n}`, second, twice);
        return item.promise.all([item.step(`t${n}`, async () => n)]);
      });
    };
    const seen: unknown[] = [];
    for (const sdk of ["official", "ours"] as const) {
      const events: Event[] = [];
      await runOn(sdk, handler, { plugins: [auditor(events)] });
      const byOperation: Record<string, Event[]> = {};
      for (const event of events) {
        const { id, name } = Object(event[1]) as { id?: string; name?: string };
        if (event[0].startsWith("onOperationChange") || id === undefined) continue;
        byOperation[`${name} ${id}`] = [...(byOperation[`${name} ${id}`] ?? []), event];
      }
      seen.push(byOperation);
    }
    expect(seen[1]).toEqual(seen[0]);
  });
});

describe("wrappers", () => {
  test.each(["official", "ours"] as const)("nest, the first outermost, and carry async context (%s)", async (sdk) => {
    const spans = new AsyncLocalStorage<string>();
    const order: string[] = [];
    const tracer = (name: string): DurableInstrumentationPlugin => {
      const wrap = (info: object, fn: () => unknown) => {
        const span = `${spans.getStore() ?? ""}/${name}:${(info as { name?: string }).name ?? "invocation"}`;
        return spans.run(span, fn);
      };
      return { wrapInvocation: wrap, wrapChildContextFn: wrap, wrapOperationAttemptFn: wrap } as never;
    };
    await runOn(
      sdk,
      async (_, c) => {
        order.push(spans.getStore() as string);
        await c.runInChildContext("child", async (k) => {
          order.push(spans.getStore() as string);
          await k.step("step", async () => void order.push(spans.getStore() as string));
        });
      },
      { plugins: [tracer("a"), tracer("b")] },
    );
    expect(order).toEqual([
      "/a:invocation/b:invocation",
      "/a:invocation/b:invocation/a:child/b:child",
      "/a:invocation/b:invocation/a:child/b:child/a:step/b:step",
    ]);
  });

  test.each([
    ["never call the function", () => undefined],
    ["call it twice", async (_: object, fn: () => unknown) => [await fn(), await fn()]],
    ["throw before it", () => Promise.reject(new Error("plugin"))],
    [
      "throw after it",
      async (_: object, fn: () => unknown) => {
        await fn();
        throw new Error("plugin");
      },
    ],
    ["return something else", async (_: object, fn: () => Promise<unknown>) => fn().then(() => "else")],
    ["swallow its error", async (_: object, fn: () => Promise<unknown>) => fn().catch(() => "swallowed")],
  ] as [string, (info: object, fn: () => never) => unknown][])("that %s change nothing", async (_what, wrap) => {
    const plugin = { wrapInvocation: wrap, wrapChildContextFn: wrap, wrapOperationAttemptFn: wrap } as never;
    let runs = 0;
    const handler: Handler = async (_, c) => {
      const good = await c.runInChildContext((k) => k.step(async () => ++runs));
      const bad = await c.step(fail, never).catch((error: unknown) => (error as Error).message);
      return [good, bad];
    };
    // The official SDK takes what a wrapper returns, or rejects with, for the outcome of the function.
    const run = await runOn("ours", handler, { plugins: [plugin] });
    expect(run.outcome).toEqual({ status: "SUCCEEDED", result: '[1,"no"]' });
  });

  test("hooks that throw or reject change nothing, and the other plugins are told", async () => {
    const events: Event[] = [];
    const broken: Record<string, unknown> = {};
    for (const [index, hook] of HOOKS.entries()) {
      broken[hook] = () => {
        if (index % 2 === 0) throw new Error("plugin");
        return Promise.reject(new Error("plugin"));
      };
    }
    const plugins = [broken as DurableInstrumentationPlugin, auditor(events)];
    const run = await runOn("ours", async (_, c) => c.step("a", second, twice), { plugins });
    expect(run.result).toEqual({ attempt: 2 });
    expect(new Set(events.map(([hook]) => hook))).toEqual(
      new Set([
        ...HOOKS,
        "wrapInvocation >",
        "wrapInvocation <",
        "wrapOperationAttemptFn >",
        "wrapOperationAttemptFn <",
      ]),
    );
  });
});

describe("beyond the official SDK", () => {
  test("the end of an invocation says whether it was the first, every attempt has its times, contexts say why they run", async () => {
    const infos: Record<string, unknown>[] = [];
    const note = async (info: object) => void infos.push(info as Record<string, unknown>);
    const plugin: DurableInstrumentationPlugin = {
      onInvocationEnd: note,
      onOperationAttemptEnd: note,
      wrapChildContextFn: (info, fn) => {
        infos.push(info as never);
        return fn();
      },
    };
    await runOn("ours", async (_, c) => c.runInChildContext("child", (k) => k.step("a", second, twice)), {
      plugins: [plugin],
    });
    const firsts = infos
      .filter((info) => "status" in info && "requestId" in info)
      .map((info) => info["isFirstInvocation"]);
    expect(firsts).toEqual([true, false]);
    const attempts = infos.filter((info) => "outcome" in info);
    expect(attempts.map((info) => info["outcome"])).toEqual(["FAILED", "SUCCEEDED"]);
    for (const { startTimestamp, endTimestamp } of attempts) {
      expect(startTimestamp).toBeInstanceOf(Date);
      expect(endTimestamp).toBeInstanceOf(Date);
    }
    expect(infos.filter((info) => "isReplayingChildren" in info).map((info) => info["isReplayingChildren"])).toEqual([
      false,
      false,
    ]);
  });

  test("a batch is an operation, and its items' steps are wrapped", async () => {
    const seen: string[] = [];
    const plugin: DurableInstrumentationPlugin = {
      onOperationStart: async ({ name }) => void seen.push(`start ${name}`),
      onOperationEnd: async ({ name, status, result }) =>
        void seen.push(`end ${name} ${status} ${result?.length !== 0}`),
      wrapOperationAttemptFn: ({ name, attempt }, fn) => {
        seen.push(`attempt ${attempt} of ${name}`);
        return fn();
      },
    };
    const handler: Handler = async (_, c) => {
      const batch = await c.map("m", [1, 2, 3], (item, n) => item.step(`s${n}`, async () => n), { batch: 2 });
      return batch.getResults();
    };
    const run = await runOn("ours", handler, { plugins: [plugin] });
    expect(run.result).toEqual([1, 2, 3]);
    expect(seen.toSorted()).toEqual([
      "attempt 1 of s1",
      "attempt 1 of s2",
      "attempt 1 of s3",
      "end m SUCCEEDED true",
      "end m[0..1] SUCCEEDED true",
      "end m[2..2] SUCCEEDED true",
      "start m",
      "start m[0..1]",
      "start m[2..2]",
    ]);
  });
});
