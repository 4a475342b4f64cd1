import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { type Handler, type Run, runOurs } from "../support/service.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const requestsOf = (run: Run) => run.invocations.flatMap(({ requests }) => requests);
/** Longer than a test may take: whoever waits for it fails. */
const NEVER = 10_000;

/** Steps that end one after the other, each by itself. */
const trickle: Handler = async (_, context: DurableContext) => {
  const steps = Array.from({ length: 10 }, (_step, n) => context.step(`${n}`, () => pause(n * 3)));
  await Promise.all(steps);
  return steps.length;
};

describe("checkpoint.maxDelayMs", () => {
  test("lets updates travel together that would have left one by one", async () => {
    const at = async (maxDelayMs: number) => {
      const run = await runOurs(trickle, { runtime: { checkpoint: { maxDelayMs } } });
      expect(run.result).toBe(10);
      expect(run.updates.length).toBe(20);
      return requestsOf(run).length;
    };
    const together = await at(200);
    expect(together).toBeLessThanOrEqual(2);
    expect(await at(0)).toBeGreaterThan(together);
  });

  test("holds back no full request", async () => {
    const run = await runOurs(
      async (_, context) => {
        await Promise.all(Array.from({ length: 4 }, (_step, n) => context.step(`${n}`, async () => n)));
        return "done";
      },
      { runtime: { checkpoint: { maxDelayMs: NEVER, maxUpdates: 4 } } },
    );
    expect(run.result).toBe("done");
    expect(requestsOf(run).map((updates) => updates.length)).toEqual([4, 4]);
  });

  test("holds back nothing that a request has no room for", async () => {
    const run = await runOurs(async (_, context) => context.step("big", async () => "x".repeat(2_000)), {
      runtime: { checkpoint: { maxDelayMs: NEVER, maxBytes: 1_024 } },
    });
    expect(run.updates.map(({ Action }) => Action)).toEqual(["START", "SUCCEED"]);
  });

  test("holds back nothing when the invocation ends", async () => {
    const run = await runOurs(
      async (_, context) => {
        void context.step("left behind", async () => 1);
        await pause(1);
        return "done";
      },
      { runtime: { checkpoint: { maxDelayMs: NEVER } } },
    );
    expect(run.result).toBe("done");
    expect(run.updates.map(({ Name }) => Name)).toContain("left behind");
  });
});
