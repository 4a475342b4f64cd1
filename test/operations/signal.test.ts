import { describe, expect, test, vi } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { withDurableExecution } from "../../src/index.ts";
import { FAST, invokeOver, runOurs } from "../support/service.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const never = { retryStrategy: () => ({ shouldRetry: false }) };

describe("a step's time-out", () => {
  test.each([{}, { batch: 2 }])(
    "aborts its signal and fails the attempt; the strategy decides what follows (%j)",
    async (batching) => {
      const reasons: unknown[] = [];
      const run = await runOurs(async (_, context) => {
        const slow = (item: DurableContext) =>
          item.step(
            "slow",
            async ({ attempt, signal }) => {
              signal.addEventListener("abort", () => reasons.push(signal.reason));
              if (attempt === 1) await pause(5_000);
              return attempt;
            },
            { timeout: { seconds: 0.02 }, retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 1 } }) },
          );
        return (await context.map([1], (item) => slow(item), batching)).getResults();
      });
      expect(run.result).toEqual([2]);
      expect(reasons.map(String)).toEqual(['StepTimeoutError: Step "slow" did not end within its time-out of 0.02 s.']);
    },
  );

  test("that is final is a StepError with the time-out as its cause", async () => {
    const run = await runOurs(async (_, context) =>
      context
        .step("slow", () => pause(5_000), { timeout: { seconds: 0.01 }, ...never })
        .catch((error: Error) => [error.name, error.cause?.toString()]),
    );
    expect(run.result).toEqual([
      "StepError",
      'StepTimeoutError: Step "slow" did not end within its time-out of 0.01 s.',
    ]);
  });

  test("changes nothing when the step is in time, and leaves no timer behind", async () => {
    const cleared = vi.spyOn(globalThis, "clearTimeout");
    const run = await runOurs(async (_, context) => context.step("fast", async () => 1, { timeout: { hours: 1 } }));
    expect(run.result).toBe(1);
    expect(cleared.mock.calls.length).toBeGreaterThan(0);
    cleared.mockRestore();
    expect(process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length).toBeLessThan(5);
  });

  test.each([[{ seconds: 0 }], [{ seconds: -1 }], [{ seconds: Number.NaN }], [5], [null], [{ days: 100 }]])(
    "of %j is refused before anything is written",
    async (timeout) => {
      const run = await runOurs(async (_, context) => context.step("s", async () => 1, { timeout: timeout as never }));
      expect(run.outcome.error?.ErrorMessage).toContain('The timeout of step "s" is');
      expect(run.updates).toEqual([]);
    },
  );
});

describe("a signal", () => {
  test.each([{}, { nesting: "FLAT" as const }, { batch: 10 }])(
    "is aborted when the batch around it ends early (%j)",
    async (config) => {
      const aborted: string[] = [];
      const run = await runOurs(async (_, context) => {
        const batch = await context.map(
          [0, 1, 2],
          async (item, n) => {
            item.signal.addEventListener("abort", () => aborted.push(`item ${n}`));
            return item.step(async ({ signal }) => {
              signal.addEventListener("abort", () => aborted.push(`step ${n}`));
              if (n > 0) await pause(1_000);
              return n;
            });
          },
          { ...config, completionConfig: { minSuccessful: 1 } },
        );
        return batch.getResults();
      });
      expect(run.result).toEqual([0]);
      expect(aborted.toSorted()).toEqual(["item 1", "item 2", "step 1", "step 2"]);
    },
  );

  test.each([{}, { nesting: "FLAT" as const }, { batch: 10 }])(
    "that is first read after the map has ended early is aborted (%j)",
    async (config) => {
      const run = await runOurs(async (_, context) => {
        let ended = () => {};
        const hasEnded = new Promise<void>((resolve) => {
          ended = resolve;
        });
        let see = (_isAborted: boolean) => {};
        const seen = new Promise<boolean>((resolve) => {
          see = resolve;
        });
        const late = async (item: DurableContext, n: number) =>
          n === 0
            ? 0
            : item.step(async (step) => {
                await hasEnded;
                see(step.signal.aborted);
                return 1;
              });
        await context.map([0, 1], late, { ...config, completionConfig: { minSuccessful: 1 } });
        ended();
        return context.step(async () => seen);
      });
      expect(run.result).toBe(true);
    },
  );

  test.each([{}, { nesting: "FLAT" as const }, { batch: 10 }])(
    "of what has ended is never aborted, however what is around it ends (%j)",
    async (config) => {
      const aborted: string[] = [];
      const run = await runOurs(async (_, context) => {
        const note = (what: string, signal: AbortSignal) => signal.addEventListener("abort", () => aborted.push(what));
        const body = async (item: DurableContext, n: number) => {
          note(`item ${n}`, item.signal);
          await item.step(async ({ signal }) => note(`step ${n}`, signal));
          await item.runInChildContext(async (inner) => note(`child ${n}`, inner.signal), { virtualContext: true });
          const failing = async ({ signal }: { signal: AbortSignal }) => {
            note(`failed ${n}`, signal);
            throw new Error("failed");
          };
          await item.step(failing, never).catch(() => {});
          const check = async (state: number, { signal }: { signal: AbortSignal }) => {
            note(`check ${n}`, signal);
            return state;
          };
          await item.waitForCondition(check, { initialState: 1, waitStrategy: () => ({ shouldContinue: false }) });
          await item.step(async ({ signal }) => note(`timed ${n}`, signal), { timeout: { seconds: 30 } });
          if (n === 2) await item.step(() => pause(500));
        };
        await context.map([0, 1], body, config);
        // Ends early: item 2 is left behind, but not what it has done.
        await context.map([0, 1, 2], body, { ...config, completionConfig: { minSuccessful: 2 } });
        await context.parallel([(branch) => body(branch, 0)], { nesting: config.nesting ?? "NESTED" });
      });
      expect(run.outcome.status).toBe("SUCCEEDED");
      expect(aborted).toEqual(["item 2"]);
    },
  );

  test("of a step that has ended is not aborted shortly before the invocation is cut off", async () => {
    const aborted: string[] = [];
    const lambda = withDurableExecution(
      async (_: unknown, context: DurableContext) => {
        await context.step("done", async ({ signal }) => {
          signal.addEventListener("abort", () => aborted.push("done"));
        });
        return context.step("long", async ({ signal }) => {
          signal.addEventListener("abort", () => aborted.push("long"));
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        });
      },
      { runtime: FAST },
    );
    const { output } = await invokeOver(lambda as never, [], { remainingMs: 2_050 });
    expect(output.Status).toBe("SUCCEEDED");
    expect(aborted).toEqual(["long"]);
  });

  test("is aborted when the context around its step is over before the step", async () => {
    let reason: unknown;
    const run = await runOurs(async (_, context) => {
      await context.runInChildContext(async (inner) => {
        void inner.step("left behind", async ({ signal }) => {
          signal.addEventListener("abort", () => {
            reason = signal.reason;
          });
          await pause(1_000);
        });
        await inner.step("quick", async () => 1);
      });
    });
    expect(run.outcome.status).toBe("SUCCEEDED");
    expect(String(reason)).toBe("AbortError: The context around it is over.");
  });

  test("is the same one each time that it is asked for", async () => {
    const run = await runOurs(async (_, context) =>
      context.step(async (given) => new Set([given.signal, given.signal, given.signal]).size),
    );
    expect(run.result).toBe(1);
  });

  test("is aborted shortly before the invocation is cut off", async () => {
    const lambda = withDurableExecution(
      async (_: unknown, context: DurableContext) =>
        context.step("long", async ({ signal }) => {
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          return String(signal.reason);
        }),
      { runtime: FAST },
    );
    const { output } = await invokeOver(lambda as never, [], { remainingMs: 2_050 });
    expect(output).toEqual({
      Status: "SUCCEEDED",
      Result: '"TimeoutError: The invocation ends soon."',
    });
  });

  test("that nobody asks for is not made", async () => {
    const made = vi.spyOn(globalThis, "AbortController");
    await runOurs(async (_, context) => {
      await context.map([1, 2, 3], (item, n) => item.step(async () => n));
    });
    expect(made).not.toHaveBeenCalled();
    made.mockRestore();
  });
});
