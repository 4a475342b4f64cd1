import { invalid } from "../core/arguments.ts";
import type { RetryStrategy } from "../core/retry.ts";
import { durationToSeconds } from "../core/time.ts";
import { operationLabel } from "../operations/checks.ts";
import type { ChildConfig } from "../operations/child.ts";
import type { DurableContext } from "./durable-context.ts";

export interface WithRetryConfig<T> {
  retryStrategy: RetryStrategy;
  /** Whether all attempts are in one child context. Default true. */
  wrapWithRunInChildContext?: boolean;
  childContextConfig?: ChildConfig<T>;
}

export type RetryableFunc<T> = (context: DurableContext, attempt: number) => Promise<T>;

/**
 * Repeats a group of operations after a failure, with a durable wait between the attempts, until `retryStrategy`
 * refuses a further attempt. The delay is a whole number of seconds; without a delay, or with a delay of 0, the wait
 * takes 1 second.
 * @throws ChildContextError around the last error, unless `errorMapper` makes another error. Without a child context,
 * the last error itself is thrown.
 * @throws TypeError without `config`, and DurableError `ERR_ARGUMENT_INVALID` if `retryStrategy` is no function
 */
export function withRetry<T>(
  context: DurableContext,
  name: string,
  func: RetryableFunc<T>,
  config: WithRetryConfig<T>,
): Promise<T>;
export function withRetry<T>(context: DurableContext, func: RetryableFunc<T>, config: WithRetryConfig<T>): Promise<T>;
export async function withRetry<T>(
  context: DurableContext,
  first: string | undefined | RetryableFunc<T>,
  ...rest: unknown[]
): Promise<T> {
  const [name, func, config] = typeof first === "function" ? [undefined, first, rest[0]] : [first, rest[0], rest[1]];
  const { retryStrategy, wrapWithRunInChildContext = true, childContextConfig } = checkConfig<T>(name, config);
  const attempts = async (inner: DurableContext): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await (func as RetryableFunc<T>)(inner, attempt);
      } catch (error) {
        const decision = retryStrategy(error as Error, attempt);
        if (!decision.shouldRetry) throw error;
        // A delay of 0 becomes 1 second, as for the retries of a step.
        const delay = decision.delay && durationToSeconds(decision.delay) !== 0 ? decision.delay : { seconds: 1 };
        if (name === undefined) await inner.wait(delay);
        else await inner.wait(`${name}-backoff-${attempt}`, delay);
      }
    }
  };
  if (!wrapWithRunInChildContext) return attempts(context);
  return context.runInChildContext(name, attempts, childContextConfig);
}

function checkConfig<T>(name: string | undefined, config: unknown): WithRetryConfig<T> {
  if (typeof config !== "object" || config === null) throw new TypeError("withRetry: config is required");
  const { retryStrategy } = config as WithRetryConfig<T>;
  if (typeof retryStrategy === "function") return config as WithRetryConfig<T>;
  throw invalid(() => operationLabel("withRetry", name), "retryStrategy", retryStrategy, "a function");
}
