/** Runs what the documentation shows, in folders of their own, with the packed package. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packedPackage } from "../support/packed-package.ts";
import { type Block, blocksIn, ROOT, titleOf } from "./pages.ts";

const folder = mkdtempSync(join(tmpdir(), "durable-fanout-docs-"));
const main = join(folder, "node_modules/durable-fanout/dist/cli.mjs");

/** What each whole handler is given, and what comes of it. */
const HANDLERS: Readonly<Record<string, readonly [event: unknown, result: unknown]>> = {
  "README.md handler.ts": [{ orders: 5_000 }, { charged: 4_995, failed: 5 }],
  "docs/api.md settings.ts": [{ order: 7 }, 7],
  "docs/concepts.md defaults.ts": [{}, ["FAILED", "FAILURE_TOLERANCE_EXCEEDED", 3, 1, 1]],
  "docs/concepts.md race.ts": [{}, "fast"],
  "docs/concepts.md replay.ts": [{}, { runs: 2, isSame: true }],
  "docs/concepts.md versions.ts": [{ order: 7 }, "charged 7"],
  "docs/deploying.md handler.ts": [{ count: 10 }, 285],
  "docs/getting-started.md handler.ts": [{ orders: 5_000 }, { charged: 4_995, failed: 5 }],
  "docs/getting-started.md primes.ts": [{ limits: [10, 100, 20_000, 40_000] }, [4, 25, 2_262, 4_203]],
  "docs/maps-at-scale.md lines.ts": [{ pages: 20 }, { total: 9_000, failed: 0 }],
  "docs/observability.md logging.ts": [{ order: 7 }, 1],
  "docs/observability.md plugins.ts": [{ order: 7 }, 7],
  "docs/workers.md handler.ts": [
    { home: { name: "Bergen", latitude: 60.4 }, cities: [{ name: "Rome", latitude: 41.9 }] },
    ["FAI", ["ZRH"]],
  ],
};

/** A handler that waits for somebody: the page's own test completes its callback. */
const TESTED = "docs/getting-started.md approval.ts";

const nameOf = ({ page, file, line }: Block): string => `${page} ${file ?? line}`;
const folderOf = (page: string): string => join(folder, page.replaceAll(/\W/g, "-"));
const handlers = blocksIn("ts").filter(({ text }) => text.includes("export const handler = withDurableExecution("));

async function run(args: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, NO_COLOR: "1" };
  return (await promisify(execFile)(process.execPath, args, { cwd, env })).stdout;
}

beforeAll(async () => {
  const { project } = await packedPackage();
  mkdirSync(join(folder, "node_modules"));
  const packages = { "durable-fanout": join(project, "node_modules"), esbuild: join(ROOT, "node_modules") };
  for (const [name, from] of Object.entries(packages)) {
    symlinkSync(join(from, name), join(folder, "node_modules", name), "junction");
  }
  symlinkSync(join(ROOT, "node_modules/vitest"), join(folder, "node_modules/vitest"), "junction");
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  for (const block of [...blocksIn("ts"), ...blocksIn("js")]) {
    mkdirSync(folderOf(block.page), { recursive: true });
    if (block.file !== undefined) writeFileSync(join(folderOf(block.page), block.file), block.text);
  }
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("every whole handler of the documentation is run by a test", () => {
  const found = handlers.filter((block) => nameOf(block) !== TESTED).map(nameOf);
  expect(found.sort()).toEqual(Object.keys(HANDLERS).sort());
});

test.each(handlers.filter((block) => nameOf(block) !== TESTED).map((block) => [titleOf(block), block] as const))(
  "the handler at %s gives what the page says",
  async (_, block) => {
    const [event, result] = HANDLERS[nameOf(block)] as readonly [unknown, unknown];
    const args = [main, "run", block.file as string, "--event", JSON.stringify(event), "--virtual-time", "--json"];
    const lines = (await run([...args, "--db", "journal.db", "--name", `line-${block.line}`], folderOf(block.page)))
      .trim()
      .split("\n");
    expect(JSON.parse(lines.at(-1) as string)).toMatchObject({ type: "finished", result });
  },
);

test("the tests that the documentation shows pass", async () => {
  const [example] = blocksIn("ts", ["docs/testing.md"]).filter(({ text }) => text.includes('from "vitest"'));
  writeFileSync(join(folderOf("docs/testing.md"), "example.test.ts"), (example as Block).text);
  const output = await run(["node_modules/vitest/vitest.mjs", "run"], folder);
  expect(output).toMatch(/Tests +5 passed \(5\)/);
});

test("the program with an engine of its own prints what came of its execution", async () => {
  expect(await run(["engine.ts"], folderOf("docs/testing.md"))).toBe("SUCCEEDED [1,4,9]\n");
});

test.each([
  ["docs/getting-started.md", "primes", { limits: [10, 100] }, [4, 25]],
  ["docs/workers.md", "handler", { home: { name: "Rome", latitude: 41.9 }, cities: [] }, ["ZRH", []]],
])("the build script of %s makes a bundle that runs where nothing else lies", async (page, name, event, result) => {
  await run(["build.mjs"], folderOf(page));
  const bare = mkdtempSync(join(tmpdir(), "durable-fanout-docs-bundle-"));
  try {
    renameSync(join(folderOf(page), "dist"), join(bare, "dist"));
    const args = [`dist/${name}.cjs`, "--event", JSON.stringify(event), "--json", "--db", "journal.db"];
    expect(await run([main, "run", ...args], bare)).toContain(`"result":${JSON.stringify(result)}`);
  } finally {
    rmSync(bare, { recursive: true, force: true });
  }
});

test("every build script of the documentation is run by a test", () => {
  const scripts = blocksIn("js").map(nameOf);
  expect(scripts).toEqual(["docs/getting-started.md build.mjs", "docs/workers.md build.mjs"]);
});
