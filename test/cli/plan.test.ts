import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { planFrom } from "../../src/cli/plan/plan-command.ts";
import type { Prediction } from "../../src/cli/plan/plan-model.ts";
import { recommend } from "../../src/cli/plan/plan-report.ts";
import { runTrial } from "../../src/cli/plan/trial.ts";
import { type RuntimeOptions, withDurableExecution } from "../../src/index.ts";
import { LocalEngine, type LocalHandler, VirtualClock } from "../../src/testing.ts";
import { documentsOf, runCli, temporaryFolder } from "../support/cli.ts";
import { bodies } from "../support/plan-handlers.ts";

const HANDLERS = resolve(import.meta.dirname, "../support/plan-handlers.ts");
const lifted = { operations: Number.POSITIVE_INFINITY, dataBytes: Number.POSITIVE_INFINITY };

function handlerOf(name: keyof typeof bodies, runtime: RuntimeOptions = {}): LocalHandler {
  return withDurableExecution(bodies[name], { runtime: { quotas: lifted, ...runtime } }) as unknown as LocalHandler;
}

/** What is planned from a sample. */
async function plan(name: keyof typeof bodies, count: number, sampleItems: number, itemsOfStreams?: number) {
  const module = { functionName: name, handler: handlerOf(name) };
  const trial = await runTrial({ module, input: JSON.stringify({ count }), latencyMs: 0, sampleItems });
  return planFrom(trial, { functionName: name, latencyMs: 0, itemsOfStreams });
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
  const dollars = (operations * 8) / 1e6 + (dataBytes * 0.25) / 1e9;
  return { operations: operations - retries - parts - 1, dataBytes, requests: checkpoints, dollars };
}

/** Within `ratio` of each other. */
function expectNear(predicted: number, real: number, ratio: number): void {
  expect(predicted).toBeGreaterThan(real / ratio);
  expect(predicted).toBeLessThan(real * ratio);
}

describe("a plan", () => {
  test("predicts from a sample of a map what all of it takes, as it is and in batches", async () => {
    const { maps, predictions } = await plan("nested", 2_000, 300);
    expect(maps).toMatchObject([{ name: "rows", kind: "map", form: "nested", total: 2_000, canShare: true, seen: 1 }]);
    expect(maps[0]?.sampled).toBeGreaterThan(200);
    expect(maps[0]?.sampled).toBeLessThan(700);
    expect(predictions.map(({ name }) => name)).toEqual(["as is", "flat", "batch: 10", "batch: 100", "batch: 1000"]);
    for (const { name, operations, dataBytes, dollars } of predictions) {
      if (name === "flat") continue;
      const batch = name.split(": ")[1];
      const real = await actual("nested", 2_000, batch === undefined ? {} : { batch: Number(batch) });
      // The step after the map is not seen.
      expect(operations).toBe(real.operations - 1);
      // What a retry writes again, a further operation may have kept before.
      expectNear(dataBytes, real.dataBytes, batch === undefined ? 1.5 : 2);
      expectNear(dollars, real.dollars, 1.5);
    }
    expect(predictions[1]?.operations).toBe(4_001);
  });

  test("predicts exactly what was run", async () => {
    const { predictions, maps, notes } = await plan("nested", 100, 1_000);
    const { requests: _, ...real } = await actual("nested", 100);
    const { operations, dataBytes, dollars } = predictions[0] ?? {};
    expect({ operations, dataBytes, dollars }).toEqual({ ...real, dollars: expect.closeTo(real.dollars, 9) });
    expect(maps[0]).toMatchObject({ total: 100, sampled: 100 });
    expect(notes.join(" ")).toContain("Waits and retry delays come on top");
  });

  test("tells the items of a FLAT map apart, and the requests that few items at once take", async () => {
    const { predictions, maps } = await plan("flat", 1_500, 400);
    expect(maps[0]).toMatchObject({ form: "flat" });
    const real = await actual("flat", 1_500);
    expect(predictions[0]?.operations).toBe(real.operations);
    expectNear(predictions[0]?.dataBytes ?? 0, real.dataBytes, 1.2);
    expectNear(predictions[0]?.requests ?? 0, real.requests, 1.5);
    expect(predictions.map(({ name }) => name)).not.toContain("flat");
  });

  test("multiplies the maps inside the items of another one", async () => {
    const { predictions, maps } = await plan("areas", 1_000, 200);
    expect(maps).toMatchObject([
      { name: "areas", total: 3, sampled: 1, canShare: false },
      { name: "orders", total: 1_000, canShare: true },
    ]);
    const real = await actual("areas", 1_000);
    expect(predictions[0]?.operations).toBe(real.operations);
    expect(predictions.find(({ name }) => name === "batch: 100")?.operations).toBe(1 + 3 * (1 + 1 + 10));
  });

  test("knows which items need operations of their own", async () => {
    const { predictions, maps, notes } = await plan("patient", 300, Number.POSITIVE_INFINITY);
    expect(maps).toMatchObject([{ name: "patient", canShare: false }]);
    expect(predictions.map(({ name }) => name)).toEqual(["as is", "flat"]);
    expect(notes.join(" ")).toMatch(/Waits and retry delays come on top: 1 h/);
  });

  test("marks what AWS refuses, and recommends something else", async () => {
    const { predictions } = await plan("nested", 30_000, 200);
    const refused = predictions.filter(({ refusedByAws }) => refusedByAws.length > 0).map(({ name }) => name);
    expect(refused).toEqual(["as is", "flat", "batch: 10"]);
    expect(predictions[0]?.refusedByAws[0]).toContain("90,001 operations, and its limit is 3,000");
    expect(recommend(predictions)?.name).toMatch(/^batch: 1000?$/);
    expect(recommend((await plan("nested", 20, 200)).predictions)?.name).toBe("as is");
  });

  test("recommends the first setting that fits well and is about as fast and as cheap as any", () => {
    const settings = (...numbers: [operations: number, wallMs: number, dollars: number][]): Prediction[] =>
      numbers.map(([operations, wallMs, dollars], index) => ({
        ...{ name: `setting ${index}`, operations, wallMs, dollars, requests: 1, dataBytes: 1, differs: true },
        refusedByAws: operations > 3_000 ? ["too many"] : [],
      }));
    const choice = (...numbers: Parameters<typeof settings>) => recommend(settings(...numbers))?.name;
    expect(choice([2_000, 1_000, 0.01], [20, 900, 0.0001])).toBe("setting 0");
    expect(choice([2_000, 60_000, 0.01], [20, 900, 0.0001])).toBe("setting 1");
    expect(choice([2_000, 1_000, 0.02], [20, 900, 0.0001])).toBe("setting 1");
    expect(choice([2_900, 1_000, 0.01], [20, 900, 0.0001])).toBe("setting 1");
    expect(choice([2_900, 1_000, 0.01], [3_001, 900, 0.0001])).toBe("setting 0");
    expect(choice([3_001, 1, 0.01])).toBeUndefined();
  });

  test("looks for a batch that fits when none of the usual ones does", async () => {
    const { predictions } = await plan("flat", 4_000_000, 200);
    expect(predictions.at(-1)).toMatchObject({ name: "batch: 1700", operations: 2_354 });
  });

  test("recommends nothing when AWS takes the input in no setting", async () => {
    const { predictions } = await plan("heavy", 200_000, 200);
    expect(predictions.at(-1)?.refusedByAws.join()).toMatch(/MB written, and its limit is 104\.9 MB/);
    expect(recommend(predictions)).toBeUndefined();
  });

  test("needs to be told how many items there are where they are read one after the other", async () => {
    await expect(plan("streamed", 5_000, 100)).rejects.toMatchObject({
      code: "ERR_PLAN_ITEMS_UNKNOWN",
      message: expect.stringContaining('Map "numbers" reads its items one after the other'),
    });
    expect((await plan("streamed", 5_000, 100, 5_000)).predictions[0]?.operations).toBe(251);
    const all = await plan("streamed", 300, Number.POSITIVE_INFINITY);
    expect(all.predictions[0]?.operations).toBe((await actual("streamed", 300)).operations);
  });
});

describe.concurrent("the plan command", () => {
  test("runs nothing before it is told to, and no more than the sample and what is under way then", async () => {
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
    expect(readFileSync(log, "utf8").split("\n").length).toBeLessThan(300 + 3 * 256);
    expect(done.stdout).toMatch(
      /^plan-handlers, at 20 ms a checkpoint\n {2}map "rows": 5,000 items, NESTED, \d+ of them run/,
    );
    expect(done.stdout).toMatch(/as is +15,001 +\d+ +\d+\.\d kB +~.* +\$0\.1\d +AWS refuses it/);
    expect(done.stdout).toContain('AWS would refuse it "as is": 15,001 operations, and its limit is 3,000.');
    expect(done.stdout).toMatch(/batch: 10 +501 .*recommended/);
    expect(done.stdout).toContain(
      'The sample ended in "rows": what the handler does after that is not in these numbers.',
    );
    expect(existsSync(join(cwd, ".durable-fanout"))).toBe(false);
  });

  test("plans what it has seen of a handler that fails, says so and ends with 1", async () => {
    const event = '{"count":10}';
    const result = await runCli(["plan", HANDLERS, "--export", "failing", "--event", event, "--yes", "--json"]);
    expect(result.exitCode).toBe(1);
    expect(documentsOf(result)).toMatchObject([
      {
        type: "plan",
        latencyMs: 20,
        maps: [{ name: "rows", total: 10, sampled: 10 }],
        settings: [{ name: "as is", operations: 21, refusedByAws: [], recommended: true }, {}, {}, {}, {}],
        notes: [
          expect.stringContaining("The execution ended as FAILED: RangeError: nothing to add up"),
          expect.anything(),
        ],
      },
    ]);
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
