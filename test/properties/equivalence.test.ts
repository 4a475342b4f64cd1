import { describe, expect, test } from "vitest";
import { checkEquivalence } from "../simulation/equivalence.ts";
import { generateCase } from "../simulation/generator.ts";
import { PROFILES } from "../simulation/profiles.ts";
import { Contents, failure } from "../simulation/report.ts";
import { FIRST_SEED, runs } from "../support/exploration.ts";

const SEEDS = runs(80);

/** What a program must have in it for the comparison to mean something. */
const NEEDED = [
  "with a retry",
  "with a suspension",
  "with more items than permits",
  "with a shared limiter",
  "with faults or deadlines",
];

describe("a batch changes the bill, not the program", () => {
  test("results, errors, statuses and runs of bodies are those of the map without batches", async () => {
    const failures: string[] = [];
    const contents = new Contents();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const given = generateCase(seed, PROFILES.equivalence, "new");
      const { violations, tally } = await checkEquivalence(given);
      contents.add(given, tally);
      // Of outcomes that depend on an order only some orders can be tried: a miss is for somebody to look at.
      if (violations.some(({ kind }) => kind !== "unseen-outcome")) failures.push(failure(seed, violations, given));
    }
    expect(failures).toEqual([]);
    for (const what of NEEDED) expect([what, contents.counts.get(what) ?? 0]).toEqual([what, expect.any(Number)]);
    for (const what of NEEDED) expect((contents.counts.get(what) ?? 0) / SEEDS, what).toBeGreaterThanOrEqual(0.1);
  });
});
