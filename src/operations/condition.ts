import { checkFunction } from "../core/arguments.ts";
import { DurableOperationError, WaitForConditionError } from "../core/errors.ts";
import { toRecordedError } from "../core/recorded-error.ts";
import type { AnySerdes, Serdes } from "../core/serdes.ts";
import { checkedDelay } from "../core/time.ts";
import type { WaitForConditionWaitStrategyFunc } from "../core/wait-strategy.ts";
import type { WireOperation } from "../core/wire.ts";
import type { Execution } from "../execution/execution.ts";
import type { DurableLogger } from "../execution/logger.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { nextAttempt, runAttempt, runUserCode, untilReady } from "./attempt.ts";
import type { AttemptEnd } from "./attempt-end.ts";
import { checkOptions, checkSerdes, operationLabel } from "./checks.ts";
import type { Attention } from "./durable-promise.ts";
import { type ClaimedOperation, claim } from "./operation.ts";
import {
  decodeResult,
  type EncodedResult,
  encodeResult,
  isTooLarge,
  payloadTooLarge,
  serdesFor,
} from "./result-payload.ts";
import { type StepContext, StepRun } from "./step-run.ts";

/**
 * The user's check. `state` is the initial state, or the state that the previous check returned. If the check fails,
 * the condition fails without a retry.
 */
export type WaitForConditionCheckFunc<T, Logger extends DurableLogger = DurableLogger> = (
  state: T,
  context: StepContext<Logger>,
) => Promise<T>;

export interface WaitForConditionConfig<T> {
  /**
   * Called after each check that returned a state, unless the state cannot be stored. Decides whether another check
   * follows, and after which delay. If the strategy throws, the condition fails.
   */
  waitStrategy: WaitForConditionWaitStrategyFunc<T>;
  initialState: T;
  serdes?: Serdes<T>;
}

/** Claims its path during the call, so no `await` may come before `claim`. */
export async function runCondition<T>(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  check: WaitForConditionCheckFunc<T>,
  config: WaitForConditionConfig<T>,
  attention: Attention,
): Promise<T> {
  const label = () => operationLabel("condition", name);
  if (typeof check !== "function") throw new TypeError(`${label()} requires a function to check its state`);
  checkOptions(execution, scope, label, config);
  checkFunction(label, "waitStrategy", config.waitStrategy);
  checkSerdes(label, "serdes", config.serdes as AnySerdes | undefined);
  const operation = claim(execution, scope, { type: "STEP", subType: "WaitForCondition", name });
  if (operation === undefined) return park();
  const serdes = serdesFor(operation, config.serdes as AnySerdes | undefined);
  for (let record = operation.record; ; ) {
    switch (record?.Status) {
      case "SUCCEEDED":
        return (await decodeResult(operation, record.StepDetails?.Result, serdes)) as T;
      case "FAILED":
        throw conditionError(record);
      case "PENDING":
        record = await untilReady(operation, record, attention);
        continue;
      default: {
        const { StepDetails: details, Status: status } = record ?? {};
        const attempt = nextAttempt(record);
        const run = (startTimestamp?: Date) =>
          runCheck(operation, details?.Result, check, config, attempt, startTimestamp);
        const outcome = await runAttempt(operation, attempt, status === "STARTED" ? "none" : "queued", run);
        if ("value" in outcome) return outcome.value as T;
        record = outcome.record;
      }
    }
  }
}

async function runCheck<T>(
  operation: ClaimedOperation,
  kept: string | undefined,
  check: WaitForConditionCheckFunc<T>,
  config: WaitForConditionConfig<T>,
  attempt: number,
  startTimestamp: Date | undefined,
): Promise<AttemptEnd> {
  const { scope } = operation;
  const serdes = serdesFor(operation, config.serdes as AnySerdes | undefined);
  const read = (payload: string | undefined) => decodeResult(operation, payload, serdes) as T | Promise<T>;
  const readBack = (encoded: EncodedResult) => ("value" in encoded ? (encoded.value as T) : read(encoded.payload));
  let run: StepRun | undefined;
  try {
    // The initial state is encoded and read back too, so that the first check gets the same kind of value as later
    // checks. An undefined state has no payload, so the number of the attempt shows whether an earlier check recorded a
    // state.
    const state = await (attempt > 1 || kept
      ? read(kept)
      : readBack(await encodeResult(operation, config.initialState, serdes)));
    const code = () => {
      run = new StepRun(scope, attempt);
      return check(state, run);
    };
    const checked = await runUserCode(operation, attempt, startTimestamp, code);
    run?.end();
    const encoded = await encodeResult(operation, checked, serdes);
    const { payload } = encoded;
    if (isTooLarge(payload, operation.ledger.maxPayloadBytes)) throw payloadTooLarge(operation, "state", payload);
    const decision = config.waitStrategy(await readBack(encoded), attempt);
    // The result is read from the payload again, because the strategy may have changed the object that it got.
    if (!decision.shouldContinue) return { end: "succeed", encoded: { payload } };
    const what = `delay of the wait strategy of ${operationLabel("condition", operation.name)}`;
    const afterSeconds = checkedDelay(what, decision.delay, operation.execution.onMisspelledOption);
    return { end: "retry", afterSeconds, payload };
  } catch (error) {
    run?.end();
    return { end: "fail", error: toRecordedError(error), thrown: error };
  }
}

function conditionError(record: WireOperation): DurableOperationError {
  const error = record.StepDetails?.Error;
  return error === undefined ? new WaitForConditionError() : DurableOperationError.fromErrorObject(error);
}
