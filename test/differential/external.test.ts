import * as official from "@aws/durable-execution-sdk-js";
import { describe, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import * as ours from "../../src/index.ts";
import type { LocalEngine, LocalHandler } from "../../src/testing.ts";
import { type Case, describeError, expectSame, type Sdk } from "../support/differential.ts";
import { FAST } from "../support/service.ts";

const seconds = (count: number) => ({ seconds: count });
const never = () => ({ shouldRetry: false });
const twice = (_: Error, attempt: number) => ({ shouldRetry: attempt < 2, delay: seconds(1) });
const caught = (promise: PromiseLike<unknown>) => Promise.resolve(promise).catch(describeError);

/** What somebody outside does with a callback that is open. */
type Action = (engine: LocalEngine, id: string) => void;

const succeed =
  (result?: string): Action =>
  (engine, id) =>
    engine.completeCallback(id, result);
const fail =
  (error = { ErrorType: "Refused", ErrorMessage: "no", ErrorData: "data", StackTrace: ["at a", "at b"] }): Action =>
  (engine, id) =>
    engine.failCallback(id, error);
const beat: Action = (engine, id) => engine.heartbeatCallback(id);

/** Does something with every open callback after each invocation, the n-th thing after the n-th. */
function afterInvocations(...actions: readonly Action[]) {
  return (engine: LocalEngine): void => {
    let invocations = 0;
    engine.subscribe((event) => {
      if (event.type !== "invocation-ended") return;
      const action = actions[invocations++];
      const open = engine
        .operations(event.arn)
        .filter(({ Type, Status }) => Type === "CALLBACK" && Status === "STARTED");
      setImmediate(() => {
        for (const { CallbackDetails } of open) action?.(engine, CallbackDetails?.CallbackId as string);
      });
    });
  };
}

interface External {
  readonly name: string;
  readonly make: (
    sdk: Sdk,
    outside: { engine: LocalEngine },
  ) => (input: unknown, context: DurableContext) => Promise<unknown>;
  readonly prepare?: (engine: LocalEngine) => void;
  readonly functions?: Record<string, (sdk: Sdk) => (input: never, context: DurableContext) => Promise<unknown>>;
  readonly plain?: Record<string, (payload: never) => unknown>;
}

/** A case whose handler, and whose test, talk to the engine. */
function external({ name, make, prepare, functions = {}, plain = {} }: External): Case {
  const outside = {} as { engine: LocalEngine };
  return {
    name,
    make: (sdk) => {
      const handler = make(sdk, outside);
      Object.assign(outside, { sdk });
      return handler;
    },
    options: () => ({
      engine: { skipCallbackTimeouts: prepare === undefined },
      onEngine: (engine) => {
        outside.engine = engine;
        const { sdk } = outside as unknown as { sdk: Sdk };
        for (const [target, body] of Object.entries(functions)) {
          const lambda =
            sdk === ours
              ? ours.withDurableExecution(body(sdk) as never, { runtime: FAST })
              : official.withDurableExecution(body(sdk) as never);
          engine.register(target, lambda as unknown as LocalHandler);
        }
        for (const [target, body] of Object.entries(plain)) engine.registerFunction(target, body as never);
        prepare?.(engine);
      },
    }),
  };
}

const number = { deserialize: async (text: string | undefined) => (text === undefined ? undefined : Number(text) * 2) };

const cycle = () => {
  const response: Record<string, unknown> = { status: 200 };
  response["request"] = { response };
  return response;
};

const callbacks: External[] = [
  ...(
    [
      ["a small object", () => ({ secret: "token" })],
      ["what contains itself, as responses do,", cycle],
      ["a BigInt", () => 1n],
      ["300 KB", () => "x".repeat(300_000)],
    ] as const
  ).map(
    ([what, make]): External => ({
      name: `waitForCallback, whose submitter returns ${what} by mistake`,
      make: () => async (_, context) => caught(context.waitForCallback("wf", async () => make() as never)),
      prepare: afterInvocations(succeed("yes")),
    }),
  ),
  ...(
    [
      ["a text", succeed("yes")],
      ["JSON, which stays a text", succeed('{"a":1}')],
      ["nothing", succeed()],
      ["an empty text", succeed("")],
      ["a failure", fail()],
      ["a failure without anything", fail({} as never)],
    ] as const
  ).flatMap(([what, action]): External[] => [
    {
      name: `createCallback, completed later with ${what}`,
      make: () => async (_, context) => {
        const [result] = await context.createCallback("cb", { timeout: seconds(100) });
        return caught(result);
      },
      prepare: afterInvocations(action),
    },
    {
      name: `waitForCallback, completed later with ${what}`,
      make: () => async (_, context) => caught(context.waitForCallback("wf", async () => {})),
      prepare: afterInvocations(action),
    },
    {
      name: `waitForCallback, completed by its submitter with ${what}`,
      make: (_sdk, outside) => async (_, context) => {
        const result = await caught(context.waitForCallback("wf", async (id) => action(outside.engine, id)));
        await context.wait(seconds(1));
        return result;
      },
    },
  ]),
  {
    name: "a callback without a name, that times out",
    make: () => async (_, context) => {
      const [result] = await context.createCallback({ timeout: seconds(5) });
      return caught(result);
    },
  },
  {
    name: "a heartbeat that does not come",
    make: () => async (_, context) => {
      const [result] = await context.createCallback("cb", { timeout: seconds(50), heartbeatTimeout: seconds(5) });
      return caught(result);
    },
  },
  {
    name: "a heartbeat, and then a result",
    make: () => async (_, context) => {
      const [result] = await context.createCallback("cb", { heartbeatTimeout: seconds(50) });
      await context.wait(seconds(10));
      return caught(result);
    },
    prepare: afterInvocations(beat, succeed("late")),
  },
  {
    name: "a serdes of the callback",
    make: () => async (_, context) => {
      const [result] = await context.createCallback<number>("cb", { serdes: number });
      return caught(result);
    },
    prepare: afterInvocations(succeed("21")),
  },
  {
    name: "a serdes that fails",
    make: () => async (_, context) => {
      const broken = { deserialize: async () => Promise.reject(new Error("unreadable")) };
      const [result] = await context.createCallback<number>("cb", { serdes: broken });
      return caught(result);
    },
    prepare: afterInvocations(succeed("21")),
  },
  {
    name: "the context's callback deserializer",
    make: () => async (_, context) => {
      context.configureSerdes({ defaultCallbackDeserializer: number as never });
      const [first] = await context.createCallback<number>("a");
      const second = context.waitForCallback<number>("b", async () => {});
      const third = context.runInChildContext(async (child) => (await child.createCallback<number>("c"))[0]);
      return [await caught(first), await caught(second), await caught(third)];
    },
    prepare: afterInvocations(succeed("1"), succeed("2"), succeed("3")),
  },
  {
    name: "a callback that is completed before it is awaited",
    make: (_sdk, outside) => async (_, context) => {
      const [result, id] = await context.createCallback("cb");
      await context.step("complete", async () => outside.engine.completeCallback(id, "done"));
      await context.wait(seconds(1));
      return caught(result);
    },
  },
  {
    name: "a callback that fails and is never awaited",
    make: (_sdk, outside) => async (_, context) => {
      const [, id] = await context.createCallback("cb");
      await context.step("fail", async () => outside.engine.failCallback(id, { ErrorMessage: "no" }));
      await context.wait(seconds(1));
      return "unbothered";
    },
  },
  {
    name: "several callbacks at once, completed in turn",
    make: () => async (_, context) => {
      const [a] = await context.createCallback("a");
      const [b] = await context.createCallback("b");
      return Promise.all([caught(a), caught(b)]);
    },
    prepare: afterInvocations((engine, id) => engine.completeCallback(id, "both")),
  },
  {
    name: "a submitter that is retried",
    make: (_sdk, outside) => {
      let attempts = 0;
      return async (_, context) =>
        caught(
          context.waitForCallback(
            "wf",
            async (id) => {
              if (++attempts < 2) throw new Error("busy");
              outside.engine.completeCallback(id, "yes");
            },
            { retryStrategy: twice },
          ),
        );
    },
  },
  {
    name: "a submitter that fails",
    make: () => async (_, context) =>
      caught(context.waitForCallback("wf", () => Promise.reject(new RangeError("cannot")), { retryStrategy: never })),
  },
  {
    name: "waitForCallback with a serdes and a time-out",
    make: () => async (_, context) =>
      caught(context.waitForCallback<number>("wf", async () => {}, { serdes: number, timeout: seconds(9) })),
    prepare: afterInvocations(succeed("5")),
  },
  ...(["NESTED", "FLAT"] as const).map(
    (nesting): External => ({
      name: `waitForCallback in the items of a map, ${nesting}`,
      make: (_sdk, outside) => async (_, context) => {
        const batch = await context.map(
          "approvals",
          [1, 2, 3],
          (item, n) => item.waitForCallback(`ask ${n}`, async (id) => succeed(`${n}`)(outside.engine, id)),
          { nesting, maxConcurrency: 1 },
        );
        await context.wait(seconds(1));
        return batch.getResults();
      },
    }),
  ),
  {
    name: "waitForCallback without a submitter",
    make: () => async (_, context) => [
      await caught(context.waitForCallback(undefined as never)),
      await caught(context.waitForCallback("name", undefined as never)),
    ],
  },
];

const invokes: External[] = [
  ...(
    [
      ["an object", { a: 1 }],
      ["nothing", undefined],
      ["null", null],
      ["a number", 5],
      ["a text", "text"],
    ] as const
  ).flatMap(([what, input]): External[] => [
    {
      name: `a plain function, invoked with ${what}`,
      make: () => async (_, context) => caught(context.invoke("call", "echo", input)),
      plain: { echo: (payload) => ({ payload: payload ?? "none" }) },
    },
    {
      name: `a durable function, invoked with ${what}`,
      make: () => async (_, context) => caught(context.invoke("call", "target", input)),
      functions: {
        target: () => async (payload, context) => {
          await context.wait(seconds(1));
          return { payload: payload ?? "none" };
        },
      },
    },
  ]),
  {
    name: "an invoke without a name, with an object",
    make: () => async (_, context) => caught(context.invoke("echo", { a: 1 })),
    plain: { echo: (payload) => payload },
  },
  {
    name: "a version and an alias in the name",
    make: () => async (_, context) => [
      await caught(context.invoke("a", "echo:7", {})),
      await caught(context.invoke("b", "echo:live", {})),
      await caught(context.invoke("c", "arn:aws:lambda:us-east-1:123456789012:function:echo:7", {})),
    ],
    plain: { echo: () => "here" },
  },
  {
    name: "a plain function that throws",
    make: () => async (_, context) => caught(context.invoke("call", "broken", {})),
    plain: {
      broken: () => {
        throw new RangeError("broken");
      },
    },
  },
  {
    name: "a durable function that fails",
    make: () => async (_, context) => caught(context.invoke("call", "broken", {})),
    functions: {
      broken: () => async () => {
        throw new RangeError("broken");
      },
    },
  },
  {
    name: "serdes for the payload and the result",
    make: () => async (_, context) =>
      caught(
        context.invoke("call", "echo", 5, {
          payloadSerdes: { serialize: async (value) => JSON.stringify({ boxed: value }), deserialize: async () => 0 },
          resultSerdes: { serialize: async () => "", deserialize: async (text) => `read ${text}` },
        }),
      ),
    plain: { echo: (payload) => payload },
  },
  {
    name: "a tenant",
    make: () => async (_, context) => caught(context.invoke("call", "echo", {}, { tenantId: "blue" })),
    plain: { echo: () => 1 },
  },
  {
    name: "invokes side by side, and one that is never awaited",
    make: () => async (_, context) => {
      context.invoke("forgotten", "echo", 0);
      return Promise.all([1, 2, 3].map((n) => caught(context.invoke(`call ${n}`, "echo", n))));
    },
    plain: { echo: (payload) => payload },
  },
  ...(["NESTED", "FLAT"] as const).map(
    (nesting): External => ({
      name: `invokes in the items of a map, ${nesting}`,
      make: () => async (_, context) => {
        const batch = await context.map("calls", [1, 2, 3], (item, n) => item.invoke("call", "double", n), {
          nesting,
          maxConcurrency: 1,
          completionConfig: { toleratedFailureCount: 3 },
        });
        return [batch.getResults(), batch.getErrors().map(describeError)];
      },
      plain: {
        double: (n) => {
          if (n === 2) throw new Error("two");
          return n;
        },
      },
    }),
  ),
];

describe.each([
  ["callbacks", callbacks],
  ["chained invokes", invokes],
])("both SDKs write and give the same for %s:", (_what, cases) => {
  test.each(cases.map((testCase) => [testCase.name, testCase] as const))("%s", async (_name, testCase) => {
    await expectSame(external(testCase));
  });
});
