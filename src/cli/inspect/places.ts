import { BATCH_SUBTYPE, recordedRange } from "../../core/batch-operation.ts";
import { type OperationId, type OperationPath, operationId } from "../../core/ids.ts";
import { isFanOut, type Operation } from "../../core/wire.ts";
import { groupBy } from "../group-by.ts";

/** A place in a handler's code: an operation, an item, or code in an item. Items of batches have no operations. */
export interface Place {
  readonly id: OperationId;
  /** The text for people: `score[3]` for an item without an operation, otherwise the name, or the id without a name. */
  readonly label: string;
  /** The names by which a user can ask for the place. For an item, also `score[3]`, and its batch's name and id. */
  readonly names: readonly string[];
}

const ITEM = /^(.*)\[(\d+)\]$/s;

export function parseItem(text: string): { readonly map: string; readonly index: number } | undefined {
  const [, map, index] = ITEM.exec(text) ?? [];
  return map === undefined ? undefined : { map, index: Number(index) };
}

export class Places {
  readonly #operations: ReadonlyMap<string, Operation>;
  /** By the id of the map. */
  readonly #batches: ReadonlyMap<string | undefined, readonly Operation[]>;

  constructor(operations: readonly Operation[]) {
    this.#operations = new Map(operations.map((operation) => [operation.Id ?? "", operation]));
    const batches = operations.filter(({ SubType }) => SubType === BATCH_SUBTYPE);
    this.#batches = groupBy(batches, ({ ParentId }) => ParentId);
  }

  #batchAround(map: Operation | undefined, index: number): Operation | undefined {
    return this.#batches.get(map?.Id)?.find(({ Name }) => {
      const range = recordedRange(Name);
      return range !== undefined && range.first <= index && index <= range.last;
    });
  }

  /**
   * From the outermost place to `path`. Empty for `root`, the handler.
   * @param ownName the name of the last place if the operation at `path` is not recorded, or has no name
   */
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
