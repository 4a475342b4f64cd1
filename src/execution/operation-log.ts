import type { WireOperation } from "../core/wire.ts";
import type { OperationInfo } from "../plugins/plugin.ts";
import { infosOf } from "./operation-info.ts";

/**
 * Every state of every operation that the invocation has learnt of, in order: what was known at any moment can be told
 * later, and nothing is copied for it.
 */
export class OperationLog {
  readonly #states: WireOperation[] = [];
  readonly #latest = new Map<string, WireOperation>();

  constructor(recorded: Iterable<WireOperation>) {
    this.add(recorded);
  }

  /** The operation as it is known now. */
  get(id: string): WireOperation | undefined {
    return this.#latest.get(id);
  }

  /** Takes in news; gives the operations whose status they changed. */
  add(operations: Iterable<WireOperation>): WireOperation[] {
    const changed: WireOperation[] = [];
    for (const operation of operations) {
      if (operation.Id === undefined) continue;
      if (this.#latest.get(operation.Id)?.Status !== operation.Status) changed.push(operation);
      this.#latest.set(operation.Id, operation);
      this.#states.push(operation);
    }
    return changed;
  }

  /** All operations as they are known now; their infos are made when the function is called. */
  snapshot(): () => Record<string, OperationInfo> {
    const { length } = this.#states;
    return () => infosOf(this.#states.slice(0, length));
  }
}
