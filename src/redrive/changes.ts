import { BATCH_SUBTYPE, partsFinder } from "../core/batch-operation.ts";
import { childPath, type OperationPath, operationId } from "../core/ids.ts";
import { isFinished } from "../core/transitions.ts";
import { hasEnded, isFanOut, type Operation } from "../core/wire.ts";
import type { Amendment } from "../service/redrive.ts";
import type { FoundExternal } from "./externals.ts";
import type { OperationTree } from "./operation-tree.ts";
import { RecordedBatch } from "./recorded-batch.ts";

/**
 * Collects the changes of the records that an execution takes over. `Amendment` explains the first four members.
 *
 * A `waitForCallback` that has not ended begins anew, unless its callback has succeeded: an external system can only
 * answer the callback of the old execution, so the submitter must submit another id.
 */
export class Changes {
  readonly removed = new Set<string>();
  readonly reopened = new Set<string>();
  readonly retried = new Map<string, string>();
  readonly payloads = new Map<string, string>();
  protected readonly tree: OperationTree;

  constructor(tree: OperationTree) {
    this.tree = tree;
    for (const operation of tree.all) {
      if (isFinished(operation)) continue;
      if (isFanOut(operation.SubType)) this.#forgetCallbacksIn(operation);
      if (operation.SubType !== "WaitForCallback") continue;
      if (!tree.children(operation).some((inner) => isExternal(inner) && inner.Status === "SUCCEEDED"))
        this.remove(operation);
    }
  }

  /** Does the same in the batches of a map that has not ended. */
  #forgetCallbacksIn(map: Operation): void {
    const path = this.tree.pathOf(map);
    const children = this.tree.children(map);
    const partsOf = partsFinder(children);
    for (const own of path === undefined ? [] : children.filter(isBatch)) {
      const batch = readable(own, partsOf(own));
      if (batch === undefined || batch.waitingForCallbacks.length === 0) continue;
      const found = new Map<number, FoundExternal[]>();
      for (const [index, context] of batch.waitingForCallbacks) {
        // The callback is the first operation inside the context.
        const inside = `${context}-1`;
        const operation = this.tree.get(operationId(`${childPath(path, index + 1)}-${inside}` as OperationPath));
        if (operation !== undefined) found.set(index, [...(found.get(index) ?? []), { path: inside, operation }]);
      }
      for (const external of batch.amend(found, true)) this.remove(external);
      this.keep(batch);
    }
  }

  protected keep(batch: RecordedBatch): void {
    for (const { id, payload, isOpen } of batch.payloads()) (isOpen ? this.retried : this.payloads).set(id, payload);
  }

  get amendment(): Amendment {
    const { removed, reopened, retried, payloads } = this;
    return { removed, reopened, retried, payloads };
  }

  /** Lets an operation, and all operations inside it, begin anew. */
  remove(operation: Operation): void {
    for (const { Id: id } of this.tree.within(operation)) this.removed.add(id as string);
  }

  protected reopen(operation: Operation): void {
    if (hasEnded(operation)) this.reopened.add(operation.Id as string);
  }
}

/** Undefined for a damaged batch. The execution then says so when the handler reaches the map. */
function readable(own: Operation, parts: readonly Operation[]): RecordedBatch | undefined {
  try {
    return new RecordedBatch(own, parts);
  } catch {
    return undefined;
  }
}

export function isBatch({ SubType: subType }: Operation): boolean {
  return subType === BATCH_SUBTYPE;
}

export function isExternal({ Type: type }: Operation): boolean {
  return type === "CALLBACK" || type === "CHAINED_INVOKE";
}
