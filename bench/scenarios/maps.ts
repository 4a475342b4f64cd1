import type { Scenario } from "../scenario.ts";
import { grouped, mapOfSteps, mapOfValues, reducedMap, stepsInARow } from "./handlers.ts";

const SIZES = [1, 10, 100, 1_000, 10_000, 50_000];
const NESTINGS = ["NESTED", "FLAT"] as const;

/** The official SDK ends at 50,000, but takes about a minute: bounded, it is measured with fewer. */
const costly = (items: number, isBounded: boolean): Partial<Scenario> => {
  if (items < 10_000) return {};
  if (items < 50_000) return { runs: 2 };
  return isBounded ? { runs: 1, official: 10_000 } : { runs: 2, slow: true };
};

const bySize: Scenario[] = SIZES.flatMap((items) =>
  NESTINGS.flatMap((nesting) =>
    [undefined, 10].map((maxConcurrency) => ({
      name: `map, ${grouped(items)}, ${nesting.toLowerCase()}${maxConcurrency === undefined ? "" : ", 10 at once"}`,
      group: "Maps by size" as const,
      why: "one trivial step an item: the SDK's own work for each",
      items,
      handler: mapOfSteps({ nesting, ...(maxConcurrency === undefined ? {} : { maxConcurrency }) }),
      ...costly(items, maxConcurrency !== undefined),
    })),
  ),
);

const besideFlat: Scenario[] = [10, 100, 1_000].map((batch) => ({
  name: `map, 10,000, batch of ${grouped(batch)}`,
  group: "Batches",
  why: "many items in one operation, beside a FLAT map of the official SDK",
  items: 10_000,
  handler: mapOfSteps({ nesting: "FLAT", batch }),
  runs: 2,
}));

const atRisk: Scenario = {
  name: "map, 10,000, batch of 100, 100,000 unacknowledged",
  group: "Batches",
  why: "batches wait for no acknowledgement: fewest requests, and after a crash all that was not recorded runs again",
  items: 10_000,
  handler: mapOfSteps({ nesting: "FLAT", batch: 100 }),
  settings: { checkpoint: { maxUnacknowledged: 100_000 } },
  runs: 2,
};

const large: Scenario[] = [100_000, 1_000_000].map((items) => ({
  name: `map, ${grouped(items)}, batch of 1,000`,
  group: "Batches",
  why: "all results kept; the official SDK cannot hold so many",
  items,
  handler: mapOfSteps({ batch: 1_000 }),
  official: false,
  runs: items > 100_000 ? 1 : 2,
}));

const reduced: Scenario[] = [10_000, 100_000, 1_000_000].map((items) => ({
  name: `map, ${grouped(items)}, batch of 1,000, reduced`,
  group: "Batches",
  why: "items from a generator, results folded into one sum: memory must not follow the items",
  items,
  handler: reducedMap(1_000),
  official: false,
  runs: items > 100_000 ? 1 : 2,
}));

const elided: Scenario[] = NESTINGS.map((nesting) => ({
  name: `map, 10,000, ${nesting.toLowerCase()}, starts elided`,
  group: "Batches",
  why: "a START and what ends it leave as one update",
  items: 10_000,
  handler: mapOfSteps({ nesting }),
  settings: { checkpoint: { elideStarts: true } } as NonNullable<Scenario["settings"]>,
  runs: 2,
}));

const shapes: Scenario[] = [
  {
    name: "items without a step, 10,000",
    group: "Shapes",
    why: "what an item costs that records nothing but itself",
    items: 10_000,
    handler: mapOfValues(),
    runs: 2,
  },
  {
    name: "parallel, 1,000 branches",
    group: "Shapes",
    why: "the same work through `parallel`",
    items: 1_000,
    handler: async ({ count }, context) => {
      const branches = Array.from({ length: count }, (_, at) => ({
        name: `branch-${at}`,
        func: async (branch: typeof context) => branch.step("step", async () => at),
      }));
      const { successCount } = await context.parallel("parallel", branches);
      if (successCount !== count) throw new Error(`${successCount} of ${count} branches succeeded.`);
      return successCount;
    },
  },
  {
    name: "maps in a map, 100 by 100",
    group: "Shapes",
    why: "each item of a map is a map of its own",
    items: 10_000,
    handler: async ({ count }, context) => {
      const side = Math.max(1, Math.floor(Math.sqrt(count)));
      const each = Array.from({ length: side }, (_, at) => at);
      const outer = await context.map("outer", each, async (row) => {
        const inner = await row.map("inner", each, async (cell, at) => cell.step("step", async () => at));
        return inner.successCount;
      });
      const sum = outer.getResults().reduce((total, inner) => total + inner, 0);
      if (sum !== side * side) throw new Error(`${sum} of ${side * side} cells succeeded.`);
      return sum;
    },
    runs: 2,
  },
  {
    name: "steps in a row, 1,000",
    group: "Shapes",
    why: "no fan-out at all: one request for each update",
    items: 1_000,
    handler: stepsInARow(),
  },
  {
    name: "steps in a row, 20,000",
    group: "Shapes",
    why: "what grows with the number of finished operations shows here",
    items: 20_000,
    handler: stepsInARow(),
    runs: 2,
    slow: true,
  },
];

export const mapScenarios: readonly Scenario[] = [
  ...bySize,
  ...besideFlat,
  atRisk,
  ...elided,
  ...large,
  ...reduced,
  ...shapes,
];
