import { describe, test } from "vitest";
import { type Case, describeError, expectSame } from "../support/differential.ts";

const seconds = (count: number) => ({ seconds: count });
const never = () => ({ shouldRetry: false });
const large = "x".repeat(300_000);

const cases: Case[] = [
  {
    name: "a child context",
    make: () => async (_, context) => context.runInChildContext("c", (inner) => inner.step("s", async () => 1)),
  },
  {
    name: "an unnamed child context, before a wait",
    make: () => async (_, context) => {
      const result = await context.runInChildContext(async (inner) => ({ a: await inner.step(async () => 1) }));
      await context.wait(seconds(1));
      return result;
    },
  },
  {
    name: "an empty child context",
    make: () => async (_, context) => context.runInChildContext("c", async () => undefined),
  },
  {
    name: "children inside children",
    make: () => async (_, context) =>
      context.runInChildContext("a", async (a) => {
        const b = await a.runInChildContext("b", async (inner) => {
          await inner.wait("w", seconds(2));
          return inner.step("s", async () => "deep");
        });
        return [b, await a.step("after", async () => 2)];
      }),
  },
  {
    name: "children side by side, each with a wait",
    make: () => async (_, context) => {
      const children = [1, 2, 3].map((n) =>
        context.runInChildContext(`c${n}`, async (inner) => {
          await inner.wait(`w${n}`, seconds(n));
          return inner.step("s", async () => n);
        }),
      );
      return Promise.all(children);
    },
  },
  {
    name: "a child with a subtype",
    make: () => async (_, context) =>
      context.runInChildContext("c", (inner) => inner.step("s", async () => 1), { subType: "Mine" }),
  },
  {
    name: "a child that fails, caught and seen again after a wait",
    make: () => async (_, context) => {
      const error = await context
        .runInChildContext("c", async () => {
          throw new RangeError("in the child");
        })
        .catch((e) => e);
      await context.wait(seconds(1));
      return [describeError(error)];
    },
  },
  {
    name: "a child that fails and is not caught",
    make: () => async (_, context) =>
      context.runInChildContext("c", (inner) =>
        inner.step(
          "s",
          async () => {
            throw new RangeError("deep");
          },
          { retryStrategy: never },
        ),
      ),
  },
  {
    name: "a failing child inside a child, replayed",
    make: () => async (_, context) => {
      const run = async () =>
        context
          .runInChildContext("outer", (outer) =>
            outer.runInChildContext("inner", async () => {
              throw new TypeError("deepest");
            }),
          )
          .catch(describeError);
      const error = await run();
      await context.wait(seconds(1));
      return error;
    },
  },
  {
    name: "an error mapper",
    make:
      ({ StepError }) =>
      async (_, context) => {
        const error = await context
          .runInChildContext<void>(
            "c",
            async () => {
              throw new RangeError("mapped");
            },
            { errorMapper: (original) => new StepError(`not ${original.message}`, original) },
          )
          .catch((e) => e);
        await context.wait(seconds(1));
        return describeError(error);
      },
  },
  {
    name: "a virtual child context",
    make: () => async (_, context) => {
      const result = await context.runInChildContext(
        "v",
        async (inner) => {
          const a = await inner.step("s", async () => 1);
          await inner.wait("w", seconds(1));
          return [a, new Date(0)];
        },
        { virtualContext: true },
      );
      return [result, typeof result[1], await context.step("after", async () => 2)];
    },
  },
  {
    name: "a virtual child inside a recorded one",
    make: () => async (_, context) =>
      context.runInChildContext("c", async (inner) =>
        inner.runInChildContext(
          "v",
          async (virtual) => {
            await virtual.wait("w", seconds(1));
            return virtual.runInChildContext("deep", (deep) => deep.step("s", async () => 1));
          },
          { virtualContext: true },
        ),
      ),
  },
  {
    name: "a virtual child that fails",
    make: () => async (_, context) =>
      context
        .runInChildContext(
          "v",
          async (inner) => {
            await inner.step("s", async () => 1);
            throw new RangeError("virtual");
          },
          { virtualContext: true },
        )
        .catch(describeError),
  },
  {
    name: "a child with a large result, before a wait",
    make: () => async (_, context) => {
      const result = await context.runInChildContext("c", async (inner) => {
        const text = await inner.step("s", async () => "x".repeat(200_000));
        return text + text;
      });
      await context.wait(seconds(1));
      return result.length;
    },
  },
  {
    name: "a child with a large result and a summary",
    make: () => async (_, context) => {
      const result = await context.runInChildContext("c", async () => large, {
        summaryGenerator: (text) => `${text.length} characters`,
      });
      await context.wait(seconds(1));
      return result.length;
    },
  },
  {
    name: "a large child with children of its own",
    make: () => async (_, context) => {
      const run = await context.runInChildContext("outer", async (outer) => {
        const parts = [];
        for (const n of [1, 2]) {
          parts.push(
            await outer.runInChildContext(`part${n}`, async (inner) => {
              await inner.wait("w", seconds(n));
              return inner.step("s", async () => `${n}`.repeat(150_000));
            }),
          );
        }
        return parts;
      });
      await context.wait("after", seconds(1));
      return run.map((part) => part.length);
    },
  },
  {
    name: "a child with a serdes of its own",
    make: () => async (_, context) => {
      const serdes = {
        serialize: async (value: unknown) => `<${JSON.stringify(value)}>`,
        deserialize: async (text: string | undefined) => text && JSON.parse(text.slice(1, -1)),
      };
      const result = await context.runInChildContext("c", async () => ({ at: new Date(0) }), { serdes });
      await context.wait(seconds(1));
      return [result, typeof (result as { at: unknown }).at];
    },
  },
  {
    name: "default serdes that a child sets for itself",
    make: () => async (_, context) => {
      const marked = (mark: string) => ({
        serialize: async (value: unknown) => mark + JSON.stringify(value),
        deserialize: async (text: string | undefined) => text && JSON.parse(text.slice(1)),
      });
      context.configureSerdes({ defaultSerdes: marked("a") });
      await context.runInChildContext("c", async (inner) => {
        await inner.step("inherits", async () => 1);
        inner.configureSerdes({ defaultSerdes: marked("b") });
        return inner.step("own", async () => 2);
      });
      return context.step("back", async () => 3);
    },
  },
  {
    name: "a child that rethrows its own kind of error",
    make:
      ({ ChildContextError }) =>
      async (_, context) =>
        context
          .runInChildContext("c", async () => {
            throw new ChildContextError("mine", new RangeError("cause"), "data");
          })
          .catch(describeError),
  },
  {
    name: "a child that is not awaited",
    make: () => async (_, context) => {
      context.runInChildContext("left alone", (inner) => inner.step("s", async () => 1));
      return context.step("awaited", async () => 2);
    },
  },
  {
    name: "the parent's context used inside a child",
    make: () => async (_, context) =>
      context.runInChildContext("c", async () => context.step("wrong", async () => 1)).catch(() => "caught"),
  },
  {
    name: "a durable operation inside a step",
    make: () => async (_, context) =>
      context.step("s", async () => context.step("wrong", async () => 1)).catch(() => "caught"),
  },
  {
    name: "code that changes the type of an operation",
    make: () => {
      let invocations = 0;
      return async (_, context) => {
        invocations++;
        if (invocations === 1) await context.step("s", async () => 1);
        else await context.runInChildContext("s", async () => 1);
        return context.wait(seconds(1));
      };
    },
  },
  {
    name: "code that changes the name of an operation",
    make: () => {
      let invocations = 0;
      return async (_, context) => {
        invocations++;
        await context.step(invocations === 1 ? undefined : "named", async () => 1);
        return context.wait(seconds(1));
      };
    },
  },
  {
    name: "code that changes the subtype of a context",
    make: () => {
      let invocations = 0;
      return async (_, context) => {
        invocations++;
        if (invocations === 1) await context.runInChildContext("c", async () => 1);
        else await context.map("c", [1], async () => 1);
        return context.wait(seconds(1));
      };
    },
  },
  {
    name: "code that drops an operation",
    make: () => {
      let invocations = 0;
      return async (_, context) => {
        invocations++;
        await context.step("a", async () => 1);
        if (invocations === 1) await context.wait(seconds(1));
        return "shorter";
      };
    },
  },
  {
    name: "what a context says of itself",
    make: () => async (_, context) => {
      const brand = Symbol.for("@aws/durable-execution-sdk-js/durable-context");
      const promise = context.step("s", async () => 1);
      const before = promise.isExecuted;
      await promise;
      return [
        String(context),
        (context as unknown as Record<symbol, unknown>)[brand],
        String(promise),
        promise instanceof Promise,
        before,
        promise.isExecuted,
        Object.keys(context.executionContext),
      ];
    },
  },
];

describe("both SDKs do the same for", () => {
  for (const testCase of cases) test(testCase.name, () => expectSame(testCase));
});
