import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createLinearRetryStrategy,
  createRetryStrategy,
  JitterStrategy,
  type RetryDecision,
  retryPresets,
} from "../../src/index.ts";
import { exploring } from "../support/exploration.ts";

type Strategy = (error: Error, attempt: number) => RetryDecision;

/** Delays after the first, second … attempt in seconds, until the strategy gives up. */
function delays(strategy: Strategy, error = new Error("failed")): (number | undefined)[] {
  const seconds: (number | undefined)[] = [];
  for (let attempt = 1; attempt < 100; attempt++) {
    const { shouldRetry, delay } = strategy(error, attempt);
    if (!shouldRetry) break;
    seconds.push((delay as { seconds: number } | undefined)?.seconds);
  }
  return seconds;
}

const { NONE, HALF, FULL } = JitterStrategy;

describe("delays", () => {
  test("grow by a factor up to a maximum", () => {
    expect(delays(createRetryStrategy({ jitter: NONE, maxAttempts: 9 }))).toEqual([5, 10, 20, 40, 80, 160, 300, 300]);
    const own = createRetryStrategy({
      jitter: NONE,
      maxAttempts: 5,
      initialDelay: { minutes: 1 },
      backoffRate: 1.5,
      maxDelay: { seconds: 100 },
    });
    expect(delays(own)).toEqual([60, 90, 100, 100]);
  });

  test("grow by an amount up to a maximum", () => {
    expect(delays(createLinearRetryStrategy({ jitter: NONE }))).toEqual([1, 2, 3, 4, 5]);
    const own = createLinearRetryStrategy({
      jitter: NONE,
      maxAttempts: 5,
      initialDelay: { seconds: 10 },
      increment: { seconds: 20 },
      maxDelay: { seconds: 45 },
    });
    expect(delays(own)).toEqual([10, 30, 45, 45]);
  });

  test("are whole seconds, at least one, and within their jitter", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(NONE, HALF, FULL),
        fc.double({ min: 0, max: 500, noNaN: true }),
        fc.integer({ min: 1, max: 20 }),
        (jitter, seconds, attempt) => {
          const strategy = createRetryStrategy({ jitter, initialDelay: { seconds }, maxAttempts: 99 });
          const delay = (strategy(new Error(), attempt).delay as { seconds: number }).seconds;
          const base = Math.min(seconds * 2 ** (attempt - 1), 300);
          expect(Number.isInteger(delay)).toBe(true);
          expect(delay).toBeGreaterThanOrEqual(
            Math.max(1, Math.round(jitter === NONE ? base : jitter === HALF ? base / 2 : 0)),
          );
          expect(delay).toBeLessThanOrEqual(Math.max(1, Math.round(base)));
        },
      ),
      exploring(100),
    );
  });
});

describe("attempts", () => {
  test.each<[string, Strategy, number]>([
    ["createRetryStrategy()", createRetryStrategy(), 3],
    ["createLinearRetryStrategy()", createLinearRetryStrategy(), 6],
    ["retryPresets.default", retryPresets.default, 6],
    ["retryPresets.linear", retryPresets.linear, 6],
    ["retryPresets.noRetry", retryPresets.noRetry, 1],
    ["maxAttempts 1", createRetryStrategy({ maxAttempts: 1 }), 1],
    ["maxAttempts 0", createRetryStrategy({ maxAttempts: 0 }), 1],
  ])("of %s", (_, strategy, attempts) => {
    expect(delays(strategy)).toHaveLength(attempts - 1);
  });

  test("of the presets wait as documented", () => {
    expect(delays(retryPresets.linear)).toEqual([1, 2, 3, 4, 5]);
    for (const [at, delay] of delays(retryPresets.default).entries()) {
      expect(delay).toBeLessThanOrEqual(Math.min(5 * 2 ** at, 60));
    }
  });
});

describe("filters", () => {
  class Throttled extends Error {}
  const retries = (strategy: Strategy, error: Error) => strategy(error, 1).shouldRetry;

  test("by message: a part of it, or an expression", () => {
    const strategy = createRetryStrategy({ retryableErrors: ["time", /^5\d\d/] });
    expect(["timeout", "503 busy", "404", "error 503"].map((text) => retries(strategy, new Error(text)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("by an expression with the flag g, each time", () => {
    const strategy = createRetryStrategy({ maxAttempts: 9, retryableErrors: [/busy/g, /^late/y] });
    for (const message of ["it is busy", "it is busy", "late", "late"]) {
      expect(strategy(new Error(message), 1).shouldRetry).toBe(true);
    }
  });

  test("by class, or by either", () => {
    const byClass = createRetryStrategy({ retryableErrorTypes: [Throttled] });
    expect([new Throttled(), new Error()].map((error) => retries(byClass, error))).toEqual([true, false]);
    const either = createLinearRetryStrategy({ retryableErrorTypes: [Throttled], retryableErrors: ["timeout"] });
    expect([new Throttled(), new Error("timeout"), new Error("x")].map((error) => retries(either, error))).toEqual([
      true,
      true,
      false,
    ]);
  });

  test("that are empty let nothing through", () => {
    expect(retries(createRetryStrategy({ retryableErrors: [] }), new Error())).toBe(false);
  });
});
