import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { pause } from "../support/gauge.ts";
import { type Handler, runOurs } from "../support/service.ts";

/** Operations that wait for a day at least, or for somebody outside, as soon as they have begun. */
const waiting: Record<string, (context: DurableContext) => PromiseLike<unknown>> = {
  "a wait": (context) => context.wait("day", { days: 1 }),
  "a callback": (context) => context.createCallback("answer", { timeout: { days: 2 } }),
  "an invoke": (context) => context.invoke("endless", {}),
};

/** Where that is begun. */
const places: Record<string, (context: DurableContext, body: (inner: DurableContext) => Promise<unknown>) => unknown> =
  {
    "the handler": (context, body) => body(context),
    "a child context": (context, body) => context.runInChildContext("around", body),
    "a branch": async (context, body) => (await context.parallel([body])).getResults()[0],
    "an item": async (context, body) => (await context.map([1], (item) => body(item))).getResults()[0],
    "a batched item": async (context, body) =>
      (await context.map([1], (item) => body(item), { batch: 10 })).getResults()[0],
  };

const cases = Object.keys(waiting).flatMap((what) => Object.keys(places).map((where) => [what, where] as const));

const run = (handler: Handler) =>
  runOurs(handler, { onEngine: (engine) => engine.register("endless", () => new Promise(() => {})) });

describe("what nobody awaits does not keep code from going on:", () => {
  test.each(cases)("%s in %s, and then plain code", async (what, where) => {
    const { result, invocations } = await run(
      async (_, context) =>
        await places[where]?.(context, async (inner) => {
          void waiting[what]?.(inner);
          await pause(30);
          return "result";
        }),
    );
    expect(result).toBe("result");
    expect(invocations).toHaveLength(1);
  });

  test.each(cases)("%s in %s, with a step in between", async (what, where) => {
    const { result, invocations } = await run(
      async (_, context) =>
        await places[where]?.(context, async (inner) => {
          void waiting[what]?.(inner);
          await inner.step(async () => 1);
          await pause(30);
          return inner.step(async () => "result");
        }),
    );
    expect(result).toBe("result");
    expect(invocations).toHaveLength(1);
  });

  test.each(Object.keys(places))(
    "a wait in %s that is awaited later: what stands in between ends first",
    async (where) => {
      let pieces = 0;
      const { result, invocations } = await run(
        async (_, context) =>
          await places[where]?.(context, async (inner) => {
            const wait = inner.wait({ seconds: 5 });
            await pause(30);
            pieces++;
            const fetched = await inner.step("after plain code", async () => "fetched");
            await pause(30);
            await wait;
            return fetched;
          }),
      );
      expect(result).toBe("fetched");
      expect(invocations).toHaveLength(2);
      expect(invocations[0]?.output?.Status).toBe("PENDING");
      const sent = invocations[0]?.requests.flat() ?? [];
      if (where !== "a batched item") expect(sent.map(({ Name }) => Name)).toContain("after plain code");
      expect(pieces).toBe(2);
    },
  );
});

describe("what is awaited suspends at once:", () => {
  test.each(Object.keys(places))("a wait in %s, by await, then, catch and finally alike", async (where) => {
    const ways: ((promise: PromiseLike<void> & Partial<Promise<void>>) => unknown)[] = [
      (promise) => promise,
      (promise) => promise.then(() => 1),
      (promise) => promise.catch?.(() => 1),
      (promise) => promise.finally?.(() => 1),
      (promise) => Promise.all([promise]),
      (promise) => Promise.race([promise]),
    ];
    for (const way of ways) {
      const { result, invocations } = await run(
        async (_, context) =>
          await places[where]?.(context, async (inner) => {
            await way(inner.wait({ seconds: 1 }) as never);
            return "over";
          }),
      );
      expect([result, invocations.length]).toEqual(["over", 2]);
    }
  });

  test("the loser of a race stays awaited, and plain code beside it is cut off", async () => {
    const { invocations } = await run(async (_, context) => {
      const first = await Promise.race([
        context.wait({ seconds: 1 }).then(() => "late"),
        context.step(async () => "early"),
      ]);
      await pause(50);
      await context.step("after plain code", async () => 1);
      return first;
    });
    const names = invocations.map(({ requests }) => requests.flat().map(({ Name }) => Name));
    expect(names.map((of) => of.includes("after plain code"))).toEqual([false, true]);
  });

  test("an operation counts once, however often it is awaited", async () => {
    const { result, invocations } = await run(async (_, context) => {
      const wait = context.wait({ seconds: 1 });
      await Promise.all([wait, wait, wait.then(() => 1)]);
      await pause(20);
      await context.step(async () => 1);
      await wait;
      return "over";
    });
    expect([result, invocations.length]).toEqual(["over", 2]);
  });

  test("a context that has ended leaves nothing awaited behind", async () => {
    const { result, invocations } = await run(async (_, context) => {
      await context.runInChildContext(async (child) => {
        void child.wait({ days: 1 }).then(() => {});
        await child.step(async () => 1);
      });
      await pause(30);
      return "result";
    });
    expect([result, invocations.length]).toEqual(["result", 1]);
  });
});
