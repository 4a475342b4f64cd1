import { childPath, type OperationPath, operationId } from "../../core/ids.ts";
import { findPaths } from "../../core/operation-paths.ts";
import { isFanOut, type Operation } from "../../core/wire.ts";
import type { OpenCallback } from "../../service/open-callbacks.ts";
import { readBatches } from "./batch-view.ts";
import { Places } from "./places.ts";

/** Batches do not record the positions of callbacks. So this many are tried in each item and each of its contexts. */
const POSITIONS_TRIED = 20;

/**
 * `of` returns labels from the outermost operation to the callback or `waitForCallback`: `score`, `score[3]`, `ask`.
 * If the path is unknown, `of` returns the labels of the parent (if there is one) and of the callback.
 */
export class CallbackPlaces {
  readonly #operations: ReadonlyMap<string, Operation>;
  readonly #paths: Map<string, OperationPath>;
  readonly #places: Places;

  constructor(operations: readonly Operation[]) {
    this.#operations = new Map(operations.map((operation) => [operation.Id ?? "", operation]));
    this.#paths = findPaths(operations);
    this.#places = new Places([...operations, ...this.#findInBatches(operations)]);
  }

  of({ operationId: id, name }: OpenCallback): readonly string[] {
    const { Name, ParentId = "" } = this.#operations.get(id) ?? {};
    const parent = this.#operations.get(ParentId);
    // In `waitForCallback`, the context has the name that the user gave. The callback inside the context has no name.
    const path = this.#paths.get(Name === undefined && parent?.SubType === "WaitForCallback" ? ParentId : id);
    if (path !== undefined) return this.#places.around(path, name).map(({ label }) => label);
    return [...(parent === undefined ? [] : [parent.Name ?? ParentId]), name ?? id];
  }

  /** Adds paths of open callbacks inside batches to `#paths`. Returns contexts inside batches, which have the names. */
  #findInBatches(operations: readonly Operation[]): Operation[] {
    const wanted = new Set(
      operations.flatMap(({ Id = "", ParentId = "", Type, Status }) => {
        const isInMap = isFanOut(this.#operations.get(ParentId)?.SubType);
        return Type === "CALLBACK" && Status === "STARTED" && isInMap ? [Id] : [];
      }),
    );
    if (wanted.size === 0) return [];
    const contexts: Operation[] = [];
    const items: OperationPath[] = [];
    for (const batch of readBatches(operations).values()) {
      const map = this.#paths.get(batch.operation.ParentId ?? "");
      if (map === undefined) continue;
      for (const [at, { index }] of batch.items.entries()) {
        const item = childPath(map, index + 1);
        items.push(item);
        for (const { path, name: Name, type, subType: SubType } of batch.outcomes[at]?.records ?? []) {
          if (type !== "CONTEXT") continue;
          const here = `${item}-${path}` as OperationPath;
          contexts.push({ Id: operationId(here), Name, Type: type, SubType, ...UNKNOWN });
          if (SubType === "WaitForCallback") this.#note(wanted, operationId(childPath(here, 1)), here);
          else this.#try(here, wanted);
        }
      }
    }
    for (const item of items) if (wanted.size > 0) this.#try(item, wanted);
    return contexts;
  }

  #try(context: OperationPath, wanted: Set<string>): void {
    for (let position = 1; position <= POSITIONS_TRIED; position++) {
      const path = childPath(context, position);
      this.#note(wanted, operationId(path), path);
    }
  }

  /** A callback of `waitForCallback` gets the path of its context, because only the context has a name. */
  #note(wanted: Set<string>, id: string, path: OperationPath): void {
    if (wanted.delete(id)) this.#paths.set(id, path);
  }
}

export function placed<Callback extends OpenCallback>(
  callbacks: readonly Callback[],
  operations: readonly Operation[],
): (Callback & { readonly places: readonly string[] })[] {
  if (callbacks.length === 0) return [];
  const places = new CallbackPlaces(operations);
  return callbacks.map((callback) => ({ ...callback, places: places.of(callback) }));
}

/** Writes `score › score[3] › ask`. For a callback without a name, the last label is `(unnamed)`. */
export function describePlaces({ name, places }: { name?: string | undefined; places: readonly string[] }): string {
  return [...places.slice(0, -1), name ?? "(unnamed)"].join(" › ");
}

const UNKNOWN = { StartTimestamp: undefined, Status: undefined };
