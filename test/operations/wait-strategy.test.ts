import * as official from "@aws/durable-execution-sdk-js";
import { describe, expect, test } from "vitest";
import { createWaitStrategy, type WaitStrategyConfig } from "../../src/core/wait-strategy.ts";

type Poll = { status: string };
const pending: Poll = { status: "PENDING" };
const done: Poll = { status: "DONE" };
const whilePending = ({ status }: Poll) => status === "PENDING";

/** What a strategy answers after each of the first `checks` checks, or the message that it throws. */
function answers(strategy: (state: Poll, attempt: number) => unknown, checks: number, state = pending): unknown[] {
  return Array.from({ length: checks }, (_, i) => {
    try {
      return strategy(state, i + 1);
    } catch (error) {
      return (error as Error).message;
    }
  });
}

const delays = (config: Partial<WaitStrategyConfig<Poll>>, checks: number) =>
  answers(createWaitStrategy({ shouldContinuePolling: whilePending, ...config }), checks).map((answer) =>
    typeof answer === "string" ? answer : (answer as { delay: { seconds: number } }).delay.seconds,
  );

describe("a wait strategy", () => {
  test("stops when the predicate is content, even at the last check", () => {
    const strategy = createWaitStrategy({ shouldContinuePolling: whilePending, maxAttempts: 2 });
    expect(strategy(done, 1)).toEqual({ shouldContinue: false });
    expect(strategy(done, 2)).toEqual({ shouldContinue: false });
    expect(strategy(done, 99)).toEqual({ shouldContinue: false });
  });

  test("waits 5 seconds, then half as long again each time, up to 5 minutes", () => {
    expect(delays({ jitter: "NONE" }, 13)).toEqual([5, 8, 11, 17, 25, 38, 57, 85, 128, 192, 288, 300, 300]);
  });

  test("throws when the last check still wants to go on", () => {
    expect(delays({ jitter: "NONE", maxAttempts: 3, initialDelay: { minutes: 1 }, backoffRate: 1 }, 4)).toEqual([
      60,
      60,
      "waitForCondition exceeded maximum attempts (3)",
      "waitForCondition exceeded maximum attempts (3)",
    ]);
    expect(delays({}, 60).at(-1)).toBe("waitForCondition exceeded maximum attempts (60)");
  });

  test("never waits less than a second", () => {
    expect(delays({ jitter: "NONE", initialDelay: { seconds: 0 } }, 2)).toEqual([1, 1]);
    for (const seconds of delays({ initialDelay: { seconds: 1 }, backoffRate: 1 }, 50)) expect(seconds).toBe(1);
  });

  test("spreads delays over all of the base with full jitter, over its upper half with half jitter", () => {
    const base = { initialDelay: { seconds: 100 }, backoffRate: 1, maxAttempts: 1000 };
    const full = delays({ ...base, jitter: "FULL" }, 400) as number[];
    const half = delays({ ...base, jitter: "HALF" }, 400) as number[];
    expect(Math.min(...full)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...full)).toBeLessThanOrEqual(100);
    expect(Math.min(...half)).toBeGreaterThanOrEqual(50);
    expect(Math.max(...half)).toBeLessThanOrEqual(100);
    // 400 draws that all miss the lower half, or are all the same, are not to be expected.
    expect(Math.min(...full)).toBeLessThan(50);
    expect(new Set(half).size).toBeGreaterThan(10);
  });

  test("takes a setting that is undefined as one that is not given", () => {
    const unset = { initialDelay: undefined, maxDelay: undefined, backoffRate: undefined, maxAttempts: undefined };
    expect(delays({ ...(unset as object), jitter: "NONE" }, 3)).toEqual([5, 8, 11]);
  });

  test("does not notice when its configuration is changed afterwards", () => {
    const config = { shouldContinuePolling: whilePending, jitter: "NONE" as const, initialDelay: { seconds: 3 } };
    const strategy = createWaitStrategy(config);
    config.initialDelay = { seconds: 90 };
    config.shouldContinuePolling = () => false;
    expect(strategy(pending, 1)).toEqual({ shouldContinue: true, delay: { seconds: 3 } });
  });
});

test.each<[string, Partial<WaitStrategyConfig<Poll>>]>([
  ["the defaults", {}],
  ["a limit on attempts", { maxAttempts: 4 }],
  ["no attempts", { maxAttempts: 0 }],
  ["short delays", { initialDelay: { seconds: 0.4 }, maxDelay: { seconds: 2.5 } }],
  ["long delays", { initialDelay: { hours: 2, minutes: 1 }, maxDelay: { days: 1 }, backoffRate: 3 }],
  ["falling delays", { backoffRate: 0.5 }],
  ["a rate of zero", { backoffRate: 0 }],
  ["a timeout, which has no effect", { timeoutSeconds: 1 }],
])("with %s, decides as the official strategy", (_, settings) => {
  const config = { shouldContinuePolling: whilePending, ...settings, jitter: "NONE" } as const;
  const theirs = official.createWaitStrategy(config as official.WaitStrategyConfig<Poll>);
  const ours = createWaitStrategy(config);
  expect(answers(ours, 70)).toEqual(answers(theirs, 70));
  expect(answers(ours, 70, done)).toEqual(answers(theirs, 70, done));
});
