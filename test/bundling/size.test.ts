import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type BuildOptions, build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeBundleSources } from "../support/bundle-sources.ts";
import { packedPackage } from "../support/packed-package.ts";

/** What Lambda has to read and compile before the first event, in bytes of gzip. */
const MAX_OWN_BYTES = 51_350;
const MAX_BYTES = 65_250;
/** Beside the bundle, for functions on threads: most of it is Piscina. */
const MAX_PLUGIN_BYTES = 16_100;

const OPTIONS: BuildOptions = {
  ...{ bundle: true, minify: true, platform: "node", format: "esm", logLevel: "silent" },
  external: ["@aws-sdk/*"],
};

const root = join(import.meta.dirname, "../..");
let project: string;
let folder: string;

beforeAll(async () => {
  ({ project } = await packedPackage());
  await writeBundleSources(project);
  folder = await mkdtemp(join(tmpdir(), "durable-fanout-size-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function gzippedBytes(options: BuildOptions): Promise<number> {
  const { outputFiles } = await build({ ...OPTIONS, ...options, write: false });
  return (outputFiles ?? []).reduce((bytes, { contents }) => bytes + gzipSync(contents).length, 0);
}

test("a handler's bundle, minified by esbuild, is small", async () => {
  const contents = 'import { withDurableExecution } from "durable-fanout"; withDurableExecution(async () => 1);';
  const whole = await gzippedBytes({ stdin: { contents, resolveDir: project } });
  // msgpackr is in the build only, p-limit is left out.
  const source = contents.replace("durable-fanout", join(root, "src/index.ts").replaceAll("\\", "/"));
  const own = await gzippedBytes({
    stdin: { contents: source, resolveDir: root },
    external: ["@aws-sdk/*", "p-limit"],
  });
  console.info(`bundle of a handler, gzipped: ${whole} bytes, ${own} of them our own`);
  expect(own).toBeLessThanOrEqual(MAX_OWN_BYTES);
  expect(whole).toBeLessThanOrEqual(MAX_BYTES);
});

test("what the plugin puts beside a bundle is small", async () => {
  const { durableFanout } = createRequire(join(project, "x.cjs"))("durable-fanout/esbuild");
  await build({ ...OPTIONS, entryPoints: [join(project, "stock.ts")], outdir: folder, plugins: [durableFanout()] });
  let bytes = 0;
  for (const file of await readdir(join(folder, "durable-fanout"))) {
    bytes += gzipSync(await readFile(join(folder, "durable-fanout", file))).length;
  }
  console.info(`beside it, for functions on threads, gzipped: ${bytes} bytes`);
  expect(bytes).toBeLessThanOrEqual(MAX_PLUGIN_BYTES);
});
