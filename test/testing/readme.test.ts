import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { withDurableExecution } from "../../src/index.ts";
import { LocalDurableTestRunner } from "../../src/testing.ts";
import { problemsOf } from "../support/compiler.ts";

const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
const [, example = ""] = /## Testing your handlers\n+```ts\n(.*?)```/s.exec(readme) ?? [];

test("the README's example of a test compiles", () => {
  const source = example.replace('"durable-fanout"', '"../../src/index.ts"');
  expect(problemsOf(source.replace('"durable-fanout/testing"', '"../../src/testing.ts"'))).toEqual([]);
});

describe("the README's example of a test passes", () => {
  beforeAll(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
  afterAll(() => vi.restoreAllMocks());
  const names = ["withDurableExecution", "LocalDurableTestRunner", "expect", "test"];
  const body = stripTypeScriptTypes(example.replaceAll(/^import .*$/gm, ""));
  new Function(...names, body)(withDurableExecution, LocalDurableTestRunner, expect, test);
});
