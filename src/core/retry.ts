import { invalid } from "./arguments.ts";
import { checkStrategy } from "./strategy-settings.ts";
import { type Duration, durationToSeconds } from "./time.ts";

/**
 * How delays vary at random, so that many retries do not start at the same time. `NONE`: delays do not vary. `FULL`:
 * from 0 to the whole delay. `HALF`: from half of the delay to the whole delay. The result is rounded to whole seconds,
 * and at least 1 second.
 */
export const JitterStrategy = { NONE: "NONE", FULL: "FULL", HALF: "HALF" } as const;
export type JitterStrategy = (typeof JitterStrategy)[keyof typeof JitterStrategy];

/**
 * The answer of a retry strategy. `delay` is a whole number of seconds, up to 366 days. Another delay is an
 * error. The default is 1 second. A delay of 0 becomes 1 second, because the service accepts no shorter delay.
 */
export interface RetryDecision {
  shouldRetry: boolean;
  delay?: Duration;
}

/** Decides whether another attempt follows. `attempt` is the number of the failed attempt, from 1. */
export type RetryStrategy = (error: Error, attempt: number) => RetryDecision;

interface RetryFilters {
  /** The greatest number of attempts, the first one included. */
  maxAttempts?: number;
  initialDelay?: Duration;
  maxDelay?: Duration;
  jitter?: JitterStrategy;
  /** Errors whose message includes one of the texts, or matches one of the expressions, are retried. */
  retryableErrors?: (string | RegExp)[];
  /**
   * Instances of these classes are retried. If `retryableErrors` or this member is given, and neither fits, an error is
   * not retried.
   */
  retryableErrorTypes?: (new (
    ...args: never[]
  ) => Error)[];
}

export interface RetryStrategyConfig extends RetryFilters {
  /** Each delay is the previous delay times this factor, up to `maxDelay` and before jitter. */
  backoffRate?: number;
}

export interface LinearRetryStrategyConfig extends RetryFilters {
  /** Each delay is the previous delay plus this time, up to `maxDelay` and before jitter. */
  increment?: Duration;
}

/** A delay with jitter, in whole seconds and at least 1. The service accepts no other delays. */
export function jitteredSeconds(baseSeconds: number, jitter: JitterStrategy): number {
  switch (jitter) {
    case "NONE":
      return Math.max(1, Math.round(baseSeconds));
    case "FULL":
      return Math.max(1, Math.round(Math.random() * baseSeconds));
    case "HALF":
      return Math.max(1, Math.round(baseSeconds / 2 + Math.random() * (baseSeconds / 2)));
  }
}

function isRetryable(error: Error, { retryableErrors, retryableErrorTypes }: RetryFilters): boolean {
  if (retryableErrors == null && retryableErrorTypes == null) return true;
  const byMessage = retryableErrors?.some((pattern) =>
    // `search` starts at the first character even if the pattern has the flag g, and `test` does not.
    typeof pattern === "string" ? error.message.includes(pattern) : error.message.search(pattern) >= 0,
  );
  return byMessage || retryableErrorTypes?.some((type) => error instanceof type) || false;
}

function strategy(
  filters: RetryFilters,
  maxAttempts: number,
  baseSeconds: (attempt: number) => number,
  jitter: JitterStrategy,
): RetryStrategy {
  return (error, attempt) => {
    if (attempt >= maxAttempts || !isRetryable(error, filters)) return { shouldRetry: false };
    return { shouldRetry: true, delay: { seconds: jitteredSeconds(baseSeconds(attempt), jitter) } };
  };
}

/**
 * Exponential back-off. Defaults: 3 attempts. The first delay is 5 s, and each delay is twice the previous one, up to
 * 300 s. The jitter is `FULL`. A setting that is undefined or null has its default.
 * @throws DurableError `ERR_ARGUMENT_INVALID` or `ERR_DURATION_INVALID`
 */
export function createRetryStrategy(config: RetryStrategyConfig = {}): RetryStrategy {
  checkRetries("createRetryStrategy", config, "backoffRate");
  return exponential(config);
}

function exponential(config: RetryStrategyConfig): RetryStrategy {
  const initialSeconds = durationToSeconds(config.initialDelay ?? { seconds: 5 });
  const maxSeconds = durationToSeconds(config.maxDelay ?? { minutes: 5 });
  const rate = config.backoffRate ?? 2;
  const baseSeconds = (attempt: number) => Math.min(initialSeconds * rate ** (attempt - 1), maxSeconds);
  return strategy(config, config.maxAttempts ?? 3, baseSeconds, config.jitter ?? "FULL");
}

/**
 * Linear back-off. Defaults: 6 attempts. The first delay is 1 s, and each delay is 1 s longer than the previous one, up
 * to 300 s. The jitter is `FULL`. A setting that is undefined or null has its default.
 * @throws DurableError `ERR_ARGUMENT_INVALID` or `ERR_DURATION_INVALID`
 */
export function createLinearRetryStrategy(config: LinearRetryStrategyConfig = {}): RetryStrategy {
  checkRetries("createLinearRetryStrategy", config, "increment");
  const initialSeconds = durationToSeconds(config.initialDelay ?? { seconds: 1 });
  const incrementSeconds = durationToSeconds(config.increment ?? { seconds: 1 });
  const maxSeconds = durationToSeconds(config.maxDelay ?? { minutes: 5 });
  const baseSeconds = (attempt: number) => Math.min(initialSeconds + incrementSeconds * (attempt - 1), maxSeconds);
  return strategy(config, config.maxAttempts ?? 6, baseSeconds, config.jitter ?? "FULL");
}

function checkRetries(factory: string, config: RetryFilters, own: string): void {
  checkStrategy(factory, config, [own, "retryableErrors", "retryableErrorTypes"]);
  const { retryableErrors: errors, retryableErrorTypes: types } = config;
  const isPattern = (pattern: string | RegExp) => typeof pattern === "string" || typeof pattern?.test === "function";
  if (errors != null && !(Array.isArray(errors) && errors.every(isPattern))) {
    throw invalid(() => factory, "retryableErrors", errors, "an array of texts and regular expressions");
  }
  if (types != null && !(Array.isArray(types) && types.every((type) => typeof type === "function"))) {
    throw invalid(() => factory, "retryableErrorTypes", types, "an array of classes");
  }
}

// `exponential` is called, so that the checks of `createRetryStrategy` are not in the bundle of every handler.
export const defaultRetryStrategy = exponential({ maxAttempts: 6, maxDelay: { seconds: 60 } });

// The calls are marked as pure, so that bundlers remove `retryPresets` from a handler that does not use them.
export const retryPresets = {
  /**
   * The strategy of a step that has no strategy of its own: 6 attempts, delays that double from 5 s up to 60 s, full
   * jitter.
   */
  default: defaultRetryStrategy,
  /** 6 attempts, delays that grow by 1 s from 1 s on, no jitter. */
  linear: /* @__PURE__ */ createLinearRetryStrategy({ jitter: "NONE" }),
  noRetry: /* @__PURE__ */ createRetryStrategy({ maxAttempts: 1 }),
};
