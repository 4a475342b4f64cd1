import { describe, test } from "vitest";
import { StepSemantics } from "../../src/index.ts";
import { type Case, describeError, expectSame } from "../support/differential.ts";

const seconds = (count: number) => ({ seconds: count });
const retryUpTo =
  (attempts: number, delaySeconds = 1) =>
  (_: Error, attempt: number) => ({ shouldRetry: attempt < attempts, delay: seconds(delaySeconds) });
const never = () => ({ shouldRetry: false });

class OrderError extends Error {
  override readonly name = "OrderError";
  readonly order = 7;
}

const values: [string, unknown][] = [
  ["a number", 1],
  ["a text", 'text with "quotes" and ünïcode'],
  ["null", null],
  ["undefined", undefined],
  ["false", false],
  ["an empty text", ""],
  ["a date", new Date(0)],
  ["NaN", Number.NaN],
  ["an object with an undefined member", { a: undefined, b: 1 }],
  ["an array with a hole", [1, undefined, 3]],
  ["a map", new Map([[1, 2]])],
  ["a function", () => 1],
  ["an object with toJSON", { toJSON: () => "custom" }],
  [
    "nested rows",
    {
      rows: [
        { id: 1, tags: ["x"] },
        { id: 2, tags: [] },
      ],
    },
  ],
];

const cases: Case[] = [
  ...values.map(
    ([what, value]): Case => ({
      name: `a step that returns ${what}`,
      make: () => async (_, context) => {
        const live = await context.step("s", async () => value);
        await context.wait(seconds(1));
        return { live: describeValue(live) };
      },
    }),
  ),
  {
    name: "a handler that returns undefined",
    make: () => async () => undefined,
  },
  {
    name: "a handler that returns a function",
    make: () => async () => () => 1,
  },
  {
    name: "a handler that returns a cycle",
    make: () => async () => {
      const cycle: { self?: unknown } = {};
      cycle.self = cycle;
      return cycle;
    },
  },
  {
    name: "a handler that throws",
    make: () => async () => {
      throw new RangeError("nope");
    },
  },
  {
    name: "a handler that echoes its input",
    make: () => async (input) => input,
    options: () => ({ input: { n: 1, list: [1, 2] } }),
  },
  {
    name: "a handler without an input",
    make: () => async (input) => input,
  },
  {
    name: "a sequence of steps, unnamed and named",
    make: () => async (_, context) => {
      const a = await context.step(async () => 1);
      const b = await context.step("b", async () => a + 1);
      const c = await context.step(undefined, async () => b + 1);
      return [a, b, c];
    },
  },
  {
    name: "a synchronous step",
    make: () => async (_, context) => context.step("s", (() => 5) as never),
  },
  {
    name: "a step that throws synchronously",
    make: () => async (_, context) =>
      context.step(
        "s",
        (() => {
          throw new Error("sync");
        }) as never,
        { retryStrategy: never },
      ),
  },
  {
    name: "steps side by side",
    make: () => async (_, context) => {
      const steps = [1, 2, 3].map((n) => context.step(`s${n}`, async () => n));
      return Promise.all(steps);
    },
  },
  {
    name: "a slow step",
    make: () => async (_, context) =>
      context.step("slow", async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return "done";
      }),
  },
  {
    name: "a step whose attempt number is its result",
    make: () => async (_, context) =>
      context.step(
        "s",
        async ({ attempt }) => {
          if (attempt < 3) throw new TypeError(`attempt ${attempt}`);
          return attempt;
        },
        { retryStrategy: retryUpTo(5, 2) },
      ),
  },
  {
    name: "a step that uses up its attempts",
    make: () => async (_, context) =>
      context.step(
        "s",
        async ({ attempt }) => {
          throw new TypeError(`attempt ${attempt}`);
        },
        { retryStrategy: retryUpTo(3) },
      ),
  },
  {
    name: "a retry without a delay",
    make: () => async (_, context) =>
      context.step(
        "s",
        async ({ attempt }) => {
          if (attempt === 1) throw new Error("once");
          return attempt;
        },
        { retryStrategy: () => ({ shouldRetry: true }) },
      ),
  },
  {
    name: "a failed step that is caught",
    make: () => async (_, context) => {
      const error = await context
        .step(
          "s",
          async () => {
            throw new OrderError("no such order");
          },
          { retryStrategy: never },
        )
        .catch((e) => e);
      await context.wait(seconds(1));
      return describeError(error);
    },
  },
  {
    name: "a failed step that is not caught",
    make: () => async (_, context) =>
      context.step(
        "s",
        async () => {
          throw new OrderError("no such order");
        },
        { retryStrategy: never },
      ),
  },
  ...[undefined, null].map(
    (thrown): Case => ({
      name: `a step that throws ${JSON.stringify(thrown)}`,
      make: () => async (_, context) => {
        let seen: unknown;
        const error = await context
          .step(
            "s",
            async () => {
              throw thrown;
            },
            {
              retryStrategy: (e) => {
                seen = describeError(e);
                return { shouldRetry: false };
              },
            },
          )
          .catch((e) => e);
        return [seen, describeError(error)];
      },
    }),
  ),
  {
    name: "an error with a cause",
    make: () => async (_, context) =>
      context
        .step(
          "s",
          async () => {
            throw new Error("outer", { cause: new RangeError("inner") });
          },
          { retryStrategy: never },
        )
        .catch(describeError),
  },
  {
    name: "an error of another step, thrown again",
    make: () => async (_, context) => {
      const first = await context
        .step(
          "a",
          async () => {
            throw new OrderError("first");
          },
          { retryStrategy: never },
        )
        .catch((e) => e);
      const second = await context
        .step(
          "b",
          async () => {
            throw first;
          },
          { retryStrategy: never },
        )
        .catch((e) => e);
      return [describeError(first), describeError(second)];
    },
  },
  {
    name: "a strategy that answers nothing, where the default does not retry either",
    make: () => async (_, context) =>
      context.step(
        "s",
        async ({ attempt }) => {
          if (attempt < 2) throw new Error("once");
          return attempt;
        },
        { retryStrategy: ((_: Error, attempt: number) => (attempt < 2 ? { shouldRetry: true } : undefined)) as never },
      ),
  },
  {
    name: "an at-most-once step",
    make: () => async (_, context) => context.step("s", async () => 1, { semantics: StepSemantics.AtMostOncePerRetry }),
  },
  {
    name: "an at-most-once step with a retry",
    make: () => async (_, context) =>
      context.step(
        "s",
        async ({ attempt }) => {
          if (attempt === 1) throw new Error("once");
          return attempt;
        },
        { semantics: StepSemantics.AtMostOncePerRetry, retryStrategy: retryUpTo(2) },
      ),
  },
  {
    name: "a step with a serdes of its own",
    make: () => async (_, context) => {
      const serdes = {
        serialize: async (value: unknown) => (value === undefined ? undefined : `<${JSON.stringify(value)}>`),
        deserialize: async (text: string | undefined) => text && JSON.parse(text.slice(1, -1)),
      };
      const result = await context.step("s", async () => ({ a: 1 }), { serdes });
      await context.wait(seconds(1));
      return result;
    },
  },
  {
    name: "a serdes that sees where a payload belongs",
    make: () => async (_, context) => {
      const seen: string[] = [];
      const serdes = {
        serialize: async (value: unknown, { entityId }: { entityId: string }) => {
          seen.push(`serialize ${entityId}`);
          return JSON.stringify(value);
        },
        deserialize: async (text: string | undefined, { entityId }: { entityId: string }) => {
          seen.push(`deserialize ${entityId}`);
          return text && JSON.parse(text);
        },
      };
      context.configureSerdes({ defaultSerdes: serdes });
      await context.step("s", async () => 1);
      await context.runInChildContext("c", (inner) => inner.step("i", async () => 2));
      await context.map("m", [1], (inner) => inner.step("x", async () => 3));
      await context.map("f", [1], (inner) => inner.step("x", async () => 3), { nesting: "FLAT" });
      return seen;
    },
  },
  {
    name: "a step that is not awaited",
    make: () => async (_, context) => {
      context.step("left alone", async () => 1);
      return context.step("awaited", async () => 2);
    },
  },
  {
    name: "a failing step that is not awaited",
    make: () => async (_, context) => {
      context.step(
        "left alone",
        async () => {
          throw new Error("unseen");
        },
        { retryStrategy: never },
      );
      return context.step("awaited", async () => 2);
    },
  },
  {
    name: "a wait that is not awaited",
    make: () => async (_, context) => {
      context.wait("left alone", seconds(5));
      return context.step("awaited", async () => 2);
    },
  },
  {
    name: "waits one after the other",
    make: () => async (_, context) => {
      await context.wait("short", seconds(1));
      await context.wait({ minutes: 1, seconds: 1 });
      await context.wait({ hours: 1 });
      return context.wait({ days: 2, hours: 1 });
    },
  },
  {
    name: "waits side by side",
    make: () => async (_, context) => {
      await Promise.all([context.wait("a", seconds(5)), context.wait("b", seconds(1)), context.wait("c", seconds(3))]);
      return "all";
    },
  },
  {
    name: "a race of two waits",
    make: () => async (_, context) => {
      const winner = await Promise.race([
        context.wait("long", seconds(60)).then(() => "long"),
        context.wait("short", seconds(1)).then(() => "short"),
      ]);
      return winner;
    },
  },
  {
    name: "a result too large for the answer",
    make: () => async () => "x".repeat(6 * 1024 * 1024),
    options: () => ({ engine: { quotas: { inputBytes: 10 * 1024 * 1024 } } }),
  },
];

function describeValue(value: unknown): string {
  return `${typeof value} ${JSON.stringify(value)} ${value instanceof Date} ${value instanceof Map}`;
}

describe("both SDKs do the same for", () => {
  for (const testCase of cases) test(testCase.name, () => expectSame(testCase));
});
