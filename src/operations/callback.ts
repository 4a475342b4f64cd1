import { textOf } from "../core/arguments.ts";
import { CallbackError, CallbackExternalError, CallbackTimeoutError, recordedCause } from "../core/errors.ts";
import type { AnySerdesDeserializer, Serdes } from "../core/serdes.ts";
import { checkedSeconds, type Duration } from "../core/time.ts";
import { type CallbackOptions, defined, type WireOperation } from "../core/wire.ts";
import type { Execution } from "../execution/execution.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { checkOptions, checkSerdes, isBegun, operationLabel } from "./checks.ts";
import { Attention, type DurablePromise, underWay } from "./durable-promise.ts";
import { ExternalOperation } from "./external.ts";
import { type ClaimedOperation, claim, type OperationKind } from "./operation.ts";
import { deserializeWith } from "./result-payload.ts";

export interface CreateCallbackConfig<TOutput = string> {
  /**
   * The longest time from the start of the callback to its completion: a whole number of seconds, up to 366 days. 0
   * means no limit. Default: no limit.
   */
  timeout?: Duration;
  /**
   * The longest time from the start to the first heartbeat, and between two heartbeats: a whole number of seconds, up
   * to 366 days. 0 means no limit. Default: no limit.
   */
  heartbeatTimeout?: Duration;
  /**
   * Reads the payload. Default: the `defaultCallbackDeserializer` of `configureSerdes`. Without it, the result is the
   * text of the payload, or undefined if there is no payload.
   */
  serdes?: Omit<Serdes<TOutput>, "serialize">;
}

/** The promise of the result, and the id with which an external system completes the callback. */
export type CreateCallbackResult<T = string> = [DurablePromise<T>, string];

export const rawText: AnySerdesDeserializer = { deserialize: async (data) => data };

export async function createCallback<T>(
  execution: Execution,
  scope: Scope,
  givenName: unknown,
  config: CreateCallbackConfig<T> = {},
): Promise<CreateCallbackResult<T>> {
  const name = textOf(() => "a callback", "name", givenName);
  checkOptions(execution, scope, () => operationLabel("callback", name), config);
  const attention = new Attention();
  const { result, id } = await beginCallback(execution, scope, name, config, attention);
  return [underWay(result, attention), id];
}

export async function beginCallback<T>(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  config: CreateCallbackConfig<T>,
  attention: Attention,
  names: Pick<OperationKind, "shownName" | "aloneName"> = {},
): Promise<{ readonly result: Promise<T>; readonly id: string }> {
  const label = () => operationLabel("callback", name);
  checkSerdes(label, "serdes", config.serdes, ["deserialize"]);
  // The time-outs of a recorded callback are not checked again, because an earlier invocation accepted them.
  const options = isBegun(scope) ? undefined : callbackOptions(execution, label, config);
  const operation = claim(execution, scope, {
    ...{ type: "CALLBACK", subType: "Callback", name, ...names, isAddressed: true },
  });
  if (operation === undefined) return park();
  const callback = new ExternalOperation(operation, attention);
  const started = await callback.start(() => defined({ CallbackOptions: options }));
  const id = started.CallbackDetails?.CallbackId;
  if (id === undefined) throw new CallbackError(`No callback ID found for ${name ?? operation.path}`);
  const reader = config.serdes ?? scope.defaultCallbackDeserializer ?? rawText;
  const result = settle<T>(operation, callback, started, reader);
  // A failure before code awaits the result must not end the process as an unhandled rejection.
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

/** 0 is allowed, because the service reads 0 as "no time-out". */
export function callbackOptions(
  { onMisspelledOption }: Execution,
  label: () => string,
  config: CreateCallbackConfig<unknown>,
): CallbackOptions {
  const seconds = (field: "timeout" | "heartbeatTimeout"): number | undefined => {
    const duration = config[field];
    if (duration === undefined) return undefined;
    return checkedSeconds(`${field} of ${label()}`, duration, 0, onMisspelledOption);
  };
  return defined({ TimeoutSeconds: seconds("timeout"), HeartbeatTimeoutSeconds: seconds("heartbeatTimeout") });
}

function callbackFailure(ended: WireOperation): CallbackError {
  const error = ended.CallbackDetails?.Error ?? {};
  const Failure = ended.Status === "TIMED_OUT" ? CallbackTimeoutError : CallbackExternalError;
  return new Failure(error.ErrorMessage || undefined, recordedCause(error), error.ErrorData);
}
