import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { benchmarksPage, withSection } from "../bench/docs.ts";
import { chartFiles } from "../bench/figures.ts";
import { merge, type Results, type ScenarioResult } from "../bench/results.ts";
import { scenarios } from "../bench/scenarios.ts";
import { judge, targets } from "../bench/targets.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "durable-fanout-bench-test-"));
const file = join(folder, "results.json");
let run: ReturnType<typeof spawnSync>;
let results: Results;

beforeAll(() => {
  const filters = ["map, 10,000, nested, 10 at once", "map, 10,000, batch of 100"];
  const flags = [...filters.flatMap((name) => ["--filter", name]), "--quick", "--out", file, "--json"];
  run = spawnSync(process.execPath, ["bench/run.ts", ...flags], { cwd: root, encoding: "utf8" });
  results = JSON.parse(readFileSync(file, "utf8")) as Results;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const medianOf = (name: string, subject: "official" | "ours", metric: "updates" | "requests" | "bytes" | "wallMs") =>
  results.scenarios.find((scenario) => scenario.name === name)?.subjects[subject]?.metrics[metric]?.median;

test("the suite ends well, and prints what it writes", () => {
  expect(run.status).toBe(0);
  expect(JSON.parse(String(run.stdout)).scenarios.map(({ name }: { name: string }) => name)).toEqual(
    results.scenarios.map(({ name }) => name),
  );
  expect(results.scenarios.flatMap(({ errors }) => Object.values(errors ?? {}))).toEqual([]);
});

test("results say on what they were measured", () => {
  expect(results).toMatchObject({
    quick: true,
    machine: { cores: expect.any(Number), node: process.version },
    packages: { "@aws/durable-execution-sdk-js": "2.4.0" },
  });
  expect(Date.parse(results.date)).toBeGreaterThan(0);
});

test("a map of 40 nested items is four updates an item, and two for the map, on both SDKs", () => {
  for (const subject of ["official", "ours"] as const) {
    expect(medianOf("map, 10,000, nested, 10 at once", subject, "updates")).toBe(4 * 40 + 2);
    expect(medianOf("map, 10,000, nested, 10 at once", subject, "requests")).toBe(5);
    expect(medianOf("map, 10,000, nested, 10 at once", subject, "wallMs")).toBeGreaterThan(0);
  }
});

test("a batch has one operation for its items", () => {
  expect(medianOf("map, 10,000, batch of 100", "ours", "updates")).toBe(4);
  expect(medianOf("map, 10,000, batch of 100", "ours", "requests")).toBe(1);
  expect(medianOf("map, 10,000, batch of 100", "ours", "bytes")).toBeLessThan(
    medianOf("map, 10,000, batch of 100", "official", "bytes") as number,
  );
});

test("the report has every row of the targets, and says which are not measured", () => {
  const page = benchmarksPage(results);
  for (const { work } of targets) expect(page).toContain(work);
  const row = (text: string) => page.split("\n").find((line) => line.includes(text));
  expect(row("| CPU per item, `batch: 100` (against FLAT)")).toMatch(/met|missed/);
  expect(row("| 20,000 sequential steps: CPU")).toContain("not measured");
});

test("the charts are well-formed, and those without figures are left out", () => {
  const charts = chartFiles(results);
  expect(charts.map(({ file }) => file)).toEqual(["targets.svg"]);
  for (const { svg } of charts) {
    const open = svg.match(/<(svg|text|style)\b/g)?.length;
    expect(svg.match(/<\/(svg|text|style)>/g)?.length).toBe(open);
  }
});

test("what is measured again takes the place of what it was, and the report says so", () => {
  const [first] = results.scenarios;
  const merged = merge(results, { ...results, scenarios: [{ ...(first as ScenarioResult), why: "measured again" }] });
  expect(merged.scenarios.map(({ name }) => name)).toEqual(results.scenarios.map(({ name }) => name));
  expect(merged.scenarios[0]?.why).toBe("measured again");
  expect(benchmarksPage(merged)).toContain("| measured again |");
});

test("rows of worker threads are judged by their ratio, or by our figure where there is no other", () => {
  const row = { scenario: "steps", unit: "ms" };
  const workers = [
    { ...row, metric: "wall", official: 100, ours: 50, target: "<= 0.55" },
    { ...row, metric: "delay", ours: 30, target: "20 ms" },
    { ...row, metric: "no target", ours: 1 },
  ];
  const verdicts = judge({ ...results, workers }).filter(({ kind }) => kind === "worker");
  expect(verdicts.map(({ measured, limit, outcome }) => [measured, limit, outcome])).toEqual([
    [0.5, 0.55, "met"],
    [30, 20, "missed"],
  ]);
});

test("a text without the marks is not overwritten", () => {
  expect(() => withSection("# Another page", "figures")).toThrow("lacks the marks");
});

test("a filter that names nothing measures nothing, and is no error", () => {
  const flags = ["--filter", "no such scenario", "--json"];
  const { status, stdout } = spawnSync(process.execPath, ["bench/run.ts", ...flags], { cwd: root, encoding: "utf8" });
  expect(status).toBe(0);
  expect(JSON.parse(stdout).scenarios).toEqual([]);
});

test("every target is measured by a scenario that exists, and compared with an official figure where it is a ratio", () => {
  const byName = new Map(scenarios.map((scenario) => [scenario.name, scenario]));
  expect(byName.size).toBe(scenarios.length);
  for (const check of targets.flatMap(({ checks }) => checks)) {
    const scenario = byName.get(check.scenario);
    expect(scenario, check.scenario).toBeDefined();
    if (check.kind === "ratio") expect(scenario?.official, check.scenario).not.toBe(false);
    if (check.kind === "growth") expect(byName.get(check.from), check.from).toBeDefined();
  }
});

test("bundles of both SDKs answer in processes of their own, and their sizes are told", () => {
  const args = ["bench/lambda.ts", "--runs", "1", "--memory", "512", "--work", "hello", "--json"];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const { sizes, rows } = JSON.parse(stdout) as {
    sizes: { kilobytes: number; gzipped: number }[];
    rows: { subject: string; samples: { init: number; firstEvent: number; secondEvent: number }[] }[];
  };
  expect(rows.map(({ subject }) => subject)).toEqual(["official", "ours", "ours, client at the top"]);
  for (const { samples } of rows) {
    expect(samples.length).toBe(1);
    for (const times of samples) for (const ms of Object.values(times)) expect(ms).toBeGreaterThan(0);
  }
  for (const { kilobytes, gzipped } of sizes) expect(gzipped).toBeLessThan(kilobytes);
});
