import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { withDurableExecution } from "../../src/index.ts";
import { closeWorkers, workerStatistics, workers } from "../../src/workers.ts";
import { temporaryFolder } from "../support/cli.ts";
import { invokeOver, runOurs } from "../support/service.ts";
import { inOneBatch, rejection, threads } from "../support/threads.ts";

const statistics = () => {
  const read = workerStatistics();
  if (read === undefined) throw new Error("There is no pool.");
  return read;
};

/** Threads of this process that are alive. */
const alive = (): number => process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;

afterEach(() => closeWorkers());

test("defining functions starts no thread, and the first call one", async () => {
  const { double } = threads({ idleMs: 11_001 });
  expect(workerStatistics()?.threads ?? 0).toBe(0);
  await double(1);
  expect(statistics().threads).toBe(1);
});

test("threads are started as they are needed, up to the number that is set", async () => {
  const { later } = threads({ threads: 3, idleMs: 11_002 });
  await Promise.all([later(1, 5), later(2, 5)]);
  expect(statistics().threads).toBe(2);
  await Promise.all(Array.from({ length: 9 }, () => later(1, 5)));
  expect(statistics().threads).toBe(3);
});

test("modules with the same settings share a pool", async () => {
  const file = join(temporaryFolder(), "other.mjs");
  writeFileSync(file, 'import { threadId } from "node:worker_threads"; export const where = () => threadId;');
  const options = { mode: "threads", threads: 1 } as const;
  const other = workers<{ where(): number }>(pathToFileURL(file), options);
  expect(await other.where()).toBe(await threads(options).whichThread());
  const limited = threads({ ...options, resourceLimits: { maxOldGenerationSizeMb: 64 } });
  expect(await limited.whichThread()).not.toBe(await other.where());
});

test("no more messages are under way than there are threads, however many calls wait", async () => {
  const { later } = threads({ threads: 2, idleMs: 11_003 });
  const calls = Array.from({ length: 500 }, (_, n) => later(n, 0));
  let most = 0;
  let waited = 0;
  const watch = setInterval(() => {
    most = Math.max(most, statistics().running);
    waited = Math.max(waited, statistics().waiting);
  });
  expect(await Promise.all(calls)).toHaveLength(500);
  clearInterval(watch);
  expect(most).toBeLessThanOrEqual(2);
  expect(waited).toBeGreaterThan(100);
});

test("a map pulls no more items than its window while they wait for a thread", async () => {
  const { double } = threads({ idleMs: 11_004 });
  let most = 0;
  const run = await runOurs(
    async (_, context) => {
      const batch = await context.map(
        Array.from({ length: 3_000 }, (_, n) => n),
        (item, n) => {
          most = Math.max(most, statistics().waiting);
          return item.step("double", () => double(n));
        },
        { batch: 500 },
      );
      return batch.successCount;
    },
    { runtime: { concurrency: 32 } },
  );
  expect(run.result).toBe(3_000);
  expect(most).toBeGreaterThan(5);
  expect(most).toBeLessThanOrEqual(32);
});

test("idle threads are ended, and new ones started for the next call", async () => {
  const { whichThread } = threads({ threads: 1, idleMs: 20 });
  const first = await whichThread();
  while (statistics().threads > 0) await pause(5);
  expect(await whichThread()).not.toBe(first);
});

test("closing ends the threads and fails what runs and waits; a later call opens the pool again", async () => {
  const { spin, double } = threads({ threads: 1 });
  const before = workerStatistics()?.restarts ?? 0;
  const ended = [rejection(spin()), rejection(double(1))];
  while (statistics().running === 0) await pause(1);
  await closeWorkers();
  for (const error of await Promise.all(ended)) expect(error["code"]).toBe("ERR_WORKER_POOL_CLOSED");
  expect(statistics()).toMatchObject({ threads: 0, running: 0, waiting: 0, restarts: before });
  expect(await double(2)).toBe(4);
});

test("counts tasks, messages, failures, time, use and restarts", async () => {
  const before = workerStatistics();
  const { double, burn, fail, exit } = threads({ idleMs: 11_005 });
  await Promise.all([double(1), burn(20), rejection(fail("text")), rejection(exit(1))]);
  const after = statistics();
  const grown = (key: keyof typeof after): number => after[key] - (before?.[key] ?? 0);
  expect([grown("tasks"), grown("messages"), grown("failures"), grown("restarts")]).toEqual([4, 4, 2, 1]);
  expect(grown("runMs")).toBeGreaterThanOrEqual(20);
  expect(grown("waitMs")).toBeGreaterThan(0);
  expect(after.utilisation).toBeGreaterThan(0);
  expect(after.utilisation).toBeLessThanOrEqual(1);
  expect([after.running, after.waiting]).toEqual([0, 0]);
});

test("counts calls whose signal was aborted before", async () => {
  const signal = AbortSignal.abort(new Error("never"));
  for (const [mode, key] of [
    ["threads", "tasks"],
    ["inline", "tasksInPlace"],
  ] as const) {
    const { double } = threads({ mode, signal, idleMs: 11_006 });
    const before = workerStatistics();
    expect((await rejection(double(1))).message).toBe("never");
    const after = statistics();
    expect([after[key] - (before?.[key] ?? 0), after.failures - (before?.failures ?? 0)]).toEqual([1, 1]);
  }
});

test("counts a call of a batch that is aborted before its message is sent", async () => {
  const controller = new AbortController();
  const double = threads({ idleMs: 11_007 }).double.with({ signal: controller.signal });
  const before = workerStatistics();
  const aborted = inOneBatch(double, [1, 2]).map(rejection);
  controller.abort(new Error("enough"));
  await Promise.all(aborted);
  await new Promise((resolve) => setImmediate(resolve));
  const after = statistics();
  expect([after.tasks - (before?.tasks ?? 0), after.failures - (before?.failures ?? 0)]).toEqual([2, 2]);
});

describe("hundreds of warm invocations", () => {
  test("keep their threads, and leave no thread, port or listener behind", async () => {
    // On a busy machine a call that is not wanted any more may need more than the usual time to end.
    const { double, whichThread } = threads({ threads: 2, idleMs: 60_001, graceMs: 10_000 });
    const lambda = withDurableExecution(async (n: number, context) => {
      const batch = await context.map([1, 2, 3], (item, m) => item.step("s", () => double(n * m)), {
        completionConfig: n % 3 === 0 ? { minSuccessful: 1 } : {},
      });
      return [batch.successCount > 0, await context.step("where", () => whichThread())];
    });
    const seen = new Set<number>();
    const warnings: Error[] = [];
    const warn = (warning: Error): void => void warnings.push(warning);
    process.on("warning", warn);
    for (let n = 0; n < 300; n++) {
      const { output } = await invokeOver(lambda as never, [], { input: n });
      const [worked, thread] = JSON.parse((output as { Result: string }).Result) as [boolean, number];
      expect(worked).toBe(true);
      seen.add(thread);
      if (n !== 20 && n !== 299) continue;
      // A thread that starts, or a call that is not wanted any more, may take longer than some invocations.
      await expect.poll(() => [statistics().running, alive()], { timeout: 30_000 }).toEqual([0, 0]);
    }
    process.off("warning", warn);
    expect(seen.size).toBeLessThanOrEqual(2);
    expect(statistics()).toMatchObject({ threads: 2, running: 0, waiting: 0, restarts: expect.any(Number) });
    expect(warnings).toEqual([]);
  });
});
