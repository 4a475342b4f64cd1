import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { planFrom } from "../../src/cli/plan/plan-command.ts";
import { recommend, type Setting } from "../../src/cli/plan/plan-report.ts";
import { runTrial } from "../../src/cli/plan/trial.ts";
import { type RuntimeOptions, withDurableExecution } from "../../src/index.ts";
import { LocalEngine, type LocalHandler, VirtualClock } from "../../src/testing.ts";
import { documentsOf, HANDLERS as INVOKING, runCli, temporaryFolder } from "../support/cli.ts";
import { bodies } from "../support/plan-handlers.ts";

const HANDLERS = resolve(import.meta.dirname, "../support/plan-handlers.ts");
const lifted = { operations: Number.POSITIVE_INFINITY, dataBytes: Number.POSITIVE_INFINITY };

function handlerOf(name: keyof typeof bodies, runtime: RuntimeOptions = {}): LocalHandler {
  return withDurableExecution(bodies[name], { runtime: { quotas: lifted, ...runtime } }) as unknown as LocalHandler;
}

/** What is planned from a sample. */
async function plan(name: keyof typeof bodies, count: number, sampleItems: number, items?: number) {
  const module = { functionName: name, handler: handlerOf(name) };
  const trial = await runTrial({ module, input: JSON.stringify({ count }), latencyMs: 0, sampleItems });
  return planFrom(trial, { functionName: name, latencyMs: 0, items });
}

/** What the whole input really takes. */
async function actual(name: keyof typeof bodies, count: number, runtime: RuntimeOptions = {}) {
  const engine = new LocalEngine({ clock: new VirtualClock(), quotas: lifted });
  engine.register(name, handlerOf(name, runtime));
  const { arn, result } = engine.start({ functionName: name, input: JSON.stringify({ count }) });
  await result;
  const { counters } = engine.find(arn) ?? {};
  const { operations = 0, retries = 0, dataBytes = 0, checkpoints = 0 } = counters ?? {};
  // What keeps ended items that would be many to lose depends on the order in which they end: no sample tells of it.
  const parts = engine.operations(arn).filter(({ SubType }) => SubType === "MapBatchPart").length;
  const dollars = ((operations - parts) * 8) / 1e6 + (dataBytes * 0.25) / 1e9;
  return { retries, operations: operations - retries - parts - 1, parts, dataBytes, requests: checkpoints, dollars };
}

/** Within `ratio` of each other. */
function expectNear(predicted: number, real: number, ratio: number): void {
  expect(predicted).toBeGreaterThan(real / ratio);
  expect(predicted).toBeLessThan(real * ratio);
}

describe("a plan", () => {
  test("predicts from a sample of a map what all of it takes, as it is and in batches", async () => {
    const { maps, settings } = await plan("nested", 2_000, 300);
    expect(maps).toMatchObject([{ name: "rows", kind: "map", form: "nested", total: 2_000, canShare: true, seen: 1 }]);
    expect(maps[0]?.sampled).toBe(300);
    expect(settings.map(({ name }) => name)).toEqual(["as is", "flat", "batch: 10", "batch: 100", "batch: 1000"]);
    for (const { name, operations = 0, dataBytes = 0, dollars = 0, measured } of settings) {
      expect(measured).toEqual([]);
      if (name === "flat") continue;
      const batch = name.split(": ")[1];
      const real = await actual("nested", 2_000, batch === undefined ? {} : { batch: Number(batch) });
      // The step after the map is not seen. Parts depend on the order in which items end.
      if (batch === undefined) expect(operations).toBe(real.operations - 1);
      else expectNear(operations, real.operations - 1 + real.parts, 2);
      // What a retry writes again, a further operation may have kept before.
      expectNear(dataBytes, real.dataBytes, batch === undefined ? 1.5 : 2);
      // The price is one of operations, parts and retries above all.
      expectNear(dollars, real.dollars, batch === undefined ? 1.5 : 2);
    }
    expect(settings[1]?.operations).toBe(4_001);
  });

  test("measures what was run whole, and says which figures are measured", async () => {
    const { settings, maps, notes, sample } = await plan("nested", 100, 1_000);
    const { requests: _, parts: __, ...real } = await actual("nested", 100);
    const { operations, retries, dataBytes, dollars, measured } = settings[0] ?? {};
    const expected = { ...real, dollars: expect.closeTo(real.dollars, 9) };
    expect({ operations, retries, dataBytes, dollars }).toEqual(expected);
    expect(sample).toMatchObject({ operations, retries: 10, dataBytes });
    expect(measured).toEqual(["operations", "retries", "requests", "dataBytes", "wallMs"]);
    expect(settings.slice(1).every((setting) => setting.measured.length === 0)).toBe(true);
    expect(maps[0]).toMatchObject({ total: 100, sampled: 100 });
    expect(notes.join(" ")).toContain("Waits and retry delays were skipped, and add to the time");
  });

  test("counts retries in: of items, of batches, and of steps beside maps", async () => {
    const { settings, notes } = await plan("unsteady", 300, 100);
    // Each item fails twice.
    expect(settings[0]).toMatchObject({ name: "as is", operations: 601, retries: 600 });
    expect(settings[0]?.dollars).toBeCloseTo((1 + 601 + 600) * 8e-6, 4);
    for (const { name, retries } of settings) if (name.startsWith("batch")) expect(retries).toBeGreaterThan(0);
    expect(notes.join(" ")).toMatch(/tried again \(200 times in the sample\).*--try batch=… measures it/);
    const inBatches = await plan("unsteadyInBatches", 300, 100);
    for (const { retries } of inBatches.settings) expect(retries).toBeGreaterThan(0);
    expect((await plan("unsteadyStep", 1, 100)).settings[0]).toMatchObject({ operations: 1, retries: 2 });
  });

  test("computes for another number of items: in the maps that are in no other one", async () => {
    const real = await actual("nested", 2_000);
    const { settings, maps, notes } = await plan("nested", 200, 1_000, 2_000);
    expect(maps[0]).toMatchObject({ total: 2_000, sampled: 200 });
    expect(settings[0]).toMatchObject({ name: "as is", operations: real.operations, retries: 200, measured: [] });
    expectNear(settings[0]?.dataBytes ?? 0, real.dataBytes, 1.2);
    expect(notes.join(" ")).toContain('"rows": as many items as --items says');
    const areas = await plan("areas", 100, 1_000, 30);
    expect(areas.maps).toMatchObject([
      { name: "areas", total: 30 },
      { name: "orders", total: 300 },
    ]);
    expect(areas.settings[0]?.operations).toBe(1 + 30 * (2 + 100 * 2));
  });

  test("tells the items of a FLAT map apart, and the requests that few items at once take", async () => {
    const { settings, maps } = await plan("flat", 1_500, 400);
    expect(maps[0]).toMatchObject({ form: "flat" });
    const real = await actual("flat", 1_500);
    expect(settings[0]?.operations).toBe(real.operations);
    expectNear(settings[0]?.dataBytes ?? 0, real.dataBytes, 1.2);
    expectNear(settings[0]?.requests ?? 0, real.requests, 1.5);
    expect(settings.map(({ name }) => name)).not.toContain("flat");
  });

  test("multiplies the maps inside the items of another one", async () => {
    const { settings, maps } = await plan("areas", 1_000, 200);
    expect(maps).toMatchObject([
      { name: "areas", total: 3, sampled: 1, canShare: false },
      { name: "orders", total: 1_000, canShare: true },
    ]);
    const real = await actual("areas", 1_000);
    expect(settings[0]?.operations).toBe(real.operations);
    expect(settings.find(({ name }) => name === "batch: 100")?.operations).toBe(1 + 3 * (1 + 1 + 10));
  });

  test("computes batches of items that wait", async () => {
    const { settings, maps, notes } = await plan("patient", 300, Number.POSITIVE_INFINITY);
    expect(maps).toMatchObject([{ name: "patient", canShare: true }]);
    const batched = settings.find(({ name }) => name === "batch: 10");
    process.env["DURABLE_FANOUT_BATCH"] = "10";
    const real = await actual("patient", 300).finally(() => delete process.env["DURABLE_FANOUT_BATCH"]);
    expect(batched).toMatchObject({ operations: real.operations, retries: real.retries });
    expectNear(batched?.dataBytes ?? 0, real.dataBytes, 1.5);
    expect(notes.join(" ")).toMatch(/Waits and retry delays were skipped, .*: 1 h/);
  });

  test("says of a map without items only what is known, and leaves it out of what is said of others", async () => {
    const [empty] = (await plan("nested", 0, 10)).maps;
    expect(empty).toMatchObject({ name: "rows", form: undefined, batchItems: undefined, total: 0, canShare: false });
    expect((await plan("flat", 0, 10)).maps).toMatchObject([{ name: "rows", form: "flat", total: 0 }]);
    const { maps, settings } = await plan("uneven", 50, 100);
    expect(maps).toMatchObject([{ name: "rows", form: "nested", seen: 2, total: 50, sampled: 50, canShare: true }]);
    expect(settings.find(({ name }) => name === "batch: 10")?.operations).toBe(2 + 5);
  });

  test("marks what AWS refuses, and recommends something else", async () => {
    const { settings } = await plan("nested", 30_000, 200);
    const refused = settings.filter(({ refusedByAws }) => refusedByAws.length > 0).map(({ name }) => name);
    expect(refused).toEqual(["as is", "flat", "batch: 10"]);
    expect(settings[0]?.refusedByAws[0]).toContain("90,001 operations, and its limit is 3,000");
    expect(recommend(settings)?.name).toMatch(/^batch: 1000?$/);
    expect(recommend((await plan("nested", 20, 200)).settings)?.name).toBe("as is");
  });

  test("recommends the first setting that fits well and is about as fast and as cheap as any", () => {
    const rows = (...numbers: [operations: number, wallMs: number, dollars: number][]): Setting[] =>
      numbers.map(([operations, wallMs, dollars], index) => ({
        ...{ name: `setting ${index}`, operations, retries: 0, wallMs, dollars, requests: 1, dataBytes: 1 },
        ...{ measured: [], how: "", refusedByAws: operations > 3_000 ? ["too many"] : [] },
      }));
    const choice = (...numbers: Parameters<typeof rows>) => recommend(rows(...numbers))?.name;
    expect(choice([2_000, 1_000, 0.01], [20, 900, 0.0001])).toBe("setting 0");
    expect(choice([2_000, 60_000, 0.01], [20, 900, 0.0001])).toBe("setting 1");
    expect(choice([2_000, 1_000, 0.02], [20, 900, 0.0001])).toBe("setting 1");
    expect(choice([2_900, 1_000, 0.01], [20, 900, 0.0001])).toBe("setting 1");
    expect(choice([2_900, 1_000, 0.01], [3_001, 900, 0.0001])).toBe("setting 0");
    expect(choice([3_001, 1, 0.01])).toBeUndefined();
  });

  test("looks for a batch that fits when none of the usual ones does", async () => {
    const { settings } = await plan("flat", 4_000_000, 200);
    expect(settings.at(-1)).toMatchObject({ name: "batch: 1700", operations: 2_354 });
  });

  test("recommends nothing when AWS takes the input in no setting", async () => {
    const { settings } = await plan("heavy", 200_000, 200);
    expect(settings.at(-1)?.refusedByAws.join()).toMatch(/MB written, and its limit is 104\.9 MB/);
    expect(recommend(settings)).toBeUndefined();
  });

  test("needs to be told how many items there are where they are read one after the other", async () => {
    await expect(plan("streamed", 5_000, 100)).rejects.toMatchObject({
      code: "ERR_PLAN_ITEMS_UNKNOWN",
      message: expect.stringContaining('Map "numbers" reads its items one after the other'),
    });
    expect((await plan("streamed", 5_000, 100, 5_000)).settings[0]?.operations).toBe(251);
    const all = await plan("streamed", 300, Number.POSITIVE_INFINITY);
    expect(all.settings[0]?.operations).toBe((await actual("streamed", 300)).operations);
  });
});

describe.concurrent("the plan command", () => {
  test("runs nothing before it is told to, and then no more than the sample", async () => {
    const cwd = temporaryFolder();
    const log = join(cwd, "log");
    const event = JSON.stringify({ count: 5_000, log });
    const args = ["plan", HANDLERS, "--export", "nested", "--event", event, "--sample", "300"];
    const refused = await runCli(args, { cwd });
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("This really runs the handler for the first 300 items of each map");
    expect(refused.stderr).toContain("Nothing was run. Say --yes to run it.");
    expect(existsSync(log)).toBe(false);
    const done = await runCli([...args, "--yes"], { cwd });
    expect(done.exitCode).toBe(0);
    expect(readFileSync(log, "utf8").trim().split("\n")).toHaveLength(300);
    expect(done.stdout).toMatch(
      /^plan-handlers, at 20 ms a checkpoint\n {2}map "rows": 5,000 items, NESTED, computed from 300 of them/,
    );
    expect(done.stdout).toMatch(/the sample +901 +30 +\d+ +\d+\.\d kB +\d.* +~\$0\.00\d+$/m);
    expect(done.stdout).toMatch(/as is +~15,001 +~500 +~\d+ +~\d+\.\d kB +~.* +~\$0\.1\d +AWS refuses it/);
    expect(done.stdout).toContain("Figures with ~ are computed from the sample, the others are measured.");
    expect(done.stdout).toContain('AWS would refuse it "as is": 15,001 operations, and its limit is 3,000.');
    expect(done.stdout).toMatch(/batch: 10 +~951 .*\n.*batch: 100 +~96 .*recommended/);
    expect(done.stdout).toContain('The sample ended in "rows": what the handler does after that is left out.');
    expect(existsSync(join(cwd, ".durable-fanout"))).toBe(false);
  });

  test("recommends nothing from a sample that failed, says why and ends with 1", async () => {
    const event = '{"count":10}';
    const args = ["plan", HANDLERS, "--export", "failing", "--event", event, "--yes"];
    const result = await runCli([...args, "--json"]);
    expect(result.exitCode).toBe(1);
    const [document, ...others] = documentsOf(result);
    expect(others).toEqual([]);
    expect(document).toMatchObject({
      type: "plan",
      latencyMs: 20,
      execution: { status: "FAILED", error: { type: "RangeError", message: "nothing to add up" } },
      fault: "the execution ended as FAILED: RangeError: nothing to add up",
      sample: { operations: 21, retries: 0 },
      maps: [{ name: "rows", total: 10, sampled: 10 }],
      notes: ["The figures are those up to where the execution ended.", expect.anything()],
    });
    const { settings } = document as { settings: { name: string; recommended: boolean }[] };
    expect(settings[0]).toMatchObject({ name: "as is", operations: 21, refusedByAws: [] });
    expect(settings.filter(({ recommended }) => recommended)).toEqual([]);
    const shown = await runCli(args);
    expect(shown.stdout).toContain("Nothing is recommended, since the sample failed: the execution ended as FAILED");
    expect(shown.stdout).not.toMatch(/recommended$/m);
  });

  test("recommends nothing where half of the items fail, though the sample ends before the handler can say so", async () => {
    const args = ["plan", HANDLERS, "--export", "broken", "--event", '{"count":500}', "--sample", "20", "--yes"];
    const result = await runCli(args);
    expect(result.stdout).toMatch(/Nothing is recommended, since the sample failed: 20 of 20 items of "rows" failed:/);
  });

  test("runs exactly the first items, also where those that wait give way to others", async () => {
    const cwd = temporaryFolder();
    const log = join(cwd, "log");
    const event = JSON.stringify({ count: 2_000, log });
    for (const [name, batch, bodyRuns] of [
      ["unsteady", "", 3 * 50],
      ["patient", "", 50],
      ["patient", "40", 80],
    ] as const) {
      const args = ["plan", HANDLERS, "--export", name, "--event", event, "--sample", "50", "--yes"];
      const result = await runCli(args, { cwd, env: { DURABLE_FANOUT_BATCH: batch } });
      expect(result.exitCode).toBe(0);
      expect(readFileSync(log, "utf8").trim().split("\n")).toHaveLength(bodyRuns);
      rmSync(log);
    }
  });

  test("takes the options of run, and says what the functions that are invoked leave out", async () => {
    const cwd = temporaryFolder();
    const args = ["plan", INVOKING, "--export", "invoking", "--event", '{"n":21}', "--yes"];
    const unnamed = await runCli(args, { cwd });
    expect(unnamed.exitCode).toBe(1);
    expect(unnamed.stdout).toContain("--function or --plain-function <name>=<file>#<export>");
    expect(unnamed.stdout).not.toMatch(/recommended$/m);
    const functions = ["--plain-function", `double=${INVOKING}#double`, "--function", `child=${INVOKING}#child`];
    const others = ["--name", "x", "--db", "y.db", "--fresh", "--virtual-time", "--max-operations", "unlimited"];
    others.push("--max-data", "unlimited", "--failures", "z.jsonl");
    const named = await runCli([...args, ...functions, ...others], { cwd });
    expect(named.exitCode).toBe(0);
    expect(named.stderr).toContain("Batches and the functions that it invokes run whole.");
    expect(named.stdout).toContain("What the functions that it invokes take themselves is left out.");
    expect(named.stdout).toContain('The sample ended where all waited for "more", since nobody completes callbacks');
    expect([existsSync(join(cwd, "y.db")), existsSync(join(cwd, "z.jsonl"))]).toEqual([false, false]);
  });

  test("says of a map without items that it has none, and no more", async () => {
    const result = await runCli(["plan", HANDLERS, "--export", "nested", "--event", '{"count":0}', "--yes"]);
    expect(result.stdout).toMatch(/^ {2}map "rows": 0 items$/m);
  });

  test("names the callback that a waitForCallback waits for", async () => {
    const args = ["plan", INVOKING, "--export", "asking", "--yes"];
    const { stdout } = await runCli(args, { cwd: temporaryFolder() });
    expect(stdout).toContain('The sample ended where all waited for "approval", since nobody completes callbacks');
  });

  test("ends with 2 where a stream's length is not known", async () => {
    const event = '{"count":5000}';
    const args = ["plan", HANDLERS, "--export", "streamed", "--event", event, "--yes", "--sample", "100"];
    const result = await runCli(args);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("Say how many with --items, or run all of them with --sample all.");
  });

  test("refuses options that make no sense", async () => {
    for (const [option, value, message] of [
      ["--latency", "soon", "Give milliseconds"],
      ["--sample", "0", "Give a whole number"],
      ["--items", "-5", "Give a whole number"],
    ] as const) {
      const result = await runCli(["plan", HANDLERS, option, value]);
      expect(result.exitCode).toBe(2);
      expect(result.stderr).toContain(message);
    }
  });
});
