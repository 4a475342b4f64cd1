import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packedPackage } from "../support/packed-package.ts";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "durable-fanout-types-"));

const TYPES = ["@aws-sdk/client-lambda", "@types/aws-lambda", "@types/node"];
/** The oldest and the newest that are supported, and the one between. */
const COMPILERS = {
  "typescript-5.5": "npm:typescript@5.5.4",
  "typescript-6": "npm:typescript@6.0.3",
  "typescript-7": "npm:typescript@7.0.2",
};

const MODULE = `
import type { Context } from "aws-lambda";
import { type DurableContext, StepError, withDurableExecution } from "durable-fanout";
import { durableFanout } from "durable-fanout/esbuild";
import { LocalDurableTestRunner, LocalEngine } from "durable-fanout/testing";
import { workers } from "durable-fanout/workers";
import * as other from "./other.cjs";

export const idOf = (context: Context): string => context.awsRequestId;
export const handler = withDurableExecution(async (_: unknown, ctx: DurableContext) => {
  const score = workers<{ square(n: number): number }>(new URL("file:///score.mjs"));
  const n: number = await ctx.step(() => score.square(3));
  return [n, idOf(ctx.lambdaContext), await other.twice(ctx)];
});
export const error: StepError = new other.StepError("no");
export const plugins = [durableFanout()];
new LocalEngine().register("other", other.handler);
new LocalDurableTestRunner({ handlerFunction: other.handler });
`;

const COMMON_JS = `
import { type DurableContext, StepError, withDurableExecution } from "durable-fanout";
import testing = require("durable-fanout/testing");

export const twice = (ctx: DurableContext) => ctx.step("twice", async () => 2);
export const handler = withDurableExecution((_: unknown, ctx: DurableContext) => twice(ctx));
export { StepError };
new testing.LocalDurableTestRunner({ handlerFunction: handler });
`;

const SUB_PATHS = `
import { withDurableExecution } from "durable-fanout";
import { durableFanout } from "durable-fanout/esbuild";
import { LocalDurableTestRunner } from "durable-fanout/testing";
import { workers } from "durable-fanout/workers";

export const all = [withDurableExecution, durableFanout, LocalDurableTestRunner, workers];
`;

beforeAll(async () => {
  const { project } = await packedPackage();
  const manifest = { private: true, devDependencies: COMPILERS };
  const files = {
    ...{
      "package.json": JSON.stringify(manifest),
      "module.mts": MODULE,
      "other.cts": COMMON_JS,
      "paths.ts": SUB_PATHS,
    },
  };
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
  const install = ["install", "--prefer-offline", "--no-audit", "--no-fund"];
  await promisify(execFile)("npm", install, { cwd: folder });
  await link("durable-fanout", join(project, "node_modules/durable-fanout"));
  for (const name of TYPES) await link(name, join(root, "node_modules", name));
}, 180_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

async function link(name: string, target: string): Promise<void> {
  const at = join(folder, "node_modules", name);
  await mkdir(dirname(at), { recursive: true });
  await symlink(target, at, "junction");
}

/** What the compiler says of files, and of all declarations that they lead to. */
async function complaints(compiler: string, files: readonly string[], options: readonly string[]): Promise<string> {
  const args = [join(folder, "node_modules", compiler, "bin/tsc"), "--noEmit", "--strict"];
  try {
    const types = ["--skipLibCheck", "false", "--skipDefaultLibCheck", "--types", "node,aws-lambda"];
    await promisify(execFile)(process.execPath, [...args, ...types, ...options, ...files], { cwd: folder });
    return "";
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

test.each(Object.keys(COMPILERS))(
  "%s compiles an ES module and a CommonJS one side by side, and all declarations, beside those of AWS",
  async (compiler) => {
    const options = ["--module", "nodenext", "--target", "es2022"];
    expect(await complaints(compiler, ["module.mts", "other.cts"], options)).toBe("");
  },
);

test.each([
  [
    "node10, to ES2020",
    "typescript-5.5",
    ["--module", "commonjs", "--moduleResolution", "node10", "--target", "es2020"],
  ],
  ["bundler", "typescript-7", ["--module", "esnext", "--moduleResolution", "bundler", "--target", "es2022"]],
])("the sub-paths are found by the module resolution %s", async (_name, compiler, options) => {
  expect(await complaints(compiler, ["paths.ts"], options)).toBe("");
});
