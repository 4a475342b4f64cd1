import { CallbackError, CallbackExternalError, CallbackTimeoutError, recordedCause } from "../core/errors.ts";
import type { AnySerdesDeserializer, Serdes } from "../core/serdes.ts";
import { checkedSeconds, type Duration } from "../core/time.ts";
import { type CallbackOptions, defined, type WireOperation } from "../core/wire.ts";
import type { Execution } from "../execution/execution.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { checkOptions, checkSerdes, operationLabel } from "./checks.ts";
import { Attention, type DurablePromise, underWay } from "./durable-promise.ts";
import { ExternalOperation } from "./external.ts";
import { type ClaimedOperation, claim, type OperationKind } from "./operation.ts";
import { deserializeWith } from "./payload.ts";

export interface CreateCallbackConfig<TOutput = string> {
  /** The time from the start to the completion. Default: only the execution's own time-out. */
  timeout?: Duration;
  /** The time between two heartbeats. Default: none. */
  heartbeatTimeout?: Duration;
  /** Reads the payload that completed the callback. Default: the raw text. */
  serdes?: Omit<Serdes<TOutput>, "serialize">;
}

/** The promise of the callback's result, and the id with which an external system completes the callback. */
export type CreateCallbackResult<T = string> = [DurablePromise<T>, string];

/** Returns the payload that completed a callback as text. */
export const rawText: AnySerdesDeserializer = { deserialize: async (data) => data };

/** Creates a callback at once. Resolves when the service has given the callback an id. */
export async function createCallback<T>(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  config: CreateCallbackConfig<T> = {},
): Promise<CreateCallbackResult<T>> {
  checkOptions(execution, scope, () => operationLabel("callback", name), config);
  const attention = new Attention();
  const { result, id } = await beginCallback(execution, scope, name, config, attention);
  return [underWay(result, attention), id];
}

/** Does the same as `createCallback`, but `attention` decides whether the result counts as awaited. */
export async function beginCallback<T>(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  config: CreateCallbackConfig<T>,
  attention: Attention,
  names: Pick<OperationKind, "shownName" | "aloneName"> = {},
): Promise<{ readonly result: Promise<T>; readonly id: string }> {
  checkSerdes(() => operationLabel("callback", name), "serdes", config.serdes, ["deserialize"]);
  const options = callbackOptions(name, config);
  const operation = claim(execution, scope, {
    ...{ type: "CALLBACK", subType: "Callback", name, ...names, isAddressed: true },
  });
  if (operation === undefined) return park();
  const callback = new ExternalOperation(operation, attention);
  const started = await callback.start(() => ({ CallbackOptions: options }));
  const id = started.CallbackDetails?.CallbackId;
  if (id === undefined) throw new CallbackError(`No callback ID found for ${name ?? operation.path}`);
  const reader = config.serdes ?? scope.defaultCallbackDeserializer ?? rawText;
  const result = settle<T>(operation, callback, started, reader);
  // A failure that nobody awaits yet must not end the process.
  result.catch(() => {});
  return { result, id };
}

async function settle<T>(
  operation: ClaimedOperation,
  callback: ExternalOperation,
  started: WireOperation,
  reader: AnySerdesDeserializer,
): Promise<T> {
  const ended = await callback.ended(started);
  if (ended.Status !== "SUCCEEDED") throw callbackFailure(ended);
  return (await deserializeWith(reader, operation, ended.CallbackDetails?.Result)) as T;
}

// The service takes 0 as "no time-out".
function callbackOptions(name: string | undefined, config: CreateCallbackConfig<unknown>): CallbackOptions {
  const seconds = (field: "timeout" | "heartbeatTimeout"): number | undefined => {
    const duration = config[field];
    return duration === undefined
      ? undefined
      : checkedSeconds(`${field} of ${operationLabel("callback", name)}`, duration, 0);
  };
  return defined({ TimeoutSeconds: seconds("timeout"), HeartbeatTimeoutSeconds: seconds("heartbeatTimeout") });
}

function callbackFailure(ended: WireOperation): CallbackError {
  const error = ended.CallbackDetails?.Error ?? {};
  const Failure = ended.Status === "TIMED_OUT" ? CallbackTimeoutError : CallbackExternalError;
  return new Failure(error.ErrorMessage || undefined, recordedCause(error), error.ErrorData);
}
