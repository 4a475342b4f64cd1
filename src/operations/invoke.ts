import { textOf } from "../core/arguments.ts";
import { InvokeError } from "../core/errors.ts";
import { type AnySerdes, defaultSerdes, type Serdes } from "../core/serdes.ts";
import { defined, type WireOperation } from "../core/wire.ts";
import type { Execution } from "../execution/execution.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { checkOptions, checkSerdes, checkText, operationLabel } from "./checks.ts";
import { Attention, type DurablePromise, underWay } from "./durable-promise.ts";
import { ExternalOperation } from "./external.ts";
import { claim, isRecorded } from "./operation.ts";
import { deserializeWith, isTooLarge, payloadTooLarge, serializeWith } from "./result-payload.ts";

export interface InvokeConfig<I, O> {
  payloadSerdes?: Serdes<I>;
  resultSerdes?: Serdes<O>;
  tenantId?: string;
}

/** Without a serdes, input and result are plain JSON, because the invoked function reads and writes them. */
export function beginInvoke<I, O>(
  execution: Execution,
  scope: Scope,
  givenName: unknown,
  functionName: string,
  input: I | undefined,
  config: InvokeConfig<I, O> = {},
): DurablePromise<O> {
  const attention = new Attention();
  const run = async (): Promise<O> => {
    const name = textOf(() => "an invoke", "name", givenName);
    const label = () => operationLabel("invoke", name);
    checkText(label, "function name", functionName);
    checkOptions(execution, scope, label, config);
    checkSerdes(label, "payloadSerdes", config.payloadSerdes as AnySerdes, ["serialize"]);
    checkSerdes(label, "resultSerdes", config.resultSerdes as AnySerdes, ["deserialize"]);
    const tenantId = textOf(label, "tenantId", config.tenantId);
    const kind = { type: "CHAINED_INVOKE", subType: "ChainedInvoke", name, isAddressed: true } as const;
    const { mode } = scope;
    const operation = claim(execution, scope, kind);
    if (operation === undefined) return park();
    const { payloadSerdes, resultSerdes } = config;
    let payload: string | undefined;
    if (operation.record === undefined) {
      try {
        payload = await serializeWith(chooseSerdes(payloadSerdes, scope), operation, input, "input");
        if (isTooLarge(payload, operation.ledger.maxPayloadBytes)) throw payloadTooLarge(operation, "input", payload);
      } catch (fault) {
        // An invoke whose input cannot be written has no record, so it fails again on each replay. The failure must not
        // end the replay of the context, because later operations may be recorded.
        if (mode === "replay" && isRecorded(scope.ledger, scope.peekPath())) scope.mode = mode;
        throw new InvokeError((fault as Error).message, fault as Error);
      }
    }
    const invoke = new ExternalOperation(operation, attention);
    const options = defined({ FunctionName: functionName, TenantId: tenantId });
    const started = await invoke.start(() => defined({ Payload: payload, ChainedInvokeOptions: options }));
    const ended = await invoke.ended(started);
    if (ended.Status !== "SUCCEEDED") throw invokeError(ended);
    const reader = chooseSerdes(resultSerdes, scope);
    return (await deserializeWith(reader, operation, ended.ChainedInvokeDetails?.Result)) as O;
  };

  return underWay(run(), attention);
}

function chooseSerdes<T>(own: Serdes<T> | undefined, scope: Scope): AnySerdes {
  return (own as AnySerdes | undefined) ?? scope.defaultSerdes ?? defaultSerdes;
}

function invokeError(ended: WireOperation): InvokeError {
  const error = ended.ChainedInvokeDetails?.Error;
  if (error === undefined) return new InvokeError();
  const message = error.ErrorMessage || "Invoke failed";
  return new InvokeError(message, new Error(message), error.ErrorData);
}
