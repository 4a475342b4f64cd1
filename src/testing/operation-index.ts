import { takenName } from "../core/operation-name.ts";
import type { OperationUpdate } from "../core/wire.ts";

/** How a test selects an operation. Indexes count from 0. With a name, they count the operations with this name. */
export type OperationSelector =
  | { readonly by: "name"; readonly name: string; readonly index: number }
  | { readonly by: "index"; readonly index: number }
  | { readonly by: "id"; readonly id: string };

/** Describes an operation in messages: `"charge"`, `"charge" (index 2)`, `at index 4`, `with id 5f…`. */
export function describeSelector(selector: OperationSelector): string {
  switch (selector.by) {
    case "name":
      return selector.index === 0 ? `"${selector.name}"` : `"${selector.name}" (index ${selector.index})`;
    case "index":
      return `at index ${selector.index}`;
    case "id":
      return `with id ${selector.id}`;
  }
}

/** The ids of the operations of one execution, in the order of their first updates, without the EXECUTION operation. */
export class OperationIndex {
  readonly #all: string[] = [];
  readonly #known = new Set<string>();
  readonly #byName = new Map<string, string[]>();
  readonly #byParent = new Map<string, string[]>();

  add({ Id: id, Type: type, Name: name, ParentId: parentId }: OperationUpdate): void {
    if (id === undefined || type === "EXECUTION" || this.#known.has(id)) return;
    this.#known.add(id);
    this.#all.push(id);
    if (name !== undefined) append(this.#byName, name, id);
    if (parentId !== undefined) append(this.#byParent, parentId, id);
  }

  find(selector: OperationSelector): string | undefined {
    switch (selector.by) {
      case "name":
        return (this.#byName.get(selector.name) ?? this.#byName.get(takenName(selector.name) ?? ""))?.[selector.index];
      case "index":
        return this.#all[selector.index];
      case "id":
        return this.#known.has(selector.id) ? selector.id : undefined;
    }
  }

  all(): readonly string[] {
    return this.#all;
  }

  childrenOf(id: string): readonly string[] {
    return this.#byParent.get(id) ?? [];
  }
}

function append(lists: Map<string, string[]>, key: string, id: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [id]);
  else list.push(id);
}
