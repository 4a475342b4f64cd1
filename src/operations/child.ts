import { invalid } from "../core/arguments.ts";
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
import { type ClaimedOperation, claim, type OperationLocation, openMode, recordStart, update } from "./operation.ts";
import {
  decodeResult,
  type EncodedResult,
  encodeResult,
  isTooLarge,
  labelOf,
  payloadTooLarge,
  serdesFor,
} from "./result-payload.ts";

export interface ChildConfig<T> {
  serdes?: Serdes<T>;
  /** The subtype in the history. Default `RunInChildContext`. */
  subType?: string;
  /**
   * Makes the text that is recorded in place of a result over the size limit. If this text is over the limit too, the
   * context fails. Has no effect with `virtualContext`. Default: an empty text.
   */
  summaryGenerator?: (result: T) => string;
  /**
   * Makes the error that the caller gets, again on each replay. Default: a `ChildContextError` whose cause is the
   * original error, rebuilt from its record.
   */
  errorMapper?: (originalError: DurableOperationError) => DurableOperationError;
  /**
   * If true, the context has no operation of its own. The operations inside the context belong to the enclosing
   * context, and the function runs again on each replay of the enclosing context.
   */
  virtualContext?: boolean;
}

export interface ResultFormat {
  encode(operation: ClaimedOperation, result: unknown): EncodedResult | Promise<EncodedResult>;
  /** Returns the recorded result or a promise of it. */
  decode(operation: ClaimedOperation, payload: string | undefined): unknown;
  /** Returns what `decode` would return after `encode`. Undefined if only `encode` can tell. */
  readBack?(result: unknown): unknown;
  summarize(result: unknown): string;
}

export interface ChildPlan {
  readonly name: string | undefined;
  readonly subType: string;
  readonly virtual: boolean;
  readonly format: ResultFormat;
  readonly errorMapper?: ((originalError: DurableOperationError) => DurableOperationError) | undefined;
  readonly location?: OperationLocation | undefined;
  /** The permit that a branch of a map or parallel lends while the branch only waits. */
  readonly permit?: Permit | undefined;
  /** False: the function is code of this package. It does not wait for the next tick, and its time is not counted. */
  readonly hasOwnCode?: false;
  /** If `recorded` is given, the context has ended in an earlier invocation, and `body` only rebuilds the result. */
  readonly body: (scope: Scope, recorded: WireOperation | undefined) => Promise<unknown>;
}

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

export function decideChild(record: WireOperation | undefined): ChildDecision {
  if (record === undefined) return { do: "run", announce: true };
  if (record.Status === "SUCCEEDED") {
    if (record.ContextDetails?.ReplayChildren) return { do: "rebuild", record };
    return { do: "return", payload: record.ContextDetails?.Result };
  }
  if (record.Status === "FAILED") return { do: "throw", record };
  return { do: "run", announce: false };
}

/** The context claims its path, and queues its START if it records one, during the call. */
export function runChild(execution: Execution, scope: Scope, plan: ChildPlan): Promise<unknown> {
  const recalled = recallChild(execution, scope, plan);
  return recalled instanceof Promise ? recalled : Promise.resolve(recalled.value);
}

/** Does the same as `runChild`, but returns a recorded result without a promise if `decode` returns no promise. */
export function recallChild(
  execution: Execution,
  scope: Scope,
  plan: ChildPlan,
): Promise<unknown> | { readonly value: unknown } {
  const { subType, name, virtual } = plan;
  const operation = claim(execution, scope, { type: "CONTEXT", subType, name, virtual }, plan.location);
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
      if (decision.announce && !plan.virtual) recordStart(operation, true);
      return runLive(operation, plan, modeOf(operation, plan.virtual));
  }
}

/**
 * Only a context that has begun can be in replay. A virtual context has no record, so it may have begun whenever the
 * execution has records of earlier invocations.
 */
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
  // This `await` lets contexts that code begins without an `await` in between queue their STARTs before the first
  // function runs.
  await (observer && contextStarts(observer, operation, plan.virtual));
  const nextTick = plan.hasOwnCode === false ? undefined : execution.tick.take();
  if (nextTick !== undefined) {
    await nextTick;
    if (execution.isOver || inner.isOver) return park();
  }
  let result: unknown;
  try {
    result = await runBody(operation, plan, inner, undefined);
  } catch (thrown) {
    if (execution.isOver) return park();
    return failLive(operation, plan, inner, thrown);
  }
  // The invocation has ended, so the code after this context must not continue.
  if (execution.isOver) return park();
  if (plan.virtual) inner.settle();
  else execution.finish(inner);
  let encoded: EncodedResult | Promise<EncodedResult>;
  let rest: Partial<OperationUpdate> | undefined;
  try {
    encoded = plan.format.encode(operation, result);
    if (encoded instanceof Promise) {
      // The context does not count as executing, so the invocation could be suspended while the result is encoded.
      encoded = await execution.keepAwake(scope, encoded);
    }
    if (!plan.virtual) rest = keptOf(operation, plan, inner, result, encoded);
  } catch (thrown) {
    return failLive(operation, plan, inner, thrown);
  }
  if (!plan.virtual) execution.record(operation, update(operation, "SUCCEED", rest));
  const notified = observer && contextEnds(observer, operation, plan.virtual);
  if (notified !== undefined) await notified;
  return readBack(operation, plan, encoded);
}

function readBack(operation: ClaimedOperation, { format }: ChildPlan, encoded: EncodedResult): unknown {
  return "value" in encoded ? encoded.value : format.decode(operation, encoded.payload);
}

/**
 * `ReplayChildren` makes a replay run the function again, because the result is not recorded, or because plugins need
 * the operations inside the context (`keptLevels`).
 */
function keptOf(
  operation: ClaimedOperation,
  { format }: ChildPlan,
  inner: Scope,
  result: unknown,
  { payload, oversized }: EncodedResult,
): Partial<OperationUpdate> | undefined {
  const { maxPayloadBytes } = operation.ledger;
  const isSummed = oversized || isTooLarge(payload, maxPayloadBytes);
  const text = isSummed ? format.summarize(result) : payload;
  if (isSummed) {
    if (typeof text !== "string") throw invalid(() => labelOf(operation), "summary", text, "a text");
    if (isTooLarge(text, maxPayloadBytes)) throw payloadTooLarge(operation, "summary of the result", text);
  }
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
  const notified = observer && contextEnds(observer, operation, plan.virtual, error);
  if (notified === undefined) throw failure(error, plan);
  return notified.then(() => {
    throw failure(error, plan);
  });
}

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
    return format.readBack?.(result) ?? (await readBack(operation, plan, await format.encode(operation, result)));
  } catch (thrown) {
    throw failure(toRecordedError(thrown), plan);
  }
}

function enter(operation: ClaimedOperation, plan: ChildPlan, mode: ReplayMode): Scope {
  const { scope, ledger, key, path } = operation;
  const parentId = (plan.virtual ? undefined : ledger.addressOf(key)) ?? scope.parentId;
  const inner = scope.child(path, parentId, mode, ledger);
  inner.keptLevels = scope.keptLevels - (plan.virtual ? 0 : 1);
  inner.permit = plan.permit;
  if (!plan.virtual) inner.owner = operation;
  return inner;
}

function runBody(operation: ClaimedOperation, plan: ChildPlan, inner: Scope, record: WireOperation | undefined) {
  const { execution, name, path } = operation;
  const current = { contextId: path, operation, operationName: name, scope: inner };
  const body = () => plan.body(inner, record);
  const piece = plan.hasOwnCode === false ? body : () => execution.tick.run(body);
  const { observer } = execution;
  // A rebuild calls no wrappers of plugins, because the work of the context was done in an earlier invocation.
  if (observer === undefined || record !== undefined) return runAs(current, piece);
  return runAs(current, () => wrapContext(observer, operation, () => runAs(current, piece)));
}

function failure(error: object, plan: ChildPlan): DurableOperationError {
  const original = DurableOperationError.fromErrorObject(error);
  return plan.errorMapper?.(original) ?? new ChildContextError(original.message, original);
}
