import { describe, expect, test } from "vitest";
import { documentsOf, HANDLERS, runCli, shownBy, startCli, temporaryFolder } from "../support/cli.ts";

const batched = (event: object) => ["run", HANDLERS, "--export", "batched", "--event", JSON.stringify(event)];

interface ShownBatch {
  name: string;
  status: string;
  parts?: string[];
  items: { index: number; status: string; result?: unknown; error?: object; steps?: object[] }[];
}

async function shownBatches(cwd: string): Promise<ShownBatch[]> {
  const { operations } = await shownBy([], { cwd });
  return operations.filter(({ kind }) => kind === "MapBatch") as unknown as ShownBatch[];
}

describe.concurrent("a map in batches", () => {
  test("is shown with what became of its items, and the failed ones by index and error", async () => {
    const cwd = temporaryFolder();
    await runCli(batched({ count: 23, batch: 10, failing: [4, 12, 13] }), { cwd });
    const { stdout } = await runCli(["show"], { cwd });
    expect(stdout).toMatch(/└─ ✔ score {2}Map {2}20 succeeded, 3 failed in 3 batches {2}\d/);
    expect(stdout).toMatch(/├─ ✔ score\[0\.\.9\] {2}MapBatch {2}9 succeeded, 1 failed {2}\d/);
    expect(stdout).toMatch(/│ {2}└─ ✖ item 4 {2}StepError: 4 has no score/);
    expect(stdout).toMatch(/├─ ✔ score\[10\.\.19\] {2}MapBatch {2}8 succeeded, 2 failed {2}\d/);
    expect(stdout).toMatch(/│ {2}├─ ✖ item 12 .*\n.*│ {2}└─ ✖ item 13 /);
    expect(stdout).toMatch(/└─ ✔ score\[20\.\.22\] {2}MapBatch {2}3 succeeded {2}\d/);
  });

  test("is shown with few of its batches and of their failed items, and with all of them on request", async () => {
    const cwd = temporaryFolder();
    const failing = [...Array.from({ length: 9 }, (_, index) => 70 + index), 199];
    await runCli(batched({ count: 200, batch: 10, failing }), { cwd });
    const short = (await runCli(["show"], { cwd })).stdout;
    expect(short).toContain("score[70..79]  MapBatch  1 succeeded, 9 failed");
    expect(short).toContain("✖ item 74");
    expect(short).not.toContain("✖ item 75");
    expect(short).toContain("└─ … 4 more failed");
    expect(short).toContain("✖ item 199");
    expect(short).toContain("└─ … 8 more batches: 80 succeeded");
    const all = (await runCli(["show", "--all"], { cwd })).stdout;
    expect(all).toContain("✖ item 78");
    expect(all).toContain("score[180..189]");
  });

  test("is shown as one where its outcomes take several operations", async () => {
    const cwd = temporaryFolder();
    await runCli(batched({ count: 10, batch: 10, bytes: 60_000, failing: [9] }), { cwd });
    const { stdout } = await runCli(["show"], { cwd });
    expect(stdout).toMatch(/score\[0\.\.9\] {2}MapBatch {2}9 succeeded, 1 failed {2}in \d operations/);
    expect(stdout).not.toContain("MapBatchPart");
    const [batch] = await shownBatches(cwd);
    expect(batch?.items.filter(({ result }) => String(result).length === 60_000)).toHaveLength(9);
    expect(batch?.parts?.length).toBeGreaterThan(1);
  });

  test("has its items in the JSON, with results and errors, those of a batch that waits for a retry as well", async () => {
    const cwd = temporaryFolder();
    const run = startCli(batched({ count: 8, batch: 5, failing: [1], waiting: [3] }), { cwd });
    await run.said("1 waiting");
    run.child.kill("SIGTERM");
    await run.ended;
    expect(await shownBatches(cwd)).toMatchObject([
      {
        name: "score[0..4]",
        status: "PENDING",
        items: [
          { index: 0, status: "SUCCEEDED", result: 0 },
          { index: 1, status: "FAILED", error: { type: "StepError", message: "1 has no score" } },
          { index: 2, status: "SUCCEEDED", result: 2 },
          { index: 3, status: "PENDING", operations: [{ path: "1", status: "PENDING", attempts: 1 }] },
          { index: 4, status: "SUCCEEDED", result: 4 },
        ],
      },
      { name: "score[5..7]", status: "SUCCEEDED", items: [{ index: 5 }, { index: 6 }, { index: 7, result: 7 }] },
    ]);
    const text = (await runCli(["show"], { cwd })).stdout;
    expect(text).toContain("… score[0..4]  MapBatch  3 succeeded, 1 failed, 1 waiting");

    const resumed = documentsOf(await runCli(["resume", "--json", "--virtual-time"], { cwd })).at(-1);
    expect(resumed).toMatchObject({
      result: { succeeded: 7, failed: 1 },
      items: 1,
      batches: [{ name: "score", unit: "items", done: 7, failed: 1, running: 0, waiting: 0, total: 8, ended: true }],
    });
  });

  test("is counted in items by the summary", async () => {
    const cwd = temporaryFolder();
    const result = await runCli([...batched({ count: 300, batch: 7, failing: [4, 5] }), "--json"], { cwd });
    expect(documentsOf(result).at(-1)).toMatchObject({
      items: 300,
      batches: [{ name: "score", unit: "items", done: 298, failed: 2, running: 0, total: 300, ended: true }],
    });
    expect(documentsOf(result).at(-1)).toMatchObject({ itemCounts: { succeeded: 298, failed: 2, notFinished: 0 } });
    expect(result.stderr).toMatch(/items +298 succeeded, 2 failed; /);
  });
});
