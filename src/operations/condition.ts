import { DurableOperationError, toErrorObject, WaitForConditionError } from "../core/errors.ts";
import type { AnySerdes, Serdes } from "../core/serdes.ts";
import { durationToSeconds } from "../core/time.ts";
import type { WaitForConditionWaitStrategyFunc } from "../core/wait-strategy.ts";
import type { WireOperation } from "../core/wire.ts";
import { active } from "../execution/active.ts";
import { stepLogger } from "../execution/context-logger.ts";
import type { Execution } from "../execution/execution.ts";
import type { DurableLogger } from "../execution/logger.ts";
import { dueMs } from "../execution/pending-operation.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { type AttemptEnd, closeAttempt } from "./attempt.ts";
import { type ClaimedOperation, claim, update } from "./operation.ts";
import { decodeResult, encodeResult, isTooLarge, payloadTooLarge, serdesFor } from "./payload.ts";
import type { StepContext } from "./step.ts";

/** Looks at the state and returns the new one. */
export type WaitForConditionCheckFunc<T, Logger extends DurableLogger = DurableLogger> = (
  state: T,
  context: StepContext<Logger>,
) => Promise<T>;

export interface WaitForConditionConfig<T> {
  /** Decides after each check whether to look again, and when. */
  waitStrategy: WaitForConditionWaitStrategyFunc<T>;
  initialState: T;
  serdes?: Serdes<T>;
}

/** Polls until the strategy is content; what is synchronous here happens at the call. */
export async function runCondition<T>(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  check: WaitForConditionCheckFunc<T>,
  config: WaitForConditionConfig<T>,
): Promise<T> {
  const operation = claim(execution, scope, { type: "STEP", subType: "WaitForCondition", name });
  if (operation === undefined) return park();
  const serdes = serdesFor(operation, config.serdes as AnySerdes | undefined);
  for (let record = operation.record; ; ) {
    switch (record?.Status) {
      case "SUCCEEDED":
        return (await decodeResult(operation, record.StepDetails?.Result, serdes)) as T;
      case "FAILED":
        throw conditionError(record);
      case "PENDING": {
        const pending = execution.wait(scope, operation.id, "PENDING", dueMs(record));
        pending.await();
        record = await pending.changed;
        continue;
      }
      default: {
        const outcome = await runCheck(operation, record, check, config, serdes);
        if ("value" in outcome) return outcome.value as T;
        record = outcome.record;
      }
    }
  }
}

async function runCheck<T>(
  operation: ClaimedOperation,
  record: WireOperation | undefined,
  check: WaitForConditionCheckFunc<T>,
  config: WaitForConditionConfig<T>,
  serdes: AnySerdes | undefined,
): Promise<{ readonly value: unknown } | { readonly record: WireOperation }> {
  const { execution, scope, id, name, path } = operation;
  const attempt = (record?.StepDetails?.Attempt ?? 0) + 1;
  execution.countExecuting(scope, 1);
  if (record?.Status !== "STARTED") execution.record(scope, update(operation, "START"));
  // Operations begun together announce themselves before the first check runs.
  await undefined;
  let closing: AttemptEnd;
  try {
    const kept = record?.StepDetails?.Result;
    const state = kept ? ((await decodeResult(operation, kept, serdes)) as T) : config.initialState;
    const current = { contextId: path, operationId: id, operationName: name, attempt, enteredIn: scope.mode };
    const checked = await active.run(current, () => check(state, { logger: stepLogger(scope), attempt }));
    const { payload, value } = await encodeResult(operation, checked, serdes);
    if (isTooLarge(payload, execution.settings.quotas.payloadBytes)) throw payloadTooLarge(operation, "state", payload);
    const decision = config.waitStrategy(value as T, attempt);
    if (!decision.shouldContinue) {
      const succeed = update(operation, "SUCCEED", payload === undefined ? undefined : { Payload: payload });
      const recorded = execution.recorded(scope, succeed);
      execution.countExecuting(scope, -1);
      await recorded;
      return { value };
    }
    closing = { end: "retry", afterSeconds: durationToSeconds(decision.delay), payload };
  } catch (error) {
    closing = { end: "fail", error: toErrorObject(error) };
  }
  const closed = closeAttempt(operation, closing, attempt);
  execution.countExecuting(scope, -1);
  return { record: await closed };
}

function conditionError(record: WireOperation): DurableOperationError {
  const error = record.StepDetails?.Error;
  return error === undefined ? new WaitForConditionError() : DurableOperationError.fromErrorObject(error);
}
