import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { type FanOutSummary, faultBeside, faultOf, recommend, type Setting } from "../../src/cli/plan/plan-report.ts";
import { howToSet, nameOverrides, readTries } from "../../src/cli/plan/plan-try.ts";
import { documentsOf, HANDLERS as INVOKING, runCli, temporaryFolder } from "../support/cli.ts";

const HANDLERS = resolve(import.meta.dirname, "../support/plan-handlers.ts");

function tried(name: string, wallMs: number, rest: Partial<Setting> = {}): Setting {
  const use = { operations: 10, retries: 0, requests: 1, dataBytes: 1, dollars: 0.001, refusedByAws: [] };
  return { ...use, measured: [], how: "", name, wallMs, ...rest };
}

const map = (sampled: number, failed: number): FanOutSummary[] => [
  {
    ...{ name: "m", kind: "map", form: "nested", batchItems: undefined, seen: 1, total: 10, canShare: true },
    ...{ sampled, failed, error: "Error: no" },
  } as const,
];

describe("what is tried", () => {
  test("is each combination, in the order given", () => {
    const tries = readTries(["batch=false,100", "concurrency=8,64,8"], "--try");
    expect(tries.map(nameOverrides)).toEqual([
      "no batch, concurrency 8",
      "no batch, concurrency 64",
      "batch 100, concurrency 8",
      "batch 100, concurrency 64",
    ]);
  });

  test("is told with the way to set it, by the environment and in code", () => {
    const texts = [
      'batch={"maxItems":5,"maxBytes":2048}',
      "concurrency=unlimited",
      "checkpoint.maxUpdates=50",
      "codec=json",
    ];
    const [overrides = new Map(), ...others] = readTries(texts, "--try");
    expect(others).toEqual([]);
    expect(howToSet(overrides)).toBe(
      'Set DURABLE_FANOUT_BATCH=\'{"maxItems":5,"maxBytes":2048}\' DURABLE_FANOUT_CONCURRENCY=unlimited ' +
        "DURABLE_FANOUT_CHECKPOINT_MAX_UPDATES=50 DURABLE_FANOUT_CODEC=json, or give withDurableExecution " +
        '{ runtime: {"batch":{"maxItems":5,"maxBytes":2048},"concurrency":Infinity,"checkpoint":{"maxUpdates":50},"codec":"json"} }.',
    );
  });

  test.each([
    ["concurency=1", /no setting "concurency" to try; there are concurrency, /],
    ["quotas.operations=5", /no setting "quotas.operations" to try/],
    ["concurrency", /--try concurrency has no values/],
    ["batch=10,abc", /^--try batch is "abc"; it must be a whole number of items from 1 to 10000, .*or false/],
    ["concurrency=0", /^--try concurrency is "0"; allowed: a whole number from 1 to 1000000, or Infinity/],
    ["codec=xml", /^--try codec is "xml"; allowed: json, compact, typed/],
  ])("is refused by name where it is not allowed: %s", (text, message) => {
    expect(() => readTries([text], "--try")).toThrow(
      expect.objectContaining({ code: "ERR_USAGE", message: expect.stringMatching(message) }),
    );
  });

  test("has all values of a setting in one place", () => {
    const twice = () => readTries(["batch=10,50", "concurrency=8", "batch=20"], "--try");
    expect(twice).toThrow('--try names "batch" twice. Give all its values at once: --try batch=10,50,…');
  });

  test("is not more than can be waited for", () => {
    const many = `concurrency=${Array.from({ length: 20 }, (_, index) => index + 1).join(",")}`;
    expect(() => readTries([many, many.replace("concurrency", "batch")], "--try")).toThrow(/more than 200 settings/);
  });
});

describe("the setting that is recommended", () => {
  test("is the first that is about as fast as the fastest and as cheap as the cheapest", () => {
    const asIs = tried("as is", 10_000);
    const small = tried("small", 1_000, { dollars: 0.02 });
    const middle = tried("middle", 950);
    const large = tried("large", 900);
    expect(recommend([asIs, small, middle, large])).toBe(middle);
    expect(recommend([tried("as is", 1_100), small, middle, large])).toMatchObject({ name: "as is" });
  });

  test("is one that works and that AWS takes, or none", () => {
    const refused = tried("refused", 10, { refusedByAws: ["too many"] });
    const broken = tried("broken", 10, { fault: "it fails" });
    expect(recommend([refused, broken, tried("as is", 9_000)])?.name).toBe("as is");
    expect(recommend([refused, broken])).toBeUndefined();
  });

  test("is none in which more items fail than before, or half of them do", () => {
    const asIs = { maps: map(100, 5) };
    expect(faultBeside({ maps: map(50, 2) }, asIs)).toBeUndefined();
    expect(faultBeside({ maps: map(50, 10) }, asIs)).toBe('10 of 50 items of "m" failed: Error: no');
    expect(faultOf({ maps: map(50, 10) })).toBeUndefined();
    expect(faultOf({ maps: map(50, 25) })).toBe('25 of 50 items of "m" failed: Error: no');
  });
});

describe.concurrent("plan --try", () => {
  test("runs the sample once more for each value, and says before how often bodies run", async () => {
    const cwd = temporaryFolder();
    const log = join(cwd, "log");
    const event = JSON.stringify({ count: 5_000, log });
    const args = ["plan", HANDLERS, "--export", "nested", "--event", event, "--sample", "100", "--latency", "1ms"];
    const tries = ["--try", "batch=false,40", "--try", "checkpoint.maxUpdates=250"];
    const refused = await runCli([...args, ...tries], { cwd });
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain(
      "This really runs the handler for the first 100 items of each map, 3 times (as is; no batch, " +
        "checkpoint.maxUpdates 250; batch 40, checkpoint.maxUpdates 250): whatever its steps do to other systems is done. In all that is 320 items of each map.",
    );
    expect(existsSync(log)).toBe(false);
    const result = await runCli([...args, ...tries, "--yes"], { cwd });
    expect(result.exitCode).toBe(0);
    expect(readFileSync(log, "utf8").trim().split("\n")).toHaveLength(320);
    expect(result.stderr).toMatch(/^3 of 3 {2}batch 40, checkpoint\.maxUpdates 250: /m);
    expect(result.stdout).toMatch(/^as is +~15,001 .* AWS refuses it$/m);
    expect(result.stdout).toMatch(/^no batch, checkpoint\.maxUpdates 250 +~15,001 .*AWS refuses it$/m);
    expect(result.stdout).toMatch(/^batch 40, checkpoint\.maxUpdates 250 +~\d+ .*recommended$/m);
    expect(result.stdout).not.toMatch(/^(flat|batch:)/m);
    expect(result.stdout).toContain(
      "Set DURABLE_FANOUT_BATCH=40 DURABLE_FANOUT_CHECKPOINT_MAX_UPDATES=250, or give withDurableExecution " +
        '{ runtime: {"batch":40,"checkpoint":{"maxUpdates":250}} }.',
    );
  });

  test.for([
    ["batch=7", 10 + 14],
    ['batch={"maxItems":7}', 10 + 14],
    ['batch={"maxBytes":2048}', 10 + 100],
    ['batch=false,{"maxItems":3,"maxBytes":2048}', 10 + 10 + 12],
  ] as const)("says before how many items run, as batches run whole: %s", async ([values, items]) => {
    const args = ["plan", HANDLERS, "--export", "nested", "--sample", "10", "--try", values];
    const { stderr } = await runCli(args, { cwd: temporaryFolder() });
    expect(stderr).toContain(`In all that is ${items} items of each map.`);
  });

  test("refuses a value that is not allowed before anything runs", async () => {
    const cwd = temporaryFolder();
    const event = JSON.stringify({ count: 10, log: join(cwd, "log") });
    for (const [command, option] of [
      ["plan", "--try"],
      ["tune", "--vary"],
    ] as const) {
      const args = [command, HANDLERS, "--export", "nested", "--event", event, "--yes", "--json"];
      const result = await runCli([...args, option, "batch=10,abc"], { cwd });
      expect(result.exitCode).toBe(2);
      const message = expect.stringMatching(
        `^${option} batch is "abc"; it must be a whole number .* Nothing was run\\.$`,
      );
      expect(documentsOf(result)).toEqual([{ type: "error", error: { code: "ERR_USAGE", message } }]);
    }
    expect(existsSync(join(cwd, "log"))).toBe(false);
  });

  test("prints one document, in which what does not work has no figures and is not recommended", async () => {
    const args = ["plan", HANDLERS, "--export", "patient", "--event", '{"count":20}', "--latency", "0", "--yes"];
    // Both are allowed, but not together.
    const tries = ["--try", 'batch={"maxItems":10,"maxBytes":200000},10', "--try", "quotas.payloadBytes=100000"];
    const result = await runCli([...args, ...tries, "--json"]);
    expect(result.exitCode).toBe(0);
    const [document, ...others] = documentsOf(result);
    expect(others).toEqual([]);
    const measured = ["operations", "retries", "requests", "dataBytes", "wallMs"];
    expect(document).toMatchObject({
      type: "plan",
      latencyMs: 0,
      execution: { status: "SUCCEEDED" },
      settings: [
        { name: "as is", operations: 61, measured, recommended: true },
        { fault: expect.stringContaining("maxBytes"), measured: [], recommended: false },
        { settings: { batch: "10", "quotas.payloadBytes": "100000" }, operations: 3, measured },
      ],
    });
    const { settings } = document as { settings: object[] };
    expect(settings[1]).not.toHaveProperty("operations");
  });

  test("tries nothing more once the sample has failed as it is", async () => {
    const args = ["plan", HANDLERS, "--export", "failing", "--event", '{"count":10}', "--yes", "--try", "batch=5,10"];
    const result = await runCli(args);
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toContain("The settings were not tried, since the sample failed without them.");
    expect(result.stdout).not.toContain("batch 5");
  });

  test("hands the functions that are invoked on to each run", async () => {
    const functions = ["--plain-function", `double=${INVOKING}#double`, "--function", `child=${INVOKING}#child`];
    const args = ["plan", INVOKING, "--export", "invoking", "--event", '{"n":21}', "--yes", ...functions];
    const result = await runCli([...args, "--try", "codec=json"]);
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toMatch(/^codec json +~2 /m);
  });

  test("says when a map's own batch has won over the settings", async () => {
    const args = ["plan", HANDLERS, "--export", "streamed", "--event", '{"count":60}', "--latency", "0", "--yes"];
    const result = await runCli([...args, "--try", "batch=5,50"]);
    expect(result.stdout).toContain(
      'The tried values of batch changed nothing for "numbers": the code sets its own batch there.',
    );
  });

  test("says nothing of a map's own batch when no tried setting has run the map", async () => {
    const args = ["plan", HANDLERS, "--export", "streamed", "--event", '{"count":60}', "--latency", "0", "--yes"];
    // Both are allowed, but not together.
    const tries = ["--try", 'batch={"maxItems":5,"maxBytes":200000}', "--try", "quotas.payloadBytes=100000"];
    const result = await runCli([...args, ...tries]);
    expect(result.stdout).toMatch(/^batch \{.*( +–){5}/m);
    expect(result.stdout).not.toContain("the code sets its own batch there");
  });
});

describe.concurrent("the tune command", () => {
  test("is plan --try, and says so", async () => {
    const args = [
      "tune",
      HANDLERS,
      "--export",
      "nested",
      "--event",
      '{"count":60}',
      "--latency",
      "0",
      "--yes",
      "--json",
    ];
    const varied = await runCli([...args, "--vary", "batch=20"]);
    expect(varied.stderr).toContain("tune is plan --try batch=20, and goes with the next version.");
    const [{ settings, type } = {}] = documentsOf(varied) as { type?: string; settings?: { name: string }[] }[];
    expect(type).toBe("plan");
    expect(settings?.map(({ name }) => name)).toEqual(["as is", "batch 20"]);
    const usual = await runCli(args.slice(0, -2));
    expect(usual.stderr).toContain("tune is plan --try batch=10,100,1000");
    expect(usual.stderr).toContain("4 times (as is; batch 10; batch 100; batch 1000)");
  });

  test("runs nothing before it is told to, and says what to use where an option is gone", async () => {
    const refused = await runCli(["tune", HANDLERS, "--export", "nested"]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("Nothing was run. Say --yes to run it.");
    const missing = await runCli(["tune", "nowhere.ts", "--yes"]);
    expect(missing.exitCode).toBe(3);
    expect(missing.stderr).toMatch(/There is no handler file .*nowhere\.ts/);
    const unknown = await runCli(["tune", HANDLERS, "--vary", "speed=11", "--yes"]);
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain('There is no setting "speed" to try');
    const chart = await runCli(["tune", HANDLERS, "--svg", "chart.svg", "--yes"]);
    expect(chart.exitCode).toBe(2);
    expect(chart.stderr).toContain("--svg is gone: plan --try prints a table, and with --json all figures");
  });
});
