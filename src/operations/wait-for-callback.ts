import {
  CallbackError,
  CallbackSubmitterError,
  ChildContextError,
  type DurableOperationError,
  StepError,
} from "../core/errors.ts";
import type { RetryStrategy } from "../core/retry.ts";
import type { AnySerdes } from "../core/serdes.ts";
import type { Execution } from "../execution/execution.ts";
import type { DurableContextLogger, DurableLogger } from "../execution/logger.ts";
import type { Scope } from "../execution/scope.ts";
import { beginCallback, type CreateCallbackConfig, callbackOptions, rawText } from "./callback.ts";
import { checkOptions, isBegun, operationLabel } from "./checks.ts";
import { childResultFormat, runChild } from "./child.ts";
import { Attention } from "./durable-promise.ts";
import { deserializeWith } from "./result-payload.ts";
import { runStep } from "./step.ts";

export interface WaitForCallbackConfig<TOutput = string> extends CreateCallbackConfig<TOutput> {
  /** The retry strategy of the submitter. Default: `retryPresets.default`, as for a step. */
  retryStrategy?: RetryStrategy;
}

/** Gives the callback's id to the external system that will complete the callback. The function runs as a step. */
export type WaitForCallbackSubmitterFunc<Logger extends DurableLogger = DurableLogger> = (
  callbackId: string,
  context: { logger: DurableContextLogger<Logger> },
) => Promise<void>;

const RAW: AnySerdes = { serialize: async (value) => value, deserialize: rawText.deserialize };

export async function runWaitForCallback<T>(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  submitter: WaitForCallbackSubmitterFunc,
  config: WaitForCallbackConfig<T> | undefined,
  attention: Attention,
): Promise<T> {
  const label = () => operationLabel("waitForCallback", name);
  checkOptions(execution, scope, label, config ?? {});
  if (!isBegun(scope)) callbackOptions(execution, label, config ?? {});
  const { retryStrategy, serdes, ...options } = config ?? {};
  const path = scope.peekPath();
  const text = await runChild(execution, scope, {
    name,
    subType: "WaitForCallback",
    virtual: false,
    hasOwnCode: false,
    errorMapper: mapError,
    format: childResultFormat(scope.defaultCallbackDeserializer === undefined ? {} : { serdes: RAW }),
    body: async (inner) => {
      const shown = (part: string) => (name === undefined ? undefined : `${name}-${part}`);
      const callback = { ...options, serdes: rawText };
      const names = { shownName: shown("callback"), aloneName: name };
      // Before the submitter has ended, the external system may not have the callback's id yet. So the callback counts
      // as waiting, and is polled for, only after the submitter has ended.
      const submitted = new Attention();
      const { result, id } = await beginCallback<string>(execution, inner, undefined, callback, submitted, names);
      // The submitter's result is not recorded, because the result may be a response that JSON cannot store.
      const submit = async ({ logger }: { logger: DurableContextLogger<DurableLogger> }) => {
        await submitter(id, { logger });
      };
      const retrying = retryStrategy === undefined ? {} : { retryStrategy };
      await runStep(execution, inner, undefined, submit, retrying, attention, shown("submitter"));
      attention.follow(() => submitted.attract());
      return result;
    },
  });
  const reader = serdes ?? scope.defaultCallbackDeserializer ?? rawText;
  return (await deserializeWith(reader, { execution, scope, path, name }, text as string | undefined)) as T;
}

function mapError(error: DurableOperationError): DurableOperationError {
  if (error instanceof StepError) return new CallbackSubmitterError(error.message, error, error.errorData);
  return error instanceof CallbackError ? error : new ChildContextError(error.message, error);
}
