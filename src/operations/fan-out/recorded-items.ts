import type { Outcome } from "../../codec/batch-outcomes.ts";
import { ChildContextError, DurableOperationError } from "../../core/errors.ts";
import { childPath } from "../../core/ids.ts";
import type { AnySerdes } from "../../core/serdes.ts";
import { isFinished } from "../../core/transitions.ts";
import type { ErrorObject } from "../../core/wire.ts";
import type { Execution } from "../../execution/execution.ts";
import type { Ledger } from "../../execution/ledger/ledger.ts";
import type { SharedLedger } from "../../execution/ledger/shared-ledger.ts";
import type { Scope } from "../../execution/scope.ts";
import { type ChildPlan, recallChild } from "../child.ts";
import { isRecorded } from "../operation.ts";
import { deserializeWith } from "../result-payload.ts";
import type { EndedItem } from "./collector.ts";

interface RecordedItemsOptions {
  /** The name of the map or parallel. */
  readonly name: string | undefined;
  readonly itemSerdes: AnySerdes | undefined;
  /** The map's `nesting`. Read only for maps without batches. */
  readonly isFlat: boolean;
  readonly planOf: (index: number, value: unknown) => ChildPlan;
}

export class RecordedItems<T> {
  readonly #execution: Execution;
  readonly #scope: Scope;
  readonly #options: RecordedItemsOptions;

  constructor(execution: Execution, scope: Scope, options: RecordedItemsOptions) {
    this.#execution = execution;
    this.#scope = scope;
    this.#options = options;
  }

  /**
   * Returns undefined if the item has not ended. `at` is the index in the batch. `value` is the input value of the
   * item, from which its result is made if the result is rebuilt.
   */
  ofBatch(
    ledger: SharedLedger,
    at: number,
    { mark, result, error }: Outcome,
    value: unknown,
  ): EndedItem<T> | Promise<EndedItem<T>> | undefined {
    const index = ledger.first + at;
    const { codec } = this.#execution;
    switch (mark) {
      case "S":
      case "U":
        return this.#withResult(index, result);
      case "T":
        return this.#withResult(index, codec.decode(result as string));
      case "F":
        return failed(index, childError(error ?? {}));
      case "R":
        return this.#recall(index, value, ledger.page(at));
      default:
        return undefined;
    }
  }

  #withResult(index: number, result: unknown): EndedItem<T> | Promise<EndedItem<T>> {
    const { itemSerdes, name } = this.#options;
    if (itemSerdes === undefined) return succeeded(index, result as T);
    const path = childPath(this.#scope.path, index + 1);
    // The name of the item may need its value, which is not read.
    const owner = { execution: this.#execution, scope: this.#scope, path, name: `${name ?? "item"}[${index}]` };
    const read = deserializeWith(itemSerdes, owner, result as string | undefined);
    return read.then((value) => succeeded(index, value as T));
  }

  ofOperation(index: number, value: unknown): EndedItem<T> | Promise<EndedItem<T>> {
    return this.#recall(index, value, this.#scope.ledger);
  }

  #recall(index: number, value: unknown, ledger: Ledger): EndedItem<T> | Promise<EndedItem<T>> {
    const location = { path: childPath(this.#scope.path, index + 1), ledger };
    const recalled = recallChild(this.#execution, this.#scope, {
      ...this.#options.planOf(index, value),
      location: location,
    });
    if (!(recalled instanceof Promise)) return succeeded(index, recalled.value as T);
    return recalled.then(
      (result) => succeeded<T>(index, result as T),
      (error) => failed<T>(index, error),
    );
  }

  *begun(total: number, most: number): Generator<readonly [index: number, status: "S" | "R" | "-"]> {
    if (total <= most || this.#options.isFlat || this.#scope.mode === "execution") return;
    // An item that has begun and has no record holds a permit. So after more than `most` items in a row without a
    // record, no item with a higher index has begun.
    for (let index = 0, unknown = 0; index < total && unknown <= most; index++) {
      const status = this.statusOf(index);
      unknown = status === undefined ? unknown + 1 : 0;
      if (status !== undefined) yield [index, status];
    }
  }

  /**
   * `S`: the item has ended, and its outcome is recorded, except in a FLAT map. `R`: the item has ended, and its result
   * must be rebuilt. `-`: the item has begun and not ended. Undefined: no record. An item of a FLAT map counts as ended
   * if all its recorded operations have ended.
   */
  statusOf(index: number): "S" | "R" | "-" | undefined {
    const path = childPath(this.#scope.path, index + 1);
    const { ledger } = this.#scope;
    if (!this.#options.isFlat) {
      const record = ledger.peek(ledger.key(path));
      if (record === undefined) return undefined;
      if (!isFinished(record)) return "-";
      return record.ContextDetails?.ReplayChildren === true ? "R" : "S";
    }
    for (let inner = 1; ; inner++) {
      const at = childPath(path, inner);
      if (!isRecorded(ledger, at)) return inner === 1 ? undefined : "S";
      const record = ledger.peek(ledger.key(at));
      if (record !== undefined && !isFinished(record)) return "-";
    }
  }
}

// The members have the same order as in a payload, so that live and recorded items give the same JSON.
export function succeeded<T>(index: number, value: T): EndedItem<T> {
  if (value === undefined) return { index, status: "SUCCEEDED" };
  return { result: value, index, status: "SUCCEEDED" };
}

export function failed<T>(index: number, error: unknown): EndedItem<T> {
  return { error: error as ChildContextError, index, status: "FAILED" };
}

function childError(recorded: ErrorObject): ChildContextError {
  const original = DurableOperationError.fromErrorObject(recorded);
  return new ChildContextError(original.message, original);
}
