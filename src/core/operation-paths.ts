import { childPath, type OperationPath, operationId } from "./ids.ts";
import type { Operation } from "./wire.ts";

/** In a context that has a record, the search ends after this number of successive paths without an operation. */
const MAX_GAP = 1_000;
/** The search follows at most this number of contexts without an operation of their own, one inside the other. */
const MAX_VIRTUAL_DEPTH = 3;

/**
 * The paths of operations, by id. An id is the hash of a path, so the search tries one path after the other. Operations
 * that the search does not find, such as batches, are not in the result.
 */
export function findPaths(operations: readonly Operation[]): Map<string, OperationPath> {
  const paths = new Map<string, OperationPath>();
  const ids = new Set<string>();
  const children = new Map<string | undefined, number>();
  for (const { Id, ParentId, Type } of operations) {
    if (Id === undefined || Type === "EXECUTION") continue;
    ids.add(Id);
    children.set(ParentId, (children.get(ParentId) ?? 0) + 1);
  }
  const search = (path: OperationPath | undefined, wanted: number, virtualDepth: number): number => {
    let left = wanted;
    let gap = 0;
    for (let index = 1; left > 0 && gap < MAX_GAP; index++) {
      const here = childPath(path, index);
      const id = operationId(here);
      const before = left;
      if (ids.has(id)) {
        paths.set(id, here);
        left--;
        search(here, children.get(id) ?? 0, 0);
      } else if (virtualDepth < MAX_VIRTUAL_DEPTH && isVirtual(here, MAX_VIRTUAL_DEPTH - virtualDepth)) {
        left = search(here, left, virtualDepth + 1);
      }
      gap = left === before ? gap + 1 : 0;
      // In a context without an operation of its own, the number of operations is unknown. So the search in this
      // context ends after two successive paths without an operation.
      if (virtualDepth > 0 && gap > 1) break;
    }
    return left;
  };
  const isVirtual = (path: OperationPath, depth: number): boolean => {
    const first = childPath(path, 1);
    return ids.has(operationId(first)) || (depth > 1 && isVirtual(first, depth - 1));
  };
  search(undefined, children.get(undefined) ?? 0, 0);
  return paths;
}

/** The index, from 0, of the item of the map to which the operation at `path` belongs. NaN for a path of a batch. */
export function itemIndex(mapPath: OperationPath, path: OperationPath): number {
  return Number(path.slice(mapPath.length + 1).split("-", 1)[0]) - 1;
}

/**
 * Compares two paths number by number. The result is below zero if `a` comes first. A context comes before the
 * operations inside it.
 */
export function comparePaths(a: OperationPath, b: OperationPath): number {
  const left = a.split("-");
  const right = b.split("-");
  for (let depth = 0; depth < Math.min(left.length, right.length); depth++) {
    const difference = Number(left[depth]) - Number(right[depth]);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
