import { expect, test } from "vitest";
import { runOurs } from "../support/service.ts";

const ITEMS = 1_000;
const UPDATES_OF_A_REQUEST = 250;

// C7
test("a request that is full leaves before the code goes on that waits for the one before it", async () => {
  let begun = 0;
  let begunWhenFirstGoesOn: number | undefined;
  const run = await runOurs(
    async (_, context) => {
      const batch = await context.map(
        Array.from({ length: ITEMS }, (_value, index) => index),
        async (item, index) => {
          await item.step(async () => index);
          begunWhenFirstGoesOn ??= begun;
        },
        { nesting: "FLAT" },
      );
      return batch.successCount;
    },
    {
      runtime: { concurrency: ITEMS },
      engine: { quotas: { operations: 10_000 } },
      onCheckpoint: async ({ forward }) => {
        begun++;
        await new Promise((resolve) => setTimeout(resolve, 1));
        return forward();
      },
    },
  );
  expect(run.result).toBe(ITEMS);
  // The STARTs of the map and of all steps fill four requests; the fifth has the first results, the sixth is full as well.
  expect(begunWhenFirstGoesOn).toBe(6);
  const sizes = run.invocations.flatMap(({ requests }) => requests.map(({ length }) => length));
  // The map ends when the last result is acknowledged.
  const full = Array.from({ length: (2 * ITEMS) / UPDATES_OF_A_REQUEST }, () => UPDATES_OF_A_REQUEST);
  expect(sizes).toEqual([...full, 1, 1]);
});
