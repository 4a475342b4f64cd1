import type { WireOperation } from "../core/wire.ts";
import type { OperationInfo } from "../plugins/plugin.ts";
import { infosOf } from "./operation-info.ts";

/**
 * The states of operations, in the order of `add`. A snapshot is only the number of states, so that nothing is copied.
 */
export class OperationLog {
  readonly #states: WireOperation[] = [];
  readonly #latest = new Map<string, WireOperation>();

  constructor(recorded: Iterable<WireOperation>) {
    this.add(recorded);
  }

  get(id: string): WireOperation | undefined {
    return this.#latest.get(id);
  }

  /** Adds states. Returns the operations that are new or whose status has changed. */
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

  /** Returns a function that makes a map of all operations, by wire id, as they are known at this call. */
  snapshot(): () => Record<string, OperationInfo> {
    const { length } = this.#states;
    return () => infosOf(this.#states.slice(0, length));
  }
}
