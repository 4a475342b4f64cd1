/** What docs/concepts.md says of deployments, suspension and defaults. */
import { describe, expect, test } from "vitest";
import { type DurableContext, type MapConfig, retryPresets, withDurableExecution } from "../../src/index.ts";
import {
  type ExecutionOutcome,
  LocalDurableTestRunner,
  LocalEngine,
  MemoryJournal,
  VirtualClock,
} from "../../src/testing.ts";

type Body = (event: unknown, ctx: DurableContext) => Promise<unknown>;

/** An execution that began with one handler, waited for a callback, and met another handler. */
async function deployed(before: Body, after: Body): Promise<ExecutionOutcome> {
  const journal = new MemoryJournal();
  const engineOf = (body: Body) => {
    const engine = new LocalEngine({ journal, clock: new VirtualClock(), skipCallbackTimeouts: false });
    engine.register("orders", withDurableExecution(body));
    return engine;
  };
  const first = engineOf(before);
  first.start({ functionName: "orders", name: "friday" });
  await first.rest();
  await first.close();
  const second = engineOf(after);
  const execution = second.resume("friday");
  await second.rest();
  // Items that begin now wait as well.
  for (let open = second.openCallbacks(execution.arn); open.length > 0; open = second.openCallbacks(execution.arn)) {
    for (const { callbackId } of open) second.completeCallback(callbackId, "go");
    await second.rest();
  }
  const outcome = await execution.result;
  await second.close();
  return outcome;
}

/** Waits for somebody outside: here the execution is when the new code comes. */
const approval = async (ctx: DurableContext) => (await ctx.createCallback("approval"))[0];

const BEFORE: Body = async (_, ctx) => {
  const order = await ctx.step("load", async () => "old");
  await approval(ctx);
  return order;
};

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);
const mapOf =
  (items: Iterable<number>, options: MapConfig<number, number> = {}): Body =>
  async (_, ctx) => {
    const result = await ctx.map(
      "items",
      items,
      async (item, n) => {
        const seen = await item.step("see", async () => n);
        await approval(item);
        return seen;
      },
      options,
    );
    return result.getResults();
  };

const succeeded = (result: unknown) => ({ status: "SUCCEEDED", result: JSON.stringify(result) });
const FAILED = { status: "FAILED", error: { ErrorType: "NonDeterministicExecutionError" } };

describe("an execution in flight that meets", () => {
  const cases: Readonly<Record<string, readonly [before: Body, after: Body, outcome: object]>> = {
    "other code in a step keeps the step's result": [
      BEFORE,
      async (_, ctx) => {
        const order = await ctx.step("load", async () => "new");
        await approval(ctx);
        return order;
      },
      succeeded("old"),
    ],
    "an operation appended behind the recorded ones runs it": [
      BEFORE,
      async (event, ctx) => {
        const order = await BEFORE(event, ctx);
        return ctx.step("ship", async () => `${order}, shipped`);
      },
      succeeded("old, shipped"),
    ],
    "an operation inserted before a recorded one fails": [
      BEFORE,
      async (event, ctx) => {
        await ctx.step("check", async () => true);
        return BEFORE(event, ctx);
      },
      FAILED,
    ],
    "a renamed operation fails": [
      BEFORE,
      async (_, ctx) => {
        const order = await ctx.step("fetch", async () => "new");
        await approval(ctx);
        return order;
      },
      FAILED,
    ],
    "an operation of another type fails": [BEFORE, async (_, ctx) => ctx.wait("load", { seconds: 1 }), FAILED],
    "no recorded operation behind the ones it calls goes on without them": [
      BEFORE,
      async (_, ctx) => ctx.step("load", async () => "new"),
      succeeded("old"),
    ],
    "another unnamed step in the place of one gets its result": [
      async (_, ctx) => {
        await ctx.step(async () => "old");
        await approval(ctx);
      },
      async (_, ctx) => {
        const other = await ctx.step(async () => "other");
        await approval(ctx);
        return other;
      },
      succeeded("old"),
    ],
    "another batch size keeps its batches": [
      mapOf(upTo(5), { batch: 3 }),
      mapOf(upTo(5), { batch: 2 }),
      succeeded([0, 1, 2, 3, 4]),
    ],
    "batches where there were none goes on": [mapOf(upTo(5)), mapOf(upTo(5), { batch: 2 }), succeeded([0, 1, 2, 3, 4])],
    "no batches where there were some goes on": [
      mapOf(upTo(5), { batch: 2 }),
      mapOf(upTo(5)),
      succeeded([0, 1, 2, 3, 4]),
    ],
    "a longer array runs the items behind the others too": [mapOf(upTo(3)), mapOf(upTo(5)), succeeded([0, 1, 2, 3, 4])],
    "a longer array in batches runs the items behind the others too": [
      mapOf(upTo(3), { batch: 2 }),
      mapOf(upTo(5), { batch: 2 }),
      succeeded([0, 1, 2, 3, 4]),
    ],
    "a shorter array has fewer items": [mapOf(upTo(5)), mapOf(upTo(3)), succeeded([0, 1, 2])],
    "a shorter array in batches fails": [mapOf(upTo(5), { batch: 3 }), mapOf(upTo(3), { batch: 3 }), FAILED],
    "other items in the same places keeps their results": [mapOf([1, 2]), mapOf([8, 9]), succeeded([1, 2])],
    "another stream fails": [mapOf(new Set([1, 2])), mapOf(new Set([8, 9])), FAILED],
    "another stream without batches keeps the results": [
      mapOf(new Set([1, 2]), { batch: false }),
      mapOf(new Set([8, 9]), { batch: false }),
      succeeded([1, 2]),
    ],
  };
  test.each(Object.entries(cases))("%s", async (_, [before, after, outcome]) => {
    expect(await deployed(before, after)).toMatchObject(outcome);
  });
});

async function run(body: Body) {
  const result = await new LocalDurableTestRunner({ handlerFunction: withDurableExecution(body) }).run();
  return { result: result.getResult(), invocations: result.getInvocations().length };
}

describe("an invocation", () => {
  test("cuts off plain code beside the loser of a race, which is still awaited", async () => {
    let began = 0;
    const { result, invocations } = await run(async (_, ctx) => {
      await Promise.race([ctx.wait("late", { hours: 1 }), ctx.step("fast", async () => "fast")]);
      began++;
      // The first time it would never end by itself.
      if (began === 1) await new Promise(() => {});
      return began;
    });
    expect({ result, invocations }).toEqual({ result: 2, invocations: 2 });
  });

  test("is kept alive by a step beside the loser of a race", async () => {
    const { result, invocations } = await run(async (_, ctx) => {
      await Promise.race([ctx.wait("late", { hours: 1 }), ctx.step("fast", async () => "fast")]);
      return ctx.step("slow", async () => new Promise((resolve) => setTimeout(resolve, 200, "slow")));
    });
    expect({ result, invocations }).toEqual({ result: "slow", invocations: 1 });
  });

  test("lets plain code end beside a wait that nobody awaits yet", async () => {
    const ends: string[] = [];
    await run(async (_, ctx) => {
      const pause = ctx.wait("pause", { hours: 1 });
      await new Promise((resolve) => setTimeout(resolve, 200));
      ends.push("plain code");
      await pause;
      ends.push("pause");
    });
    expect(ends).toEqual(["plain code", "plain code", "pause"]);
  });
});

describe("by default", () => {
  test("a step is tried six times, after delays of up to 5, 10, 20, 40 and 60 seconds", () => {
    const answers = upTo(200).flatMap(() =>
      [1, 2, 3, 4, 5, 6].map((attempt) => ({ attempt, ...retryPresets.default(new Error("no"), attempt) })),
    );
    const longest = [5, 10, 20, 40, 60];
    for (const { attempt, shouldRetry, delay } of answers) {
      expect(shouldRetry).toBe(attempt < 6);
      if (!shouldRetry) continue;
      expect(delay?.seconds).toBeGreaterThanOrEqual(1);
      expect(delay?.seconds).toBeLessThanOrEqual(longest[attempt - 1] as number);
    }
  });

  test("a step without a strategy is tried six times", async () => {
    let attempts = 0;
    await run(async (_, ctx) =>
      ctx
        .step("fail", async () => {
          attempts++;
          throw new Error("no");
        })
        .catch(() => {}),
    );
    expect(attempts).toBe(6);
  });

  test.each([
    ["without batches", {}],
    ["in batches", { batch: 5 }],
  ])("a map ends at its first failure, %s", async (_, options) => {
    let began = 0;
    const { result } = await run(async (_event, ctx) => {
      const { status, completionReason } = await ctx.map(
        "items",
        upTo(10),
        async (_item, n) => {
          began++;
          if (n === 3) throw new Error("no");
        },
        { maxConcurrency: 1, ...options },
      );
      return [status, completionReason];
    });
    expect({ result, began }).toEqual({ result: ["FAILED", "FAILURE_TOLERANCE_EXCEEDED"], began: 4 });
  });
});

/** The classes of an error and of its causes. Of the last one the name, which is all that is recorded. */
function namesOf(error: Error): string[] {
  return error.cause instanceof Error ? [error.constructor.name, ...namesOf(error.cause)] : [error.name];
}

describe("a TypeError is caught as the page says", () => {
  const once = { retryStrategy: retryPresets.noRetry };
  const thrower = async () => {
    throw new TypeError("bad");
  };
  const cases: Record<string, [(ctx: DurableContext) => Promise<unknown>, string[]]> = {
    "from a step": [(ctx) => ctx.step("s", thrower, once), ["StepError", "TypeError"]],
    "from the function of a child context": [
      (ctx) => ctx.runInChildContext("c", thrower),
      ["ChildContextError", "StepError", "TypeError"],
    ],
    "from a step in a child context": [
      (ctx) => ctx.runInChildContext("c", (inner) => inner.step("s", thrower, once)),
      ["ChildContextError", "StepError", "StepError"],
    ],
    "from a combined step": [
      (ctx) => ctx.promise.all("p", [ctx.step("s", thrower, once)]),
      ["PromiseCombinatorError", "StepError", "StepError"],
    ],
    "from a submitter": [
      (ctx) => ctx.waitForCallback("w", thrower, once),
      ["CallbackSubmitterError", "StepError", "StepError"],
    ],
    "from a step in an item": [
      async (ctx) => (await ctx.map("m", [1], (item) => item.step("s", thrower, once))).throwIfError(),
      ["ChildContextError", "StepError", "StepError", "StepError"],
    ],
    "from a step in an item of a batch": [
      async (ctx) => (await ctx.map("m", [1], (item) => item.step("s", thrower, once), { batch: 2 })).throwIfError(),
      ["ChildContextError", "StepError", "StepError", "StepError"],
    ],
  };
  test.each(Object.entries(cases))("%s", async (_, [body, names]) => {
    // The wait lets the handler run again, so that the error comes from the record too.
    const { result } = await run(async (_event, ctx) => {
      const caught = await body(ctx).catch((error: Error) => [...namesOf(error), error.message]);
      await ctx.wait("pause", { seconds: 1 });
      return caught;
    });
    expect(result).toEqual([...names, "bad"]);
  });
});
