import { childPath, type OperationPath } from "./ids.ts";
import { MAX_NAME_LENGTH } from "./limits.ts";
import { takenName } from "./operation-name.ts";
import type { Operation } from "./wire.ts";

/**
 * The subtypes of a batch's own operation and of its parts. A part holds outcomes for which the own operation has no
 * room.
 */
export const BATCH_SUBTYPE = "MapBatch";
export const PART_SUBTYPE = "MapBatchPart";

/**
 * The path of a map's batch, and the path of a part of a batch. Both numbers count from 1. No operation in the code has
 * such a path. The first version used the paths of the items and of the operations inside them.
 */
export function batchPath(map: OperationPath | undefined, number: number): OperationPath {
  return `${map}-batch-${number}` as OperationPath;
}

export function partPath(batch: OperationPath, part: number): OperationPath {
  return `${batch}-part-${part}` as OperationPath;
}

export const firstVersionBatchPath = childPath;
export const firstVersionPartPath = childPath;

/** The items of a batch, both ends included. */
export interface ItemRange {
  readonly first: number;
  readonly last: number;
}

/** The name of a batch: `score[200..299]`. */
export function rangeName(mapName: string | undefined, first: number, last: number): string {
  return named(mapName, `[${first}..${last}]`);
}

/** Reads the range of a batch from the batch's recorded name. */
export function recordedRange(name: string | undefined): ItemRange | undefined {
  const match = /\[(\d+)\.\.(\d+)\]$/.exec(name ?? "");
  return match === null ? undefined : { first: Number(match[1]), last: Number(match[2]) };
}

/** The name of a part, counted from 1: `score[200..299] part 2`. */
export function partName(batchName: string | undefined, part: number): string {
  return named(batchName, ` part ${part}`);
}

function named(name: string | undefined, ending: string): string {
  return (takenName(name) ?? "map").slice(0, MAX_NAME_LENGTH - ending.length) + ending;
}

/** Finds the parts of a batch among an execution's operations, in order, by their names. */
export function partsFinder(operations: Iterable<Operation>): (batch: Operation) => Operation[] {
  const found = new Map<string, Operation>();
  // The first version recorded names that this version cuts or replaces.
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
