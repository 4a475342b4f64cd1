import type { Outcome, StoredStep } from "../../codec/outcomes.ts";
import { BATCH_SUBTYPE, rangeName, recordedRange } from "../../core/batch-operation.ts";
import { UnrecoverableExecutionError } from "../../core/errors.ts";
import { childPath, type OperationPath, operationId } from "../../core/ids.ts";
import { type Permit, Semaphore } from "../../core/semaphore.ts";
import type { AnySerdes } from "../../core/serdes.ts";
import type { Execution } from "../../execution/execution.ts";
import type { Scope } from "../../execution/scope.ts";
import { park } from "../../execution/suspension.ts";
import type { Batch } from "../batch-result.ts";
import { Completion, type CompletionReason } from "../completion.ts";
import { type ClaimedOperation, claim } from "../operation.ts";
import { decodeResult } from "../payload.ts";
import { announceFanOut } from "../quota.ts";
import type { BatchedItems, BatchedMapOptions } from "./batched-items.ts";
import { Collector, type EndedItem } from "./collector.ts";
import { Item } from "./item.ts";
import { type BatchOwner, ItemBatch } from "./item-batch.ts";
import { failed, runItem, succeeded } from "./run-item.ts";
import { type ItemSlice, type ItemSource, sourceChanged } from "./source.ts";

/** So many finished batches may be on their way however large they are: one travels, the next one fills. */
const MIN_UNACKNOWLEDGED_BATCHES = 2;

/**
 * A map whose items share operations.
 *
 * M1  Items start in the order of their index, and only when there is room; a batch is opened when its first item is.
 * M2  An item whose step waits for another attempt gives its place to others.
 * M3  Once the policy is satisfied nothing starts; each open batch is recorded with what it has, and what earlier
 *     invocations recorded of further ones counts: a replay will find it.
 * M4  Where a batch begins and ends is read from its record if there is one, so that the size may change while an
 *     execution is under way.
 */
export class BatchedMap<T> implements BatchOwner {
  readonly #execution: Execution;
  readonly #scope: Scope;
  readonly #items: BatchedItems;
  readonly #source: ItemSource;
  readonly #options: BatchedMapOptions;
  readonly #completion: Completion;
  readonly #semaphore: Semaphore;
  readonly #collector: Collector<T>;
  readonly #ready: (() => Promise<void>)[] = [];
  readonly #open = new Set<ItemBatch>();
  readonly #unacknowledgedLimit: number;
  /** Batches to have open, the one that items are taken from included: reading takes time. */
  readonly #ahead: number;
  #queue: ItemBatch[] = [];
  #nextIndex = 0;
  #opening = false;
  #restoring: Promise<void> | undefined;
  #unacknowledged = 0;
  #over = false;
  #stopListening: (() => void) | undefined;
  #finish!: () => void;
  #reject!: (error: unknown) => void;

  constructor(execution: Execution, scope: Scope, items: BatchedItems, options: BatchedMapOptions) {
    this.#execution = execution;
    this.#scope = scope;
    this.#items = items;
    this.#source = items.source;
    this.#options = options;
    this.#collector = new Collector(options.collect);
    this.#completion = new Completion(items.source.total, options.completionConfig, (index) => items.nameOf(index));
    this.#semaphore = new Semaphore(options.permits, () => this.#spawn());
    this.#ahead = items.source.total === undefined ? 2 : 1;
    const { maxItems, maxUnacknowledged } = options;
    this.#unacknowledgedLimit = Math.max(MIN_UNACKNOWLEDGED_BATCHES, Math.floor(maxUnacknowledged / maxItems));
  }

  /** Rejects with what a custom policy, a source or a reduction throws. */
  async run(): Promise<Batch<T>> {
    const completion = this.#completion;
    const collector = this.#collector;
    const source = this.#source;
    const { name, maxItems: batchItems, completionConfig } = this.#options;
    const size = {
      kind: "map",
      name,
      total: source.total,
      nesting: "NESTED",
      batchItems,
      completionConfig,
    } as const;
    const leave = announceFanOut(this.#execution, this.#scope, size, {
      get total() {
        return completion.total;
      },
      get isTotalKnown() {
        return source.total !== undefined;
      },
      counts: () => ({ succeeded: completion.succeeded, failed: completion.failed, running: collector.running }),
    });
    try {
      await this.#runAll();
    } finally {
      leave();
      this.#stopListening?.();
    }
    this.#source.close();
    return collector.result(completion.reason);
  }

  async #runAll(): Promise<void> {
    const completion = this.#completion;
    completion.begin();
    if (!completion.isOver) {
      await new Promise<void>((resolve, reject) => {
        this.#finish = resolve;
        this.#reject = reject;
        this.#stopListening = this.#execution.onClosing(() => {
          for (const batch of [...this.#open]) batch.closing();
        });
        this.#spawn();
      });
    }
    await this.#restoring;
    await this.#restoreRest();
  }

  /** Collects a finished map from its recorded batches. */
  async rebuild(completionReason: CompletionReason | undefined): Promise<Batch<T>> {
    this.#source.close();
    await this.#restoreRest();
    return this.#collector.result(completionReason ?? this.#completion.reason);
  }

  /** Takes over the recorded batches that have not been opened. */ // M3
  async #restoreRest(): Promise<void> {
    this.#over = true;
    for (;;) {
      const path = this.#scope.peekPath();
      const id = operationId(path);
      const record = this.#execution.state.take(id);
      const range = recordedRange(record?.Name);
      if (range === undefined) break;
      this.#scope.skipPath();
      const kind = { type: "STEP", subType: BATCH_SUBTYPE, name: record?.Name } as const;
      const operation = { ...kind, execution: this.#execution, scope: this.#scope, path, id, record };
      await this.#restore(this.#newBatch(operation, range.first, range.last - range.first + 1, undefined), operation);
    }
  }

  get isClosing(): boolean {
    return this.#execution.isClosing;
  }

  batchFinished(bytes: number): void {
    this.#unacknowledged++;
    this.#options.onPacked(bytes);
  }

  batchRecorded(batch: ItemBatch): void {
    this.#unacknowledged--;
    this.#open.delete(batch);
    this.#spawn();
  }

  batchReady(batch: ItemBatch, items: readonly Item[], indexes: readonly number[]): void {
    for (const item of items) this.#ready.push(() => this.#resume(batch, item));
    if (indexes.length > 0) this.#queue.unshift(batch);
    this.#spawn();
  }

  // M1
  #spawn(): void {
    while (!this.#over && this.#hasWork() && this.#semaphore.hasRoom) {
      this.#semaphore.acquire((permit) => void this.#work(permit));
    }
  }

  #hasWork(): boolean {
    if (this.isClosing) {
      const isMore = this.#ready.length > 0 || this.#nextIndex !== this.#source.total;
      if (isMore || this.#queue.some((batch) => batch.hasNext)) this.#execution.refuse();
      return false;
    }
    if (this.#ready.length > 0) return true;
    while (this.#queue[0]?.hasNext === false) this.#queue.shift();
    if (this.#queue.length < this.#ahead) this.#openNext();
    return this.#queue.length > 0;
  }

  /** One place: runs one item after the other until nothing is left to start. */
  async #work(permit: Permit): Promise<void> {
    while (!this.#over && this.#hasWork()) {
      const resume = this.#ready.shift();
      await (resume === undefined ? this.#startNext() : resume());
    }
    permit.done();
  }

  #openNext(): void {
    if (this.#opening || this.#over || this.#nextIndex === this.#source.total) return;
    if (this.#unacknowledged >= this.#unacknowledgedLimit) return;
    this.#opening = true;
    const range = this.#recordedRange();
    const count = range === undefined ? this.#options.maxItems : range.last - range.first + 1;
    try {
      const slice = this.#source.read(count);
      const opened =
        slice instanceof Promise ? slice.then((read) => this.#openBatch(read, range)) : this.#openBatch(slice, range);
      if (opened === undefined) this.#opening = false;
      else
        void opened.then(
          () => this.#opened(),
          (error) => this.#fail(error),
        );
    } catch (error) {
      this.#fail(error);
    }
  }

  #opened(): void {
    this.#opening = false;
    if (!this.#over && this.#completion.isOver) this.#endWell();
    else this.#spawn();
  }

  // M4
  #recordedRange(): { first: number; last: number } | undefined {
    const record = this.#execution.state.peek(operationId(this.#scope.peekPath()));
    const range = recordedRange(record?.Name);
    if (range === undefined || range.first === this.#nextIndex) return range;
    throw sourceChanged(
      this.#options.name,
      `batch [${range.first}..${range.last}] does not begin at item ${this.#nextIndex}`,
    );
  }

  /** Opens the next batch: at once, unless something is recorded of it. */
  #openBatch(slice: ItemSlice, range: { first: number; last: number } | undefined): Promise<void> | undefined {
    // The map has ended while the source was read.
    if (this.#over) return undefined;
    const first = this.#nextIndex;
    const count = slice.values.length;
    this.#completion.grow(this.#source.total ?? first + count, this.#source.total !== undefined);
    if (range !== undefined && range.last >= first + count) {
      throw sourceChanged(
        this.#options.name,
        `it ends after ${first + count} items, and ${range.last + 1} are recorded`,
      );
    }
    if (count === 0) {
      this.#opened();
      return undefined;
    }
    const name = rangeName(this.#options.name, first, first + count - 1);
    const operation = claim(this.#execution, this.#scope, { type: "STEP", subType: BATCH_SUBTYPE, name });
    if (operation === undefined) return park();
    this.#nextIndex = first + count;
    const batch = this.#newBatch(operation, first, count, slice);
    if (operation.record !== undefined) {
      this.#restoring = this.#restore(batch, operation);
      return this.#restoring;
    }
    batch.fill();
    this.#begin(batch);
    return undefined;
  }

  #newBatch(operation: ClaimedOperation, first: number, count: number, slice: ItemSlice | undefined): ItemBatch {
    const { maxBytes } = this.#options;
    const { values = [], fingerprint } = slice ?? {};
    return new ItemBatch({ owner: this, operation, first, count, maxBytes, values, fingerprint });
  }

  async #restore(batch: ItemBatch, operation: ClaimedOperation): Promise<void> {
    const outcomes = await batch.restore();
    if (batch.isOtherThanRecorded) {
      const last = batch.first + batch.count - 1;
      throw sourceChanged(this.#options.name, `items ${batch.first} to ${last} are not those that were recorded`);
    }
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome !== undefined) await this.#takeOver(operation, batch.first + index, outcome);
    }
    if (!batch.isClosed && !this.#over) this.#begin(batch);
  }

  #begin(batch: ItemBatch): void {
    this.#open.add(batch);
    this.#queue.push(batch);
    batch.begin();
  }

  /** Counts an outcome of an earlier invocation. */
  async #takeOver(operation: ClaimedOperation, index: number, outcome: Outcome): Promise<void> {
    this.#started(index);
    switch (outcome.mark) {
      case "S":
      case "U": {
        const serdes = this.#serdes;
        const { result } = outcome;
        const value =
          serdes === undefined
            ? result
            : await decodeResult({ ...operation, path: this.#pathOf(index) }, result as string | undefined, serdes);
        return this.#count(succeeded(index, value));
      }
      case "F":
        return this.#count(failed(index, outcome.error ?? {}));
      default:
        if (outcome.steps !== undefined) this.#keptSteps.set(index, outcome.steps);
    }
  }

  readonly #keptSteps = new Map<number, readonly StoredStep[]>();

  get #serdes(): AnySerdes | undefined {
    return this.#options.itemSerdes ?? this.#scope.defaultSerdes;
  }

  #pathOf(index: number): OperationPath {
    return childPath(this.#scope.path, index + 1);
  }

  #startNext(): Promise<void> {
    const batch = this.#queue[0] as ItemBatch;
    const inBatch = batch.next() as number;
    const index = batch.first + inBatch;
    const kept = this.#keptSteps.get(index);
    if (kept !== undefined) this.#keptSteps.delete(index);
    else this.#started(index);
    const scope = this.#scope.child(this.#pathOf(index), this.#scope.parentId, "execution");
    const value = batch.valueAt(inBatch);
    const item = new Item(batch, scope, index, this.#items.nameOf(index, value), value, kept);
    batch.admitted(item);
    return new Promise((release) => {
      item.release = release;
      void this.#runItem(batch, item);
    });
  }

  /** An item that waited goes on. */ // M2
  #resume(batch: ItemBatch, item: Item): Promise<void> {
    batch.admitted(item);
    return new Promise((release) => {
      item.release = release;
      item.goOn(Date.now());
    });
  }

  async #runItem(batch: ItemBatch, item: Item): Promise<void> {
    const { ended, outcome } = await runItem<T>(item, this.#items.run, this.#serdes);
    item.hasSettled = true;
    const asleep = batch.awake();
    if (asleep !== undefined) await asleep;
    const { release } = item;
    item.release = undefined;
    item.scope.finish();
    batch.ended(item, outcome);
    if (!this.#over) this.#count(ended);
    release?.();
  }

  #started(index: number): void {
    this.#collector.started(index);
    this.#completion.started(index);
  }

  #count(item: EndedItem<T>): void {
    try {
      this.#collector.ended(item);
      if (this.#over) return;
      this.#completion.ended(item.index, item.status);
    } catch (userError) {
      this.#fail(userError);
      return;
    }
    if (this.#completion.isOver) this.#endWell();
  }

  #endWell(): void {
    this.#end();
    this.#finish();
  }

  /** The source changed, or code of the user's that belongs to no item threw. */
  #fail(error: unknown): void {
    if (error instanceof UnrecoverableExecutionError) {
      this.#execution.terminate({ end: "fail", error });
      return;
    }
    this.#end();
    this.#reject(error);
  }

  // M3
  #end(): void {
    this.#over = true;
    for (const batch of this.#open) batch.close();
  }
}
