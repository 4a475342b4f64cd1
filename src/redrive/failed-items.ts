import { decodePayload } from "../codec/codec.ts";
import { partsFinder } from "../core/batch-operation.ts";
import { DurableError } from "../core/errors.ts";
import { itemIndex } from "../core/operation-paths.ts";
import { isFinished } from "../core/transitions.ts";
import { detailsOf, type ErrorObject, hasEnded, isFanOut, isItem, type Operation } from "../core/wire.ts";
import type { Amendment } from "../service/redrive.ts";
import { Changes, isBatch, isExternal } from "./changes.ts";
import { ExternalsFinder } from "./externals.ts";
import { hasFailed, OperationTree } from "./operation-tree.ts";
import { RecordedBatch } from "./recorded-batch.ts";

/** The changes for a redrive of failed items, and the number of these items. */
export interface FailedItems extends Amendment {
  /**
   * The number of failed items that begin anew. If only items of an inner map begin anew, the outer item is not
   * counted. Items that had not ended are not counted, except items of a FLAT map without a result (see A5).
   */
  readonly failedCount: number;
}

/**
 * Returns the changes with which `LocalEngine.redrive` runs the failed items of maps and parallels again.
 *
 * A1  A failed item begins anew, and all records inside it are removed. If a map inside the item has failed items, only
 *     the failed items of this inner map begin anew. An item of a batch begins anew as a whole.
 * A2  The map, and each context around it, counts as not ended, because its result will change.
 * A3  Operations after the map in the code, and after each context around it, count as not begun, because they may
 *     depend on the result.
 * A4  Items that succeeded stay unchanged, except around a failed item of an inner map. Operations that ended before
 *     the map stay unchanged.
 * A5  An item that had not ended continues from its records, also in a batch. Its first failed operation, and the
 *     operations after it, count as not begun. Otherwise their records would make the item fail at once. If a FLAT map
 *     has no result, an item with a failed operation counts as failed.
 *
 * @throws DurableError `ERR_NOTHING_FAILED` if no map has a failed item; `ERR_PAYLOAD_UNREADABLE` if a batch is damaged
 */
export function failedItems(operations: readonly Operation[]): FailedItems {
  return failedItemsIn(new OperationTree(operations));
}

export function failedItemsIn(tree: OperationTree): FailedItems {
  const search = new Search(tree);
  search.searchAll();
  const { amendment, failedCount } = search;
  if (failedCount > 0) return { ...amendment, failedCount };
  throw new DurableError(
    "ERR_NOTHING_FAILED",
    "No item of a map or parallel of this execution has failed, so that there is nothing to run again.",
  );
}

/** The changes for a single map or parallel. Operations after the map stay unchanged. */
export interface FailedItemsOfOne extends FailedItems {
  readonly messages: readonly string[];
}

/** The map must not be inside another map. Returns undefined if the map needs no changes. */
export function failedItemsOf(tree: OperationTree, fanOut: Operation): FailedItemsOfOne | undefined {
  const search = new Search(tree);
  if (!search.searchOne(fanOut)) return undefined;
  const { amendment, failedCount, messages } = search;
  return { ...amendment, failedCount, messages };
}

class Search extends Changes {
  readonly messages: string[] = [];
  failedCount = 0;
  /** Whether records of a batch have changed. */
  #hasAmended = false;

  searchAll(): void {
    this.#visit(this.tree.children());
  }

  searchOne(map: Operation): boolean {
    const before = this.removed.size;
    if (this.#fanOut(map)) for (const context of [...this.tree.around(map), map]) this.reopen(context); // A2
    return this.failedCount > 0 || this.removed.size > before || this.#hasAmended;
  }

  /** Returns whether an operation runs again. */
  #visit(operations: readonly Operation[]): boolean {
    for (const [index, operation] of operations.entries()) {
      const runsAgain = isFanOut(operation.SubType)
        ? this.#fanOut(operation)
        : this.#visit(this.tree.children(operation));
      if (!runsAgain) continue;
      if (operation.Type === "CONTEXT") this.reopen(operation); // A2
      for (const later of operations.slice(index + 1)) this.remove(later); // A3
      return true;
    }
    return false;
  }

  #fanOut(operation: Operation): boolean {
    const children = this.tree.children(operation);
    if (children.some(isBatch)) return this.#batches(operation, children);
    if (!children.some(({ SubType: subType }) => isItem(subType))) return this.#flatItems(operation, children);
    let runsAgain = false;
    for (const item of children) if (this.#nestedItem(item)) runsAgain = true;
    if (runsAgain || !isFinished(operation)) {
      for (const item of children) if (!isFinished(item)) this.#clear(this.tree.children(item)); // A5
    }
    return runsAgain;
  }

  #nestedItem(item: Operation): boolean {
    const inside = this.tree.children(item);
    if (!this.#visit(inside)) {
      if (item.Status !== "FAILED") return false;
      this.failedCount++;
      this.#note(item.ContextDetails?.Error);
      for (const operation of inside) this.remove(operation); // A1
    }
    this.reopen(item);
    return true;
  }

  /**
   * Handles a FLAT map. The path of an operation shows its item. The result of the map shows how each item ended.
   * Without a readable result, an item with a failed operation counts as failed.
   */
  #flatItems(map: Operation, operations: readonly Operation[]): boolean {
    const items = this.#byItem(map, operations);
    const statuses = statusesOf(map);
    const failed = new Set(
      statuses === undefined
        ? [...items].filter(([, item]) => item.some(hasFailed)).map(([at]) => at)
        : [...statuses].filter(([, status]) => status === "FAILED").map(([at]) => at),
    );
    let runsAgain = false;
    for (const index of new Set([...items.keys(), ...failed])) {
      const item = items.get(index) ?? [];
      if (!this.#visit(item)) {
        if (!failed.has(index)) continue;
        this.failedCount++;
        for (const operation of item) {
          this.#note(detailsOf(operation)?.Error);
          this.remove(operation); // A1
        }
      }
      runsAgain = true;
    }
    if (runsAgain && statuses !== undefined) {
      for (const [index, item] of items) if (!ENDS.has(statuses.get(index))) this.#clear(item); // A5
    }
    return runsAgain;
  }

  #byItem(map: Operation, operations: readonly Operation[]): Map<number, Operation[]> {
    const mapPath = this.tree.pathOf(map);
    const items = new Map<number, Operation[]>();
    for (const operation of operations) {
      const path = this.tree.pathOf(operation);
      if (mapPath === undefined || path === undefined) continue;
      const index = itemIndex(mapPath, path);
      const item = items.get(index);
      if (item === undefined) items.set(index, [operation]);
      else item.push(operation);
    }
    return items;
  }

  /** In a context that has not ended, lets the first failed operation and those after it begin anew. */ // A5
  #clear(operations: readonly Operation[]): void {
    for (const [index, operation] of operations.entries()) {
      const id = operation.Id as string;
      if (this.removed.has(id)) continue;
      if (!hasEnded(operation) || this.reopened.has(id)) {
        // An operation that counts as not ended has no result, so later operations do not depend on it. The search
        // continues inside it.
        if (isFanOut(operation.SubType)) this.#clearItems(operation);
        else this.#clear(this.tree.children(operation));
      } else if (hasFailed(operation)) {
        for (const behind of operations.slice(index)) this.remove(behind);
        return;
      }
    }
  }

  #clearItems(map: Operation): void {
    const children = this.tree.children(map);
    if (children.some(isBatch)) return;
    const items = children.some(({ SubType: subType }) => isItem(subType))
      ? children.map((item) => [item])
      : this.#byItem(map, children).values();
    for (const item of items) this.#clear(item);
  }

  /** Returns whether an item has failed. Also changes the records of items that have not succeeded. */
  #batches(map: Operation, operations: readonly Operation[]): boolean {
    const partsOf = partsFinder(operations);
    const batches = operations.filter(isBatch).map((batch) => new RecordedBatch(batch, partsOf(batch)));
    const failedCount = batches.reduce((sum, batch) => sum + batch.failedCount, 0);
    if (failedCount === 0 && isFinished(map)) return false;
    this.failedCount += failedCount;
    for (const batch of batches) for (const error of batch.errors) this.#note(error);
    const finder = new ExternalsFinder(this.tree.pathOf(map), operations.filter(isExternal));
    const toAmend = batches.filter(({ isComplete }) => !isComplete);
    const found = finder.find(toAmend.flatMap(({ indexes }) => indexes));
    for (const batch of toAmend) {
      for (const external of batch.amend(found)) this.remove(external);
      this.keep(batch);
      this.#hasAmended = true;
    }
    return failedCount > 0;
  }

  #note(error: ErrorObject | undefined): void {
    if (error?.ErrorMessage) this.messages.push(error.ErrorMessage);
  }
}

const ENDS: ReadonlySet<unknown> = new Set(["SUCCEEDED", "FAILED"]);

/** The status of each item, by index. Undefined without a recorded result that can be read. */
function statusesOf({ ContextDetails: details }: Operation): Map<number, string | undefined> | undefined {
  let value: unknown;
  try {
    value = decodePayload(details?.Result);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { all, itemStatuses, uncollected } = value as { all?: unknown; itemStatuses?: unknown; uncollected?: number };
  if (typeof itemStatuses === "string") {
    const words: Record<string, string> = { S: "SUCCEEDED", F: "FAILED" };
    return new Map([...itemStatuses].map((status, index) => [index, words[status]]));
  }
  if (!Array.isArray(all)) return undefined;
  const statuses = new Map<number, string | undefined>();
  // `all` lacks `uncollected` succeeded items. Items begin in order, so all indexes are below the sum of both counts.
  if (uncollected) for (let at = 0; at < all.length + uncollected; at++) statuses.set(at, "SUCCEEDED");
  for (const { index, status } of all as { index: number; status?: string }[]) statuses.set(index, status);
  return statuses;
}
