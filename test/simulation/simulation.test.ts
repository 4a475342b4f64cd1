import { describe, expect, test } from "vitest";
import { check } from "./check.ts";
import { checkEquivalence, judgeOf } from "./equivalence.ts";
import { EQUIVALENT, FOUND } from "./found.ts";
import { generateCase } from "./generator.ts";
import { PROFILES, type ProfileName } from "./profiles.ts";
import { failure } from "./report.ts";

const SEEDS = 50;

describe("random workflows keep every promise", () => {
  test.each(Object.keys(PROFILES) as ProfileName[])("with the profile %s", async (profile) => {
    const failures: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const given = generateCase(seed, PROFILES[profile], "new");
      const { violations } = await judgeOf(profile)(given);
      if (violations.length > 0) failures.push(failure(seed, violations, given));
    }
    expect(failures).toEqual([]);
  });
});

describe("what once went wrong goes well", () => {
  test.each(Object.entries(FOUND))("%s", async (_, given) => {
    const { violations } = await check(given);
    expect(violations).toEqual([]);
  });

  test.each(Object.entries(EQUIVALENT))("%s", async (_, given) => {
    const { violations } = await checkEquivalence(given);
    expect(violations).toEqual([]);
  });
});
