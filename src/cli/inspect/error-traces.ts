import { childPath, type OperationPath, operationId } from "../../core/ids.ts";
import type { ErrorTrace } from "../../journal/journal.ts";
import { groupBy } from "../group-by.ts";

/** The stack of an item is searched in at most so many operations directly inside the item. */
const MAX_STEPS_OF_ITEM = 20;

/**
 * The stack of the last error of each operation. Items of a batch have no operation at the service. The journal keeps
 * their stacks under the ids that belong to their paths.
 */
export class ErrorTraces {
  readonly #byOperation: ReadonlyMap<string, readonly ErrorTrace[]>;
  readonly #findPaths: () => ReadonlyMap<string, OperationPath>;
  #paths: ReadonlyMap<string, OperationPath> | undefined;

  constructor(traces: readonly ErrorTrace[], findPaths: () => ReadonlyMap<string, OperationPath>) {
    this.#byOperation = groupBy(traces, ({ operationId: id }) => id);
    this.#findPaths = findPaths;
  }

  of(operationId: string | undefined): string | undefined {
    return this.all(operationId).at(-1)?.text;
  }

  /** Every error that an operation threw, one for each failed attempt, in the order of the attempts. */
  all(operationId: string | undefined): readonly ErrorTrace[] {
    return this.#byOperation.get(operationId ?? "") ?? [];
  }

  /** Every error of an item of a batch and of the operations directly inside the item, in the order of time. */
  allOfItem(mapId: string | undefined, index: number): readonly ErrorTrace[] {
    return this.#idsOfItem(mapId, index)
      .flatMap((id) => this.all(id))
      .toSorted((a, b) => a.atMs - b.atMs);
  }

  /** The stack of an item of a batch. @param mapId the id of the map's operation @param index the index of the item */
  ofItem(mapId: string | undefined, index: number): string | undefined {
    for (const id of this.#idsOfItem(mapId, index)) {
      const text = this.of(id);
      if (text !== undefined) return text;
    }
    return undefined;
  }

  /**
   * The ids of the operations in which an item's errors are searched. The steps come before the item, the last step
   * first, because the stack of a step is more exact than the stack of its item.
   */
  #idsOfItem(mapId: string | undefined, index: number): readonly string[] {
    if (mapId === undefined || this.#byOperation.size === 0) return [];
    this.#paths ??= this.#findPaths();
    const map = this.#paths.get(mapId);
    if (map === undefined) return [];
    const item = childPath(map, index + 1);
    const steps = Array.from({ length: MAX_STEPS_OF_ITEM }, (_, at) => childPath(item, MAX_STEPS_OF_ITEM - at));
    return [...steps, item].map(operationId);
  }
}
