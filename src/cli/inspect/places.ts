import { BATCH_SUBTYPE, recordedRange } from "../../core/batch-operation.ts";
import { type OperationId, type OperationPath, operationId } from "../../core/ids.ts";
import { isFanOut, type Operation } from "../../core/wire.ts";
import { groupBy } from "../group-by.ts";

/** A place in a handler's code: an operation, or an item that shares an operation with other items. */
export interface Place {
  readonly id: OperationId;
  /** As people read the place: the operation's name, or `score[3]` for an item that shares an operation. */
  readonly label: string;
  /** What people may call the place. Every item of a map `score` can be called `score[3]`, by its index from 0. */
  readonly names: readonly string[];
}

/** `score[3]` */
const ITEM = /^(.*)\[(\d+)\]$/s;

/** The map's name and the item's index in a text such as `score[3]`. */
export function parseItem(text: string): { readonly map: string; readonly index: number } | undefined {
  const [, map, index] = ITEM.exec(text) ?? [];
  return map === undefined ? undefined : { map, index: Number(index) };
}

/** The places around a path in the code. */
export class Places {
  readonly #operations: ReadonlyMap<string, Operation>;
  /** The operations that items share, by the id of their map. */
  readonly #batches: ReadonlyMap<string | undefined, readonly Operation[]>;

  constructor(operations: readonly Operation[]) {
    this.#operations = new Map(operations.map((operation) => [operation.Id ?? "", operation]));
    const batches = operations.filter(({ SubType }) => SubType === BATCH_SUBTYPE);
    this.#batches = groupBy(batches, ({ ParentId }) => ParentId);
  }

  /** The operation that the item of a map shares with other items. */
  #batchAround(map: Operation | undefined, index: number): Operation | undefined {
    return this.#batches.get(map?.Id)?.find(({ Name }) => {
      const range = recordedRange(Name);
      return range !== undefined && range.first <= index && index <= range.last;
    });
  }

  /** From the outermost to the path itself. Empty for the handler. `ownName` is the name of the path itself. */
  around(path: string, ownName: string | undefined): readonly Place[] {
    if (path === "root") return [];
    const places: Place[] = [];
    let parent: Operation | undefined;
    for (let end = path.indexOf("-"); ; end = path.indexOf("-", end + 1)) {
      const here = (end < 0 ? path : path.slice(0, end)) as OperationPath;
      const id = operationId(here);
      const operation = this.#operations.get(id);
      const name = operation?.Name ?? (end < 0 ? ownName : undefined);
      const index = Number(here.slice(here.lastIndexOf("-") + 1)) - 1;
      const item = isFanOut(parent?.SubType) ? `${parent?.Name ?? parent?.Id}[${index}]` : undefined;
      const batch = operation === undefined && item !== undefined ? this.#batchAround(parent, index) : undefined;
      const names = [name, item, batch?.Name, batch?.Id].filter((one) => one !== undefined);
      places.push({ id, names, label: (operation === undefined && item) || name || id });
      if (end < 0) return places;
      parent = operation;
    }
  }
}
