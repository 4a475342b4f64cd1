import { describe, expect, test } from "vitest";
import { type DurableContext, defaultSerdes } from "../../src/index.ts";
import { replay, runOurs } from "../support/service.ts";

const inPlaces: readonly [
  string,
  (context: DurableContext, body: (inner: DurableContext) => Promise<unknown>) => unknown,
][] = [
  ["in the handler", (context, body) => body(context)],
  ["in an item", async (context, body) => (await context.map([1], body)).getResults()[0]],
  ["in a batched item", async (context, body) => (await context.map([1], body, { batch: 2 })).getResults()[0]],
];

describe.each(inPlaces)("the state of a condition, %s,", (_place, inside) => {
  test.each([{}, { serdes: defaultSerdes }])(
    "is the same for each check, the first one included (%j)",
    async (config) => {
      const seen: unknown[] = [];
      const handler = async (_: unknown, context: DurableContext) =>
        inside(context, (inner) =>
          inner.waitForCondition(
            "poll",
            async (state: { at: unknown }) => {
              seen.push(typeof state.at);
              return state;
            },
            {
              initialState: { at: new Date(0) as unknown },
              waitStrategy: (_state, attempt) =>
                attempt < 3 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
              ...config,
            },
          ),
        );
      const run = await runOurs(handler);
      expect(seen).toEqual(["string", "string", "string"]);
      expect(run.result).toEqual({ at: "1970-01-01T00:00:00.000Z" });
    },
  );

  test("is what was recorded, whatever a strategy does to it", async () => {
    const handler = async (_: unknown, context: DurableContext) =>
      inside(context, (inner) =>
        inner.waitForCondition("poll", async (state: { count: number }) => ({ count: state.count + 1 }), {
          initialState: { count: 0 },
          waitStrategy: (state) => {
            const isOver = state.count >= 2;
            state.count = 100;
            return isOver ? { shouldContinue: false } : { shouldContinue: true, delay: { seconds: 1 } };
          },
        }),
      );
    const run = await runOurs(handler);
    expect(run.result).toEqual({ count: 2 });
    expect((await replay(handler, run)).output).toEqual({ Status: "SUCCEEDED", Result: JSON.stringify(run.result) });
  });

  test("that is undefined stays so, and does not begin anew", async () => {
    const seen: unknown[] = [];
    const handler = async (_: unknown, context: DurableContext) =>
      inside(context, (inner) =>
        inner.waitForCondition(
          "poll",
          async (state: string | undefined) => {
            seen.push(state);
            return undefined;
          },
          {
            initialState: "first" as string | undefined,
            waitStrategy: (_state, attempt) =>
              attempt < 3 ? { shouldContinue: true, delay: { seconds: 5 } } : { shouldContinue: false },
          },
        ),
      );
    const run = await runOurs(handler);
    expect(seen).toEqual(["first", undefined, undefined]);
    expect(run.outcome.status).toBe("SUCCEEDED");
  });

  test("that JSON refuses at the start fails the condition", async () => {
    const run = await runOurs(async (_, context) =>
      inside(context, (inner) =>
        inner
          .waitForCondition("poll", async (state: unknown) => state, {
            initialState: { big: 1n } as unknown,
            waitStrategy: () => ({ shouldContinue: false }),
          })
          .catch((error: Error) => error.message),
      ),
    );
    expect(run.result).toContain("cannot be stored: result.big is a BigInt");
  });
});
