import type { BenchHandler, Scenario } from "../scenario.ts";
import { check, double, grouped, indexes, mapOfSteps, mapOfValues, rows } from "./handlers.ts";

const stepWaitStep: BenchHandler = async ({ count }, context) => {
  const batch = await context.map("map", indexes(count), async (item, value) => {
    const first = await item.step("before", async () => value);
    await item.wait("pause", { hours: 1 });
    return item.step("after", async () => first + value);
  });
  check(batch, count, double(count - 1));
  return count;
};

const retryStorm: BenchHandler = async ({ count }, context) => {
  const retryStrategy = (_: Error, attempt: number) => ({ shouldRetry: attempt < 3, delay: { minutes: 1 } });
  const batch = await context.map("map", indexes(count), (item, value) =>
    item.step(
      "step",
      async () => {
        if (failed.delete(value)) return double(value);
        failed.add(value);
        throw new Error("busy");
      },
      { retryStrategy },
    ),
  );
  check(batch, count, double(count - 1));
  return count;
};

/** Items that have failed and not been tried again: the official SDK does not tell a step which attempt it is. */
const failed = new Set<number>();

const suspending: Scenario[] = [
  {
    name: "step, wait, step in 10,000 items",
    group: "Waiting, failing, ending early",
    why: "all items wait at once, so the execution suspends once and goes on in a second invocation",
    items: 10_000,
    handler: stepWaitStep,
    suspends: true,
    slow: true,
    runs: 2,
  },
  {
    name: "resume of 10,000 waiting items",
    group: "Waiting, failing, ending early",
    why: "the second invocation alone: no turn may block the thread",
    items: 10_000,
    handler: stepWaitStep,
    after: "suspended",
    slow: true,
    runs: 2,
  },
  {
    name: "each of 10,000 items fails once",
    group: "Waiting, failing, ending early",
    why: "all retries are due at the same time, in a second invocation",
    items: 10_000,
    handler: retryStorm,
    suspends: true,
    runs: 2,
  },
];

const predicate = {
  shouldComplete: ({ completedCount, totalCount }: { completedCount: number; totalCount: number }) => ({
    complete: completedCount === totalCount,
  }),
};

const early: Scenario[] = [1_000, 10_000].flatMap((items): Scenario[] => {
  const count = grouped(items);
  const runs = items > 1_000 ? { runs: 2, slow: true as const } : {};
  return [
    {
      name: `minSuccessful: 1 of ${count}`,
      group: "Waiting, failing, ending early",
      why: "the first item that succeeds ends the map",
      items,
      handler: mapOfValues({ minSuccessful: 1 }, 1),
      ...runs,
    },
    {
      name: `custom predicate over ${count}`,
      group: "Waiting, failing, ending early",
      why: "`shouldComplete` is asked after each item",
      items,
      handler: mapOfValues(predicate as never),
      ...runs,
    },
  ];
});

const NESTINGS = ["NESTED", "FLAT"] as const;

const replays: Scenario[] = (["finished", "half"] as const).flatMap((after) =>
  NESTINGS.map((nesting): Scenario => {
    return {
      name: `replay of a ${after === "half" ? "half-finished" : "finished"} map, 10,000, ${nesting.toLowerCase()}`,
      group: "Replay",
      why:
        after === "half"
          ? "an invocation that died when half of the items had ended, and the next one"
          : "a map whose result is over the payload limit: rebuilt from its items. Ours writes plain JSON here as well",
      items: 10_000,
      handler: mapOfSteps({ nesting, result: (index) => (rows(1)(index) as unknown[])[0] }),
      settings: { codec: "json" },
      after,
      runs: 2,
    };
  }),
);

const asShipped: Scenario = {
  name: "replay of a finished map, 10,000, nested, default codec",
  group: "Replay",
  why: "as shipped: packed, the same result may fit into the payload, so that nothing is rebuilt",
  items: 10_000,
  handler: mapOfSteps({ nesting: "NESTED", result: (index) => (rows(1)(index) as unknown[])[0] }),
  after: "finished",
  runs: 2,
};

export const waitingScenarios: readonly Scenario[] = [...suspending, ...early, ...replays, asShipped];
