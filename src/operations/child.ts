import { ChildContextError, DurableOperationError } from "../core/errors.ts";
import { toRecordedError } from "../core/recorded-error.ts";
import type { Permit } from "../core/semaphore.ts";
import type { Serdes } from "../core/serdes.ts";
import type { OperationUpdate, WireOperation } from "../core/wire.ts";
import { type ReplayMode, runAs } from "../execution/active.ts";
import type { Execution } from "../execution/execution.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { contextEnds, contextStarts, wrapContext } from "./observed-context.ts";
import { type ClaimedOperation, claim, openMode, type Place, update } from "./operation.ts";
import { decodeResult, type EncodedResult, encodeResult, isTooLarge, payloadTooLarge, serdesFor } from "./payload.ts";

export interface ChildConfig<T> {
  serdes?: Serdes<T>;
  /** What the history calls it. Default `RunInChildContext`. */
  subType?: string;
  /** Kept in place of a result over the limit, for whoever reads the history. */
  summaryGenerator?: (result: T) => string;
  /** Replaces the error that the caller sees. Default: a `ChildContextError` around it. */
  errorMapper?: (originalError: DurableOperationError) => DurableOperationError;
  /** Writes no operation of its own: its operations belong to the enclosing context, and it runs on each replay. */
  virtualContext?: boolean;
}

/** How the result of a context is kept. */
export interface ResultFormat {
  encode(operation: ClaimedOperation, result: unknown): EncodedResult | Promise<EncodedResult>;
  /** The recorded result, or a promise of it. */
  decode(operation: ClaimedOperation, payload: string | undefined): unknown;
  /** What `encode` says that the value is, where that takes less than to encode it; otherwise undefined. */
  readBack?(result: unknown): unknown;
  /** What is kept of a result over the limit. */
  summarize(result: unknown): string;
}

export interface ChildPlan {
  readonly name: string | undefined;
  readonly subType: string;
  readonly virtual: boolean;
  readonly format: ResultFormat;
  readonly errorMapper?: ((originalError: DurableOperationError) => DurableOperationError) | undefined;
  /** Where it stands, if that does not come from the counter of the context around it. */
  readonly place?: Place | undefined;
  /** Its place in the window of a fan-out, where it gives way while it only waits. */
  readonly permit?: Permit | undefined;
  /** Its function is of ours: code of the user's runs only in contexts inside it. */
  readonly hasOwnCode?: false;
  /** Runs the context's function; `recorded` is given when it only rebuilds a result too large to keep. */
  readonly body: (scope: Scope, recorded: WireOperation | undefined) => Promise<unknown>;
}

/** The format of a plain child context: one payload, by its serdes or the codec. */
export function childResultFormat<T>(config: ChildConfig<T>): ResultFormat {
  const { serdes, summaryGenerator } = config;
  return {
    encode: (operation, result) => encodeResult(operation, result, serdesFor(operation, serdes)),
    decode: (operation, payload) => decodeResult(operation, payload, serdesFor(operation, serdes)),
    summarize: (result) => summaryGenerator?.(result as T) ?? "",
  };
}

type ChildDecision =
  | { readonly do: "run"; readonly announce: boolean }
  | { readonly do: "rebuild"; readonly record: WireOperation }
  | { readonly do: "return"; readonly payload: string | undefined }
  | { readonly do: "throw"; readonly record: WireOperation };

/** What to do with a child context, from its record alone. */
export function decideChild(record: WireOperation | undefined): ChildDecision {
  if (record === undefined) return { do: "run", announce: true };
  if (record.Status === "SUCCEEDED") {
    if (record.ContextDetails?.ReplayChildren) return { do: "rebuild", record };
    return { do: "return", payload: record.ContextDetails?.Result };
  }
  if (record.Status === "FAILED") return { do: "throw", record };
  return { do: "run", announce: false };
}

/** Runs a child context; what is synchronous here happens at the call. */
export function runChild(execution: Execution, scope: Scope, plan: ChildPlan): Promise<unknown> {
  const recalled = recallChild(execution, scope, plan);
  return recalled instanceof Promise ? recalled : Promise.resolve(recalled.value);
}

/** As `runChild`; the result of a context that has ended is there at once, where no serdes of the user's reads it. */
export function recallChild(
  execution: Execution,
  scope: Scope,
  plan: ChildPlan,
): Promise<unknown> | { readonly value: unknown } {
  const { subType, name, virtual } = plan;
  const operation = claim(execution, scope, { type: "CONTEXT", subType, name, virtual }, plan.place);
  if (operation === undefined) return park();
  const decision = decideChild(operation.record);
  switch (decision.do) {
    case "return": {
      const value = plan.format.decode(operation, decision.payload);
      return value instanceof Promise ? value : { value };
    }
    case "throw":
      return throwRecorded(decision.record, plan);
    case "rebuild":
      return rebuild(operation, plan, decision.record);
    case "run":
      if (decision.announce && !plan.virtual) execution.recordStart(operation, update(operation, "START"), true);
      return runLive(operation, plan, modeOf(operation, plan.virtual));
  }
}

/** What is recorded inside a context that has begun was said before; of a virtual one nobody knows whether it has. */
function modeOf({ execution, ledger, path, record }: ClaimedOperation, isVirtual: boolean): ReplayMode {
  const mayReplay = isVirtual ? execution.state.isReplay : record !== undefined;
  return mayReplay ? openMode(ledger, path) : "execution";
}

async function throwRecorded(record: WireOperation, plan: ChildPlan): Promise<never> {
  throw failure(record.ContextDetails?.Error ?? {}, plan);
}

async function runLive(operation: ClaimedOperation, plan: ChildPlan, mode: ReplayMode): Promise<unknown> {
  const { execution, scope } = operation;
  const inner = enter(operation, plan, mode);
  const { observer } = execution;
  // Contexts begun together announce themselves before the first function runs.
  await (observer && contextStarts(observer, operation, plan.virtual));
  const turn = plan.hasOwnCode === false ? undefined : execution.turn.take();
  if (turn !== undefined) {
    await turn;
    if (execution.isOver || inner.isOver) return park();
  }
  let result: unknown;
  try {
    result = await runBody(operation, plan, inner, undefined);
  } catch (thrown) {
    if (execution.isOver) return park();
    return failLive(operation, plan, inner, thrown);
  }
  // Whoever waits for it belongs to an invocation that has ended.
  if (execution.isOver) return park();
  if (plan.virtual) inner.settle();
  else execution.finish(inner);
  let encoded: EncodedResult | Promise<EncodedResult>;
  let rest: Partial<OperationUpdate> | undefined;
  try {
    encoded = plan.format.encode(operation, result);
    if (encoded instanceof Promise) {
      // A serdes of the user's may take its time, and nothing else says that this context goes on.
      scope.countExecuting(1);
      try {
        encoded = await encoded;
      } finally {
        execution.countExecuting(scope, -1);
      }
    }
    if (!plan.virtual) rest = keptOf(operation, plan, inner, encoded);
  } catch (thrown) {
    return failLive(operation, plan, inner, thrown);
  }
  if (!plan.virtual) execution.record(operation, update(operation, "SUCCEED", rest));
  const told = observer && contextEnds(observer, operation, plan.virtual);
  if (told !== undefined) await told;
  return encoded.value;
}

/** What is recorded of a result: a summary, where it is over the limit. Throws where that is, and what making it throws. */
function keptOf(
  operation: ClaimedOperation,
  { format }: ChildPlan,
  inner: Scope,
  { payload, value, oversized }: EncodedResult,
): Partial<OperationUpdate> | undefined {
  const { maxPayloadBytes } = operation.ledger;
  const isSummed = oversized || isTooLarge(payload, maxPayloadBytes);
  const text = isSummed ? format.summarize(value) : payload;
  if (isSummed && isTooLarge(text, maxPayloadBytes)) throw payloadTooLarge(operation, "summary of the result", text);
  const rest = text === undefined ? undefined : { Payload: text };
  return isSummed || inner.keptLevels >= 1 ? { ...rest, ContextOptions: { ReplayChildren: true } } : rest;
}

function failLive(operation: ClaimedOperation, plan: ChildPlan, inner: Scope, thrown: unknown): Promise<never> {
  const { execution } = operation;
  const error = toRecordedError(thrown);
  execution.onThrown?.(operation.id, thrown);
  if (plan.virtual) inner.settle();
  else {
    execution.finish(inner);
    const kept = inner.keptLevels >= 1 ? { ContextOptions: { ReplayChildren: true } } : {};
    execution.record(operation, update(operation, "FAIL", { Error: error, ...kept }));
  }
  const { observer } = execution;
  const told = observer && contextEnds(observer, operation, plan.virtual, error);
  if (told === undefined) throw failure(error, plan);
  return told.then(() => {
    throw failure(error, plan);
  });
}

/** Runs a finished context's function again over its recorded operations, for a result that was too large to keep. */
async function rebuild(operation: ClaimedOperation, plan: ChildPlan, record: WireOperation): Promise<unknown> {
  const inner = enter(operation, plan, "replay-succeeded");
  await undefined;
  const { format } = plan;
  try {
    let result: unknown;
    try {
      result = await runBody(operation, plan, inner, record);
    } finally {
      operation.execution.finish(inner);
    }
    return format.readBack?.(result) ?? (await format.encode(operation, result)).value;
  } catch (thrown) {
    throw failure(toRecordedError(thrown), plan);
  }
}

function enter(operation: ClaimedOperation, plan: ChildPlan, mode: ReplayMode): Scope {
  const { scope, ledger, key, path } = operation;
  const parentId = (plan.virtual ? undefined : ledger.addressOf(key)) ?? scope.parentId;
  const inner = scope.child(path, parentId, mode, ledger);
  inner.keptLevels = scope.keptLevels - (plan.virtual ? 0 : 1);
  inner.place = plan.permit;
  if (!plan.virtual) inner.owner = operation;
  return inner;
}

function runBody(operation: ClaimedOperation, plan: ChildPlan, inner: Scope, record: WireOperation | undefined) {
  const { execution, name, path } = operation;
  const current = { contextId: path, operation, operationName: name, scope: inner };
  const body = () => plan.body(inner, record);
  const piece = plan.hasOwnCode === false ? body : () => execution.turn.run(body);
  const { observer } = execution;
  // Plugins do not see a rebuild: the function has had its say.
  if (observer === undefined || record !== undefined) return runAs(current, piece);
  return runAs(current, () => wrapContext(observer, operation, () => runAs(current, piece)));
}

function failure(error: object, plan: ChildPlan): DurableOperationError {
  const original = DurableOperationError.fromErrorObject(error);
  return plan.errorMapper?.(original) ?? new ChildContextError(original.message, original);
}
