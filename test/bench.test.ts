import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Sample } from "../bench/child.ts";
import { benchmarksPage, readmeSection, withSection } from "../bench/docs.ts";
import {
  type LambdaResults,
  merge,
  type Results,
  readResults,
  type WorkResult,
  writeResults,
} from "../bench/results.ts";
import { judge, targets } from "../bench/targets.ts";
import { type State, type Subject, works } from "../bench/works.ts";
import { packedPackage } from "./support/packed-package.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "durable-fanout-bench-test-"));
const file = join(folder, "results.json");
let run: ReturnType<typeof spawnSync>;
let results: Results;

beforeAll(async () => {
  const { project } = await packedPackage();
  const dist = `${pathToFileURL(join(project, "node_modules/durable-fanout/dist"))}/`;
  const only = ["NESTED map of 10,000", "batch: 100, 10,000", "replay of FLAT"].flatMap((name) => ["--only", name]);
  const flags = [...only, "--quick", "--out", file, "--dist", dist];
  run = spawnSync(process.execPath, ["bench/run.ts", ...flags], { cwd: root, encoding: "utf8" });
  results = readResults<Results>(file) as Results;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rowOf = (page: string, title: string) => page.split("\n").find((line) => line.startsWith(`| ${title}`));

/** A work whose every run took so long. */
function workOf(times: Readonly<Record<State, Readonly<Partial<Record<Subject, readonly number[]>>>>>): WorkResult {
  const rest = { cpuMicros: 1, updates: 4, requests: 1, bytes: 10, itemsPerSecond: 1, loadMs: 5 };
  const samples = (list: readonly number[] = []): Sample[] => list.map((wallMs) => ({ ...rest, wallMs }));
  const state = ({ official, ours }: (typeof times)[State]) => ({ official: samples(official), ours: samples(ours) });
  return { items: 10, cold: state(times.cold), warm: state(times.warm) };
}

test("both packages do the work cold and warm, and their updates are counted", () => {
  expect({ status: run.status, stderr: run.stderr }).toMatchObject({ status: 0 });
  const { "NESTED map of 10,000": nested, "batch: 100, 10,000": batched, ...others } = results.works;
  expect(Object.keys(others)).toEqual(["replay of FLAT 10,000"]);
  for (const state of ["cold", "warm"] as const) {
    for (const subject of ["official", "ours"] as const) {
      expect(nested?.[state][subject]).toMatchObject([
        // How many requests there are depends on how fast the machine is.
        { updates: 4 * 40 + 2, requests: expect.any(Number), wallMs: expect.any(Number) },
      ]);
      expect(others["replay of FLAT 10,000"]?.[state][subject]).toMatchObject([{ updates: 0, requests: 0 }]);
    }
    expect(batched?.[state].ours).toMatchObject([{ updates: 4 }]);
  }
});

test("every row of the targets is measured by work that exists, beside the official SDK where it is a ratio", () => {
  const byName = new Map(works.map((work) => [work.name, work]));
  expect(byName.size).toBe(works.length);
  for (const { kind, work, from } of targets.flatMap(({ checks }) => (typeof checks === "string" ? [] : checks))) {
    expect(byName.get(work), work).toBeDefined();
    if (kind === "ratio") expect(byName.get(work), work).not.toMatchObject({ official: false });
    if (kind === "growth") expect(byName.get(from ?? ""), from).toBeDefined();
  }
});

test("the page has every target with the cold state beside the warm one", () => {
  const page = benchmarksPage(results);
  expect(page).toMatch(/\| work +\| cold +\| warm +\| target +\|/);
  for (const { row } of targets) expect(rowOf(page, row), row).toBeDefined();
  expect(rowOf(page, "CPU per item, FLAT 10,000")).toContain("not measured");
  expect(rowOf(page, "updates and requests, map of 10,000: updates, defaults")).toMatch(
    /\| 162 \/ 162 \(1\.00\) +\| 162 \/ 162 \(1\.00\) +\| <= 1 +\| met /,
  );
});

test("the README has six rows, with their runs, the machine and the baseline", () => {
  const work = workOf({
    cold: { official: [10, 10, 10], ours: [20, 20, 20] },
    warm: { official: [10, 10, 10], ours: [1, 1, 1] },
  });
  const section = readmeSection({ ...results, works: { ...results.works, "map of 10": work } });
  expect(section.match(/^\| (?!official SDK \/)/gm)?.length).toBe(6);
  expect(rowOf(section, "time of a map of 10 ")).toMatch(
    /\| 3 +\| 10 \/ 20 ms \(2\.00\) +\| 10 \/ 1 ms \(0\.10\) +\|$/,
  );
  expect(rowOf(section, "first invocation")).toMatch(/\| 0 +\| – +\| – +\|$/);
  expect(section).toContain(results.machine);
  expect(section).toMatch(/Baseline: official SDK \d+\.\d+\.\d+/);
});

test("a target is judged by medians, in the states that it is for, and a miss has its profile", () => {
  const work = workOf({
    cold: { official: [10, 10, 90], ours: [20, 2, 20] },
    warm: { official: [10, 10, 10], ours: [1, 1, 50] },
  });
  const judged: Results = {
    ...results,
    works: {
      "map of 10": work,
      "each of 10,000 fails once": work,
      "20,000 steps in a row": { ...work, cold: work.warm },
    },
    profiles: {
      "map of 10": { cold: [["start dist/index.mjs:1", 50]] },
      "20,000 steps in a row": { warm: [["loop dist/index.mjs:2", 50]] },
    },
  };
  const page = benchmarksPage(judged);
  expect(rowOf(page, "map of 10, cold, wall")).toMatch(
    /10 \/ 20 ms \(2\.00\) +\| 10 \/ 1 ms .*<= 0\.9 cold +\| \*\*missed\*\* +\|/,
  );
  expect(rowOf(page, "each of 10,000 fails once, wall")).toMatch(/<= 0\.25 +\| \*\*missed\*\* cold/);
  expect(rowOf(page, "20,000 sequential steps, wall")).toMatch(/\*\*missed\*\* +\|/);
  expect(page).toContain("### map of 10, cold\n");
  expect(rowOf(page, "`start dist/index.mjs:1`")).toContain("50 %");
  expect(page).toContain("### 20,000 steps in a row, warm\n");
});

test("what is measured again takes the place of what it was, and the page says so", () => {
  const again = workOf({ cold: { ours: [1] }, warm: { ours: [1] } });
  const merged = merge(results, { ...results, works: { "map of 10": again }, load: "0.1 to 0.2" });
  expect(merged.works).toEqual({ ...results.works, "map of 10": again });
  expect(benchmarksPage(merged)).toContain(`measured again: ${results.date}: map of 10`);
});

test("rows of Lambda are judged by the median process with Lambda's limits, and by the bundle without the AWS client", () => {
  const samples = (...times: number[]) => times.map((firstEvent) => ({ init: 1, firstEvent, secondEvent: 1 }));
  const row = { memoryMb: 128, work: "hello" };
  const lambda: LambdaResults = {
    ...{ date: results.date, node: "24", isLimited: true },
    sizes: [{ subject: "ours, AWS client external", kilobytes: 150, gzipped: 41 }],
    rows: [
      { ...row, subject: "official", samples: samples(900, 800, 10) },
      { ...row, subject: "ours", samples: samples(400, 300, 9_000) },
    ],
  };
  const ofLambda = (given: LambdaResults) =>
    judge(results, given)
      .filter(({ title }) => /hello|bundle/.test(title))
      .map(({ outcome }) => outcome);
  expect(ofLambda(lambda)).toEqual(["met", "missed"]);
  expect(ofLambda({ ...lambda, isLimited: false })).toEqual(["not measured", "missed"]);
});

test("a file of results has a line for each sample, and reads as it was written", () => {
  const written = join(folder, "written.json");
  writeResults(written, results);
  expect(readResults<Results>(written)).toEqual(results);
  expect(readFileSync(written, "utf8").match(/^ *\{ "wallMs".*\},?$/gm)?.length).toBe(3 * 2 * 2);
});

test("a text without the marks is not overwritten", () => {
  expect(() => withSection("# Another page", "figures")).toThrow("lacks the marks");
});

test("a profile of the first execution says where its time goes", () => {
  const args = ["bench/profile.ts", "map of 10", "--subject", "official", "--processes", "1"];
  const { stdout, status } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^ *\d+\.\d % {2}\S+/m);
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
