import { describe, expect, test } from "vitest";
import type { MapConfig, RuntimeOptions } from "../../src/index.ts";
import { type Handler, type Run, runOfficial, runOurs } from "../support/service.ts";

const SIZES = [10, 100, 1_000];
const UPDATES_OF_A_REQUEST = 250;
const engine = { quotas: { operations: Number.POSITIVE_INFINITY } };

interface Row {
  readonly id: number;
  readonly name: string;
}

/** A map of items with one step each, whose results have a few rows. */
const mapOf =
  (count: number, config: MapConfig<number, Row[]>): Handler =>
  async (_, context) => {
    const items = Array.from({ length: count }, (_value, index) => index);
    const rows = (n: number): Row[] =>
      Array.from({ length: 5 }, (_value, at) => ({ id: n + at, name: `row ${n + at}` }));
    const batch = await context.map("map", items, async (item, n) => item.step("step", async () => rows(n)), config);
    return batch.successCount;
  };

function countsOf({ invocations, updates, operations }: Run) {
  const requests = invocations.flatMap((invocation) => invocation.requests);
  return {
    updates: updates.length,
    requests: requests.length,
    bytes: requests.reduce((sum, request) => sum + Buffer.byteLength(JSON.stringify(request)), 0),
    operations: operations.filter(({ Type }) => Type !== "EXECUTION").length,
  };
}

async function ours(count: number, config: MapConfig<number, Row[]>, runtime: RuntimeOptions = {}) {
  const run = await runOurs(mapOf(count, config), { engine, runtime: { codec: "compact", ...runtime } });
  expect(run.result).toBe(count);
  return countsOf(run);
}

async function theirs(count: number, config: MapConfig<number, Row[]>) {
  const run = await runOfficial(mapOf(count, config), { engine });
  expect(run.result).toBe(count);
  return countsOf(run);
}

/** `count` of a map of ten times the items is ten times that of the items, and the map itself is counted once. */
function expectLinear(counts: readonly number[], ofMap: number): void {
  const ofItems = counts.map((count) => count - ofMap);
  expect(ofItems.slice(1)).toEqual(ofItems.slice(0, -1).map((count) => count * 10));
}

const shapes: [string, MapConfig<number, Row[]>, number][] = [
  ["a nested map", {}, 4],
  ["a flat map", { nesting: "FLAT" }, 2],
  ["a nested map, ten at once", { maxConcurrency: 10 }, 4],
  ["a flat map, one at a time", { nesting: "FLAT", maxConcurrency: 1 }, 2],
];

describe("no more is sent than by the official SDK, and it grows with the items:", () => {
  test.each(shapes)("%s", async (_, config, updatesOfAnItem) => {
    const counts = [];
    for (const size of SIZES) {
      const [own, official] = [await ours(size, config), await theirs(size, config)];
      expect(own.updates).toBe(official.updates);
      expect(own.operations).toBe(official.operations);
      expect(own.requests).toBeLessThanOrEqual(official.requests);
      expect(own.bytes).toBeLessThanOrEqual(official.bytes);
      expect(own.updates).toBe(2 + updatesOfAnItem * size);
      counts.push(own);
    }
    expectLinear(
      counts.map(({ operations }) => operations),
      1,
    );
    // Names and numbers get a digit more.
    const [ten, hundred, thousand] = counts.map(({ bytes }) => bytes) as [number, number, number];
    expect(hundred / ten).toBeLessThan(10.5);
    expect(thousand / hundred).toBeLessThan(10.5);
  });

  test("a map without a limit fills its requests", async () => {
    const { updates, requests } = await ours(1_000, {});
    expect(requests).toBe(Math.ceil(updates / UPDATES_OF_A_REQUEST));
  });

  test("ten open at once go in waves, as officially; in batches a handful of requests does", async () => {
    expect((await ours(1_000, { maxConcurrency: 10 })).requests).toBe(101);
    expect((await theirs(1_000, { maxConcurrency: 10 })).requests).toBe(101);
    expect((await ours(1_000, { maxConcurrency: 10, batch: 100 })).requests).toBeLessThanOrEqual(12);
  });
});

test.each([10, 100])("batches of %s: an operation for each, and one for the map", async (batch) => {
  for (const size of SIZES) {
    const own = await ours(size, { batch });
    const batches = Math.ceil(size / batch);
    expect(own.operations).toBe(1 + batches);
    expect(own.updates).toBe(2 + 2 * batches);
    // All batches of a request's worth of items may be on their way at once.
    expect(own.requests).toBeLessThanOrEqual(2 + batches);
    // The result of a small map is JSON, as the official SDK writes it.
    expect(own.bytes).toBeLessThanOrEqual((await theirs(size, {})).bytes / 3);
  }
});

test("elided STARTs: one update an item of a flat map, three of a nested one", async () => {
  const checkpoint = { elideStarts: true };
  for (const size of SIZES) {
    expect((await ours(size, { nesting: "FLAT" }, { checkpoint })).updates).toBe(2 + size);
    expect((await ours(size, {}, { checkpoint })).updates).toBe(2 + 3 * size);
  }
});
