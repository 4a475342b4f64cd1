import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import * as official from "@aws/durable-execution-sdk-js";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import * as ours from "../../src/index.ts";
import type { Loaded, LoadingCase } from "../support/load-plugins.ts";
import { captureLogs } from "../support/output.ts";
import { runLambda } from "../support/service.ts";

const folder = mkdtempSync(join(tmpdir(), "durable-fanout-plugins-"));
const root = join(folder, "task");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, text: string): string {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** A class whose plugin notes its name at the start of each invocation, and its provider with other members. */
const provider = (name: string, members = "") => `
  class Plugin { async onInvocationStart() { globalThis.pluginCalls.push("${name}"); } }
  const provider = { pluginApiVersion: 1, pluginType: Plugin, createPlugin: () => new Plugin(), ${members} };
`;
const exported = (name: string, members?: string) =>
  `${provider(name, members)} export const durableExecutionPluginProvider = provider;`;

const esm = write("esm.mjs", exported("esm"));
const cjs = write("cjs.cjs", `${provider("cjs")} exports.durableExecutionPluginProvider = provider;`);
const inDefault = `${provider("default")} export default { durableExecutionPluginProvider: provider };`;
const twice = `${exported("twice")} export default { durableExecutionPluginProvider: provider };`;
write("task/package.json", "{}");
write("task/node_modules/plain/package.json", '{ "name": "plain", "main": "index.cjs" }');
write(
  "task/node_modules/plain/index.cjs",
  `${provider("plain")} module.exports.durableExecutionPluginProvider = provider;`,
);
write("task/node_modules/@scope/sub/package.json", '{ "name": "@scope/sub", "exports": { "./durable": "./d.mjs" } }');
write("task/node_modules/@scope/sub/d.mjs", exported("sub-path"));

const broken = (file: string, text: string) => write(`broken/${file}.mjs`, text);

/** What is set, and the plugins that are called then; nothing where loading fails. */
const cases: Record<string, [plugins: string | undefined, calls?: readonly string[], root?: string]> = {
  "no variable": [undefined, ["explicit"]],
  "an empty one": ["", ["explicit"]],
  "one of spaces": ["  ", ["explicit"]],
  "an ES module": [esm, ["explicit", "esm"]],
  "a CommonJS module": [cjs, ["explicit", "cjs"]],
  "a URL": [pathToFileURL(esm).href, ["explicit", "esm"]],
  "a default export": [write("default.mjs", inDefault), ["explicit", "default"]],
  "the same provider twice": [write("twice.mjs", twice), ["explicit", "twice"]],
  "several, in order, with spaces": [` ${cjs} , ${esm} `, ["explicit", "cjs", "esm"]],
  "a package of the function's own": ["plain", ["explicit", "plain"]],
  "a sub-path of such a package": ["@scope/sub/durable", ["explicit", "sub-path"]],
  "a subclass": [
    write("subclass.mjs", exported("base", "createPlugin: () => new (class extends Plugin {})()")),
    ["explicit", "base"],
  ],
  "an empty entry at the end": [`${esm},`],
  "an empty entry at the beginning": [`,${esm}`],
  "nothing but empty entries": [","],
  "a duplicate": [`${esm}, ${esm}`],
  "a module that is not there": [join(folder, "absent.mjs")],
  "a package that is not there": ["absent-package"],
  "a package that is not there, and no folder": ["absent-package", undefined, join(folder, "nowhere")],
  "a package without a main entry": ["@scope/sub"],
  "a module that needs one that is not there": [broken("needs", 'import "absent-package";')],
  "a module that throws": [broken("crash", 'throw new RangeError("at import");')],
  "a module that is no JavaScript": [broken("syntax", "this is no module")],
  "a module without a provider": [broken("none", "export const other = 1;")],
  "a provider as the default itself": [broken("direct", `${provider("direct")} export default provider;`)],
  "two different providers": [
    broken("two", `${exported("a")} export default { durableExecutionPluginProvider: { ...provider } };`),
  ],
  "a provider that is a text": [broken("text", 'export const durableExecutionPluginProvider = "text";')],
  "a provider that is null": [broken("null", "export const durableExecutionPluginProvider = null;")],
  "a provider of nothing": [broken("empty", "export const durableExecutionPluginProvider = {};")],
  "another version": [broken("version", exported("v", "pluginApiVersion: 2"))],
  "a version that is a text": [broken("version-text", exported("v", 'pluginApiVersion: "1"'))],
  "no class": [broken("type", exported("t", "pluginType: undefined"))],
  "a class that is an arrow function": [broken("arrow", exported("t", "pluginType: () => 1"))],
  "no factory": [broken("factory", exported("f", "createPlugin: undefined"))],
  "a factory that throws": [broken("throws", exported("x", 'createPlugin: () => { throw new Error("no licence"); }'))],
  "a factory that throws a text": [broken("throws-text", exported("x", 'createPlugin: () => { throw "no"; }'))],
  "a factory that gives something else": [broken("other", exported("o", "createPlugin: () => ({})"))],
  "a factory that gives a number": [broken("number", exported("o", "createPlugin: () => 5"))],
  "a factory that gives nothing": [broken("nothing", exported("o", "createPlugin: () => null"))],
  "a factory that is async": [broken("async", exported("o", "createPlugin: async () => new Plugin()"))],
  "a factory that gives a bare object": [broken("bare", exported("o", "createPlugin: () => Object.create(null)"))],
};

describe("modules that the environment names are loaded, or fail the execution, as on the official SDK:", () => {
  let results: { official: Loaded; ours: Loaded }[];
  beforeAll(() => {
    const given: LoadingCase[] = Object.values(cases).map(([plugins, , ownRoot = root]) =>
      plugins === undefined ? { root: ownRoot } : { plugins, root: ownRoot },
    );
    const script = join(import.meta.dirname, "../support/load-plugins.ts");
    results = JSON.parse(execFileSync(process.execPath, [script, JSON.stringify(given)], { encoding: "utf8" }));
  });

  test.each(Object.entries(cases).map(([what, [, calls]], index) => [what, index, calls] as const))(
    "%s",
    (_what, index, calls) => {
      const { official: theirs, ours: own } = results[index] as { official: Loaded; ours: Loaded };
      // Each says which package it is that supports version 1.
      const message = own.message?.replace("durable-fanout supports", "@aws/durable-execution-sdk-js supports");
      expect({ ...own, message }).toEqual(theirs);
      expect(own.calls).toEqual(calls ?? []);
      if (calls !== undefined) return;
      expect([own.status, own.errorType]).toEqual(["FAILED", "PluginLoadError"]);
      expect(own.message).toMatch(/^Dynamic plugin configuration failed: /);
    },
  );
});

test("an error of loading is one class, with the message that it is given and its cause", () => {
  const cause = new Error("cause");
  for (const { PluginLoadError } of [official, ours]) {
    const error = new PluginLoadError("reason", { cause });
    expect([error.name, error.message, error.cause]).toEqual([
      "PluginLoadError",
      "Dynamic plugin configuration failed: reason",
      cause,
    ]);
  }
});

describe("what plugins add to log lines", () => {
  type Plugin = { enrichLogContext: unknown };
  const fails = () => {
    throw new Error("no");
  };
  const added: [string, Plugin[]][] = [
    [
      "members, the later plugin's last",
      [
        { enrichLogContext: () => ({ team: "blue", shard: 1, isNew: true }) },
        { enrichLogContext: () => ({ shard: 2 }) },
      ],
    ],
    ["nothing, from one that throws", [{ enrichLogContext: fails }, { enrichLogContext: () => ({ shard: 2 }) }]],
    ["nothing", [{ enrichLogContext: () => undefined }, { enrichLogContext: () => null }, { enrichLogContext: 5 }]],
    [
      "members in place of the line's own",
      [{ enrichLogContext: () => ({ level: "HIGH", operationId: "mine", message: "mine", errorType: "mine" }) }],
    ],
  ];

  test.each(added)("%s: the same lines on both SDKs", async (_what, plugins) => {
    const lines: unknown[] = [];
    for (const { withDurableExecution } of [official, ours]) {
      const handler = async (_: unknown, c: ours.DurableContext) => {
        c.logger.info("handler");
        await c.step("s", async ({ logger }) => logger.warn("step", new RangeError("wrong")));
        await c.runInChildContext("c", async (k) => k.logger.debug({ a: 1 }));
      };
      const lambda = withDurableExecution(handler as never, { plugins } as never);
      const { out, err } = await captureLogs(() => runLambda(lambda as never));
      expect([out.length, err.length]).toEqual([2, 1]);
      // The order of members is part of a line that people read. A stack is part of the step's message.
      lines.push(JSON.stringify([out, err]).replaceAll(/\\n +at .*?(?=")/g, ""));
    }
    expect(lines[1]).toBe(lines[0]);
  });

  test("a custom logger is not given them, as on the official SDK", async () => {
    const seen: unknown[] = [];
    for (const { withDurableExecution } of [official, ours]) {
      let data: (() => object) | undefined;
      const info = () => void seen.push("team" in (data?.() ?? {}));
      const customLogger = {
        ...{ info, warn: info, error: info, debug: info },
        configureDurableLoggingContext: ({ getDurableLogData }: ours.DurableLoggingContext) => {
          data = getDurableLogData;
        },
      };
      const handler = async (_: unknown, c: ours.DurableContext) => {
        c.configureLogger({ customLogger });
        c.logger.info("");
      };
      const plugins = [{ enrichLogContext: () => ({ team: "blue" }) }];
      await runLambda(withDurableExecution(handler as never, { plugins }) as never);
    }
    expect(seen).toEqual([false, false]);
  });
});

describe("verbose mode", () => {
  test("is read at import and by refreshLogConfig, and tells through console.debug on both SDKs", async () => {
    for (const { refreshLogConfig, withDurableExecution } of [official, ours]) {
      const lambda = withDurableExecution(async (_: unknown, c: { step(fn: () => Promise<number>): unknown }) => {
        await c.step(async () => 1);
      });
      const debug = vi.spyOn(console, "debug").mockImplementation(() => {});
      const linesOf = async () => {
        debug.mockClear();
        await runLambda(lambda as never);
        return debug.mock.calls.length;
      };
      try {
        vi.stubEnv("DURABLE_VERBOSE_MODE", "true");
        expect(await linesOf()).toBe(0);
        refreshLogConfig();
        expect(await linesOf()).toBeGreaterThan(2);
        vi.stubEnv("DURABLE_VERBOSE_MODE", "1");
        refreshLogConfig();
        expect(await linesOf()).toBe(0);
      } finally {
        vi.unstubAllEnvs();
        refreshLogConfig();
        debug.mockRestore();
      }
    }
  });
});
