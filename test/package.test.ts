import { execFile, execFileSync } from "node:child_process";
import {
  copyFileSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packedPackage } from "./support/packed-package.ts";
import { PRINTED, writeWorkerPrograms } from "./support/packed-workers.ts";

const root = join(import.meta.dirname, "..");
const project = mkdtempSync(join(tmpdir(), "durable-fanout-package-"));
const aliased = mkdtempSync(join(tmpdir(), "durable-fanout-alias-"));
const beside = mkdtempSync(join(tmpdir(), "durable-fanout-beside-"));
const bundles = mkdtempSync(join(tmpdir(), "durable-fanout-bundles-"));
let tarball: string;

function run(command: string, args: readonly string[], cwd: string, variables: Record<string, string> = {}): string {
  const env = { ...process.env, ...variables };
  return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** As `run`, while others run; gives what was said on both streams. */
async function runAside(command: string, args: readonly string[], cwd: string, variables: Record<string, string> = {}) {
  const { stdout, stderr } = await promisify(execFile)(command, args, { cwd, env: { ...process.env, ...variables } });
  return stdout + stderr;
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

beforeAll(async () => {
  ({ tarball } = await packedPackage());
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
  writeFileSync(
    join(project, "packing.mjs"),
    `import { withDurableExecution } from "durable-fanout";
     import { LocalEngine, VirtualClock } from "durable-fanout/testing";
     const engine = new LocalEngine({ clock: new VirtualClock() });
     engine.register("rows", withDurableExecution(async (_, ctx) => {
       const rows = Array.from({ length: 200 }, (_, id) => ({ id, name: "row " + id }));
       await ctx.step("rows", async () => rows);
       await ctx.wait("pause", { seconds: 60 });
       return (await ctx.step("again", async () => rows)).length;
     }));
     void (async () => {
       const { arn, result } = engine.start({ functionName: "rows", input: "{}" });
       const { result: count } = await result;
       const recorded = engine.operations(arn).find(({ Name }) => Name === "rows").StepDetails.Result;
       console.log(count, recorded.length < 1_500 && !recorded.startsWith("["));
       await engine.close();
     })();`,
  );
  writeWorkerPrograms(project);
}, 180_000);

afterAll(() => {
  for (const folder of [project, aliased, beside, bundles]) rmSync(folder, { recursive: true, force: true });
});

const expected = { status: "SUCCEEDED", result: "[1,4,9]" };

test("the packed tarball works in an empty project when it is imported", () => {
  expect(JSON.parse(run(process.execPath, ["esm.mjs"], project))).toEqual(expected);
});

test("the packed tarball works in an empty project when it is required", () => {
  expect(JSON.parse(run(process.execPath, ["cjs.cjs"], project))).toEqual(expected);
});

/** Each of these takes long to load, and only what needs it loads it. Each execution needs `crypto`, which needs `stream`. */
const HEAVY = ["zlib", "fs/promises", "internal/fs/promises", "worker_threads"];

test.each([
  ["imported", "main.mjs", 'import { withDurableExecution } from "durable-fanout";'],
  ["required", "main.cjs", 'const { withDurableExecution } = require("durable-fanout");'],
])("the package loads nothing heavy of Node when it is %s", (_, program, load) => {
  const print = `console.log(process.moduleLoadList.join() + typeof withDurableExecution)`;
  const isModule = program.endsWith(".mjs");
  const flags = ["--input-type", isModule ? "module" : "commonjs"];
  const loaded = (code: string) =>
    run(process.execPath, [...flags, "--eval", code], project)
      .trim()
      .split(",");
  const before = loaded(`const withDurableExecution = () => {};${print}`);
  const added = loaded(load + print).filter((module) => !before.includes(module));
  expect(added.filter((module) => HEAVY.includes(module.replace("NativeModule ", "")))).toEqual([]);
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

describe("functions run on worker threads", () => {
  test.each(["main.mjs", "main.cjs"])("in an empty project, from %s", async (program) => {
    expect(await runAside(process.execPath, [program], project)).toBe(PRINTED);
  });

  test.each(["esm", "cjs"] as const)("from a bundle of esbuild in a folder without packages (%s)", async (format) => {
    const { durableFanout } = createRequire(join(project, "main.cjs"))("durable-fanout/esbuild");
    const bare = join(bundles, format);
    const extension = format === "esm" ? ".mjs" : ".cjs";
    await build({
      ...{ absWorkingDir: project, entryPoints: ["source/main.ts"], outdir: join(project, format) },
      ...{ bundle: true, platform: "node", format, outExtension: { ".js": extension }, logLevel: "error" },
      plugins: [durableFanout()],
    });
    // As a zip is unpacked: elsewhere, and nothing beside it.
    renameSync(join(project, format), bare);
    expect(await runAside(process.execPath, [`main${extension}`], bare)).toBe(PRINTED);
  });
});

test.each(["esm", "cjs"] as const)("a bundle packs payloads in a folder without packages (%s)", async (format) => {
  const bare = join(bundles, `packing-${format}`);
  const file = format === "esm" ? "main.mjs" : "main.cjs";
  const bundle = join(project, `packing-${format}`, file);
  await build({
    ...{ absWorkingDir: project, entryPoints: ["packing.mjs"], outfile: bundle },
    ...{ bundle: true, platform: "node", format, logLevel: "error" },
  });
  renameSync(join(project, `packing-${format}`), bare);
  expect(await runAside(process.execPath, [file], bare)).toBe("200 true\n");
});

test("the package brings its build, README, docs, the deployment kit and licenses, and no sources or tests", () => {
  const folder = join(project, "node_modules/durable-fanout");
  expect(readdirSync(folder).sort()).toEqual(["LICENSE", "README.md", "dist", "docs", "examples", "package.json"]);
  expect(readdirSync(join(folder, "examples"))).toEqual(["deploy"]);
  const kit = ["build.mjs", "event.json", "package.json", "src", "template.yaml", "verify"];
  expect(readdirSync(join(folder, "examples/deploy")).sort()).toEqual(kit);
  const licenses = readFileSync(join(folder, "dist/THIRD-PARTY-LICENSES.txt"), "utf8");
  for (const name of ["msgpackr", "p-limit", "yocto-queue"]) expect(licenses).toContain(`${name}\n\nMIT License`);
});

test("what is in the build is not installed beside it, and nothing runs when it is installed", () => {
  const packages = globSync("**/package.json", { cwd: join(project, "node_modules") }).map((file) => {
    const { name, scripts = {} } = JSON.parse(readFileSync(join(project, "node_modules", file), "utf8"));
    return { name, scripts: ["preinstall", "install", "postinstall"].filter((script) => script in scripts) };
  });
  expect(packages.map(({ name }) => name)).toContain("piscina");
  expect(packages.filter(({ name }) => /^(msgpackr|p-limit|yocto-queue)/.test(name ?? ""))).toEqual([]);
  expect(packages.filter(({ scripts }) => scripts.length > 0)).toEqual([]);
  expect(globSync("**/binding.gyp", { cwd: join(project, "node_modules") })).toEqual([]);
});

const SUITE_TESTS = 12 + 4;

/** Entries of the suites: ES modules for vitest, CommonJS modules for jest. The second is of our own test runner. */
function writeSuite(folder: string, sdk: string): void {
  copyFileSync(join(root, "test/support/official-runner.suite.cjs"), join(folder, "suite.cjs"));
  copyFileSync(join(root, "test/support/testing-runner.suite.cjs"), join(folder, "runner.cjs"));
  writeFileSync(
    join(folder, "runner.test.mjs"),
    `import { describe, expect, test } from "vitest";
     import * as sdk from "${sdk}";
     import * as testing from "${sdk}/testing";
     import suite from "./runner.cjs";
     suite({ sdk, testing, describe, test, equal: (actual, expected) => expect(actual).toEqual(expected) });`,
  );
  writeFileSync(
    join(folder, "runner.jest.cjs"),
    `require("./runner.cjs")({
       sdk: require("${sdk}"), testing: require("${sdk}/testing"), describe, test,
       equal: (actual, expected) => expect(actual).toEqual(expected),
     });`,
  );
  const testing = "@aws/durable-execution-sdk-js-testing";
  writeFileSync(
    join(folder, "suite.test.mjs"),
    `import * as vitest from "vitest";
     import * as sdk from "${sdk}";
     import * as testing from "${testing}";
     import suite from "./suite.cjs";
     suite({ sdk, testing, ...vitest });`,
  );
  writeFileSync(
    join(folder, "suite.jest.cjs"),
    `require("./suite.cjs")({
       sdk: require("${sdk}"), testing: require("${testing}"), describe, test, expect, beforeAll, afterAll,
     });`,
  );
}

/** A test for jest of functions that a program in CommonJS has on threads, or in place. */
function writeWorkerSuite(folder: string): void {
  writeFileSync(join(folder, "score.cjs"), "exports.square = (n) => n * n;");
  writeFileSync(join(folder, "cube.mjs"), "export const cube = (n) => n ** 3;");
  writeFileSync(
    join(folder, "threads.cjs"),
    `const { pathToFileURL } = require("node:url");
     const { closeWorkers, workers } = require("durable-fanout/workers");
     const functions = (file, mode) => workers(pathToFileURL(require("node:path").join(__dirname, file)), { mode });
     afterAll(closeWorkers);
     test("in place", async () => expect(await functions("score.cjs", "inline").square(3)).toBe(9));
     test("on threads", async () => expect(await functions("score.cjs", "threads").square(3)).toBe(9));
     test("an ES module on threads", async () => expect(await functions("cube.mjs", "threads").cube(3)).toBe(27));
     test("an ES module in place", async () => {
       const { message } = await functions("cube.mjs", "inline").cube(3).catch((error) => error);
       expect(message).toContain("NODE_OPTIONS=--experimental-vm-modules");
     });`,
  );
}

/** Both give a test five seconds where nothing else is said, which a busy machine may take for one. */
const PATIENT = "--testTimeout=60000";
const RUNNERS = {
  vitest: ["vitest", "run", PATIENT],
  jest: ["jest", PATIENT, "--testMatch", "**/*.jest.cjs"],
} as const;

describe("tests written with the official testing library pass", () => {
  // The official testing library takes an SDK of version 1.0.1 to 2.4.0 under the official name.
  const projects = {
    "under the official name": { "@aws/durable-execution-sdk-js": "aliased" },
    "beside the official package": { "@aws/durable-execution-sdk-js": "2.4.0", "durable-fanout": "aliased" },
  };
  const folders = { "under the official name": aliased, "beside the official package": beside };

  beforeAll(async () => {
    const installs = Object.entries(projects).map(async ([name, dependencies]) => {
      const folder = folders[name as keyof typeof folders];
      const manifest = {
        name: "scratch-project",
        private: true,
        dependencies: Object.fromEntries(
          Object.entries(dependencies).map(([dependency, version]) => [
            dependency,
            version === "aliased" ? `file:${tarball}` : version,
          ]),
        ),
        devDependencies: { "@aws/durable-execution-sdk-js-testing": "1.1.4", vitest: "^5.1.1", jest: "^30.0.0" },
      };
      writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
      writeWorkerSuite(folder);
      writeSuite(folder, name === "under the official name" ? "@aws/durable-execution-sdk-js" : "durable-fanout");
      await runAside("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund"], folder);
    });
    await Promise.all(installs);
  }, 180_000);

  test("with this package where the official one would be", () => {
    const installed = readFileSync(join(aliased, "node_modules/@aws/durable-execution-sdk-js/package.json"), "utf8");
    expect(JSON.parse(installed)).toMatchObject({ name: "durable-fanout" });
  });

  test.each(["under the official name", "beside the official package"] as const)(
    "%s, with and without skipTime, as ES modules and as CommonJS",
    async (name) => {
      const runs = Object.entries(RUNNERS).flatMap(([runner, [command, ...args]]) =>
        ["true", "false"].map(async (skipTime) => {
          const variables = { SKIP_TIME: skipTime, NO_COLOR: "1" };
          const output = await runAside("npx", [command, ...args], folders[name], variables);
          const passed = runner === "jest" ? `${SUITE_TESTS} passed, ${SUITE_TESTS} total` : `${SUITE_TESTS} passed (`;
          expect([runner, skipTime, output]).toEqual([runner, skipTime, expect.stringContaining(passed)]);
        }),
      );
      await Promise.all(runs);
    },
    180_000,
  );

  test("and functions on threads work in jest, without its flag for ES modules where none is needed", async () => {
    const output = await runAside("npx", ["jest", PATIENT, "--testMatch", "**/threads.cjs"], beside, { NO_COLOR: "1" });
    expect(output).toContain("4 passed, 4 total");
  });
});
