import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("handlers are tested under Node's own test runner, many at once in its process", async () => {
  const file = join(import.meta.dirname, "../support/runner.node-test.ts");
  const environment = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("NODE_") && !name.startsWith("VITEST"),
  );
  const { stdout } = await promisify(execFile)(process.execPath, ["--test", "--test-reporter=tap", file], {
    env: Object.fromEntries(environment),
  });
  expect(stdout).toMatch(/^# tests 51$/m);
  expect(stdout).toMatch(/^# pass 51$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
});
