import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as official from "@aws/durable-execution-sdk-js";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import * as ours from "../../src/index.ts";
import { FAST, runLambda } from "../support/service.ts";

const folder = mkdtempSync(join(tmpdir(), "durable-fanout-plugins-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

declare global {
  var pluginCalls: string[] | undefined;
}

/** A module whose plugin notes its name at the start of each invocation. */
const provider = (name: string, overrides = "") => `
  class Plugin { async onInvocationStart() { (globalThis.pluginCalls ??= []).push("${name}"); } }
  const provider = { pluginApiVersion: 1, pluginType: Plugin, createPlugin: () => new Plugin(), ${overrides} };
`;

function write(file: string, text: string): string {
  const path = join(folder, file);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return pathToFileURL(path).href;
}

const esm = write("esm.mjs", `${provider("esm")} export const durableExecutionPluginProvider = provider;`);
const cjs = write("cjs.cjs", `${provider("cjs")} module.exports = { durableExecutionPluginProvider: provider };`);
const inDefault = write(
  "default.mjs",
  `${provider("default")} export default { durableExecutionPluginProvider: provider };`,
);
write("task/package.json", "{}");
write("task/node_modules/some-plugin/package.json", '{ "name": "some-plugin", "main": "index.cjs" }');
write(
  "task/node_modules/some-plugin/index.cjs",
  `${provider("package")} module.exports.durableExecutionPluginProvider = provider;`,
);

async function run(sdk: "official" | "ours", plugins: string) {
  vi.stubEnv("DURABLE_EXECUTION_PLUGINS", plugins);
  globalThis.pluginCalls = [];
  const handler = async () => 1;
  const explicit = { onInvocationStart: async () => void globalThis.pluginCalls?.push("explicit") };
  const config = { plugins: [explicit] };
  const lambda =
    sdk === "official"
      ? official.withDurableExecution(handler, config)
      : ours.withDurableExecution(handler, { ...config, runtime: FAST });
  const { outcome } = await runLambda(lambda as never);
  return { outcome, calls: globalThis.pluginCalls };
}

describe("modules that the environment names are loaded after the plugins of the config:", () => {
  test.each([
    ["nothing", "", ["explicit"]],
    ["spaces", "  ", ["explicit"]],
    ["an ES module", esm, ["explicit", "esm"]],
    ["a CommonJS module", cjs, ["explicit", "cjs"]],
    ["a default export", inDefault, ["explicit", "default"]],
    ["several, in order, with spaces", ` ${cjs} , ${esm}`, ["explicit", "cjs", "esm"]],
    ["a package of the function's own folder", "some-plugin", ["explicit", "package"]],
  ])("%s", async (_what, plugins, calls) => {
    vi.stubEnv("LAMBDA_TASK_ROOT", join(folder, "task"));
    for (const sdk of ["official", "ours"] as const) {
      expect([sdk, await run(sdk, plugins)]).toEqual([sdk, { outcome: { status: "SUCCEEDED", result: "1" }, calls }]);
    }
  });
});

const broken = (file: string, text: string) => write(`broken/${file}`, text);

describe("what cannot be loaded fails every invocation on both SDKs, and says which module and why:", () => {
  test.each([
    ["an empty entry", `${esm},`, /DURABLE_EXECUTION_PLUGINS .*empty/],
    ["a duplicate", `${esm},${esm}`, /duplicate .*esm\.mjs/],
    ["no provider", broken("none.mjs", "export const other = 1;"), /none\.mjs.* must export/],
    [
      "a provider that is no object",
      broken("text.mjs", 'export const durableExecutionPluginProvider = "text";'),
      /text\.mjs.* object/,
    ],
    [
      "another API version",
      broken(
        "version.mjs",
        `${provider("v", "pluginApiVersion: 2")} export const durableExecutionPluginProvider = provider;`,
      ),
      /version\.mjs.* API version 2/,
    ],
    [
      "no class",
      broken(
        "type.mjs",
        `${provider("t", "pluginType: undefined")} export const durableExecutionPluginProvider = provider;`,
      ),
      /type\.mjs.* pluginType/,
    ],
    [
      "no factory",
      broken(
        "factory.mjs",
        `${provider("f", "createPlugin: undefined")} export const durableExecutionPluginProvider = provider;`,
      ),
      /factory\.mjs.* createPlugin/,
    ],
    [
      "a factory that throws",
      broken(
        "throws.mjs",
        `${provider("x", 'createPlugin: () => { throw new Error("no licence"); }')} export const durableExecutionPluginProvider = provider;`,
      ),
      /throws\.mjs.*no licence/,
    ],
    [
      "something of another class",
      broken(
        "other.mjs",
        `${provider("o", "createPlugin: () => ({})")} export const durableExecutionPluginProvider = provider;`,
      ),
      /other\.mjs.* pluginType/,
    ],
    [
      "two providers",
      broken(
        "two.mjs",
        `${provider("a")} export const durableExecutionPluginProvider = provider; export default { durableExecutionPluginProvider: { ...provider } };`,
      ),
      /two\.mjs.* two different/,
    ],
    ["a module that throws", broken("crash.mjs", 'throw new Error("at import");'), /crash\.mjs.*at import/],
  ])("%s", async (_what, plugins, message) => {
    for (const sdk of ["official", "ours"] as const) {
      const { outcome } = await run(sdk, plugins);
      expect([sdk, outcome.status, outcome.error?.ErrorType]).toEqual([sdk, "FAILED", "PluginLoadError"]);
      expect(outcome.error?.ErrorMessage).toMatch(/^Dynamic plugin configuration failed: /);
      if (sdk === "ours") expect(outcome.error?.ErrorMessage).toMatch(message);
    }
  });

  test("a module that does not exist", async () => {
    const { outcome } = await run("ours", "no-such-plugin");
    expect(outcome.error?.ErrorType).toBe("PluginLoadError");
    expect(outcome.error?.ErrorMessage).toMatch(/^Dynamic plugin configuration failed: .*no-such-plugin/);
    expect((await run("official", "no-such-plugin")).outcome.error?.ErrorType).toBe("PluginLoadError");
  });
});

test("plugins add members to the handler's log lines", async () => {
  const lines: string[] = [];
  const write = vi.spyOn(process.stdout, "write").mockImplementation((line) => {
    lines.push(String(line));
    return true;
  });
  const plugins = [
    { enrichLogContext: () => ({ team: "blue", shard: 1 }) },
    {
      enrichLogContext: () => {
        throw new Error("no");
      },
    },
    { enrichLogContext: () => ({ shard: 2 }) },
  ];
  try {
    for (const { withDurableExecution } of [official, ours]) {
      await runLambda(
        withDurableExecution(
          async (_: unknown, c: { logger: { info(text: string): void } }) => c.logger.info("hello"),
          { plugins } as never,
        ) as never,
      );
    }
  } finally {
    write.mockRestore();
  }
  const documents = lines
    .map((line) => JSON.parse(line))
    .map(({ timestamp, executionArn, requestId, ...rest }) => rest);
  expect(documents[1]).toMatchObject({ team: "blue", shard: 2, message: "hello" });
  expect(Object.keys(documents[1])).toEqual(Object.keys(documents[0]));
  expect(documents[1]).toEqual(documents[0]);
});
