import type { WireOperation } from "../core/wire.ts";
import type { OperationInfo } from "../plugins/plugin.ts";
import { infosOf } from "./operation-info.ts";

/**
 * All states, in order, of the operations that the invocation knows. A snapshot is only the number of states at that
 * moment, so that nothing is copied.
 */
export class OperationLog {
  readonly #states: WireOperation[] = [];
  readonly #latest = new Map<string, WireOperation>();

  constructor(recorded: Iterable<WireOperation>) {
    this.add(recorded);
  }

  /** The current state of the operation. */
  get(id: string): WireOperation | undefined {
    return this.#latest.get(id);
  }

  /** Takes in new states. Returns the operations whose status has changed. */
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

  /**
   * Returns a function that makes a map of all operations as they are known now. The map is made only when this
   * function is called.
   */
  snapshot(): () => Record<string, OperationInfo> {
    const { length } = this.#states;
    return () => infosOf(this.#states.slice(0, length));
  }
}
