import type { DurableContext } from "../../src/index.ts";
import { describeError } from "../support/differential.ts";
import { flaky, indexes, later, noise, type RecordedHandler, summary, tolerant } from "./handler-parts.ts";

/** Batched maps beside and inside other operations, and maps and parallels without batches. */
export const mixedHandlers: Record<string, RecordedHandler> = {
  "beside others": (ran) => async (count: number, context) => {
    const map = (context as DurableContext).map("work", indexes(count), async (item, n) => {
      const once = await item.step("once", flaky(ran, `once ${n}`, 0));
      return [once, await item.step("retried", flaky(ran, `retried ${n}`, n % 2), later(600))];
    });
    const approval = context.waitForCallback("approval", async () => ran("submit"));
    const credit = context.invoke("credit", "credit-check", { count });
    const condition = context.waitForCondition(
      "polled",
      async (state: number) => {
        ran(`poll ${state}`);
        return state + 1;
      },
      {
        initialState: 0,
        waitStrategy: (state) =>
          state < 3 ? { shouldContinue: true, delay: { seconds: 90 } } : { shouldContinue: false },
      },
    );
    const pause = context.wait("pause", { minutes: 2 });
    const [mapped, ...others] = await Promise.all([map, approval, credit, condition, pause]);
    return { others, ...summary(mapped) };
  },

  "inside contexts": (ran) => async (input: { groups: number; each: number }, context) => {
    const inner = (within: DurableContext, group: string) =>
      within
        .map(indexes(input.each), (item, n) => item.step(flaky(ran, `${group}.${n}`, n === 1 ? 1 : 0), later(60)))
        .then((batch) => batch.getResults());
    const child = context.runInChildContext("child", async (within) => {
      const before = await within.step("before", flaky(ran, "before", 0));
      return [before, ...(await inner(within, "child"))];
    });
    const outer = context.map("outer", indexes(input.groups), (item, n) => inner(item, `outer ${n}`), { batch: false });
    const flat = context.map("flat", indexes(input.groups), (item, n) => inner(item, `flat ${n}`), {
      batch: false,
      nesting: "FLAT",
    });
    const all = await Promise.all([child, outer, flat]);
    return [all[0], summary(all[1]), summary(all[2])];
  },

  "one map after the other": (ran) => async (input: { count: number; length: number }, context) => {
    const loaded = await context.map("load", indexes(input.count), (item, n) =>
      item.step("load", async () => {
        ran(`load ${n}`);
        return noise(n, input.length);
      }),
    );
    const scored = await context.map("score", loaded.getResults(), async (item, text, n) => [
      text.length,
      await item.step("score", flaky(ran, `score ${n}`, n % 2), later(60)),
    ]);
    const stored = await context.map("store", scored.getResults(), (item, [, score]) =>
      item.step("store", flaky(ran, `store ${score}`, 0)),
    );
    return summary(stored);
  },

  "maps without batches": (ran) => async (input: { count: number; length: number }, context) => {
    const large = await context.map(
      "large",
      indexes(input.count),
      async (item, n) => {
        const text = await item.step("load", async () => {
          ran(`load ${n}`);
          return noise(n, input.length);
        });
        await item.wait("rest", { seconds: 60 * (1 + (n % 3)) });
        if (n === 2) throw new RangeError("two");
        return text;
      },
      tolerant,
    );
    const flat = await context.map(
      "flat",
      indexes(input.count),
      async (item, n) => {
        const first = await item.step("first", flaky(ran, `first ${n}`, n % 2), later(60));
        await item.wait({ seconds: 60 });
        return [first, await item.step("second", flaky(ran, `second ${n}`, n % 3), later(60))];
      },
      { nesting: "FLAT" },
    );
    const whole = large.all.filter(({ result, index }) => result === noise(index, input.length)).length;
    return { whole, why: summary(large).why, errors: large.getErrors().map(describeError), flat: summary(flat) };
  },

  branches: (ran) => async (length: number, context) => {
    const { all, byName } = await context.parallel(
      "both",
      {
        text: async (branch: DurableContext) => {
          const text = await branch.step("load", async () => {
            ran("load");
            return noise(1, length);
          });
          await branch.wait({ seconds: 60 });
          return text + text;
        },
        answer: async (branch: DurableContext) => {
          const [promise] = await branch.createCallback("answer");
          const answer = await promise;
          return [answer, await branch.step("use", flaky(ran, "use", 2), later(60))];
        },
        condition: (branch: DurableContext) =>
          branch.waitForCondition(
            "condition",
            async (state: { seen: number }) => {
              ran("look");
              return { seen: state.seen + 1 };
            },
            {
              initialState: { seen: 0 },
              waitStrategy: ({ seen }) =>
                seen < 4 ? { shouldContinue: true, delay: { seconds: 100 } } : { shouldContinue: false },
            },
          ),
        scores: async (branch: DurableContext) => {
          const batch = await branch.map("scores", indexes(5), (item, n) =>
            item.step(flaky(ran, `score ${n}`, n % 2), later(90)),
          );
          return batch.getResults();
        },
      },
      { nesting: "NESTED" },
    );
    const { answer, condition, scores } = byName;
    return [all[0]?.result === noise(1, length).repeat(2), answer?.result, condition?.result, scores?.result];
  },
};
