import { checkFunction, checkOneOf } from "../core/arguments.ts";
import { asError, DurableOperationError, StepInterruptedError } from "../core/errors.ts";
import { toRecordedError } from "../core/recorded-error.ts";
import { defaultRetryStrategy, type RetryStrategy } from "../core/retry.ts";
import type { Serdes } from "../core/serdes.ts";
import { checkedDelay, checkedMs, type Duration } from "../core/time.ts";
import type { ErrorObject, WireOperation } from "../core/wire.ts";
import type { Execution } from "../execution/execution.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { type AttemptOutcome, closeAttempt, nextAttempt, runAttempt, runUserCode, untilReady } from "./attempt.ts";
import type { AttemptEnd } from "./attempt-end.ts";
import { checkOptions, checkSerdes, operationLabel, reportOf } from "./checks.ts";
import { Attention } from "./durable-promise.ts";
import { type ClaimedOperation, claim } from "./operation.ts";
import { decodeResult, encodeResult, isTooLarge, payloadTooLarge, serdesFor } from "./result-payload.ts";
import { runBounded, type StepFunc, StepRun } from "./step-run.ts";

/** Whether an attempt runs again if its invocation ends during the attempt. */
export const StepSemantics = {
  /**
   * The START of an attempt is recorded before the attempt runs. If the invocation ends during the attempt, this
   * attempt does not run again. It counts as failed with a `StepInterruptedError`, and the retry strategy decides
   * whether another attempt follows.
   */
  AtMostOncePerRetry: "AT_MOST_ONCE_PER_RETRY",
  /** If the invocation ends during an attempt, the same attempt runs again. The default. */
  AtLeastOncePerRetry: "AT_LEAST_ONCE_PER_RETRY",
} as const;
export type StepSemantics = (typeof StepSemantics)[keyof typeof StepSemantics];

export interface StepConfig<T> {
  /**
   * Decides whether another attempt follows a failed attempt. A result that cannot be recorded fails the step without
   * this decision. If the strategy throws, the step fails with its error. Default: `retryPresets.default`, with 6
   * attempts.
   */
  retryStrategy?: RetryStrategy;
  /** Default: `AtLeastOncePerRetry`. */
  semantics?: StepSemantics;
  serdes?: Serdes<T>;
  /**
   * The longest time of one attempt: more than zero, and at most 2,147,483 seconds. When this time is over, the
   * attempt's signal is aborted, and the attempt fails with a `StepTimeoutError`. Code that ignores the signal
   * continues to run, and its outcome is ignored. Default: no limit.
   */
  timeout?: Duration;
}

type StepDecision =
  | { readonly do: "run"; readonly announce: boolean }
  | { readonly do: "wait"; readonly record: WireOperation }
  | { readonly do: "return"; readonly payload: string | undefined }
  | { readonly do: "throw"; readonly error: ErrorObject }
  | { readonly do: "give up attempt" };

export function decideStep(record: WireOperation | undefined, semantics: StepSemantics): StepDecision {
  switch (record?.Status) {
    case "SUCCEEDED":
      return { do: "return", payload: record.StepDetails?.Result };
    case "FAILED":
      return { do: "throw", error: record.StepDetails?.Error ?? {} };
    case "PENDING":
      return { do: "wait", record };
    case "STARTED":
      return semantics === "AT_MOST_ONCE_PER_RETRY" ? { do: "give up attempt" } : { do: "run", announce: false };
    default:
      return { do: "run", announce: true };
  }
}

/** Claims its path during the call, so no `await` may come before `claim`. */
export async function runStep<T>(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  body: StepFunc<T>,
  config: StepConfig<T> = NO_CONFIG,
  attention = new Attention(),
  shownName?: string,
): Promise<T> {
  if (config !== NO_CONFIG) checkConfig(execution, scope, name, config);
  const operation = claim(execution, scope, { type: "STEP", subType: "Step", name, shownName });
  if (operation === undefined) return park();
  const semantics = config.semantics ?? "AT_LEAST_ONCE_PER_RETRY";
  const announcement = semantics === "AT_MOST_ONCE_PER_RETRY" ? "awaited" : "queued";
  for (let record = operation.record; ; ) {
    const decision = decideStep(record, semantics);
    const attempt = nextAttempt(record);
    let outcome: AttemptOutcome;
    switch (decision.do) {
      case "return":
        return (await decodeResult(operation, decision.payload, serdesFor(operation, config.serdes))) as T;
      case "throw":
        throw DurableOperationError.fromErrorObject(decision.error);
      case "wait":
        record = await untilReady(operation, decision.record, attention);
        continue;
      case "give up attempt": {
        const error = new StepInterruptedError(operation.id, name);
        outcome = await closeAttempt(
          operation,
          decideFailure(operation, error, attempt, config.retryStrategy),
          attempt,
        );
        break;
      }
      case "run": {
        const run = (startTimestamp?: Date) => runBody(operation, body, config, attempt, startTimestamp);
        outcome = await runAttempt(operation, attempt, decision.announce ? announcement : "none", run);
      }
    }
    if ("value" in outcome) return outcome.value as T;
    record = outcome.record;
  }
}

const NO_CONFIG = {};

function checkConfig<T>(execution: Execution, scope: Scope, name: string | undefined, config: StepConfig<T>): void {
  const operation = () => operationLabel("step", name);
  checkOptions(execution, scope, operation, config);
  const { retryStrategy, semantics, serdes, timeout } = config;
  checkFunction(operation, "retryStrategy", retryStrategy);
  checkOneOf(operation, "semantics", semantics, ["AT_MOST_ONCE_PER_RETRY", "AT_LEAST_ONCE_PER_RETRY"]);
  checkSerdes(operation, "serdes", serdes);
  if (timeout !== undefined) checkedMs(`timeout of ${operation()}`, timeout, reportOf(execution, scope));
}

async function runBody<T>(
  operation: ClaimedOperation,
  body: StepFunc<T>,
  config: StepConfig<T>,
  attempt: number,
  startTimestamp: Date | undefined,
): Promise<AttemptEnd> {
  const { timeout } = config;
  let run: StepRun | undefined;
  try {
    const code = () => {
      run = new StepRun(operation.scope, attempt);
      return timeout === undefined ? body(run) : runBounded(operation, run, body, timeout);
    };
    const result = await runUserCode(operation, attempt, startTimestamp, code);
    run?.end();
    try {
      const encoding = encodeResult(operation, result, serdesFor(operation, config.serdes));
      const encoded = encoding instanceof Promise ? await encoding : encoding;
      const { payload } = encoded;
      if (!isTooLarge(payload, operation.ledger.maxPayloadBytes)) return { end: "succeed", encoded };
      throw payloadTooLarge(operation, "result", payload);
    } catch (thrown) {
      // The step fails at once, because the next attempt would most likely return the same value.
      return { end: "fail", error: toRecordedError(thrown), thrown };
    }
  } catch (error) {
    run?.end();
    return decideFailure(operation, error, attempt, config.retryStrategy);
  }
}

function decideFailure(
  { execution, name, shownName }: ClaimedOperation,
  thrown: unknown,
  attempt: number,
  strategy: RetryStrategy | undefined,
): Exclude<AttemptEnd, { end: "succeed" }> {
  try {
    const error = asError(thrown);
    const decision = strategy?.(error, attempt) ?? defaultRetryStrategy(error, attempt);
    if (!decision.shouldRetry) return { end: "fail", error: toRecordedError(thrown), thrown };
    const { delay = { seconds: 1 } } = decision;
    const what = `delay of the retry strategy of ${operationLabel("step", name ?? shownName)}`;
    const afterSeconds = checkedDelay(what, delay, execution.onMisspelledOption);
    return { end: "retry", afterSeconds, error: toRecordedError(thrown), thrown };
  } catch (strategyError) {
    return { end: "fail", error: toRecordedError(strategyError), thrown: strategyError };
  }
}
