import { asError, DurableOperationError, StepInterruptedError, toErrorObject } from "../core/errors.ts";
import { type RetryStrategy, retryPresets } from "../core/retry.ts";
import type { Serdes } from "../core/serdes.ts";
import { durationToSeconds } from "../core/time.ts";
import type { ErrorObject, WireOperation } from "../core/wire.ts";
import { active } from "../execution/active.ts";
import { stepLogger } from "../execution/context-logger.ts";
import type { Execution } from "../execution/execution.ts";
import type { DurableContextLogger, DurableLogger } from "../execution/logger.ts";
import { dueMs } from "../execution/pending-operation.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { type AttemptEnd, closeAttempt } from "./attempt.ts";
import { type ClaimedOperation, claim, update } from "./operation.ts";
import { decodeResult, encodeResult, isTooLarge, payloadTooLarge, serdesFor } from "./payload.ts";

/** How often an attempt may run when its process dies. */
export const StepSemantics = {
  /** The attempt is recorded before it runs; one that was cut off counts as failed. */
  AtMostOncePerRetry: "AT_MOST_ONCE_PER_RETRY",
  /** An attempt that was cut off runs again. The default. */
  AtLeastOncePerRetry: "AT_LEAST_ONCE_PER_RETRY",
} as const;
export type StepSemantics = (typeof StepSemantics)[keyof typeof StepSemantics];

export interface StepConfig<T> {
  /** Default `retryPresets.default`: 6 attempts from 5 s to 60 s. */
  retryStrategy?: RetryStrategy;
  /** Default at least once. */
  semantics?: StepSemantics;
  serdes?: Serdes<T>;
}

/** What a step's function is given. `attempt` counts from 1. */
export interface StepContext<Logger extends DurableLogger> {
  logger: DurableContextLogger<Logger>;
  attempt: number;
}

export type StepFunc<T, Logger extends DurableLogger = DurableLogger> = (context: StepContext<Logger>) => Promise<T>;

type StepDecision =
  | { readonly do: "run"; readonly announce: boolean }
  | { readonly do: "wait"; readonly record: WireOperation }
  | { readonly do: "return"; readonly payload: string | undefined }
  | { readonly do: "throw"; readonly error: ErrorObject }
  | { readonly do: "give up attempt" };

/** What to do with a step, from its record alone. */
export function decideStep(record: WireOperation | undefined, semantics: StepSemantics): StepDecision {
  switch (record?.Status) {
    case "SUCCEEDED":
      return { do: "return", payload: record.StepDetails?.Result };
    case "FAILED":
      return { do: "throw", error: record.StepDetails?.Error ?? {} };
    case "PENDING":
      return { do: "wait", record };
    case "STARTED":
      return semantics === StepSemantics.AtMostOncePerRetry
        ? { do: "give up attempt" }
        : { do: "run", announce: false };
    default:
      return { do: "run", announce: true };
  }
}

/** Runs a step; what is synchronous here happens at the call. */
export async function runStep<T>(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  body: StepFunc<T>,
  config: StepConfig<T> = {},
): Promise<T> {
  const operation = claim(execution, scope, { type: "STEP", subType: "Step", name });
  if (operation === undefined) return park();
  const semantics = config.semantics ?? StepSemantics.AtLeastOncePerRetry;
  for (let record = operation.record; ; ) {
    const decision = decideStep(record, semantics);
    const attempt = (record?.StepDetails?.Attempt ?? 0) + 1;
    switch (decision.do) {
      case "return":
        return (await decodeResult(operation, decision.payload, serdesFor(operation, config.serdes))) as T;
      case "throw":
        throw DurableOperationError.fromErrorObject(decision.error);
      case "wait": {
        const pending = execution.wait(scope, operation.id, "PENDING", dueMs(decision.record));
        pending.await();
        record = await pending.changed;
        continue;
      }
      case "give up attempt": {
        const error = new StepInterruptedError(operation.id, name);
        record = await closeAttempt(operation, decideFailure(error, attempt, config.retryStrategy), attempt);
        continue;
      }
      case "run": {
        const announcement = decision.announce ? semantics : undefined;
        const outcome = await runAttempt(operation, body, config, attempt, announcement);
        if ("value" in outcome) return outcome.value as T;
        record = outcome.record;
      }
    }
  }
}

type AttemptOutcome = { readonly value: unknown } | { readonly record: WireOperation };

async function runAttempt<T>(
  operation: ClaimedOperation,
  body: StepFunc<T>,
  config: StepConfig<T>,
  attempt: number,
  announcement: StepSemantics | undefined,
): Promise<AttemptOutcome> {
  const { execution, scope, id, name, path } = operation;
  execution.countExecuting(scope, 1);
  if (announcement === StepSemantics.AtMostOncePerRetry) await execution.recorded(scope, update(operation, "START"));
  else if (announcement !== undefined) execution.record(scope, update(operation, "START"));
  // Operations begun together announce themselves before the first body runs.
  await undefined;
  let failure: AttemptEnd;
  try {
    const current = { contextId: path, operationId: id, operationName: name, attempt, enteredIn: scope.mode };
    const result = await active.run(current, () => body({ logger: stepLogger(scope), attempt }));
    const encoding = encodeResult(operation, result, serdesFor(operation, config.serdes));
    const { payload, value } = encoding instanceof Promise ? await encoding : encoding;
    if (!isTooLarge(payload, execution.settings.quotas.payloadBytes)) {
      const succeed = update(operation, "SUCCEED", payload === undefined ? undefined : { Payload: payload });
      const recorded = execution.recorded(scope, succeed);
      execution.countExecuting(scope, -1);
      await recorded;
      return { value };
    }
    failure = { end: "fail", error: toErrorObject(payloadTooLarge(operation, "result", payload)) };
  } catch (error) {
    failure = decideFailure(error, attempt, config.retryStrategy);
  }
  const closed = closeAttempt(operation, failure, attempt);
  execution.countExecuting(scope, -1);
  return { record: await closed };
}

/** Asks the strategy. A strategy that throws fails the step with its own error. */
function decideFailure(thrown: unknown, attempt: number, strategy: RetryStrategy | undefined): AttemptEnd {
  try {
    const error = asError(thrown);
    const decision = strategy?.(error, attempt) ?? retryPresets.default(error, attempt);
    if (!decision.shouldRetry) return { end: "fail", error: toErrorObject(thrown) };
    const afterSeconds = decision.delay === undefined ? 1 : durationToSeconds(decision.delay);
    return { end: "retry", afterSeconds, error: toErrorObject(thrown) };
  } catch (strategyError) {
    return { end: "fail", error: toErrorObject(strategyError) };
  }
}
