import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { problemsOf } from "../support/compiler.ts";

const read = (file: string) => readFileSync(join(import.meta.dirname, file), "utf8");

test("every documented call shape compiles against this package, and what is wrong does not", () => {
  expect(problemsOf(read("examples.ts"))).toEqual([]);
});

test("the same file compiles against the official package", () => {
  expect(problemsOf(read("examples.ts").replace("../../src/index.ts", "@aws/durable-execution-sdk-js"))).toEqual([]);
});

test("what this package has beyond it compiles, and what is wrong does not", () => {
  expect(problemsOf(read("beyond.ts"))).toEqual([]);
  expect(
    problemsOf(read("beyond.ts").replace("../../src/index.ts", "@aws/durable-execution-sdk-js")).length,
  ).toBeGreaterThan(5);
});
