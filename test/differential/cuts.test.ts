import * as official from "@aws/durable-execution-sdk-js";
import { describe, expect, test } from "vitest";
import type { DurableContext, WireOperation } from "../../src/index.ts";
import * as ours from "../../src/index.ts";
import type { LocalHandler } from "../../src/testing.ts";
import { FAST, runLambda } from "../support/service.ts";

/** Notes that a step's code runs, by the step's name. */
type Note = (name: string) => void;
type Workflow = (context: DurableContext, note: Note) => Promise<unknown>;

const never = { retryStrategy: () => ({ shouldRetry: false }) };
const twice = {
  retryStrategy: (_error: Error, attempt: number) => ({ shouldRetry: attempt < 2, delay: { seconds: 1 } }),
};
const message = (error: unknown) => (error as Error).message;

/** A step that notes its own name. */
const step = <T>(context: DurableContext, note: Note, name: string, value: T) =>
  context.step(name, async () => {
    note(name);
    return value;
  });

const flaky = (context: DurableContext, note: Note, name: string) =>
  context.step(
    name,
    async ({ attempt }) => {
      note(name);
      if (attempt < 2) throw new RangeError("not yet");
      return attempt;
    },
    twice,
  );

const workflows: Record<string, Workflow> = {
  "steps in a row": async (c, note) => [await step(c, note, "a", 1), await step(c, note, "b", { two: 2 })],
  "a step that fails and one that is retried": async (c, note) => [
    await c.step("bad", () => Promise.reject(new RangeError("no")), never).catch(message),
    await flaky(c, note, "flaky"),
  ],
  "an at-most-once step after a wait": async (c, note) => {
    await c.wait("pause", { seconds: 1 });
    return c
      .step("once", async () => note("once"), { semantics: "AT_MOST_ONCE_PER_RETRY", ...twice })
      .then(() => "done");
  },
  "waits side by side": async (c, note) => {
    const waits = [c.wait("short", { seconds: 1 }), c.wait("long", { seconds: 3 })];
    const value = await step(c, note, "meanwhile", 1);
    await Promise.all(waits);
    return value;
  },
  "a child context": async (c, note) =>
    c.runInChildContext("child", async (k) => {
      await step(k, note, "in", 1);
      await k.wait({ seconds: 1 });
      return step(k, note, "after", 2);
    }),
  "a child context that fails": async (c, note) =>
    c
      .runInChildContext("child", async (k) => {
        await step(k, note, "in", 1);
        throw new TypeError("child");
      })
      .catch((error: Error) => [error.name, error.message, error.cause?.constructor.name]),
  "a virtual child context": async (c, note) => {
    const value = await c.runInChildContext("virtual", (k) => step(k, note, "in", 1), { virtualContext: true });
    await c.wait({ seconds: 1 });
    return [value, await step(c, note, "after", 2)];
  },
  "a large child result": async (c, note) => {
    const text = await c.runInChildContext("large", async (k) =>
      (await step(k, note, "half", "x".repeat(200_000))).repeat(2),
    );
    await c.wait({ seconds: 1 });
    return [text.length, await step(c, note, "after", 1)];
  },
  "a nested map": async (c, note) => {
    const batch = await c.map("nested", [1, 2, 3], (item, n) => step(item, note, `item ${n}`, n * 10));
    await c.wait({ seconds: 1 });
    return batch.getResults();
  },
  "a flat map, two at a time": async (c, note) => {
    const batch = await c.map("flat", [1, 2, 3, 4], (item, n) => step(item, note, `item ${n}`, n), {
      nesting: "FLAT",
      maxConcurrency: 2,
    });
    await c.wait({ seconds: 1 });
    return batch.getResults();
  },
  "a map whose items wait and fail": async (c, note) => {
    const batch = await c.map(
      "mixed",
      [1, 2, 3],
      async (item, n) => {
        await item.wait({ seconds: n });
        if (n === 2) throw new RangeError("two");
        return step(item, note, `item ${n}`, n);
      },
      { completionConfig: { toleratedFailureCount: 1 } },
    );
    return [batch.getResults(), batch.getErrors().map(message), batch.completionReason];
  },
  "a map, one after the other, that ends early": async (c, note) => {
    const batch = await c.map("early", [1, 2, 3, 4], (item, n) => step(item, note, `item ${n}`, n), {
      maxConcurrency: 1,
      completionConfig: { minSuccessful: 2 },
    });
    await c.wait({ seconds: 1 });
    return [batch.getResults(), batch.completionReason, batch.totalCount];
  },
  "a large map": async (c, note) => {
    const batch = await c.map("large", [1, 2, 3], (item, n) => step(item, note, `item ${n}`, `${n}`.repeat(100_000)));
    await c.wait({ seconds: 1 });
    return batch.getResults().map(({ length }) => length);
  },
  "a large flat map": async (c, note) => {
    const batch = await c.map("large", [1, 2, 3], (item, n) => step(item, note, `item ${n}`, `${n}`.repeat(100_000)), {
      nesting: "FLAT",
    });
    await c.wait({ seconds: 1 });
    return batch.getResults().map(({ length }) => length);
  },
  "a parallel of steps and waits": async (c, note) => {
    const batch = await c.parallel("branches", [
      { name: "a", func: async (k: DurableContext) => step(k, note, "a", 1) },
      {
        name: "b",
        func: async (k: DurableContext) => {
          await k.wait({ seconds: 2 });
          return step(k, note, "b", 2);
        },
      },
    ]);
    return batch.getResults();
  },
  "callbacks that time out": async (c, note) => {
    const [answer] = await c.createCallback("answer", { timeout: { seconds: 2 } });
    const approval = await c
      .waitForCallback("approval", async () => note("submit"), { timeout: { seconds: 1 } })
      .catch((error: Error) => error.name);
    return [approval, await answer.catch((error: Error) => error.name)];
  },
  "a condition": async (c) =>
    c.waitForCondition("poll", async (state: number) => state + 1, {
      initialState: 0,
      waitStrategy: (state) =>
        state < 3 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
    }),
  combinators: async (c, note) => {
    const all = await c.promise.all("all", [step(c, note, "a", 1), step(c, note, "b", 2)]);
    const settled = await c.promise.allSettled([
      step(c, note, "c", 3),
      c.step("bad", () => Promise.reject(new Error("no")), never),
    ]);
    await c.wait({ seconds: 1 });
    return [all, settled.map(({ status }) => status)];
  },
  "maps inside of maps": async (c, note) => {
    const outer = await c.map("outer", [1, 2], async (item, n) => {
      const inner = await item.map("inner", [1, 2], (k, m) => step(k, note, `${n}.${m}`, n * m));
      await item.wait({ seconds: 1 });
      return inner.getResults();
    });
    return outer.getResults();
  },
  "everything after everything": async (c, note) => {
    const first = await flaky(c, note, "flaky");
    const child = await c.runInChildContext((k) => k.map([1, 2], (item, n) => step(item, note, `item ${n}`, n)));
    await c.wait({ seconds: 1 });
    const last = await c.promise.race([step(c, note, "last", 1)]);
    return [first, JSON.parse(JSON.stringify(child)), last];
  },
};

type SdkName = "official" | "ours";

function lambdaOf(sdk: SdkName, workflow: Workflow, note: Note): LocalHandler {
  const handler = (_: unknown, context: DurableContext) => workflow(context, note);
  if (sdk === "official") return official.withDurableExecution(handler as never) as never;
  return ours.withDurableExecution(handler, { runtime: FAST }) as never;
}

interface Mixed {
  readonly outcome: unknown;
  readonly requests: number;
  /** Whether the other SDK had anything to do with it. */
  readonly changed: boolean;
  /** Steps whose code ran although their end was recorded at the cut. */
  readonly repeated: readonly string[];
}

/** Begins on one SDK; after so many answered requests that invocation is lost, and the other SDK goes on. */
async function runCut(workflow: Workflow, begin: SdkName, end: SdkName, cutAfter: number): Promise<Mixed> {
  let requests = 0;
  let isCut = false;
  let recorded: readonly WireOperation[] = [];
  const ranAfter: string[] = [];
  const first = lambdaOf(begin, workflow, () => {});
  const second = lambdaOf(end, workflow, (name) => ranAfter.push(name));
  const lambda: LocalHandler = (event, context) => {
    if (!isCut) return first(event, context);
    if (recorded.length === 0) recorded = event.InitialExecutionState.Operations;
    return second(event, context);
  };
  const run = await runLambda(lambda, {
    onCheckpoint: async ({ forward }) => {
      const answer = await forward();
      if (++requests !== cutAfter) return answer;
      isCut = true;
      throw new ours.DurableExecutionClientError("cut off");
    },
    engine: { invocation: { retryPauseMs: 0 } },
  });
  const finished = new Set(recorded.filter(({ Status }) => Status === "SUCCEEDED").map(({ Name }) => Name));
  return {
    outcome: run.outcome,
    requests,
    changed: recorded.length > 0,
    repeated: ranAfter.filter((name) => finished.has(name)),
  };
}

describe.each([
  ["official", "ours"],
  ["ours", "official"],
] as const)("state recorded by the %s SDK, cut after any request, is finished by %s:", (begin, end) => {
  test.each(Object.entries(workflows))("%s", async (_name, workflow) => {
    const whole = await runCut(workflow, begin, begin, Number.POSITIVE_INFINITY);
    expect(whole.outcome).toMatchObject({ status: "SUCCEEDED" });
    const cuts = Array.from({ length: whole.requests }, (_, index) => index + 1);
    const runs = await Promise.all(cuts.map((cutAfter) => runCut(workflow, begin, end, cutAfter)));
    for (const [index, { outcome, changed, repeated }] of runs.entries()) {
      const where = `cut after ${index + 1}`;
      // The official SDK answers SUCCEEDED even when its very last request fails.
      const isLast = index === cuts.length - 1;
      expect([where, changed || isLast, outcome, repeated]).toEqual([where, true, whole.outcome, []]);
    }
  });
});
