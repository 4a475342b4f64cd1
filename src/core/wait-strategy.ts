import { invalid } from "./arguments.ts";
import { type JitterStrategy, jitteredSeconds } from "./retry.ts";
import { checkStrategy } from "./strategy-settings.ts";
import { type Duration, durationToSeconds } from "./time.ts";

/**
 * Whether another check follows, and the delay before that check: a whole number of seconds, up to 366 days. Another
 * delay is an error. 0 becomes 1 second, because the service accepts no shorter delay.
 */
export type WaitForConditionDecision = { shouldContinue: true; delay: Duration } | { shouldContinue: false };

/**
 * Decides after each check that returned a state. `attempt` is the number of checks so far: 1 after the first check.
 */
export type WaitForConditionWaitStrategyFunc<T> = (state: T, attempt: number) => WaitForConditionDecision;

export interface WaitStrategyConfig<T> {
  /** The greatest number of checks, the first one included. Default 60. */
  maxAttempts?: number;
  /** The delay after the first check. Default 5 seconds. */
  initialDelay?: Duration;
  /** The greatest delay. Default 5 minutes. */
  maxDelay?: Duration;
  /** Each delay is the previous delay times this factor, up to `maxDelay` and before jitter. Default 1.5. */
  backoffRate?: number;
  /** How the delays vary at random. Default `FULL`. */
  jitter?: JitterStrategy;
  /** Gets the state of the latest check. Returns whether another check follows. */
  shouldContinuePolling: (result: T) => boolean;
  /** Has no effect, as in the official package. Limit the waiting with `maxAttempts` and `maxDelay`. */
  timeoutSeconds?: number;
}

/**
 * Polling with exponential back-off, in whole seconds. The settings are read once, when the strategy is made. A setting
 * that is undefined or null has its default.
 *
 * If `shouldContinuePolling` still returns true after the last check, the strategy throws
 * `waitForCondition exceeded maximum attempts (60)`. The condition then fails with a `StepError`.
 *
 * ```ts
 * const state = await context.waitForCondition("report", check, {
 *   initialState: { status: "PENDING" },
 *   waitStrategy: createWaitStrategy({ shouldContinuePolling: ({ status }) => status === "PENDING" }),
 * });
 * ```
 *
 * @throws DurableError `ERR_ARGUMENT_INVALID` or `ERR_DURATION_INVALID`
 */
export function createWaitStrategy<T>(config: WaitStrategyConfig<T>): WaitForConditionWaitStrategyFunc<T> {
  checkStrategy("createWaitStrategy", config, ["backoffRate", "shouldContinuePolling", "timeoutSeconds"]);
  const settings = { ...config };
  if (typeof settings.shouldContinuePolling !== "function") {
    throw invalid(() => "createWaitStrategy", "shouldContinuePolling", settings.shouldContinuePolling, "a function");
  }
  const maxAttempts = settings.maxAttempts ?? 60;
  const initialSeconds = durationToSeconds(settings.initialDelay ?? { seconds: 5 });
  const maxSeconds = durationToSeconds(settings.maxDelay ?? { minutes: 5 });
  const rate = settings.backoffRate ?? 1.5;
  const jitter = settings.jitter ?? "FULL";
  return (result, attemptsMade) => {
    // The state is examined before the number of checks, because the last check may reach the wanted state.
    if (!settings.shouldContinuePolling(result)) return { shouldContinue: false };
    if (attemptsMade >= maxAttempts) throw new Error(`waitForCondition exceeded maximum attempts (${maxAttempts})`);
    const baseSeconds = Math.min(initialSeconds * rate ** (attemptsMade - 1), maxSeconds);
    return { shouldContinue: true, delay: { seconds: jitteredSeconds(baseSeconds, jitter) } };
  };
}
