import { AsyncLocalStorage } from "node:async_hooks";
import type { DurableInstrumentationPlugin, OperationInfo } from "@aws/durable-execution-sdk-js";
import { describe, expect, test } from "vitest";
import { operationId } from "../../src/core/ids.ts";
import type { DurableContext, WireOperation } from "../../src/index.ts";
import type { LocalEngine } from "../../src/testing.ts";
import {
  auditor,
  type Call,
  comparable,
  type PluginOptions,
  runWithPlugins,
  SERVICE_START_MS,
  withPlugins,
} from "../support/plugins.ts";
import { type CheckpointCall, type Handler, invokeOver } from "../support/service.ts";

const SDKS = ["official", "ours"] as const;
const seconds = (count: number) => ({ seconds: count });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const never = { retryStrategy: () => ({ shouldRetry: false }) };
const thrice = {
  retryStrategy: (_error: Error, attempt: number) => ({ shouldRetry: attempt < 3, delay: seconds(1) }),
};
const fail = async (): Promise<never> => {
  throw new RangeError("no");
};
const third = async ({ attempt }: { attempt: number }) => {
  if (attempt < 3) throw new TypeError(`not yet ${attempt}`);
  return { attempt };
};

/** The invocation is cut off when this request (both count from 0) has been recorded. */
const cutOff = (invocation: number, request: number) => ({
  onCheckpoint: async (call: CheckpointCall) => {
    const answer = await call.forward();
    if (call.invocation === invocation && call.request === request) throw new Error("cut off");
    return answer;
  },
});

/** Completes a callback from outside, when the invocation that made it has ended. */
function outside(complete: (engine: LocalEngine, callbackId: string) => void) {
  let engine: LocalEngine | undefined;
  let callbackId: string | undefined;
  const plugin: DurableInstrumentationPlugin = {
    onInvocationEnd: async ({ status }) => {
      if (status === "PENDING") setTimeout(() => complete(engine as LocalEngine, callbackId as string), 20);
    },
  };
  const onEngine = (given: LocalEngine) => {
    engine = given;
  };
  const submit = async (id: string) => {
    callbackId = id;
  };
  return { submit, options: { plugins: [plugin], onEngine } };
}

/** Made anew for each run where it keeps state. */
type Case = Handler | [Handler, PluginOptions] | { make: () => [Handler, PluginOptions] };

const steps: Record<string, Case> = {
  "a step": async (_, c) => c.step("a", async () => 1),
  "a step without a name, of undefined": async (_, c) => c.step(async () => {}),
  "a step whose function is not async": async (_, c) => c.step("a", (() => 5) as never),
  "a step whose function throws at once": async (_, c) =>
    c.step(
      "a",
      () => {
        throw new Error("at once");
      },
      never,
    ),
  "a step that throws null": async (_, c) =>
    c
      .step(
        "a",
        async () => {
          throw null;
        },
        never,
      )
      .catch(() => 0),
  "a step that is retried": async (_, c) => c.step("a", third, thrice),
  "a step that is retried in vain": async (_, c) => c.step("a", fail, thrice).catch(() => 0),
  "an at-most-once step that is retried": async (_, c) =>
    c.step("a", third, { ...thrice, semantics: "AT_MOST_ONCE_PER_RETRY" }),
  "a step that is cut off": [async (_, c) => c.step("a", () => pause(200)), cutOff(0, 0)],
  "a step that is cut off in its second attempt": [
    async (_, c) => c.step("a", async ({ attempt }) => (attempt === 1 ? fail() : pause(200)), thrice),
    cutOff(1, 0),
  ],
  "an at-most-once step that is cut off and retried": [
    async (_, c) => c.step("a", () => pause(30), { ...thrice, semantics: "AT_MOST_ONCE_PER_RETRY" }),
    cutOff(0, 0),
  ],
  "an at-most-once step that is cut off and given up": [
    async (_, c) => c.step("a", () => pause(30), { ...never, semantics: "AT_MOST_ONCE_PER_RETRY" }).catch(() => 0),
    cutOff(0, 0),
  ],
  "a condition": async (_, c) =>
    c.waitForCondition("c", async (state: number) => state + 1, {
      initialState: 0,
      waitStrategy: (state) => (state < 3 ? { shouldContinue: true, delay: seconds(2) } : { shouldContinue: false }),
    }),
  "a condition that fails": async (_, c) =>
    c.waitForCondition("c", fail, { initialState: 0, waitStrategy: () => ({ shouldContinue: false }) }).catch(() => 0),
  "a condition whose strategy throws": async (_, c) =>
    c
      .waitForCondition("c", async () => 1, {
        initialState: 0,
        waitStrategy: () => {
          throw new Error("undecided");
        },
      })
      .catch(() => 0),
};

const external: Record<string, Case> = {
  "waits between steps": async (_, c) => {
    await c.step("a", async () => 1);
    await c.wait("w", seconds(5));
    await c.wait(seconds(5));
    return c.step("b", async () => 2);
  },
  "a wait that nobody awaits": async (_, c) => {
    c.wait("u", seconds(1));
    await c.step("a", async () => 1);
    await c.wait("w", seconds(2));
    await c.step("b", async () => 1);
  },
  "a callback that times out": async (_, c) => {
    const [result] = await c.createCallback("cb", { timeout: seconds(3) });
    return result.catch((error: Error) => error.message);
  },
  "a callback that nobody awaits": async (_, c) => {
    const [result] = await c.createCallback("cb", { timeout: seconds(1) });
    result.catch(() => 0);
    await c.wait("w", seconds(2));
    await c.step("b", async () => 1);
  },
  "a callback that is completed": {
    make: () => {
      const { submit, options } = outside((engine, id) => engine.completeCallback(id, '"yes"'));
      const handler: Handler = async (_, c) => {
        const [result, id] = await c.createCallback("cb");
        await c.step("submit", () => submit(id));
        return result;
      };
      return [handler, options];
    },
  },
  "waitForCallback, completed": {
    make: () => {
      const { submit, options } = outside((engine, id) => engine.completeCallback(id, "yes"));
      return [async (_, c) => c.waitForCallback("approval", submit), options];
    },
  },
  "waitForCallback, failed": {
    make: () => {
      const { submit, options } = outside((engine, id) => engine.failCallback(id, { ErrorMessage: "no" }));
      return [async (_, c) => c.waitForCallback("approval", submit).catch((error: Error) => error.message), options];
    },
  },
  "waitForCallback without a name": async (_, c) =>
    c.waitForCallback(async () => {}, { timeout: seconds(3) }).catch(() => "timed out"),
  "waitForCallback whose submitter fails": async (_, c) =>
    c.waitForCallback("approval", fail, { timeout: seconds(3), ...never }).catch(() => "failed"),
  "a chained invoke": [
    async (_, c) => c.invoke("call", "other", { a: 1 }),
    { onEngine: (engine) => void engine.registerFunction("other", async (input) => ({ input })) },
  ],
  "a chained invoke that fails": [
    async (_, c) => c.invoke("call", "other", { a: 1 }).catch((error: Error) => error.message),
    { onEngine: (engine) => void engine.registerFunction("other", fail) },
  ],
};

const contexts: Record<string, Case> = {
  "a child context": async (_, c) => c.runInChildContext("child", (k) => k.step("in", async () => 7)),
  "a child context of nothing": async (_, c) => c.runInChildContext(async () => undefined),
  "a child context that fails": async (_, c) => {
    await c.runInChildContext("child", fail).catch(() => 0);
    await c.wait(seconds(1));
  },
  "a child context that throws null": async (_, c) =>
    c
      .runInChildContext("child", async () => {
        throw null;
      })
      .catch(() => 0),
  "a child context over several invocations": async (_, c) =>
    c.runInChildContext("child", async (k) => {
      await k.step("before", async () => 1);
      await k.wait(seconds(1));
      await k.wait("again", seconds(1));
      return k.step("after", async () => 2);
    }),
  "contexts in contexts": async (_, c) =>
    c.runInChildContext("1", (k) =>
      k.runInChildContext("2", (l) =>
        l.runInChildContext("3", async (m) => {
          await m.step("in", async () => 1);
          await m.wait(seconds(1));
        }),
      ),
    ),
  "a virtual child context": async (_, c) => {
    const body = async (k: DurableContext) => {
      await k.step("in", async () => 7);
      await k.wait(seconds(1));
    };
    await c.runInChildContext("virtual", body, { virtualContext: true });
    await c.wait(seconds(1));
  },
  "a virtual child context that fails": async (_, c) => {
    await c.runInChildContext("virtual", fail, { virtualContext: true }).catch(() => 0);
    await c.wait(seconds(1));
  },
  "a child context whose result is too large, rebuilt twice": async (_, c) => {
    await c.runInChildContext("big", async (k) => {
      await k.step("in", async () => 1);
      await k.wait(seconds(1));
      await k.runInChildContext("child", (l) => l.step("deep", async () => 2));
      await k.runInChildContext("virtual", (l) => l.step("deep", async () => 2), { virtualContext: true });
      return "x".repeat(300_000);
    });
    await c.wait(seconds(1));
    await c.wait(seconds(1));
  },
};

const batches: Record<string, Case> = {
  "a map, one after the other": async (_, c) => {
    const batch = await c.map(
      "m",
      [1, 2, 3],
      async (item, n) => {
        await item.step("s", async () => n);
        await item.wait(seconds(1));
        if (n === 2) throw new Error("two");
        return n;
      },
      { maxConcurrency: 1, completionConfig: { toleratedFailureCount: 1 } },
    );
    return batch.successCount;
  },
  "a map, all at once": async (_, c) => {
    const body = async (item: DurableContext, n: number) => {
      await item.step("s", async () => n);
      if (n === 2) throw new Error("two");
      return n;
    };
    const batch = await c.map("m", [1, 2, 3], body, { completionConfig: { toleratedFailureCount: 1 } });
    await c.wait(seconds(1));
    return batch.successCount;
  },
  "a map whose items wait": async (_, c) => {
    const batch = await c.map("m", [1, 2, 3], async (item, n) => {
      await item.step("s", async () => n);
      await item.wait(seconds(n));
      return item.step("t", async () => n);
    });
    return batch.getResults();
  },
  "a map whose items are retried": async (_, c) => {
    const batch = await c.map("m", [1, 2, 3], (item) => item.step("s", third, thrice));
    return batch.successCount;
  },
  "a flat map": async (_, c) => {
    const batch = await c.map("m", [1, 2], (item, n) => item.step("s", async () => n), { nesting: "FLAT" });
    await c.wait(seconds(1));
    return batch.getResults();
  },
  "a flat map whose items wait": async (_, c) => {
    const body = async (item: DurableContext, n: number) => {
      await item.wait(seconds(n));
      return n;
    };
    return (await c.map("m", [1, 2], body, { nesting: "FLAT" })).getResults();
  },
  "a large map, rebuilt from its items": async (_, c) => {
    await c.map("m", [1, 2, 3], (item) => item.step("s", async () => "x".repeat(100_000)));
    await c.wait(seconds(1));
  },
  "a large flat map, rebuilt from its steps": async (_, c) => {
    const big = async () => "x".repeat(100_000);
    await c.map("m", [1, 2, 3], (item) => item.step("s", big), { nesting: "FLAT" });
    await c.wait(seconds(1));
  },
  "a map that ends early": async (_, c) => {
    const body = async (item: DurableContext, n: number) =>
      n === 2 ? item.wait(seconds(50)) : item.step("s", async () => n);
    const batch = await c.map("m", [1, 2, 3], body, { completionConfig: { minSuccessful: 1 } });
    await c.wait(seconds(1));
    return batch.completionReason;
  },
  "a map of no items": async (_, c) => void (await c.map("m", [], async () => 1)),
  "a parallel": async (_, c) => {
    const waiting = async (k: DurableContext) => k.wait(seconds(1));
    const batch = await c.parallel<unknown>("p", [{ name: "b", func: (k) => k.step("s", async () => 1) }, waiting]);
    return batch.getResults();
  },
  "branches that go on after their parallel has ended": async (_, c) => {
    const batch = await c.parallel<unknown>(
      "p",
      [
        async (k) => {
          await pause(60);
          await k.step("late", async () => 1);
        },
        () => pause(60),
        async () => "first",
        async (k) => {
          await pause(60);
          await k.runInChildContext("late child", async () => 1);
          await k.wait("late wait", seconds(1));
        },
      ],
      { completionConfig: { minSuccessful: 1 } },
    );
    await c.step("meanwhile", () => pause(200));
    return batch.successCount;
  },
};

const combinators: Record<string, Case> = {
  "promise.all": async (_, c) => {
    const all = await c.promise.all("all", [c.step("a", async () => 1), c.step("b", async () => 2)]);
    await c.wait(seconds(1));
    return all;
  },
  "promise.all of a step and a wait": async (_, c) =>
    c.promise.all<unknown>("all", [c.step("a", async () => 1), c.wait("w", seconds(2))]),
  "promise.all that fails": async (_, c) =>
    c.promise.all<unknown>("all", [c.step("a", fail, never), c.step("b", async () => 1)]).catch(() => 0),
  "promise.allSettled": async (_, c) => {
    const all = await c.promise.allSettled<unknown>("all", [c.step("a", fail, never), c.step("b", async () => 1)]);
    return all.map(({ status }) => status);
  },
  "promise.any": async (_, c) => c.promise.any<unknown>("any", [c.step("a", fail, never), c.step("b", async () => 1)]),
  "promise.any that fails": async (_, c) => c.promise.any("any", [c.step("a", fail, never)]).catch(() => 0),
  "promise.race": async (_, c) =>
    c.promise.race<unknown>("race", [c.step("a", async () => 1), c.wait("w", seconds(5))]),
};

const executions: Record<string, Case> = {
  "an input and a result": [async (input) => ({ input, at: new Date(0) }), { input: { a: [1, 2] } }],
  "no result": async () => {},
  "a result that is no JSON": async () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    return circle;
  },
  "a result too large for a response": async () => "x".repeat(6_291_450),
  "an error of its own": fail,
  "a thrown null": async () => {
    throw null;
  },
  "a step's error": async (_, c) => c.step("a", fail, never),
  "a checkpoint that fails once": [async (_, c) => void (await c.step("a", async () => 1)), cutOff(0, 0)],
  "a checkpoint that is refused": [
    async (_, c) => void (await c.step("a", async () => 1)),
    {
      onCheckpoint: async () => {
        throw Object.assign(new Error("refused"), { $metadata: { httpStatusCode: 400 } });
      },
    },
  ],
  "a serdes that fails once": {
    make: () => {
      let tries = 0;
      const serdes = {
        serialize: async (value: unknown) => {
          if (tries++ === 0) throw new Error("not now");
          return JSON.stringify(value);
        },
        deserialize: async (text: string | undefined) => JSON.parse(text as string),
      };
      return [async (_, c) => void (await c.step("a", async () => 1, { serdes })), {}];
    },
  },
  "code that has changed": {
    make: () => {
      let invocations = 0;
      const handler: Handler = async (_, c) => {
        if (invocations++ > 0) return c.step("b", async () => 1);
        await c.step("a", async () => 1);
        return c.wait(seconds(1));
      };
      return [handler, {}];
    },
  },
  "a depth that makes no sense": [async () => 1, { childOperationsDepth: -1 }],
};

/** A bit of everything, in several invocations. */
const tree: Handler = async (_, c) => {
  await c.runInChildContext("a", async (k) => {
    await k.step("s", async () => 1);
    await k.runInChildContext("b", async (l) => {
      await l.step("t", async () => 2);
      await l.runInChildContext("c", (m) => m.step("u", async () => 3));
    });
    return 7;
  });
  const failing = async (k: DurableContext) => {
    await k.step("s", async () => 1);
    throw new RangeError("bad");
  };
  await c.runInChildContext("failing", failing).catch(() => 0);
  const virtual = async (k: DurableContext) => {
    await k.step("s", async () => 1);
    await k.wait(seconds(1));
    await k.runInChildContext("in", (l) => l.step("t", async () => 2));
  };
  await c.runInChildContext("virtual", virtual, { virtualContext: true });
  await c.map("nested", [1, 2], async (item, n) => {
    await item.step("in", async () => n);
    await item.wait(seconds(1));
    return n;
  });
  await c.map("flat", [1, 2], (item, n) => item.step("in", async () => n), { nesting: "FLAT" });
  await c.promise.all([c.step("pa", async () => 1)]);
  await c.waitForCallback("approval", async () => {}, { timeout: seconds(1) }).catch(() => 0);
  await c.wait(seconds(1));
  await c.wait(seconds(1));
};
const depths = Object.fromEntries(
  [undefined, 0, 1, 2, 3, Number.POSITIVE_INFINITY].map((depth): [string, Case] => [
    `operations kept to depth ${depth}`,
    [tree, depth === undefined ? {} : { childOperationsDepth: depth }],
  ]),
);

function prepare(given: Case): [Handler, PluginOptions] {
  if (typeof given === "function") return [given, {}];
  return Array.isArray(given) ? given : given.make();
}

/** What only this package gives; asserted on its own in test/operations/plugins.test.ts. */
const ADDED: Record<string, readonly string[]> = {
  onInvocationEnd: ["isFirstInvocation"],
  // The official SDK gives the operation's times here, as far as it knows them; this package the attempt's own.
  onOperationAttemptEnd: ["startTimestamp", "endTimestamp"],
  "wrapChildContextFn >": ["isReplayingChildren"],
};

const withoutAdded = ({ hook, info }: Call): Call => ({
  hook,
  info: Object.fromEntries(Object.entries(info).filter(([name]) => !ADDED[hook]?.includes(name))),
});

async function audit(sdk: "official" | "ours", given: Case) {
  const [handler, options] = prepare(given);
  const calls: Call[] = [];
  const plugins = [...(options.plugins ?? []), auditor(calls)];
  const { outcome, updates } = await runWithPlugins(sdk, handler, { ...options, plugins });
  return {
    calls: calls.map(withoutAdded),
    outcome,
    updates: comparable(updates.filter(({ Type }) => Type !== "EXECUTION")),
  };
}

describe("an audit plugin sees the same calls, in the same order, on both SDKs:", () => {
  const cases = { ...steps, ...external, ...contexts, ...batches, ...combinators, ...executions, ...depths };
  test.each(Object.entries(cases))("%s", async (_name, given) => {
    const [official, ours] = [await audit("official", given), await audit("ours", given)];
    expect(official.calls.length).toBeGreaterThan(1);
    expect(ours.calls).toEqual(official.calls);
    expect(ours.outcome).toEqual(official.outcome);
    expect(ours.updates).toEqual(official.updates);
  });
});

describe("an audit plugin sees the same calls on both SDKs, whatever the service has recorded:", () => {
  const Id = operationId("1" as never);
  const step = { Id, Type: "STEP", SubType: "Step", Name: "s", StartTimestamp: new Date(SERVICE_START_MS) } as const;
  const failed = { ErrorMessage: "before", ErrorType: "Earlier" };
  const handlers: Record<string, Handler> = {
    step: async (_, c) => c.step("s", async () => 1),
    condition: async (_, c) =>
      c.waitForCondition("s", async (state: number) => state, {
        initialState: 0,
        waitStrategy: () => ({ shouldContinue: false }),
      }),
    wait: async (_, c) => c.wait("s", seconds(1)),
    child: async (_, c) => c.runInChildContext("s", (k) => k.step("in", async () => 1)),
  };
  const recorded: [string, keyof typeof handlers, WireOperation[]][] = [
    ["nothing", "step", []],
    ["nothing of a condition", "condition", []],
    ["nothing of a context", "child", []],
    ["a step that may begin", "step", [{ ...step, Status: "READY", StepDetails: { Attempt: 0 } }]],
    ["a step to try again", "step", [{ ...step, Status: "READY", StepDetails: { Attempt: 2, Error: failed } }]],
    ["a step begun", "step", [{ ...step, Status: "STARTED" }]],
    ["a second attempt begun", "step", [{ ...step, Status: "STARTED", StepDetails: { Attempt: 1, Error: failed } }]],
    ["a step that failed", "step", [{ ...step, Status: "FAILED", StepDetails: { Attempt: 1, Error: failed } }]],
    [
      "a condition to check again",
      "condition",
      [{ ...step, SubType: "WaitForCondition", Status: "READY", StepDetails: { Attempt: 1, Result: "5" } }],
    ],
    ["a wait that is over", "wait", [{ ...step, Type: "WAIT", SubType: "Wait", Status: "SUCCEEDED" }]],
    ["a context begun", "child", [{ ...step, Type: "CONTEXT", SubType: "RunInChildContext", Status: "STARTED" }]],
    [
      "members that are null, unknown words and times",
      "step",
      [
        { ...step, Status: "SUCCEEDED", StepDetails: { Attempt: 1, Result: "1" } },
        { Id: "a", Type: "CONTEXT", Name: null, ParentId: null, SubType: null, Status: "SUCCEEDED" } as never,
        {
          Id: "b",
          Type: "ODD",
          Status: "ODD",
          StartTimestamp: "no time",
          EndTimestamp: "2100-01-01T00:00:01Z",
        } as never,
        { Id: "c", Type: "CHAINED_INVOKE", Status: "STOPPED", ChainedInvokeDetails: { Error: {} } } as never,
      ],
    ],
  ];
  // Its answers bring no operations: nothing is known but what is here.
  test.each(recorded)("%s", async (_what, handler, operations) => {
    const seen: Record<string, unknown> = {};
    for (const sdk of SDKS) {
      const calls: Call[] = [];
      const lambda = withPlugins(sdk, handlers[handler] as Handler, { plugins: [auditor(calls)] });
      const { output, requests } = await invokeOver(lambda, operations);
      seen[sdk] = { output: comparable(output), requests: requests.flat(), calls: calls.map(withoutNull) };
      expect(calls.length).toBeGreaterThan(3);
    }
    expect(seen["ours"]).toEqual(seen["official"]);
  });

  /** Where the official SDK hands on a null of the transport, this package leaves the member out. */
  const withoutNull = (call: Call): unknown =>
    JSON.parse(JSON.stringify(withoutAdded(call), (_key, value) => value ?? undefined));
});

/** Where branches interleave by chance, the calls of each operation by themselves. */
const interleaved: Record<string, Handler> = {
  "a map, two at a time": async (_, c) => {
    const batch = await c.map("m", [1, 2, 3, 4, 5], (item, n) => item.step("s", async () => n), { maxConcurrency: 2 });
    return batch.successCount;
  },
  "maps in a map": async (_, c) => {
    await c.map("m", [1, 2], (item, n) =>
      item.map("n", [1, 2], async (inner, o) => {
        await inner.step("s", third, thrice);
        return inner.promise.all([inner.step("t", async () => n * o)]);
      }),
    );
    await c.wait(seconds(1));
  },
  "a branch that fails beside one that runs": async (_, c) => {
    const batch = await c.parallel<unknown>("p", [fail, (k) => k.step("s", async () => 2)], {
      completionConfig: { toleratedFailureCount: 1 },
    });
    return batch.completionReason;
  },
};

describe("an audit plugin sees the same calls for each operation on both SDKs:", () => {
  test.each(Object.entries(interleaved))("%s", async (_name, handler) => {
    const byOperation = async (sdk: "official" | "ours") => {
      const groups: Record<string, Call[]> = {};
      for (const call of (await audit(sdk, handler)).calls) {
        const id = call.info["id"];
        if (typeof id === "string") groups[id] = [...(groups[id] ?? []), call];
      }
      return groups;
    };
    const official = await byOperation("official");
    expect(Object.keys(official).length).toBeGreaterThan(3);
    expect(await byOperation("ours")).toEqual(official);
  });
});

describe("a tracing plugin", () => {
  /** Each span knows the spans around it by the async context alone. */
  function tracer(spans: AsyncLocalStorage<string>, name: string, seen: string[]): DurableInstrumentationPlugin {
    const within = (info: object, fn: () => unknown) => {
      const { id = "invocation", name: operation } = info as Partial<OperationInfo>;
      return spans.run(`${spans.getStore() ?? ""}/${name}:${operation ?? id}`, fn);
    };
    const note = (hook: string) => async (info: object) => {
      seen.push(`${hook} ${(info as Partial<OperationInfo>).name} in ${spans.getStore()}`);
    };
    return {
      wrapInvocation: within as never,
      wrapChildContextFn: within,
      wrapOperationAttemptFn: within,
      onOperationStart: note("start"),
      onOperationEnd: note("end"),
      onOperationAttemptStart: note("attempt start"),
      onOperationAttemptEnd: note("attempt end"),
      onInvocationStart: note("invocation start"),
      onInvocationEnd: note("invocation end"),
    };
  }

  test.each(SDKS)("nests its spans, the first plugin outermost, and user code runs inside them (%s)", async (sdk) => {
    const spans = new AsyncLocalStorage<string>();
    const order: string[] = [];
    const note = (where: string) => void order.push(`${where}: ${spans.getStore()}`);
    const handler: Handler = async (_, c) => {
      note("handler");
      await c.runInChildContext("child", async (k) => {
        note("child");
        await k.step("step", async () => {
          note("step");
          await pause(1);
          note("step, later");
        });
        note("child, later");
      });
      await c.map("map", [1], (item) => item.step("in", async () => note("item")));
    };
    await runWithPlugins(sdk, handler, { plugins: [tracer(spans, "a", []), tracer(spans, "b", [])] });
    const root = "/a:invocation/b:invocation";
    const child = `${root}/a:child/b:child`;
    const item = `${root}/a:map/b:map/a:map-item-0/b:map-item-0`;
    expect(order).toEqual([
      `handler: ${root}`,
      `child: ${child}`,
      `step: ${child}/a:step/b:step`,
      `step, later: ${child}/a:step/b:step`,
      `child, later: ${child}`,
      `item: ${item}/a:in/b:in`,
    ]);
  });

  test("has its hooks called inside the same spans on both SDKs, over several invocations", async () => {
    const seen: Record<string, string[]> = { official: [], ours: [] };
    for (const sdk of SDKS) {
      const plugins = [tracer(new AsyncLocalStorage(), "t", seen[sdk] as string[])];
      await runWithPlugins(sdk, tree, { plugins, childOperationsDepth: 1 });
    }
    expect(seen["official"]?.length).toBeGreaterThan(50);
    expect(seen["ours"]).toEqual(seen["official"]);
  });

  test("sees its wrappers run as their operation: a logger there says which one", async () => {
    const seen: Record<string, unknown[]> = { official: [], ours: [] };
    for (const sdk of SDKS) {
      let data: (() => object) | undefined;
      const wrap = (_info: object, fn: () => unknown) => {
        const { operationId, operationName, attempt } = (data?.() ?? {}) as Record<string, unknown>;
        seen[sdk]?.push([operationId, operationName, attempt]);
        return fn();
      };
      const silent = { info() {}, warn() {}, error() {}, debug() {} };
      const handler: Handler = async (_, c) => {
        const configureDurableLoggingContext = ({ getDurableLogData }: { getDurableLogData: () => object }) => {
          data = getDurableLogData;
        };
        c.configureLogger({ customLogger: { ...silent, configureDurableLoggingContext } });
        await c.runInChildContext("child", (k) => k.step("step", async () => 1));
      };
      await runWithPlugins(sdk, handler, { plugins: [{ wrapChildContextFn: wrap, wrapOperationAttemptFn: wrap }] });
    }
    expect(seen["official"]).toHaveLength(2);
    expect(seen["ours"]).toEqual(seen["official"]);
  });
});

describe("a timing plugin", () => {
  test("measures the same on both SDKs: operations by the service's clock, attempts by their number", async () => {
    const measured: Record<string, unknown> = {};
    for (const sdk of SDKS) {
      const durations: Record<string, number | undefined> = {};
      const attempts: Record<string, string[]> = {};
      const plugin: DurableInstrumentationPlugin = {
        onOperationEnd: async ({ name, startTimestamp, endTimestamp, isReplay }) => {
          if (isReplay || startTimestamp === undefined || endTimestamp === undefined) return;
          durations[name as string] = endTimestamp.getTime() - startTimestamp.getTime();
        },
        onOperationAttemptEnd: async ({ name, attempt, outcome }) => {
          attempts[name as string] = [...(attempts[name as string] ?? []), `${attempt} ${outcome}`];
        },
      };
      await runWithPlugins(
        sdk,
        async (_, c) => {
          await c.step("retried", third, thrice);
          await c.wait("wait", seconds(7));
          await c.waitForCondition("condition", async (state: number) => state + 1, {
            initialState: 0,
            waitStrategy: (state) =>
              state < 2 ? { shouldContinue: true, delay: seconds(4) } : { shouldContinue: false },
          });
        },
        { plugins: [plugin] },
      );
      measured[sdk] = { durations, attempts };
    }
    expect(measured["ours"]).toEqual(measured["official"]);
    expect(measured["ours"]).toEqual({
      durations: { retried: 2_000, wait: 7_000, condition: 4_000 },
      attempts: { retried: ["1 FAILED", "2 FAILED", "3 SUCCEEDED"], condition: ["1 SUCCEEDED", "2 SUCCEEDED"] },
    });
  });
});

describe("deliberate differences, with both sides:", () => {
  test("three members that the official SDK does not give, or not always", async () => {
    const given: Record<string, unknown> = {};
    for (const sdk of SDKS) {
      const has: Record<string, boolean[]> = {};
      const note = (hook: string, ...members: string[]) => {
        return (info: object, fn?: () => unknown) => {
          const known = info as Record<string, unknown>;
          has[hook] = [...(has[hook] ?? []), members.every((member) => known[member] !== undefined)];
          return fn?.();
        };
      };
      const plugin = {
        onInvocationEnd: note("onInvocationEnd", "isFirstInvocation"),
        onOperationAttemptEnd: note("onOperationAttemptEnd", "startTimestamp", "endTimestamp"),
        wrapChildContextFn: note("wrapChildContextFn", "isReplayingChildren"),
      } as unknown as DurableInstrumentationPlugin;
      await runWithPlugins(sdk, (_, c) => c.runInChildContext((k) => k.step(third, thrice)), { plugins: [plugin] });
      given[sdk] = has;
    }
    expect(given).toEqual({
      official: {
        onInvocationEnd: [false, false, false],
        // A failed attempt has no end there.
        onOperationAttemptEnd: [false, false, true],
        wrapChildContextFn: [false, false, false],
      },
      ours: {
        onInvocationEnd: [true, true, true],
        onOperationAttemptEnd: [true, true, true],
        wrapChildContextFn: [true, true, true],
      },
    });
  });

  test("a wrapper that fails, skips its function or forgets its result spoils the step there, and nothing here", async () => {
    const wrappers: Record<string, (info: object, fn: () => Promise<unknown>) => unknown> = {
      fails: async (_, fn) => {
        await fn();
        throw new Error("plugin");
      },
      skips: async () => "skipped",
      forgets: async (_, fn) => {
        await fn();
      },
    };
    const results: Record<string, unknown> = {};
    for (const [what, wrap] of Object.entries(wrappers)) {
      for (const sdk of SDKS) {
        const handler: Handler = async (_, c) =>
          c.step(async () => "paid", never).catch((error: Error) => `failed: ${error.message}`);
        const { result } = await runWithPlugins(sdk, handler, { plugins: [{ wrapOperationAttemptFn: wrap }] });
        results[`${sdk}: ${what}`] = result;
      }
    }
    expect(results).toEqual({
      "official: fails": "failed: plugin",
      "ours: fails": "paid",
      "official: skips": "skipped",
      "ours: skips": "paid",
      "official: forgets": undefined,
      "ours: forgets": "paid",
    });
  });
});
