import { BATCH_SUBTYPE, PART_SUBTYPE } from "../core/batch-operation.ts";
import { DurableError } from "../core/errors.ts";
import type { OperationPath } from "../core/ids.ts";
import { comparePaths, findPaths, itemIndex } from "../core/operation-paths.ts";
import { hasEnded, isFanOut, type Operation } from "../core/wire.ts";

/** The operations of an execution as a tree: each operation contains the operations that its code made. */
export class OperationTree {
  readonly #byId = new Map<string, Operation>();
  readonly #children = new Map<string | undefined, Operation[]>();
  readonly #paths: ReadonlyMap<string, OperationPath>;
  readonly #idsByPath: ReadonlyMap<string, string>;

  constructor(operations: readonly Operation[]) {
    this.#paths = findPaths(operations);
    this.#idsByPath = new Map([...this.#paths].map(([id, path]) => [path, id]));
    for (const operation of operations) {
      if (operation.Type === "EXECUTION") continue;
      this.#byId.set(operation.Id as string, operation);
      const siblings = this.#children.get(operation.ParentId);
      if (siblings === undefined) this.#children.set(operation.ParentId, [operation]);
      else siblings.push(operation);
    }
    for (const siblings of this.#children.values()) siblings.sort((a, b) => this.#compare(a, b));
  }

  get all(): Iterable<Operation> {
    return this.#byId.values();
  }

  get(id: string | undefined): Operation | undefined {
    return id === undefined ? undefined : this.#byId.get(id);
  }

  pathOf(operation: Operation): OperationPath | undefined {
    return this.#paths.get(operation.Id as string);
  }

  parentOf(operation: Operation): Operation | undefined {
    return this.get(operation.ParentId);
  }

  /** The operations of a context or of the handler itself, in the order of the code, as far as paths are known. */
  children(context?: Operation): readonly Operation[] {
    return this.#children.get(context?.Id) ?? [];
  }

  #compare(a: Operation, b: Operation): number {
    const [left, right] = [this.pathOf(a), this.pathOf(b)];
    return left === undefined || right === undefined ? 0 : comparePaths(left, right);
  }

  /** The contexts around an operation, the outermost first. */
  around(operation: Operation): Operation[] {
    const parent = this.parentOf(operation);
    return parent === undefined ? [] : [...this.around(parent), parent];
  }

  *within(operation: Operation): Generator<Operation> {
    yield operation;
    for (const child of this.children(operation)) yield* this.within(child);
  }

  /**
   * The operations after an operation in the code of its context. In a map, only operations of the same item count. If
   * the path is not known, the operations that were recorded later are the answer.
   */
  behind(operation: Operation): Operation[] {
    const parent = this.parentOf(operation);
    const path = this.pathOf(operation);
    const siblings = this.#children.get(operation.ParentId) ?? [];
    if (path === undefined) return siblings.slice(siblings.indexOf(operation) + 1);
    const around = parent && isFanOut(parent.SubType) ? this.pathOf(parent) : undefined;
    return siblings.filter((other) => {
      const at = this.pathOf(other);
      if (at === undefined || comparePaths(at, path) <= 0) return false;
      return around === undefined || itemIndex(around, at) === itemIndex(around, path);
    });
  }

  /** `wanted` is an id or a name. @throws DurableError `ERR_OPERATION_UNKNOWN`, `ERR_OPERATION_AMBIGUOUS` */
  find(wanted: string): Operation {
    const found = this.get(wanted) ?? this.#named(wanted);
    const parent = this.parentOf(found);
    if (isOfBatch(found) || (parent !== undefined && this.#hasBatches(parent))) {
      const map = parent?.Name ?? parent?.Id;
      throw new DurableError(
        "ERR_OPERATION_UNKNOWN",
        `"${wanted}" belongs to items that share an operation, and it is not possible to go back to one of these items. ` +
          `Go back to the whole map ("${map}"), or run the failed items again.`,
      );
    }
    return found;
  }

  #named(name: string): Operation {
    const named = [...this.#byId.values()].filter(({ Name }) => Name === name);
    const [first, ...others] = named;
    if (first === undefined) {
      const message = `The execution has recorded no operation with the name or id "${name}".`;
      throw new DurableError("ERR_OPERATION_UNKNOWN", message);
    }
    if (others.length === 0) return first;
    const ids = named.slice(0, 10).map(({ Id: id }) => id);
    const rest = named.length > ids.length ? ` and ${named.length - ids.length} more` : "";
    const message = `${named.length} operations are named "${name}". Give the id of one: ${ids.join(", ")}${rest}.`;
    throw new DurableError("ERR_OPERATION_AMBIGUOUS", message);
  }

  #hasBatches(map: Operation): boolean {
    return isFanOut(map.SubType) && this.children(map).some(isOfBatch);
  }

  /** The operation's name if `find` returns this operation for the name, otherwise the operation's id. */
  keyOf({ Name: name, Id: id }: Operation): string {
    if (name === undefined || this.#byId.has(name)) return id as string;
    for (const other of this.#byId.values()) if (other.Name === name && other.Id !== id) return id as string;
    return name;
  }

  /** The recorded operation at a path, or else the nearest recorded context around the path. Undefined without both. */
  at(path: string): Operation | undefined {
    for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("-")))) {
      const id = this.#idsByPath.get(at);
      if (id !== undefined) return this.#byId.get(id);
    }
    return undefined;
  }
}

function isOfBatch({ SubType: subType }: Operation): boolean {
  return subType === BATCH_SUBTYPE || subType === PART_SUBTYPE;
}

/** Whether an operation has ended without success. A canceled wait is no failure. */
export function hasFailed(operation: Operation): boolean {
  return hasEnded(operation) && operation.Status !== "SUCCEEDED" && operation.Type !== "WAIT";
}
