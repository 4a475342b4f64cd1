import { childPath, type OperationPath } from "./ids.ts";
import { MAX_NAME_LENGTH } from "./limits.ts";
import { takenName } from "./operation-name.ts";
import type { Operation } from "./wire.ts";

export const BATCH_SUBTYPE = "MapBatch";
export const PART_SUBTYPE = "MapBatchPart";

/** `number` counts the batches of a map, from 1. The word in the path makes it differ from all paths of user code. */
export function batchPath(map: OperationPath | undefined, number: number): OperationPath {
  return `${map}-batch-${number}` as OperationPath;
}

/** `part` counts the parts of the batch, from 1. */
export function partPath(batch: OperationPath, part: number): OperationPath {
  return `${batch}-part-${part}` as OperationPath;
}

/** Version 2.0.0 used the paths of items for batches, and the paths of operations inside an item for parts. */
export const firstVersionBatchPath = childPath;
export const firstVersionPartPath = childPath;

/** The indexes, in the map, of the first and the last item of a batch. Indexes count from 0. */
export interface ItemRange {
  readonly first: number;
  readonly last: number;
}

/** The name of a batch, such as `score[200..299]`. */
export function rangeName(mapName: string | undefined, first: number, last: number): string {
  return named(mapName, `[${first}..${last}]`);
}

export function recordedRange(name: string | undefined): ItemRange | undefined {
  const match = /\[(\d+)\.\.(\d+)\]$/.exec(name ?? "");
  return match === null ? undefined : { first: Number(match[1]), last: Number(match[2]) };
}

/** The name of a part, counted from 1, such as `score[200..299] part 2`. */
export function partName(batchName: string | undefined, part: number): string {
  return named(batchName, ` part ${part}`);
}

function named(name: string | undefined, ending: string): string {
  return (takenName(name) ?? "map").slice(0, MAX_NAME_LENGTH - ending.length) + ending;
}

/** Returns a function that lists the parts of a batch in their order. The list ends before the first missing part. */
export function partsFinder(operations: Iterable<Operation>): (batch: Operation) => Operation[] {
  const found = new Map<string, Operation>();
  // Version 2.0.0 recorded names without the changes that `takenName` makes. So `takenName` is applied to both names
  // before they are compared.
  const keyOf = (parentId: string | undefined, name: string | undefined) => `${parentId} ${takenName(name)}`;
  for (const operation of operations) {
    if (operation.SubType === PART_SUBTYPE) found.set(keyOf(operation.ParentId, operation.Name), operation);
  }
  return ({ ParentId: parentId, Name: name }) => {
    const parts: Operation[] = [];
    for (;;) {
      const part = found.get(keyOf(parentId, partName(name, parts.length + 1)));
      if (part === undefined) return parts;
      parts.push(part);
    }
  };
}
