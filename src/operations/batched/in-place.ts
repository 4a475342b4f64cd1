import type { StoredStep } from "../../codec/outcomes.ts";
import { ChildContextError, DurableError, DurableOperationError } from "../../core/errors.ts";
import type { OperationPath } from "../../core/ids.ts";
import { toRecordedError } from "../../core/recorded-error.ts";
import type { AnySerdes } from "../../core/serdes.ts";
import type { ErrorObject } from "../../core/wire.ts";
import { runAs } from "../../execution/active.ts";
import type { Scope } from "../../execution/scope.ts";
import { park } from "../../execution/suspension.ts";
import type { ChildConfig } from "../child.ts";
import type { ClaimedOperation } from "../operation.ts";
import { decodeResult, encodeResult, isTooLarge, payloadTooLarge, serdesFor } from "../payload.ts";
import { checkConfig, decideFailure, NO_CONFIG, type StepConfig, StepSemantics } from "../step.ts";
import { runBounded, type StepFunc } from "../step-run.ts";
import type { Item } from "./item.ts";

/** The error of what an item inside a batch cannot do. */
export function notInBatch(item: Item, method: string, why: string): DurableError {
  return new DurableError(
    "ERR_NOT_IN_BATCH",
    `${method} cannot be used in item ${item.index} ("${item.name}") of a batched map: ${why}. ` +
      'Pass "batch: false" to this map, or do it outside of the map.',
  );
}

/** Runs a step of an item without an operation of its own: the item's batch keeps what it gave. */
export async function runStepInPlace<T>(
  item: Item,
  scope: Scope,
  name: string | undefined,
  body: StepFunc<T>,
  config: StepConfig<T> = NO_CONFIG,
): Promise<T> {
  if (config !== NO_CONFIG) checkConfig(name, config);
  const path = scope.nextPath();
  const { execution } = item.owner;
  if (execution.isOver || scope.isOver) return park();
  if (config.semantics === StepSemantics.AtMostOncePerRetry) {
    const why = "an attempt that may run at most once must be recorded on its own before it runs";
    throw notInBatch(item, `A step with AtMostOncePerRetry${name === undefined ? "" : ` ("${name}")`}`, why);
  }
  const operation = inPlaceOperation(item, scope, path, name);
  const serdes = serdesFor(operation, config.serdes as AnySerdes | undefined);
  const kept = item.take(path);
  if (kept !== undefined && kept.attempts === undefined) {
    item.keep(kept);
    return readKept(operation, kept, serdes);
  }
  item.begins();
  let attempt = (kept?.attempts ?? 0) + 1;
  const step = item.keyOf(path);
  if (kept?.leftMs !== undefined) await item.retryAfter(step, attempt - 1, kept.leftMs);
  for (; ; attempt++) {
    const turn = execution.turn.take();
    if (turn !== undefined) {
      await turn;
      if (execution.isOver || scope.isOver) return park();
    }
    const admitted = item.admits(step, attempt, turn !== undefined);
    if (admitted !== undefined) await admitted;
    const end = await runAttempt(operation, attempt, body, config, serdes, item.owner.maxResultBytes);
    if (end.end === "retry") {
      await item.retryAfter(step, attempt, end.afterSeconds * 1_000);
      continue;
    }
    if (end.end === "succeed") {
      item.keep(end.kept === undefined ? { step } : { step, result: end.kept });
      item.ends();
      return end.value as T;
    }
    item.keep({ step, error: end.error });
    item.ends();
    throw DurableOperationError.fromErrorObject(end.error);
  }
}

type Ended =
  | { readonly end: "succeed"; readonly kept: unknown; readonly value: unknown }
  | { readonly end: "fail"; readonly error: ErrorObject }
  | { readonly end: "retry"; readonly afterSeconds: number };

async function runAttempt<T>(
  operation: ClaimedOperation,
  attempt: number,
  body: StepFunc<T>,
  config: StepConfig<T>,
  serdes: AnySerdes | undefined,
  maxBytes: number,
): Promise<Ended> {
  const { scope, id: operationId, path: contextId, name: operationName } = operation;
  let result: T;
  try {
    const current = { contextId, operationId, operationName, attempt, enteredIn: scope.mode };
    const { observer, turn } = operation.execution;
    const run = () => runAs(current, () => turn.run(() => runBounded(operation, attempt, body, config.timeout)));
    const info = () => ({ ...observer?.info(operation, { startTimestamp: new Date() }), attempt });
    result = await (observer === undefined
      ? run()
      : runAs(current, () => observer.wrap("wrapOperationAttemptFn", info, run)));
  } catch (thrown) {
    const end = decideFailure(thrown, attempt, config.retryStrategy);
    if (end.end === "retry") return { end: "retry", afterSeconds: end.afterSeconds };
    return end;
  }
  const kept = await keepable(operation, result, serdes, maxBytes);
  if (!("error" in kept)) return { end: "succeed", ...kept };
  return { end: "fail", error: toRecordedError(kept.error) };
}

/** What is kept of a result, and the result as a replay gives it. */
export interface Kept {
  /** The value itself, or the text that a serdes made of it. */
  readonly kept: unknown;
  readonly value: unknown;
}

/** Makes a result fit to be kept by a batch; an error if it is over `maxBytes`. */
export async function keepable(
  operation: ClaimedOperation,
  result: unknown,
  serdes: AnySerdes | undefined,
  maxBytes: number,
): Promise<Kept | { error: Error }> {
  const { codec } = operation.execution;
  if (serdes !== undefined) {
    const { payload, value } = await encodeResult(operation, result, serdes);
    if (isTooLarge(payload, maxBytes)) return { error: payloadTooLarge(operation, "result", payload) };
    return { kept: payload, value };
  }
  operation.execution.onResult?.(operation, result);
  let read: { value: unknown; chars: number };
  try {
    read = codec.normalize(result);
  } catch {
    // The same failure again, as it is dealt with everywhere: it ends the invocation.
    return encodeResult(operation, result, undefined) as Promise<never>;
  }
  const { value, chars } = read;
  if (chars * 3 > maxBytes) {
    const payload = codec.encode(value);
    if (isTooLarge(payload, maxBytes)) return { error: payloadTooLarge(operation, "result", payload) };
  }
  return { kept: value, value };
}

async function readKept<T>(operation: ClaimedOperation, kept: StoredStep, serdes: AnySerdes | undefined): Promise<T> {
  if (kept.error !== undefined) throw DurableOperationError.fromErrorObject(kept.error);
  if (serdes === undefined) return kept.result as T;
  return (await decodeResult(operation, kept.result as string | undefined, serdes)) as T;
}

/** Runs a child context of an item in place. It groups steps; it writes nothing. */
export async function runChildInPlace<T>(
  item: Item,
  scope: Scope,
  name: string | undefined,
  body: (inner: Scope) => Promise<T>,
  config: ChildConfig<T> = {},
): Promise<T> {
  const path = scope.nextPath();
  if (item.owner.execution.isOver || scope.isOver) return park();
  const inner = scope.child(path, scope.parentId, scope.mode);
  const operation = inPlaceOperation(item, scope, path, name);
  const current = { contextId: path, operationId: operation.id, operationName: name, enteredIn: inner.mode };
  let result: T;
  try {
    result = await runAs(current, () => body(inner));
  } catch (thrown) {
    const original = DurableOperationError.fromErrorObject(toRecordedError(thrown));
    throw config.errorMapper?.(original) ?? new ChildContextError(original.message, original);
  }
  const serdes = serdesFor(operation, config.serdes as AnySerdes | undefined);
  const kept = await keepable(operation, result, serdes, item.owner.maxResultBytes);
  if ("error" in kept) throw kept.error;
  return kept.value as T;
}

function inPlaceOperation(item: Item, scope: Scope, path: OperationPath, name: string | undefined): ClaimedOperation {
  const { execution, operationId: id } = item.owner;
  return { type: "STEP", subType: "Step", name, execution, scope, path, id, record: undefined };
}
