import { describe, expect, test } from "vitest";
import { check } from "./check.ts";
import { FOUND } from "./found.ts";
import { generateCase } from "./generator.ts";
import { PROFILES, type ProfileName } from "./profiles.ts";
import { failure, kindsOf } from "./report.ts";
import { CAPABILITIES, FAILING_FOR_NOW } from "./today.ts";

const SEEDS = 50;

describe("random workflows keep every promise", () => {
  test.each(Object.keys(PROFILES) as ProfileName[])("with the profile %s", async (profile) => {
    const failures: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const given = generateCase(seed, PROFILES[profile], CAPABILITIES);
      const { violations } = await check(given);
      const fresh = kindsOf(violations).filter((kind) => !FAILING_FOR_NOW.includes(kind));
      if (fresh.length > 0) failures.push(failure(seed, violations, given));
    }
    expect(failures).toEqual([]);
  });
});

describe("what once went wrong goes well", () => {
  test.each(Object.entries(FOUND))("%s", async (_, given) => {
    const { violations } = await check(given);
    expect(violations.filter(({ kind }) => !FAILING_FOR_NOW.includes(kind))).toEqual([]);
  });
});
