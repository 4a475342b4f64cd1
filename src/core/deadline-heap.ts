/** Entries in the order of their due times, the earliest first. Adding and removing an entry take O(log n) steps. */
export class DeadlineHeap<T extends { readonly dueMs: number }> {
  readonly #heap: T[] = [];

  get first(): T | undefined {
    return this.#heap[0];
  }

  add(added: T): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(added);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as T;
      if (parent.dueMs <= added.dueMs) break;
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
      if (right !== undefined && right.dueMs < (heap[below] as T).dueMs) below++;
      const smaller = heap[below] as T;
      if (smaller.dueMs >= last.dueMs) break;
      heap[at] = smaller;
      at = below;
    }
    heap[at] = last;
  }

  clear(): void {
    this.#heap.length = 0;
  }
}
