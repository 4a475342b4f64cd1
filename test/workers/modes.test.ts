import { threadId } from "node:worker_threads";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Gauge } from "../../src/workers/gauge.ts";
import { availableVcpus } from "../../src/workers/vcpus.ts";
import { transfer, type WorkerOptions, workerStatistics, workers } from "../../src/workers.ts";
import { captureLogs } from "../support/output.ts";
import { runOurs } from "../support/service.ts";
import { MODULE, rejection, threads } from "../support/threads.ts";

afterEach(() => vi.unstubAllEnvs());

describe("in place", () => {
  const inline = threads({ mode: "inline" });

  test("calls run in this thread and give the same", async () => {
    const before = workerStatistics()?.tasksInPlace ?? 0;
    expect(await inline.whichThread()).toBe(threadId);
    expect(await inline.double(21)).toBe(42);
    expect(await inline.later(7, 1)).toBe(7);
    expect((workerStatistics()?.tasksInPlace ?? 0) - before).toBe(3);
  });

  test("arguments and results are copies, or moved, as on a thread", async () => {
    const bytes = new Uint8Array([1]);
    expect([...(await inline.increment(bytes))]).toEqual([2]);
    expect([...bytes]).toEqual([1]);
    expect([...(await inline.increment(transfer(bytes)))]).toEqual([2]);
    expect(bytes.length).toBe(0);
  });

  test("what cannot be cloned fails, as on a thread", async () => {
    const argument = await rejection(inline.double({ a: () => 1 } as never));
    expect([argument["code"], argument.message]).toEqual([
      "ERR_WORKER_UNCLONEABLE",
      expect.stringContaining("arguments[0].a is a function"),
    ]);
    const result = await rejection(inline.uncloneable());
    expect(result.message).toContain("result.rows[1].onClick is a function");
  });

  test("each call keeps its task, although another copy of the package runs calls meanwhile", async () => {
    vi.resetModules();
    const copy = (await import("../../src/workers.ts")) as { workers: typeof workers };
    expect(copy.workers).not.toBe(workers);
    const other = copy.workers<typeof import("../support/worker-functions.ts")>(MODULE, { mode: "inline" });
    const cells = [inline, other].map(({ markLaterWhenUnwanted }) => {
      const cell = new Int32Array(new SharedArrayBuffer(4));
      void rejection(markLaterWhenUnwanted.with({ timeout: { seconds: 0.01 } })(cell, 60));
      return cell;
    });
    await vi.waitFor(() => expect(cells.map(([mark]) => mark)).toEqual([1, 1]), 10_000);
  });

  test("a signal and a time-out end what waits", async () => {
    const waiting = inline.waitUntilUnwanted.with({ timeout: { seconds: 0.05 } });
    expect((await rejection(waiting()))["code"]).toBe("ERR_WORKER_TIMEOUT");
    const controller = new AbortController();
    const aborted = inline.waitUntilUnwanted.with({ signal: controller.signal })();
    controller.abort(new Error("enough"));
    expect((await rejection(aborted)).message).toBe("enough");
  });

  test("a time-out aborts the signal of its call, as on a thread", async () => {
    for (const { markWhenUnwanted } of [inline, threads({ graceMs: 10_000 })]) {
      const cells = new Int32Array(new SharedArrayBuffer(4));
      const call = markWhenUnwanted.with({ timeout: { seconds: 0.05 } })(cells);
      expect((await rejection(call))["code"]).toBe("ERR_WORKER_TIMEOUT");
      await vi.waitFor(() => expect(Atomics.load(cells, 0)).toBe(1), 10_000);
    }
  });

  test("a signal that code asks for after its time-out is aborted", async () => {
    const cells = new Int32Array(new SharedArrayBuffer(4));
    const call = inline.markLaterWhenUnwanted.with({ timeout: { seconds: 0.02 } })(cells, 60);
    expect((await rejection(call))["code"]).toBe("ERR_WORKER_TIMEOUT");
    await vi.waitFor(() => expect(Atomics.load(cells, 0)).toBe(1), 10_000);
  });

  test("lines are logged with the step's data, and items of a batch have theirs", async () => {
    const { out, value } = await captureLogs(() =>
      runOurs(async (_, context) => {
        await context.step("one", () => inline.log("in place"));
        return (await context.map([1, 2, 3], inline.double, { batch: 2 })).getResults();
      }),
    );
    expect(out).toEqual([expect.objectContaining({ message: "in place", operationName: "one", attempt: 1 })]);
    expect(value.result).toEqual([2, 4, 6]);
  });
});

describe("auto", () => {
  const auto = (options: WorkerOptions = {}) =>
    workers<typeof import("../support/worker-functions.ts")>(MODULE, { mode: "auto", threads: 2, ...options });

  test("runs in place where there is one vCPU, unless only threads keep what is asked for", async () => {
    vi.stubEnv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769");
    expect(await auto().whichThread()).toBe(threadId);
    expect(await auto({ timeout: { seconds: 30 } }).whichThread()).not.toBe(threadId);
    expect(await auto({ resourceLimits: { maxOldGenerationSizeMb: 64 } }).whichThread()).not.toBe(threadId);
  });

  // A machine with one core has nothing to choose from.
  test.skipIf(availableVcpus() <= 1)("begins on threads, and takes short functions into place", async () => {
    const { whichThread, burn } = auto({ minTaskMicros: 5_000 });
    expect(await whichThread()).not.toBe(threadId);
    for (let n = 0; n < 40; n++) await whichThread();
    expect(await whichThread()).toBe(threadId);
    for (let n = 0; n < 20; n++) await burn(12);
    const before = workerStatistics()?.tasksInPlace;
    await burn(12);
    expect(workerStatistics()?.tasksInPlace).toBe(before);
  });

  test.skipIf(availableVcpus() <= 1)("learns nothing of a function from calls that never ran", async () => {
    const { whichThread, spinUntilUnwanted } = auto({ minTaskMicros: 5_000, threads: 1, idleMs: 60_002 });
    const busy = new AbortController();
    const running = rejection(spinUntilUnwanted.with({ signal: busy.signal })());
    const unwanted = new AbortController();
    const never = Array.from({ length: 40 }, () => rejection(whichThread.with({ signal: unwanted.signal })()));
    unwanted.abort();
    busy.abort();
    await Promise.all([running, ...never]);
    expect(await whichThread()).not.toBe(threadId);
  });

  test("decides by the average of what a function's calls take", () => {
    const gauge = new Gauge(100);
    const note = (times: number, ms: number): void => {
      for (let n = 0; n < times; n++) gauge.note(ms);
    };
    note(15, 0.01);
    expect(gauge.prefersInPlace).toBe(false);
    note(1, 0.01);
    expect(gauge.prefersInPlace).toBe(true);
    // A little longer now and then changes nothing; one long one does.
    note(3, 0.15);
    expect(gauge.prefersInPlace).toBe(true);
    note(1, 50);
    expect(gauge.prefersInPlace).toBe(false);
    note(40, 1);
    expect(gauge.prefersInPlace).toBe(false);
    note(200, 0.01);
    expect(gauge.prefersInPlace).toBe(true);
  });
});

test("a function that calls another one through workers runs it in place, and waits for no thread", async () => {
  const { callDouble } = threads({ threads: 1 });
  expect(await callDouble(4)).toBe(8);
});
