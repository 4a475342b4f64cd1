import { childPath, type OperationPath, operationId } from "../core/ids.ts";
import type { Operation } from "../core/wire.ts";

/** The search tries paths of at most this many numbers. The path `2-1-3` has three numbers. */
const MAX_DEPTH = 6;
/** The search begins no new round after this number of tried paths, for all items together. */
const MAX_TRIED = 500_000;

/** A callback or chained invoke, and its path inside its item: `2`, `3-1`. */
export interface FoundExternal {
  readonly path: string;
  readonly operation: Operation;
}

/**
 * Finds the items to which the callbacks and chained invokes of a map belong. Their records do not name the items, and
 * an id is only the hash of a path. So the search tries paths, small numbers first. It misses operations at long paths,
 * and with many items also operations at paths with large numbers.
 */
export class ExternalsFinder {
  readonly #map: OperationPath | undefined;
  readonly #missing: Map<string, Operation>;

  constructor(map: OperationPath | undefined, externals: readonly Operation[]) {
    this.#map = map;
    this.#missing = new Map(externals.map((operation) => [operation.Id as string, operation]));
  }

  /** The keys are indexes of items. */
  find(indexes: readonly number[]): ReadonlyMap<number, readonly FoundExternal[]> {
    const found = new Map<number, FoundExternal[]>();
    if (this.#map === undefined) return found;
    for (let tried = 0, reach = 8; tried < MAX_TRIED && this.#missing.size > 0 && reach <= MAX_TRIED; reach *= 4) {
      const paths = [...pathsUpTo(reach)];
      for (const index of indexes) {
        if (this.#missing.size === 0) break;
        const item = childPath(this.#map, index + 1);
        tried += paths.length;
        for (const path of paths) {
          const id = operationId(`${item}-${path}` as OperationPath);
          const operation = this.#missing.get(id);
          if (operation === undefined) continue;
          this.#missing.delete(id);
          found.set(index, [...(found.get(index) ?? []), { path, operation }]);
        }
      }
    }
    return found;
  }
}

/**
 * All paths of at most `depth` numbers whose numbers have a product of at most `product`. The numbers of the path `2-3`
 * have the product 6.
 */
function* pathsUpTo(product: number, depth = MAX_DEPTH): Generator<string> {
  for (let index = 1; index <= product; index++) {
    yield `${index}`;
    if (depth === 1) continue;
    for (const inner of pathsUpTo(Math.floor(product / index), depth - 1)) yield `${index}-${inner}`;
  }
}
