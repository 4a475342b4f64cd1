import { childPath, type OperationPath, operationId } from "../../core/ids.ts";
import type { ErrorTrace } from "../../journal/journal.ts";

/** The stack of an item is searched in at most so many operations directly inside the item. */
const MAX_STEPS_OF_ITEM = 20;

/**
 * The stack of the last error of each operation. Items of a batch have no operation at the service. The journal keeps
 * their stacks under the ids that belong to their paths.
 */
export class ErrorTraces {
  readonly #texts: ReadonlyMap<string, string>;
  readonly #findPaths: () => ReadonlyMap<string, OperationPath>;
  #paths: ReadonlyMap<string, OperationPath> | undefined;

  constructor(traces: readonly ErrorTrace[], findPaths: () => ReadonlyMap<string, OperationPath>) {
    this.#texts = new Map(traces.map(({ operationId: id, text }) => [id, text]));
    this.#findPaths = findPaths;
  }

  of(operationId: string | undefined): string | undefined {
    return operationId === undefined ? undefined : this.#texts.get(operationId);
  }

  /** The stack of an item of a batch. @param mapId the id of the map's operation @param index the index of the item */
  ofItem(mapId: string | undefined, index: number): string | undefined {
    if (mapId === undefined || this.#texts.size === 0) return undefined;
    this.#paths ??= this.#findPaths();
    const map = this.#paths.get(mapId);
    if (map === undefined) return undefined;
    const item = childPath(map, index + 1);
    // The stack of the step that threw is preferred, because it is more exact than the stack of its item.
    for (let step = MAX_STEPS_OF_ITEM; step > 0; step--) {
      const text = this.of(operationId(childPath(item, step)));
      if (text !== undefined) return text;
    }
    return this.of(operationId(item));
  }
}
