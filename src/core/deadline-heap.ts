interface Entry<T> {
  readonly value: T;
  readonly dueMs: number;
  readonly order: number;
}

/**
 * Values in the order of their due times, the earliest first. Values with the same due time are in the order in which
 * they were added. Adding a value and removing the first value take O(log n) steps.
 */
export class DeadlineHeap<T extends { readonly dueMs: number }> {
  readonly #heap: Entry<T>[] = [];
  #added = 0;

  get first(): T | undefined {
    return this.#heap[0]?.value;
  }

  /** A change of the due time after this call does not move the value. */
  add(value: T): void {
    const heap = this.#heap;
    const added = { value, dueMs: value.dueMs, order: this.#added++ };
    let at = heap.length;
    heap.push(added);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Entry<T>;
      if (isBefore(parent, added)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = added;
  }

  removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      if (below >= heap.length) break;
      const right = heap[below + 1];
      if (right !== undefined && isBefore(right, heap[below] as Entry<T>)) below++;
      const smaller = heap[below] as Entry<T>;
      if (isBefore(last, smaller)) break;
      heap[at] = smaller;
      at = below;
    }
    heap[at] = last;
  }

  clear(): void {
    this.#heap.length = 0;
  }
}

function isBefore(one: Entry<unknown>, other: Entry<unknown>): boolean {
  return one.dueMs === other.dueMs ? one.order < other.order : one.dueMs < other.dueMs;
}
