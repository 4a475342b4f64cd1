import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const source = (file: string) => JSON.stringify(new URL(`../../src/${file}`, import.meta.url).href);

/** What packing needs, and a cold process should not have to load: modules that are there after each of these results. */
const SCRIPT = `
  import { createRequire } from "node:module";
  import { withDurableExecution } from ${source("index.ts")};
  import { LocalEngine } from ${source("testing.ts")};

  const { cache } = createRequire(${source("index.ts")});
  const loaded = () => [
    ...Object.keys(cache).filter((file) => file.includes("msgpackr")),
    ...process.moduleLoadList.filter((name) => name.endsWith(" zlib")),
  ].length > 0;

  const engine = new LocalEngine();
  engine.register("map", withDurableExecution(async ({ count, size, ...options }, context) => {
    const items = Array.from({ length: count }, (_, id) => id);
    const result = (id) => ({ id, ok: true, text: "x".repeat(size) });
    const batch = await context.map("map", items, (item, id) => item.step("step", async () => result(id)), options);
    return batch.successCount;
  }));
  for (const input of [
    { count: 10, size: 10 },
    { count: 10, size: 10, nesting: "FLAT" },
    { count: 10, size: 10, batch: 10 },
    { count: 300, size: 10 },
    { count: 10, size: 5_000 },
  ]) {
    const { status, result } = await engine.start({ functionName: "map", input: JSON.stringify(input) }).result;
    console.log(status, result, loaded());
  }
  await engine.close();
`;

test("a process that maps items with small results loads neither msgpackr nor zlib; one with large results does", async () => {
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", SCRIPT]);
  const small = ["SUCCEEDED 10 false", "SUCCEEDED 10 false", "SUCCEEDED 10 false", "SUCCEEDED 300 false"];
  expect(stdout.trim().split("\n")).toEqual([...small, "SUCCEEDED 10 true"]);
});
