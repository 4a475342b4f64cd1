import { childPath, type OperationPath, operationId } from "../../core/ids.ts";
import type { ErrorTrace } from "../../journal/journal.ts";

/** Operations directly inside an item of a batch that are asked for what they threw. */
const MAX_STEPS_OF_ITEM = 20;

/** What an execution's operations threw last, by operation. Items of batches have none, and are found by where they stand. */
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

  /** @param mapId the operation of the map that the item belongs to */
  ofItem(mapId: string | undefined, index: number): string | undefined {
    if (mapId === undefined || this.#texts.size === 0) return undefined;
    this.#paths ??= this.#findPaths();
    const map = this.#paths.get(mapId);
    if (map === undefined) return undefined;
    const item = childPath(map, index + 1);
    // The step that threw tells more than the item around it.
    for (let step = MAX_STEPS_OF_ITEM; step > 0; step--) {
      const text = this.of(operationId(childPath(item, step)));
      if (text !== undefined) return text;
    }
    return this.of(operationId(item));
  }
}
