import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { WorkerCrashedError, WorkerTimeoutError, workerStatistics } from "../../src/workers.ts";
import { runOurs } from "../support/service.ts";
import { expectNoUnhandledRejections, inOneBatch, rejection, restarts, threads } from "../support/threads.ts";

expectNoUnhandledRejections();

const settled = async (): Promise<void> => {
  while ((workerStatistics()?.running ?? 0) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe("a time-out", () => {
  test("ends an endless loop with its thread, and names the call", async () => {
    const before = restarts();
    const { spin, double } = threads({ timeout: { seconds: 0.1 }, threads: 1 });
    const error = await rejection(spin());
    expect(error).toBeInstanceOf(WorkerTimeoutError);
    expect(error["code"]).toBe("ERR_WORKER_TIMEOUT");
    expect(error.message).toMatch(/^The time-out of 0\.1 s is over for spin of file:.*worker-functions\.ts\.$/);
    expect(await double(1)).toBe(2);
    expect(restarts()).toBe(before + 1);
  });

  test("spares the thread of code that heeds its signal, computing or waiting", async () => {
    const before = restarts();
    const one = threads({ timeout: { seconds: 0.1 }, graceMs: 10_000, threads: 1 });
    const thread = await one.whichThread();
    for (const call of [one.spinUntilUnwanted(), one.waitUntilUnwanted()]) {
      expect(await rejection(call)).toBeInstanceOf(WorkerTimeoutError);
      await settled();
    }
    expect(await one.whichThread()).toBe(thread);
    expect(restarts()).toBe(before);
  });

  test("spares calls that ended in time while the calling thread computed for long", async () => {
    const { later } = threads({ timeout: { seconds: 0.15 }, threads: 1 });
    const calls = [later(1, 20), ...inOneBatch((_, n: number) => later(n, 5), [2, 3])];
    await new Promise((resolve) => setTimeout(resolve, 100));
    const untilMs = performance.now() + 300;
    while (performance.now() < untilMs);
    expect(await Promise.all(calls)).toEqual([1, 2, 3]);
  });

  test("holds for endless work that the calls of a batch have left behind", async () => {
    const { spinLater, double } = threads({ timeout: { seconds: 0.2 }, threads: 1 });
    // The result of the first call may have been posted before.
    const [, last] = await Promise.allSettled(inOneBatch(spinLater, [1, 2]));
    expect(last).toMatchObject({ status: "rejected", reason: expect.any(WorkerTimeoutError) });
    expect(await double(1)).toBe(2);
  });

  test("counts from when the call begins, not from when it is made", async () => {
    const { later } = threads({ threads: 1, timeout: { seconds: 0.5 } });
    const calls = Array.from({ length: 8 }, (_, n) => later(n, 100));
    expect(await Promise.all(calls)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("may be that of one call", async () => {
    const { spin, later } = threads();
    expect(await rejection(spin.with({ timeout: { seconds: 0.05 } })())).toBeInstanceOf(WorkerTimeoutError);
    expect(await later(1, 120)).toBe(1);
  });
});

describe("a signal", () => {
  test("that is aborted rejects with its reason, and ends a thread that ignores it", async () => {
    const before = restarts();
    const { spin, double } = threads();
    const controller = new AbortController();
    const spinning = spin.with({ signal: controller.signal })();
    await double(1);
    controller.abort(new RangeError("enough"));
    expect(String(await rejection(spinning))).toBe("RangeError: enough");
    await settled();
    expect(restarts()).toBe(before + 1);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  test("that was aborted before runs nothing", async () => {
    const { countCalls } = threads({ threads: 1, idleMs: 60_000 });
    expect(await countCalls()).toBe(1);
    const error = await rejection(countCalls.with({ signal: AbortSignal.abort(new Error("never")) })());
    expect(error.message).toBe("never");
    expect(await countCalls()).toBe(2);
  });

  test("forgets a call that waits, and touches no thread", async () => {
    const before = restarts();
    const { later, countCalls } = threads({ threads: 1, idleMs: 59_000 });
    const controller = new AbortController();
    const first = later(1, 50);
    const waiting = [1, 2, 3].map(() => rejection(countCalls.with({ signal: controller.signal })()));
    controller.abort(new Error("enough"));
    for (const error of await Promise.all(waiting)) expect(error.message).toBe("enough");
    expect(await first).toBe(1);
    expect(await countCalls()).toBe(1);
    expect(restarts()).toBe(before);
  });

  test("leaves no listener behind, whatever becomes of the call", async () => {
    const controller = new AbortController();
    const { double, fail, exit } = threads({ signal: controller.signal });
    await double(1);
    await rejection(fail("text"));
    await rejection(exit(1));
    await rejection(double((() => 1) as never));
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  test("of a batch aborts what has not ended", async () => {
    const controller = new AbortController();
    const obey = threads({ threads: 1 }).obey.with({ signal: controller.signal });
    const items = [
      { do: "exit", n: 1 },
      { do: "spin", n: 1 },
      { do: "double", n: 4 },
    ] as const;
    const [first, ...others] = inOneBatch(obey, items as unknown as never[]);
    const aborted = others.map(rejection);
    expect(await rejection(first as Promise<unknown>)).toBeInstanceOf(WorkerCrashedError);
    controller.abort(new Error("enough"));
    expect((await Promise.all(aborted)).map(({ message }) => message)).toEqual(["enough", "enough"]);
    await settled();
  });
});

describe("a step", () => {
  const never = { retryStrategy: () => ({ shouldRetry: false }) };

  test("is not listened to by a call that was aborted before it began", async () => {
    const { double } = threads({ signal: AbortSignal.abort(new Error("enough")) });
    const { result } = await runOurs(async (_, context) =>
      context.step("double", async ({ signal }) => {
        const { message } = await rejection(double(1));
        return [message, getEventListeners(signal, "abort").length];
      }),
    );
    expect(result).toEqual(["enough", 0]);
  });

  test("whose time-out is over takes its call along", async () => {
    const before = restarts();
    const { spin, double } = threads();
    // A call that waits for its thread to start is forgotten without ending it.
    await Promise.all([double(1), double(2)]);
    const run = await runOurs(async (_, context) =>
      context
        .step("spin", () => spin(), { timeout: { seconds: 0.5 }, ...never })
        .catch((error: Error) => String(error.cause)),
    );
    expect(run.result).toBe('StepTimeoutError: Step "spin" did not end within its time-out of 0.5 s.');
    await settled();
    expect(restarts()).toBe(before + 1);
  });

  test.each([{}, { nesting: "FLAT" as const }, { batch: 10 }])(
    "of a map that ends early has its call ended (%j)",
    async (config) => {
      const { spin, double } = threads();
      const run = await runOurs(async (_, context) => {
        const batch = await context.map(
          [0, 1, 2, 3],
          (item, n) => item.step("s", () => (n === 0 ? double(21) : spin())),
          { ...config, maxConcurrency: 2, completionConfig: { minSuccessful: 1 } },
        );
        return [batch.getResults(), batch.completionReason];
      });
      expect(run.result).toEqual([[42], "MIN_SUCCESSFUL_REACHED"]);
      await settled();
      expect(await double(1)).toBe(2);
    },
  );
});
