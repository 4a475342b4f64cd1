import { isFinished } from "../core/transitions.ts";
import { hasEnded, type Operation } from "../core/wire.ts";
import type { Amendment } from "../service/redrive.ts";
import type { OperationTree } from "./operation-tree.ts";

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
      if (operation.SubType !== "WaitForCallback" || isFinished(operation)) continue;
      if (!tree.children(operation).some((inner) => isExternal(inner) && inner.Status === "SUCCEEDED"))
        this.remove(operation);
    }
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

export function isExternal({ Type: type }: Operation): boolean {
  return type === "CALLBACK" || type === "CHAINED_INVOKE";
}
