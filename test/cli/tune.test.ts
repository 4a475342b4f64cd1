import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { drawTuning, recommendTried } from "../../src/cli/plan/tune-report.ts";
import {
  combinations,
  environmentOf,
  nameOverrides,
  parseVariation,
  runtimeOf,
} from "../../src/cli/plan/tune-sweep.ts";
import { type Tried, withoutNewFailures } from "../../src/cli/plan/tune-trial.ts";
import { documentsOf, runCli, temporaryFolder } from "../support/cli.ts";

const HANDLERS = resolve(import.meta.dirname, "../support/plan-handlers.ts");

function tried(
  wallMs: number,
  rest: Partial<Omit<Tried, "overrides">> & { overrides?: Record<string, string> } = {},
): Tried {
  const overrides = new Map(Object.entries(rest.overrides ?? {}));
  const name = nameOverrides(overrides);
  const use = { operations: 10, requests: 1, dataBytes: 1, dollars: 0.001, refusedByAws: [], maps: [] };
  return { ...use, ...rest, name, overrides, wallMs };
}

const map = (sampled: number, failed: number) => [
  {
    name: "m",
    kind: "map",
    form: "nested",
    batchItems: undefined,
    seen: 1,
    total: 10,
    canShare: true,
    sampled,
    failed,
  } as const,
];

describe("a sweep", () => {
  test("tries all combinations, in the order given", () => {
    const sweep = combinations([parseVariation("batch=false,100"), parseVariation("concurrency=8,64")]);
    expect(sweep.map(nameOverrides)).toEqual([
      "no batch, concurrency 8",
      "no batch, concurrency 64",
      "batch 100, concurrency 8",
      "batch 100, concurrency 64",
    ]);
  });

  test("says how a setting is made, by the environment and in code", () => {
    const [overrides = new Map()] = combinations(
      ["batch=100", "concurrency=unlimited", "checkpoint.maxUpdates=50", "codec=json"].map(parseVariation),
    );
    expect(environmentOf(overrides)).toEqual({
      DURABLE_FANOUT_BATCH: "100",
      DURABLE_FANOUT_CONCURRENCY: "unlimited",
      DURABLE_FANOUT_CHECKPOINT_MAX_UPDATES: "50",
      DURABLE_FANOUT_CODEC: "json",
    });
    expect(runtimeOf(overrides)).toBe(
      'runtime: { batch: 100, concurrency: Infinity, codec: "json", checkpoint: { maxUpdates: 50 } }',
    );
  });

  test("names a setting that it does not know, values that are missing, and too many of them", () => {
    expect(() => parseVariation("concurency=1")).toThrow(/no setting "concurency" to vary; there are concurrency, /);
    expect(() => parseVariation("concurrency")).toThrow(/has no values/);
    const many = `concurrency=${Array.from({ length: 20 }, (_, index) => index + 1).join(",")}`;
    expect(() => combinations([parseVariation(many), parseVariation(many.replace("concurrency", "batch"))])).toThrow(
      /more than 200 settings/,
    );
  });
});

describe("the setting that is recommended", () => {
  test("is about the fastest, then about the cheapest, then the one that changes least", () => {
    const asItIs = tried(10_000);
    const small = tried(1_000, { overrides: { batch: "10", concurrency: "256" }, dollars: 0.01 });
    const large = tried(900, { overrides: { batch: "1000", concurrency: "32" }, dollars: 0.001 });
    const middle = tried(950, { overrides: { batch: "100", concurrency: "256" }, dollars: 0.0012 });
    const fewer = tried(950, { overrides: { batch: "100", concurrency: "32" }, dollars: 0.0012 });
    const more = tried(850, { overrides: { batch: "100", concurrency: "32", codec: "json" }, dollars: 0.0012 });
    expect(recommendTried([asItIs, small, large, middle, fewer, more])).toBe(fewer);
    expect(recommendTried([tried(1_100), small, large, fewer])).toMatchObject({ name: "as it is" });
  });

  test("is one that works and that AWS takes, or none", () => {
    const refused = tried(10, { refusedByAws: ["too many"], overrides: { batch: "1" } });
    const broken = tried(10, { fault: "it fails", overrides: { batch: "100" } });
    expect(recommendTried([refused, broken, tried(9_000)])?.name).toBe("as it is");
    expect(recommendTried([refused, broken])).toBeUndefined();
  });

  test("is none in which more items fail than before", () => {
    const asItIs = tried(1_000, { maps: map(100, 5) });
    expect(withoutNewFailures(tried(10, { maps: map(50, 2) }), asItIs).fault).toBeUndefined();
    expect(withoutNewFailures(tried(10, { maps: map(50, 50) }), asItIs).fault).toContain('50 of 50 items of "m" fail');
  });
});

test("the picture has a bar for each setting, in proportion", () => {
  const settings = [tried(4_000), tried(1_000, { overrides: { batch: "100" } })];
  const svg = drawTuning({ functionName: "a<b", latencyMs: 20, tried: settings, notes: [] });
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 \d+ \d+"/);
  expect(svg).toContain("a&lt;b: time of the whole input, at 20 ms a checkpoint");
  const widths = [...svg.matchAll(/width="(\d+)" height="16"/g)].map(([, width]) => Number(width));
  expect(widths).toEqual([640, 160]);
});

describe.concurrent("the tune command", () => {
  test("tries each setting in a process of its own, and recommends what fits", async () => {
    const cwd = temporaryFolder();
    const args = [
      "tune",
      HANDLERS,
      "--export",
      "nested",
      "--event",
      '{"count":5000}',
      "--sample",
      "100",
      "--latency",
      "1ms",
    ];
    const sweep = ["--vary", "batch=false,100", "--vary", "checkpoint.maxUpdates=250", "--svg", "chart.svg", "--yes"];
    const result = await runCli([...args, ...sweep], { cwd });
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toContain("This really runs the handler for the first 100 items of each map, 3 times");
    expect(result.stderr).toMatch(/^3 of 3 {2}batch 100, checkpoint\.maxUpdates 250: /m);
    expect(result.stdout).toMatch(/^as it is +15,001 .* ━+ +AWS refuses it$/m);
    expect(result.stdout).toMatch(/^no batch, checkpoint\.maxUpdates 250 +15,001 .*AWS refuses it$/m);
    expect(result.stdout).toMatch(/^batch 100, checkpoint\.maxUpdates 250 +51 .*recommended$/m);
    expect(result.stdout).toContain(
      "Set DURABLE_FANOUT_BATCH=100 DURABLE_FANOUT_CHECKPOINT_MAX_UPDATES=250, or give withDurableExecution " +
        "{ runtime: { batch: 100, checkpoint: { maxUpdates: 250 } } }.",
    );
    expect(readFileSync(join(cwd, "chart.svg"), "utf8")).toContain("batch 100, checkpoint.maxUpdates 250");
  });

  test("does not recommend a setting that is not allowed, and says why", async () => {
    const args = [
      "tune",
      HANDLERS,
      "--export",
      "patient",
      "--event",
      '{"count":20}',
      "--latency",
      "0",
      "--yes",
      "--json",
    ];
    const result = await runCli([...args, "--vary", "batch=10", "--vary", "concurrency=0,4"]);
    expect(result.exitCode).toBe(0);
    expect(documentsOf(result)).toMatchObject([
      {
        type: "tuning",
        latencyMs: 0,
        settings: [
          { name: "as it is", settings: {}, operations: 61, recommended: true },
          { settings: { batch: "10", concurrency: "0" }, fault: expect.stringContaining("DURABLE_FANOUT_CONCURRENCY") },
          { settings: { batch: "10", concurrency: "4" }, operations: 3 },
        ],
      },
    ]);
  });

  test("says when a map's own batch has won over the settings", async () => {
    const args = ["tune", HANDLERS, "--export", "streamed", "--event", '{"count":60}', "--latency", "0", "--yes"];
    const result = await runCli([...args, "--vary", "batch=5,50"]);
    expect(result.stdout).toContain('Batches were the same in all runs of "numbers": what a call says itself wins.');
  });

  test("does not vary batches in vain, where each map says its own", async () => {
    const args = ["tune", HANDLERS, "--export", "streamed", "--event", '{"count":60}', "--latency", "0", "--yes"];
    const result = await runCli([...args, "--json"]);
    const [{ settings, notes }] = documentsOf(result) as [{ settings: { name: string }[]; notes: string[] }];
    expect(settings.slice(0, 4).map(({ name }) => name)).toEqual([
      "as it is",
      "concurrency 32",
      "concurrency 128",
      "concurrency 512",
    ]);
    expect(settings.slice(4).every(({ name }) => !name.includes("batch"))).toBe(true);
    expect(settings).toHaveLength(8);
    expect(notes.join()).toContain("what a call says itself wins. `durable-fanout plan` compares other sizes.");
    expect(result.stderr).toContain("8 of 8  ");
  });

  test("runs nothing before it is told to, and passes on what is wrong with the handler", async () => {
    const refused = await runCli(["tune", HANDLERS, "--export", "nested"]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("at most 17 times");
    expect(refused.stderr).toContain("Nothing was run. Say --yes to run it.");
    const missing = await runCli(["tune", "nowhere.ts", "--yes"]);
    expect(missing.exitCode).toBe(3);
    expect(missing.stderr).toMatch(/There is no handler file .*nowhere\.ts/);
    const unknown = await runCli(["tune", HANDLERS, "--vary", "speed=11", "--yes"]);
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain('There is no setting "speed" to vary');
  });
});
