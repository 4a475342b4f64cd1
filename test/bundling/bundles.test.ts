import { execFileSync, spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { PLAIN_RESULT, STOCK_RESULT, writeBundleSources } from "../support/bundle-sources.ts";
import { BUNDLERS, type BundleFormat, type Bundler } from "../support/bundlers.ts";
import { lambdaVariables, runDeployed } from "../support/deployed.ts";
import { HttpService } from "../support/http-service.ts";
import { packedPackage } from "../support/packed-package.ts";

const FORMATS: readonly BundleFormat[] = ["esm", "cjs"];
const AWS = ["@aws-sdk"];

let project: string;
let folder: string;
const folders: string[] = [];
let service: HttpService;

beforeAll(async () => {
  ({ project } = await packedPackage());
  await writeBundleSources(project);
});
beforeEach(async () => {
  // Nothing stands beside a bundle, and nothing above it.
  folder = await mkdtemp(join(tmpdir(), "durable-fanout-bundle-"));
  folders.push(folder);
  service = new HttpService();
  await service.listen();
});
afterEach(() => service.close());
afterAll(() => Promise.all(folders.map((made) => rm(made, { recursive: true, force: true }))));

const extension = (format: BundleFormat): string => (format === "esm" ? ".mjs" : ".cjs");

async function bundled(bundler: Bundler, entry: string, format: BundleFormat, external: readonly string[] = []) {
  const file = `handler${extension(format)}`;
  await bundler({ entry: join(project, entry), format, outfile: join(folder, file), external });
  return file;
}

/** As docs/deploying.md says, minified. */
async function bundledWithPlugin(entry: string, format: BundleFormat, options: BuildOptions = {}): Promise<string> {
  const { durableFanout } = createRequire(join(project, "x.cjs"))("durable-fanout/esbuild");
  await build({
    ...{
      absWorkingDir: project,
      entryPoints: { handler: join(project, entry) },
      outdir: folder,
      outExtension: { ".js": extension(format) },
    },
    ...{ bundle: true, minify: true, platform: "node", format, logLevel: "silent", plugins: [durableFanout()] },
    ...options,
  });
  return `handler${extension(format)}`;
}

async function expectSuccess(file: string, result: string): Promise<void> {
  const { outcome, errors } = await runDeployed(folder, file, service);
  expect({ ...outcome, errors }).toEqual({ status: "SUCCEEDED", result, errors: [] });
  expect(service.requests.length).toBeGreaterThan(0);
}

describe("a minified bundle in an empty folder writes checkpoints with the AWS client that is in it:", () => {
  const all = Object.entries(BUNDLERS).flatMap(([name, bundler]) =>
    FORMATS.map((format) => [name, format, bundler] as const),
  );
  test.each(all)("%s, %s", async (_name, format, bundler) => {
    await expectSuccess(await bundled(bundler, "handler.mjs", format), PLAIN_RESULT);
  });

  test("esbuild, esm, split", async () => {
    await build({
      ...{ entryPoints: [join(project, "handler.mjs")], outdir: folder, outExtension: { ".js": ".mjs" } },
      ...{ bundle: true, splitting: true, minify: true, platform: "node", format: "esm", logLevel: "silent" },
    });
    await expectSuccess("handler.mjs", PLAIN_RESULT);
  });

  test.each(FORMATS)("esbuild with the plugin, %s", async (format) => {
    await expectSuccess(await bundledWithPlugin("handler.mjs", format), PLAIN_RESULT);
  });
});

describe("a minified bundle with functions on threads retries by an error class of the user's:", () => {
  test.each(FORMATS)("esbuild with the plugin, %s", async (format) => {
    await expectSuccess(await bundledWithPlugin("stock.ts", format), STOCK_RESULT);
  });

  test("esbuild with the plugin, esm, split", async () => {
    await expectSuccess(await bundledWithPlugin("stock.ts", "esm", { splitting: true }), STOCK_RESULT);
  });
});

describe("the plugin finds the module that a CommonJS source names:", () => {
  const urls = {
    "by require": 'require("node:url").pathToFileURL(__filename).href',
    "by a name of its own": "pathToFileURL(__filename)",
    "by the module": "url.pathToFileURL( __filename )",
    "as a compiler writes it": "(0, url.pathToFileURL)(__filename).toString()",
  };
  test.each(Object.entries(urls))("%s", async (_how, base) => {
    const source = `const { withDurableExecution } = require("durable-fanout");
      const { workers } = require("durable-fanout/workers");
      const url = require("url"), { pathToFileURL } = url;
      const stock = workers(new URL("./reserve.mjs", ${base}), { mode: "threads" });
      exports.handler = withDurableExecution(async (_, ctx) => ctx.step("reserve", () => stock.reserve("chair")));`;
    await writeFile(join(project, "stock.cjs"), source);
    await expectSuccess(await bundledWithPlugin("stock.cjs", "cjs"), '"chair"');
    await expect(bundledWithPlugin("stock.cjs", "esm")).rejects.toThrow(
      'workers() in stock.cjs is given a URL by __filename, which no ES module has: give new URL("./reserve.mjs", import.meta.url), or bundle with format: "cjs"',
    );
  });
});

describe("the build stops with the name of a module for threads that does not exist:", () => {
  const sources = {
    "given at once": 'workers<object>(new URL("./heavi.ts", import.meta.url))',
    "by way of a variable": "const $url = new URL('./heavi.ts', import.meta.url); workers($url)",
    "under another name of workers": "other(\nnew URL(`./heavi.ts`, import.meta.url,), { threads: 2 })",
  };
  test.each(Object.entries(sources))("%s", async (how, code) => {
    const name = how.startsWith("under") ? "workers as other" : "workers";
    await writeFile(join(project, "wrong.ts"), `import { ${name} } from "durable-fanout/workers"; ${code};`);
    await expect(bundledWithPlugin("wrong.ts", "esm")).rejects.toThrow(
      "workers() in wrong.ts is given ./heavi.ts: there is no such file.",
    );
  });

  test("not for what stands in a comment, or is no module for threads", async () => {
    const source = `import { workers } from "durable-fanout/workers";
      // workers(new URL("./heavi.ts", import.meta.url))
      export const made = [workers(/* workers(new URL("./heavi.ts", import.meta.url)) */ new URL("./reserve.mjs", import.meta.url))];
      export const later = new URL("./made-later.js", import.meta.url);`;
    await writeFile(join(project, "right.ts"), source);
    await bundledWithPlugin("right.ts", "esm");
  });
});

test("another checkout gives the same bundles, byte for byte", async () => {
  const bundles = await Promise.all(
    ["one", "two"].map(async (name) => {
      const checkout = await realpath(await mkdtemp(join(tmpdir(), `durable-fanout-${name}-`)));
      folders.push(checkout);
      await writeBundleSources(checkout);
      await symlink(join(project, "node_modules"), join(checkout, "node_modules"));
      const outdir = join(checkout, "dist");
      const paths = { absWorkingDir: checkout, entryPoints: [join(checkout, "stock.ts")], outdir, minify: false };
      await bundledWithPlugin("stock.ts", "cjs", paths);
      const files = (await readdir(outdir, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
      const content = files.map(async ({ parentPath, name }) => [name, await readFile(join(parentPath, name), "utf8")]);
      return Object.fromEntries(await Promise.all(content));
    }),
  );
  expect(Object.keys(bundles[0])).toContainEqual(expect.stringMatching(/^reserve-[0-9a-f]{8}\.cjs$/));
  expect(bundles[1]).toEqual(bundles[0]);
});

describe("where the folder beside the bundle was not deployed, it is named:", () => {
  test.each(FORMATS)("%s", async (format) => {
    const file = await bundledWithPlugin("stock.ts", format);
    await rm(join(folder, "durable-fanout"), { recursive: true });
    const { stderr } = spawnSync(process.execPath, [file], { cwd: folder, encoding: "utf8" });
    const [message] = /^DurableError: .*/m.exec(stderr) ?? [];
    const example = {
      esm: '"./score.ts", import.meta.url',
      cjs: '"./score.js", require("node:url").pathToFileURL(__filename)',
    };
    expect(message).toContain(`Give its URL as in new URL(${example[format]});`);
    expect(message).toContain("Deploy the folder durable-fanout, which the build has put beside the bundle");
    expect(message).not.toContain("durableFanout()");
  });
});

test("CommonJS that is not bundled is told how to name a module there", () => {
  const program = 'require("durable-fanout/workers").workers("score.js")';
  const { stderr } = spawnSync(process.execPath, ["--eval", program], { cwd: project, encoding: "utf8" });
  expect(stderr).toContain('as in new URL("./score.js", require("node:url").pathToFileURL(__filename)).');
});

describe("functions on threads are refused when the bundle is built, with the name of the plugin:", () => {
  test.each(Object.entries(BUNDLERS))("%s", async (_name, bundler) => {
    for (const format of FORMATS) {
      await expect(bundled(bundler, "stock.mjs", format, AWS)).rejects.toThrow(
        "plugins: [durableFanout()] from durable-fanout/esbuild",
      );
    }
  });
});

test("an engine in a minified bundle runs handlers of another copy of the package", async () => {
  const file = await bundled(BUNDLERS.esbuild, "engine.mjs", "esm", AWS);
  const handler = pathToFileURL(join(project, "handler.mjs")).href;
  expect(execFileSync(process.execPath, [file, handler], { cwd: folder, encoding: "utf8" })).toBe(`${PLAIN_RESULT}\n`);
});

describe("where a bundler was told to take another file of this package, threads say what is missing:", () => {
  test.each(FORMATS)("%s", async (format) => {
    const file = `beside${extension(format)}`;
    await build({
      ...{ entryPoints: [join(project, "beside.mjs")], outfile: join(folder, file), external: AWS, conditions: [] },
      ...{ bundle: true, minify: true, platform: "node", format, logLevel: "silent" },
    });
    await copyFile(join(project, "reserve.mjs"), join(folder, "reserve.mjs"));
    const output = execFileSync(process.execPath, [file], { cwd: folder, encoding: "utf8" });
    expect(output).toMatch(/^The file that worker threads run is missing.*plugins: \[durableFanout\(\)\]/);
  });
});

describe("with the AWS client outside of the bundle", () => {
  const installed = dirname(createRequire(import.meta.url).resolve("@aws-sdk/client-lambda/package.json"));
  const runtime = async (make: (at: string) => Promise<unknown>): Promise<void> => {
    await mkdir(join(folder, "node_modules/@aws-sdk"), { recursive: true });
    await make(join(folder, "node_modules/@aws-sdk/client-lambda"));
  };

  test.each(FORMATS)("that of the runtime writes the checkpoints, %s", async (format) => {
    await runtime((at) => symlink(installed, at));
    await expectSuccess(await bundled(BUNDLERS.esbuild, "handler.mjs", format, AWS), PLAIN_RESULT);
  });

  const unusable = {
    "one from before durable functions":
      /is from before durable functions: it has no CheckpointDurableExecutionCommand\./,
    "an absent one": /The @aws-sdk\/client-lambda of this function is not there, or not all of it\./,
    "half of one": /The @aws-sdk\/client-lambda of this function is not there, or not all of it\./,
  };
  const all = Object.entries(unusable).flatMap(([what, says]) =>
    FORMATS.map((format) => [what, format, says] as const),
  );
  test.each(all)("%s ends the execution and says what to do, %s", async (what, format, says) => {
    if (what !== "an absent one") {
      await runtime(async (at) => {
        await mkdir(at);
        await writeFile(join(at, "package.json"), '{"name":"@aws-sdk/client-lambda","version":"3.600.0"}');
        const source = what.startsWith("half") ? 'require("@smithy/absent");' : "exports.LambdaClient = class {};";
        await writeFile(join(at, "index.js"), source);
      });
    }
    const file = await bundled(BUNDLERS.esbuild, "handler.mjs", format, AWS);
    const { outcome, errors } = await runDeployed(folder, file, service);
    expect(errors).toEqual([]);
    expect(outcome.status).toBe("FAILED");
    expect(outcome.error?.ErrorMessage).toMatch(says);
    expect(outcome.error?.ErrorMessage).toContain(
      "Deploy version 3.943.0 or later in its bundle or its node_modules, or use a runtime that brings it.",
    );
  });
});

describe("the AWS client is loaded when the handler's file has been, before the first event, in Lambda only:", () => {
  const PRINT = "console.log(process.moduleLoadList.includes('NativeModule https'))";
  const isLoaded = (cwd: string, file: string, env: Record<string, string>): boolean => {
    const flags = ["--input-type=module", "--eval", `await import("./${file}"); ${PRINT}`];
    return JSON.parse(execFileSync(process.execPath, flags, { cwd, env, encoding: "utf8" }));
  };
  const inLambdaOnly = (cwd: string, file: string): void => {
    const { AWS_LAMBDA_RUNTIME_API: _, ...elsewhere } = lambdaVariables();
    expect([isLoaded(cwd, file, lambdaVariables()), isLoaded(cwd, file, elsewhere)]).toEqual([true, false]);
  };

  test.each(["handler.mjs", "handler.cjs"])("%s, not bundled", (file) => inLambdaOnly(project, file));

  test.each(FORMATS)("bundled, %s", async (format) => {
    inLambdaOnly(folder, await bundled(BUNDLERS.esbuild, "handler.mjs", format));
  });

  test("not where the user gives a client", async () => {
    const source = `import { withDurableExecution } from "durable-fanout";
      withDurableExecution(async () => 1, { durableExecutionClient: { checkpoint() {}, getExecutionState() {} } });`;
    await writeFile(join(project, "own-client.mjs"), source);
    expect(isLoaded(project, "own-client.mjs", lambdaVariables())).toBe(false);
  });
});
