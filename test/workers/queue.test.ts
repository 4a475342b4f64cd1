import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { transfer, WorkerCrashedError, WorkerTimeoutError, workerStatistics } from "../../src/workers.ts";
import { temporaryFolder } from "../support/cli.ts";
import { expectNoUnhandledRejections, inOneBatch, rejection, restarts, threads } from "../support/threads.ts";

expectNoUnhandledRejections();

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const messages = (): number => workerStatistics()?.messages ?? 0;

/** A file in which calls note that they have run. */
function diary() {
  const file = join(temporaryFolder(), "ran.txt");
  writeFileSync(file, "");
  return { file, read: () => readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number) };
}

describe("calls that wait for a thread", () => {
  test("begin in the order in which they were made, each in a message of its own", async () => {
    const { note } = threads({ threads: 1 });
    const { file, read } = diary();
    const before = messages();
    expect(await Promise.all(numbers(100).map((n) => note(file, n)))).toEqual(numbers(100));
    expect(read()).toEqual(numbers(100));
    expect(messages() - before).toBe(100);
  });

  test.each([
    ["exit", WorkerCrashedError],
    ["reject", WorkerCrashedError],
    ["spin", WorkerTimeoutError],
  ] as const)("run once each on another thread when the only one dies, and one fails alone (%s)", async (odd, type) => {
    const before = restarts();
    const { file, read } = diary();
    const { note } = threads({ threads: 1 });
    const dying = note.with(odd === "spin" ? { timeout: { seconds: 0.1 } } : {});
    const calls = numbers(30).map((n) => (n === 20 ? dying(file, n, odd) : note(file, n)));
    const outcomes = await Promise.allSettled(calls);
    const failed = outcomes.flatMap((outcome, n) => (outcome.status === "rejected" ? [[n, outcome.reason]] : []));
    expect(failed).toEqual([[20, expect.any(type)]]);
    expect(read()).toEqual(numbers(30));
    expect(restarts()).toBe(before + 1);
  });

  test("go on at once on another thread when native code holds up the end of theirs", async () => {
    const file = join(temporaryFolder(), "go");
    const { blockUntil, double } = threads({ threads: 1 });
    try {
      const blocked = rejection(blockUntil.with({ timeout: { seconds: 0.1 } })(file));
      expect(await double(4)).toBe(8);
      expect(await blocked).toBeInstanceOf(WorkerTimeoutError);
    } finally {
      writeFileSync(file, "");
    }
  });

  test("wait behind no long one while a thread is free", async () => {
    const { later, meet } = threads();
    const cells = new Int32Array(new SharedArrayBuffer(8));
    // Ends when another call has begun beside it.
    const long = meet(cells);
    expect(await Promise.all(numbers(20).map((n) => later(n, 0)))).toEqual(numbers(20));
    await Promise.all([long, meet(cells)]);
  });

  test("are not begun once they are not wanted, and those behind them are", async () => {
    const { file, read } = diary();
    const { note, later } = threads({ threads: 1 });
    const controller = new AbortController();
    const { signal } = controller;
    const busy = later(1, 100);
    const unwanted = numbers(30).map((n) => rejection(note.with({ signal })(file, n)));
    const wanted = numbers(5).map((n) => note(file, 100 + n));
    controller.abort(new Error("enough"));
    for (const error of await Promise.all(unwanted)) expect(error.message).toBe("enough");
    await Promise.all([busy, ...wanted]);
    expect(read()).toEqual([100, 101, 102, 103, 104]);
  });

  test("keep what they were to move when they are not wanted any more", async () => {
    const { increment, later } = threads({ threads: 1 });
    const controller = new AbortController();
    const busy = later(1, 50);
    const bytes = new Uint8Array([1]);
    const unwanted = rejection(increment.with({ signal: controller.signal })(transfer(bytes)));
    const last = later(2, 0);
    controller.abort(new Error("enough"));
    await Promise.all([busy, unwanted, last]);
    expect([...bytes]).toEqual([1]);
  });

  test("have their arguments cloned once, alone and in a batch", async () => {
    const { obey } = threads({ threads: 1 });
    let reads = 0;
    const item = () => ({
      do: "double" as const,
      get n() {
        return ++reads;
      },
    });
    expect(await Promise.all([obey(item()), obey(item()), obey(item())])).toEqual([2, 4, 6]);
    expect(reads).toBe(3);
    await Promise.all(inOneBatch(obey, [item(), item()]));
    expect(reads).toBe(5);
  });
});
