import { createHash } from "node:crypto";
import type { Scenario } from "../scenario.ts";
import { indexes, mapOfSteps, rows } from "./handlers.ts";

const PROSE = "The quick brown fox reads the minutes of the last meeting, and finds them wanting. ";

const text = (index: number) => Array.from({ length: 25 }, (_, at) => `${index + at} ${PROSE}`).join("");
const floats = (index: number) => Array.from({ length: 100 }, (_, at) => Math.sin(index + at) * 1_000);
const noise = (index: number) =>
  Array.from({ length: 136 }, (_, at) => createHash("sha256").update(`${index}-${at}`).digest("base64")).join("");

interface Kind {
  readonly name: string;
  readonly items: number;
  readonly result: (index: number) => unknown;
  readonly runs?: number;
  readonly why: string;
  readonly mayLose?: true;
}

const kinds: readonly Kind[] = [
  {
    name: "results of 100 small rows, 10,000",
    items: 10_000,
    result: rows(100),
    runs: 1,
    why: "what is sent for each item, when results have the same keys again and again",
  },
  {
    name: "results of 2 kB rows, 1,000",
    items: 1_000,
    result: rows(30),
    why: "a page of a listing, too short to be packed",
  },
  {
    name: "results of 200 kB rows, 100",
    items: 100,
    result: rows(2_900),
    runs: 2,
    why: "close to the largest payload that an operation may have",
  },
  { name: "results of 2 kB text, 1,000", items: 1_000, result: text, why: "prose, too short to be packed" },
  {
    name: "results of 100 numbers, 1,000",
    items: 1_000,
    result: floats,
    why: "full-precision floats, too few to be packed",
  },
  {
    name: "results of 6 kB noise, 1,000",
    items: 1_000,
    result: noise,
    why: "hashes as text: the codec tries, and finds next to nothing to gain",
    mayLose: true,
  },
  {
    name: "results of 5 kB rows, 1,000",
    items: 1_000,
    result: rows(80),
    why: "just large enough to be packed: that costs processor time to save bytes",
    mayLose: true,
  },
];

const adverse: Scenario[] = [
  {
    name: "a batch of 100 with a slow item, 100",
    group: "Where this package might lose",
    why: "one item takes 200 ms, and its batch is recorded when it has ended",
    items: 100,
    latencyMs: 1,
    handler: async ({ count }, context) => {
      const batch = await context.map(
        "map",
        indexes(count),
        (item, value) =>
          item.step("step", async () => {
            if (value === 0) await new Promise((resolve) => setTimeout(resolve, 200));
            return value;
          }),
        { batch: 100 },
      );
      if (batch.successCount !== count) throw new Error(`${batch.successCount} of ${count} items succeeded.`);
      return count;
    },
    runs: 2,
  },
  {
    name: "map, 10, batch of 100",
    group: "Where this package might lose",
    why: "a batch that is never full",
    items: 10,
    handler: mapOfSteps({ batch: 100 }),
  },
];

const byKind = kinds.map(
  ({ name, items, result, runs, why, mayLose }): Scenario => ({
    name,
    group: mayLose ? "Where this package might lose" : "Results",
    why,
    items,
    handler: mapOfSteps({ result }),
    ...(runs === undefined ? {} : { runs }),
  }),
);

export const resultScenarios: readonly Scenario[] = [...byKind, ...adverse];
