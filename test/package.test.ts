import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const project = mkdtempSync(join(tmpdir(), "durable-fanout-package-"));
const aliased = mkdtempSync(join(tmpdir(), "durable-fanout-alias-"));
let tarball: string;

function run(command: string, args: readonly string[], cwd: string, variables: Record<string, string> = {}): string {
  const env = { ...process.env, ...variables };
  return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

const HANDLER_BODY = `
  const batch = await ctx.map("squares", event.numbers, (item, n) => item.step("square", async () => n * n));
  await ctx.wait("pause", { seconds: 3600 });
  return batch.getResults();
`;

const RUN_ON_ENGINE = `
  const engine = new LocalEngine({ clock: new VirtualClock() });
  engine.register("squares", withDurableExecution(async (event, ctx) => {${HANDLER_BODY}}));
  const outcome = await engine.start({ functionName: "squares", input: '{"numbers":[1,2,3]}' }).result;
  console.log(JSON.stringify(outcome));
  await engine.close();
`;

beforeAll(() => {
  run("npm", ["run", "build"], root);
  run("npm", ["pack", "--ignore-scripts", "--pack-destination", project], root);
  tarball = join(project, readdirSync(project).find((file) => file.endsWith(".tgz")) as string);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty-project", private: true }));
  run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], project);
  writeFileSync(
    join(project, "esm.mjs"),
    `import { withDurableExecution } from "durable-fanout";
     import { LocalEngine, VirtualClock } from "durable-fanout/testing";
     ${RUN_ON_ENGINE}`,
  );
  writeFileSync(
    join(project, "cjs.cjs"),
    `const { withDurableExecution } = require("durable-fanout");
     const { LocalEngine, VirtualClock } = require("durable-fanout/testing");
     (async () => {${RUN_ON_ENGINE}})();`,
  );
  writeFileSync(
    join(project, "handler.mjs"),
    `import { withDurableExecution } from "durable-fanout";
     export const handler = withDurableExecution(async (event, ctx) => {${HANDLER_BODY}});`,
  );
}, 180_000);

afterAll(() => {
  for (const folder of [project, aliased]) rmSync(folder, { recursive: true, force: true });
});

const expected = { status: "SUCCEEDED", result: "[1,4,9]" };

test("the packed tarball works in an empty project when it is imported", () => {
  expect(JSON.parse(run(process.execPath, ["esm.mjs"], project))).toEqual(expected);
});

test("the packed tarball works in an empty project when it is required", () => {
  expect(JSON.parse(run(process.execPath, ["cjs.cjs"], project))).toEqual(expected);
});

test("the packed command runs a handler of the project", () => {
  const command = join(project, "node_modules/.bin/durable-fanout");
  const args = ["run", "handler.mjs", "--event", '{"numbers":[4]}', "--virtual-time", "--json"];
  const lines = run(process.execPath, [command, ...args], project)
    .trim()
    .split("\n");
  expect(lines.map((line) => JSON.parse(line)).at(-1)).toMatchObject({
    type: "finished",
    execution: { status: "SUCCEEDED" },
    result: [16],
  });
});

test("the package brings its build, README and license, and no sources or tests", () => {
  const files = readdirSync(join(project, "node_modules/durable-fanout")).sort();
  expect(files).toEqual(["LICENSE", "README.md", "dist", "package.json"]);
});

test("tests written with the official testing library pass on this package, under the official name", () => {
  const manifest = {
    name: "aliased-project",
    private: true,
    type: "module",
    dependencies: { "@aws/durable-execution-sdk-js": `file:${tarball}` },
    // The official testing library takes an SDK of version 1.0.1 to 2.4.0.
    devDependencies: { "@aws/durable-execution-sdk-js-testing": "1.1.4", vitest: "^5.1.1" },
  };
  writeFileSync(join(aliased, "package.json"), JSON.stringify(manifest));
  copyFileSync(join(root, "test/support/official-runner.suite.mjs"), join(aliased, "suite.test.mjs"));
  run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund"], aliased);
  const installed = readFileSync(join(aliased, "node_modules/@aws/durable-execution-sdk-js/package.json"), "utf8");
  expect(JSON.parse(installed)).toMatchObject({ name: "durable-fanout" });
  for (const skipTime of ["true", "false"]) {
    const output = run("npx", ["vitest", "run"], aliased, { SKIP_TIME: skipTime, NO_COLOR: "1" });
    expect(output).toMatch(/Tests\s+7 passed \(7\)/);
  }
}, 180_000);
