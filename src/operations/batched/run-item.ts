import type { Outcome } from "../../codec/outcomes.ts";
import { ChildContextError, DurableOperationError } from "../../core/errors.ts";
import type { OperationPath } from "../../core/ids.ts";
import { MAX_ERROR_BYTES } from "../../core/limits.ts";
import { toRecordedError } from "../../core/recorded-error.ts";
import type { AnySerdes } from "../../core/serdes.ts";
import type { ErrorObject } from "../../core/wire.ts";
import { runAs } from "../../execution/active.ts";
import { park } from "../../execution/suspension.ts";
import { BatchItemStatus } from "../completion.ts";
import type { ClaimedOperation } from "../operation.ts";
import type { EndedItem } from "./collector.ts";
import { keepable } from "./in-place.ts";
import type { Item } from "./item.ts";

/** Runs an item's function; what it came to, for the user and for the batch. Never rejects. */
export async function runItem<T>(
  item: Item,
  run: (item: Item) => Promise<unknown>,
  serdes: AnySerdes | undefined,
): Promise<{ ended: EndedItem<T>; outcome: Outcome }> {
  const { index, name, scope, owner } = item;
  const { execution, operationId: id, maxResultBytes } = owner;
  const path = scope.path as OperationPath;
  const turn = execution.turn.take();
  if (turn !== undefined) {
    await turn;
    if (execution.isOver || scope.isOver) return park();
  }
  try {
    const current = { contextId: path, operationId: id, operationName: name, enteredIn: scope.mode };
    const result = await runAs(current, () => execution.turn.run(() => run(item)));
    const kind = { type: "CONTEXT", subType: "MapIteration", name, record: undefined } as const;
    const operation: ClaimedOperation = { ...kind, execution, scope, id, path };
    const kept = await keepable(operation, result, serdes, maxResultBytes);
    if ("error" in kept) throw kept.error;
    const outcome: Outcome = kept.kept === undefined ? { mark: "U" } : { mark: "S", result: kept.kept };
    return { ended: succeeded(index, kept.value), outcome };
  } catch (thrown) {
    const error = toRecordedError(thrown, Math.min(maxResultBytes, MAX_ERROR_BYTES));
    return { ended: failed(index, error), outcome: { mark: "F", error } };
  }
}

// Members in the order in which a payload has them.
export function succeeded<T>(index: number, value: unknown): EndedItem<T> {
  if (value === undefined) return { index, status: BatchItemStatus.SUCCEEDED };
  return { result: value as T, index, status: BatchItemStatus.SUCCEEDED };
}

export function failed<T>(index: number, recorded: ErrorObject): EndedItem<T> {
  const original = DurableOperationError.fromErrorObject(recorded);
  const error = new ChildContextError(original.message, original);
  return { error, index, status: BatchItemStatus.FAILED };
}
