import { describe, expect, test } from "vitest";
import {
  type AnySerdes,
  type DurableContext,
  defaultSerdes,
  retryPresets,
  type SerdesContext,
  StepSemantics,
} from "../../src/index.ts";
import { type Handler, invokeOver, replay, runOurs, withRuntime } from "../support/service.ts";

/** Payloads that begin with a mark, and a diary of who asked. */
function marked(mark: string, diary: string[] = []): AnySerdes {
  return {
    serialize: async (value, { entityId }) => {
      diary.push(`write ${entityId}`);
      return value === undefined ? undefined : mark + JSON.stringify(value);
    },
    deserialize: async (text, { entityId }) => {
      diary.push(`read ${entityId}`);
      return text === undefined ? undefined : JSON.parse(text.slice(mark.length));
    },
  };
}

const payloads = (run: { updates: readonly { Action?: unknown; Payload?: string | undefined }[] }) =>
  run.updates.flatMap(({ Action, Payload }) => (Action === "SUCCEED" ? Payload : []));

describe("a serdes", () => {
  test("of a step writes and reads its payload, live as on replay", async () => {
    const diary: string[] = [];
    const handler: Handler = async (_, context) => {
      const value = await context.step(async () => 5, { serdes: marked("<", diary) });
      await context.wait({ seconds: 1 });
      return value;
    };
    const run = await runOurs(handler);
    expect(payloads(run)).toEqual(["<5"]);
    expect(diary).toEqual(["write 1", "read 1", "read 1"]);
    expect(await replay(handler, run)).toMatchObject({ output: { Result: "5" } });
  });

  test("knows the operation's path, whatever its wire id, and the execution", async () => {
    const seen: SerdesContext[] = [];
    const serdes: AnySerdes = {
      ...defaultSerdes,
      serialize: async (value, context) => {
        seen.push(context);
        return JSON.stringify(value);
      },
    };
    const run = await runOurs(async (_, context) => {
      await context.map([1, 2], (inner) => inner.step(async () => 1, { serdes }));
    });
    expect(seen).toEqual([
      { entityId: "1-1-1", durableExecutionArn: run.arn },
      { entityId: "1-2-1", durableExecutionArn: run.arn },
    ]);
  });

  test("of the operation goes before the context's, which goes before the codec", async () => {
    const run = await runOurs(async (_, context) => {
      await context.step(async () => 1);
      context.configureSerdes({ defaultSerdes: marked("d") });
      await context.step(async () => 2);
      await context.step(async () => 3, { serdes: marked("o") });
    });
    expect(payloads(run)).toEqual(["1", "d2", "o3"]);
  });

  test("of a context is inherited when a child is created, and not changed by it", async () => {
    const run = await runOurs(async (_, context) => {
      context.configureSerdes({ defaultSerdes: marked("a") });
      await context.runInChildContext(async (inner) => {
        await inner.step(async () => 1);
        inner.configureSerdes({ defaultSerdes: marked("b") });
        await inner.step(async () => 2);
      });
      await context.step(async () => 3);
    });
    expect(payloads(run)).toEqual(["a1", "b2", undefined, "a3"]);
  });

  test("of a batch writes all of it; without one the context's does not apply to the batch itself", async () => {
    const both = await runOurs(async (_, context) => {
      context.configureSerdes({ defaultSerdes: marked("d") });
      await context.map([1], async (_inner, item) => item);
      await context.map([1], async (_inner, item) => item, { serdes: marked("b") as never, itemSerdes: marked("i") });
    });
    expect(payloads(both)).toEqual([
      "d1",
      '{"all":[{"result":1,"index":0,"status":"SUCCEEDED"}],"completionReason":"ALL_COMPLETED"}',
      "i1",
      'b{"all":[{"result":1,"index":0,"status":"SUCCEEDED"}],"completionReason":"ALL_COMPLETED"}',
    ]);
  });

  test("of a batch gives a batch again, with its methods", async () => {
    const seen: unknown[] = [];
    const handler: Handler = async (_, context) => {
      const batch = await context.map([1, 2], async (_inner, item) => item * 2, { serdes: marked("b") as never });
      seen.push([batch.getResults(), batch.successCount, batch.status]);
      await context.wait({ seconds: 1 });
    };
    await replay(handler, await runOurs(handler));
    expect(seen).toEqual(Array(3).fill([[2, 4], 2, "SUCCEEDED"]));
  });

  test("has its time to read, also beside an operation that waits", async () => {
    const serdes: AnySerdes = {
      ...defaultSerdes,
      deserialize: async (text) => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return JSON.parse(text as string);
      },
    };
    const reached: string[] = [];
    const handler: Handler = async (_, context) => {
      const child = async () => {
        await context.runInChildContext(async () => 1, { serdes });
        reached.push("after the child");
        await context.step(async () => 1, { serdes });
        reached.push("after the step");
      };
      await Promise.all([child(), context.wait({ hours: 1 })]);
    };
    const run = await runOurs(handler);
    expect(run.invocations).toHaveLength(2);
    expect(reached.slice(0, 2)).toEqual(["after the child", "after the step"]);
    const { output } = await replay(handler, {
      ...run,
      operations: run.operations.filter(({ Type }) => Type !== "WAIT"),
    });
    expect([output?.Status, reached.length]).toEqual(["PENDING", 6]);
  });

  test("may keep payloads elsewhere: what counts against the limit is what it returns", async () => {
    const store = new Map<string, unknown>();
    const elsewhere: AnySerdes = {
      serialize: async (value, { entityId }) => {
        store.set(entityId, value);
        return `at ${entityId}`;
      },
      deserialize: async (text) => store.get((text as string).slice(3)),
    };
    const handler: Handler = async (_, context) => {
      const text = await context.step(async () => "x".repeat(1_000_000), { serdes: elsewhere });
      await context.wait({ seconds: 1 });
      return text.length;
    };
    const run = await runOurs(handler);
    expect([run.result, payloads(run)]).toEqual([1_000_000, ["at 1"]]);
  });
});

describe("a serdes that fails ends the invocation, and the service invokes again", () => {
  const once = (part: "serialize" | "deserialize"): AnySerdes => {
    let failed = false;
    return {
      ...defaultSerdes,
      [part]: async (value: never, context: SerdesContext) => {
        if (!failed) {
          failed = true;
          throw new Error("disk full");
        }
        return defaultSerdes[part](value, context);
      },
    };
  };

  test.each([
    ["serialize", "step", (context: DurableContext, serdes: AnySerdes) => context.step("s", async () => 1, { serdes })],
    [
      "deserialize",
      "step",
      (context: DurableContext, serdes: AnySerdes) => context.step("s", async () => 1, { serdes }),
    ],
    [
      "serialize",
      "child",
      (context: DurableContext, serdes: AnySerdes) => context.runInChildContext("s", async () => 1, { serdes }),
    ],
  ] as const)("%s of a %s", async (part, _kind, run) => {
    const serdes = once(part);
    const caught: unknown[] = [];
    const result = await runOurs(
      async (_, context) =>
        run(context, serdes).catch((error) => {
          caught.push(error);
        }),
      { engine: { invocation: { retryPauseMs: 0 } } },
    );
    expect(result.outcome).toEqual({ status: "SUCCEEDED", result: "1" });
    expect(caught).toEqual([]);
    const word = part === "serialize" ? "Serialization" : "Deserialization";
    expect(result.invocations[0]?.error).toMatchObject({
      name: "SerdesFailedError",
      message: `[Unrecoverable Invocation] ${word} failed for step "s" (1): disk full`,
    });
  });

  test.for([{}, { batch: 2 }])("the message names the item whose result cannot be read: %j", async (config) => {
    let reads = 0;
    const itemSerdes: AnySerdes = {
      ...defaultSerdes,
      deserialize: async (data, context) => {
        // The first read is that of the invocation in which the item ends.
        if (data === "2" && ++reads === 2) throw new Error("disk full");
        return defaultSerdes.deserialize(data, context);
      },
    };
    const itemNamer = (item: number) => `order ${item}`;
    const result = await runOurs(
      async (_, context) => {
        const price = async (inner: DurableContext, item: number) => {
          if (item === 3) await inner.wait({ seconds: 1 });
          return item;
        };
        return (await context.map("orders", [1, 2, 3], price, { ...config, itemSerdes, itemNamer })).getResults();
      },
      { engine: { invocation: { retryPauseMs: 0 } } },
    );
    expect(result.result).toEqual([1, 2, 3]);
    const errors = result.invocations.map(({ error }) => error?.message).filter((message) => message !== undefined);
    expect(errors).toEqual([
      expect.stringMatching(/Deserialization failed for step "(order 2|orders\[1\])" \(1-([0-9]-)?2\): disk full/),
    ]);
  });

  type Work = (context: DurableContext, serdes: AnySerdes, run: () => Promise<number>) => Promise<unknown>;
  const step: Work = (context, serdes, run) => context.step("s", run, { serdes });
  const itemsOf =
    (config: object): Work =>
    async (context, itemSerdes, run) =>
      (await context.map([1], run, { ...config, itemSerdes })).getResults()[0];
  const mapOf =
    (config: object): Work =>
    async (context, serdes, run) =>
      (await context.map([1], run, { ...config, serdes })).getResults()[0];
  const plain = { ...defaultSerdes };
  const works: readonly [string, Work][] = [
    ["a step", step],
    [
      "an at-most-once step",
      (context, serdes, run) =>
        context.step("s", run, {
          ...{ serdes, semantics: StepSemantics.AtMostOncePerRetry, retryStrategy: retryPresets.noRetry },
        }),
    ],
    ["a child", (context, serdes, run) => context.runInChildContext("s", run, { serdes })],
    ["an item", itemsOf({})],
    ["an item of a batch", itemsOf({ batch: 2 })],
    ["a whole map", mapOf({})],
    ["a whole map with batches", mapOf({ batch: 2 })],
    [
      "a step in an item of a batch",
      async (context, serdes, run) =>
        (await context.map([1], (inner) => step(inner, serdes, run), { batch: 2 })).getResults()[0],
    ],
    [
      "an at-most-once step in an item of a batch",
      async (context, serdes, run) => {
        const semantics = StepSemantics.AtMostOncePerRetry;
        const retryStrategy = retryPresets.noRetry;
        const once = (inner: DurableContext) => inner.step(run, { serdes, semantics, retryStrategy });
        return (await context.map([1], once, { batch: 2 })).getResults()[0];
      },
    ],
    [
      "a combinator",
      async (context, defaultSerdes, run) => {
        context.configureSerdes({ defaultSerdes });
        return (await context.promise.all([context.runInChildContext(run, { serdes: plain })]))[0];
      },
    ],
    [
      "a child over the size limit",
      async (context, serdes, run) =>
        context.runInChildContext(
          async (inner) => {
            const number = await inner.step(run);
            return { number, text: "x".repeat(300_000) };
          },
          { serdes },
        ),
    ],
  ];

  test.each(works)("deserialize of %s: what has ended is recorded and does not run again", async (_name, work) => {
    const serdes = once("deserialize");
    let runs = 0;
    const options = { engine: { invocation: { retryPauseMs: 0 } } };
    const run = await runOurs(async (_, context) => {
      const result = await work(context, serdes, async () => ++runs);
      return typeof result === "object" ? (result as { number: number }).number : result;
    }, options);
    expect(run.invocations.map(({ error }) => error?.name)).toEqual(["SerdesFailedError", undefined]);
    expect(run.result).toBe(1);
    expect(runs).toBe(1);
  });

  test("serialize of a step in a batch: what its neighbours have ended is recorded", async () => {
    const serdes = once("serialize");
    let charges = 0;
    const handler: Handler = async (_, context) => {
      const charged = await context.map(
        [1, 2],
        async (inner, item) => {
          await inner.step("charge", async () => ++charges);
          return item === 1 ? 0 : inner.step("s", async () => 1, { serdes });
        },
        { batch: 2 },
      );
      return charged.successCount;
    };
    const run = await runOurs(handler, { engine: { invocation: { retryPauseMs: 0 } } });
    expect([run.result, charges, run.invocations.length]).toEqual([2, 2, 2]);
  });

  test("a check of a condition whose state cannot be read back has no state yet, and runs again", async () => {
    let reads = 0;
    let checks = 0;
    const serdes: AnySerdes = {
      ...defaultSerdes,
      deserialize: async (text) => {
        if (++reads === 2) throw new Error("not mounted");
        return JSON.parse(text as string);
      },
    };
    const run = await runOurs(
      async (_, context) =>
        context.waitForCondition(async (state: number) => state + ++checks, {
          ...{ initialState: 0, serdes, waitStrategy: () => ({ shouldContinue: false }) },
        }),
      { engine: { invocation: { retryPauseMs: 0 } } },
    );
    expect([run.result, checks]).toEqual([2, 2]);
  });

  test("the namer of a stream is given items only, also when a recorded item is read", async () => {
    async function* orders() {
      yield { id: "a" };
      yield { id: "b" };
    }
    const config = { itemNamer: ({ id }: { id: string }) => id, itemSerdes: defaultSerdes };
    const run = await runOurs(async (_, context) => {
      const wait = async (inner: DurableContext, { id }: { id: string }) => {
        if (id === "b") await inner.wait({ seconds: 1 });
        return id;
      };
      return (await context.map("orders", orders(), wait, config)).getResults();
    });
    expect(run.result).toEqual(["a", "b"]);
  });

  const writers: readonly [string, (context: DurableContext, serdes: AnySerdes) => Promise<unknown>][] = [
    ...works.map(([name, work]): (typeof writers)[number] => [
      name,
      (context, serdes) => work(context, serdes, async () => 1),
    ]),
    ["an invoke's input", (context, payloadSerdes) => context.invoke("s", "target", 1, { payloadSerdes })],
    [
      "the state of a condition",
      (context, serdes) =>
        context.waitForCondition("s", async () => 1, {
          ...{ initialState: 0, serdes, waitStrategy: () => ({ shouldContinue: false }) },
        }),
    ],
  ];

  test.each(writers)("serialize of %s gives no text", async (_name, work) => {
    for (const [given, what] of [
      [5, "5"],
      [{ at: 1 }, "an object with at"],
      [Promise.resolve(["x"]), "an array"],
    ]) {
      const serdes: AnySerdes = { ...defaultSerdes, serialize: (async () => given) as never };
      const run = await runOurs(async (_, context) => work(context, serdes), {
        engine: { invocation: { retryPauseMs: 0 } },
      });
      expect(run.invocations[0]?.error?.name).toBe("SerdesFailedError");
      expect(run.invocations[0]?.error?.message).toMatch(
        new RegExp(
          `Serialization failed for step .*\\([12].*\\): The result of serialize is ${what}; it must be a text.$`,
        ),
      );
    }
  });

  test("null from serialize is no payload", async () => {
    const serdes: AnySerdes = {
      serialize: async () => null as never,
      deserialize: async (text) => [text ?? "nothing"],
    };
    const run = await runOurs(async (_, context) => context.step(async () => 1, { serdes }));
    expect([run.result, payloads(run)]).toEqual([["nothing"], [undefined]]);
  });

  test("a recorded payload that is no JSON rejects the invocation", async () => {
    const record = {
      Id: "c4ca4238a0b92382",
      Type: "STEP",
      SubType: "Step",
      Status: "SUCCEEDED",
      StartTimestamp: new Date(),
      StepDetails: { Result: "" },
    } as never;
    const invocation = invokeOver(
      withRuntime(async (_, context) => context.step(async () => 1)),
      [record],
    );
    await expect(invocation).rejects.toThrow("Deserialization failed for step (1): ");
  });
});
