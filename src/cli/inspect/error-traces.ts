import { childPath, type OperationPath, operationId } from "../../core/ids.ts";
import type { ErrorTrace } from "../../journal/journal.ts";
import { groupBy } from "../group-by.ts";

/** The errors of an item are searched in the item and in the first positions inside the item. */
const MAX_STEPS_OF_ITEM = 20;

/** An item of a batch has no operation. The journal has its errors under the id that belongs to the item's path. */
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

  all(operationId: string | undefined): readonly ErrorTrace[] {
    return this.#byOperation.get(operationId ?? "") ?? [];
  }

  allOfItem(mapId: string | undefined, index: number): readonly ErrorTrace[] {
    return this.#idsOfItem(mapId, index)
      .flatMap((id) => this.all(id))
      .toSorted((a, b) => a.atMs - b.atMs);
  }

  ofItem(mapId: string | undefined, index: number): string | undefined {
    for (const id of this.#idsOfItem(mapId, index)) {
      const text = this.of(id);
      if (text !== undefined) return text;
    }
    return undefined;
  }

  /** The item comes after the operations inside the item, because the stack of an operation is more exact. */
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
