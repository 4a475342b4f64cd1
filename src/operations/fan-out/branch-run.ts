import { UnrecoverableExecutionError } from "../../core/errors.ts";
import type { FanOutAnnouncement } from "../../core/fan-out-announcement.ts";
import { type Permit, Semaphore } from "../../core/semaphore.ts";
import type { AnySerdes } from "../../core/serdes.ts";
import { callerContext } from "../../execution/active.ts";
import type { Execution } from "../../execution/execution.ts";
import type { Scope } from "../../execution/scope.ts";
import { park } from "../../execution/suspension.ts";
import { type ChildPlan, childResultFormat, type ResultFormat, runChild } from "../child.ts";
import type { OperationLocation } from "../operation.ts";
import type { Branches, FanOutConfig } from "./branches.ts";
import { Collector, type EndedItem } from "./collector.ts";
import { Completion } from "./completion.ts";
import { type ItemGroup, ItemGroups, itemTooLarge, locationOf, takeNext } from "./item-groups.ts";
import type { MapResult } from "./map-result.ts";
import { type MapSummary, withSizes } from "./map-result-format.ts";
import { announceFanOut, type FanOutSize } from "./quota.ts";
import { failed, RecordedItems, succeeded } from "./recorded-items.ts";

export interface BranchRunOptions<T> {
  readonly size: FanOutSize;
  readonly branches: Branches;
  readonly config: FanOutConfig<T>;
  /** `BranchRun` adds the characters of the results' payloads, or those that this invocation wrote to batches. */
  readonly sizes: { itemCharacters: number };
  readonly label: () => string;
}

/**
 * One running map or parallel.
 *
 * F1  Branches start in the order of their index.
 * F2  `maxConcurrency` limits the open branches. `concurrency` limits the working branches: a branch that only waits
 *     lends its permit. If only `maxConcurrency` is set, no branch lends its permit.
 * F3  When the completion policy is satisfied, no further branch starts, and running branches are left. Recorded
 *     outcomes of items are counted before any branch starts, in the order of their index. A map without batches does
 *     so only if it is NESTED, its items are an array, its branches lend their permits, and the window has fewer
 *     permits than items. An outcome whose result must be rebuilt is counted when its function has run again.
 * F4  Branches start in the asynchronous context of the code that called `map` or `parallel`.
 * F5  When the invocation drains, no further branch asks for a permit. When the invocation has ended, no branch starts.
 */
export class BranchRun<T> {
  readonly #execution: Execution;
  readonly #scope: Scope;
  readonly #options: BranchRunOptions<T>;
  readonly isBatched: boolean;
  readonly #groups: ItemGroups;
  readonly #completion: Completion;
  readonly #collector: Collector<T>;
  readonly #itemFormat: ResultFormat;
  readonly #recalled: RecordedItems<T>;
  /** Groups with items that have not ended, in the order of the items' indexes. */
  readonly #open = new Set<ItemGroup>();
  /** Groups with items that have not begun, in the order of the items' indexes. */
  readonly #ready: ItemGroup[] = [];
  readonly #inCaller = callerContext(); // F4
  readonly #maxOpen: number;
  readonly #semaphore: Semaphore;
  readonly #givesWay: boolean;
  /** The map reads the next group while fewer groups than this number are in `#ready`. */
  readonly #ahead: number;
  /** The number of items that have not begun, in all groups of `#open`. */
  #startable = 0;
  /** The number of permits that were requested and that have no item yet. */
  #acquiring = 0;
  #running = 0;
  #isReading = false;
  #over = false;
  #announcement: FanOutAnnouncement | undefined;
  /** Ends `run`. While this is undefined, no branch starts, because the recorded items are counted first. */ // F3
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(execution: Execution, scope: Scope, options: BranchRunOptions<T>) {
    this.#execution = execution;
    this.#scope = scope;
    this.#options = options;
    const { branches, config, size, sizes, label } = options;
    const { source, nameOf, batch } = branches;
    this.#groups = new ItemGroups(execution, scope, {
      name: size.name,
      source,
      batch,
      nameOf,
      keepsNames: source.total === undefined && config.completionConfig?.shouldComplete != null,
      onOverfull: (index, bytes, maxBytes) => this.#fail(itemTooLarge(label(), index, bytes, maxBytes)),
    });
    this.isBatched = this.#groups.isBatched;
    this.#collector = new Collector(label, branches.collect);
    this.#completion = new Completion(label, source.total, config.completionConfig, (at) => this.#nameOf(at));
    const maxConcurrency = Number(config.maxConcurrency);
    const bound = config.maxConcurrency != null && maxConcurrency > 0 ? Math.ceil(maxConcurrency) : undefined;
    this.#maxOpen = bound ?? Number.POSITIVE_INFINITY; // F2
    this.#givesWay = bound === undefined || config.concurrency != null;
    const permits = config.concurrency ?? bound ?? execution.settings.concurrency;
    this.#semaphore = new Semaphore(permits, () => this.#pull());
    this.#ahead = source.total === undefined ? 2 : 1;
    this.#recalled = new RecordedItems(execution, scope, {
      itemSerdes: (config.itemSerdes as AnySerdes | undefined) ?? scope.defaultSerdes,
      ...{ name: size.name, isFlat: config.nesting === "FLAT" },
      planOf: (index, value) => this.#planOf(index, value),
    });
    const format = childResultFormat({ serdes: config.itemSerdes as AnySerdes });
    // For batches, `#close` adds the sizes.
    this.#itemFormat = this.isBatched ? format : withSizes(format, sizes);
  }

  /**
   * Rejects with an error of user code (policy, source, name, reduction), or if the records of one item are too large.
   * If the records cannot be read or do not fit the items, the execution fails, and the promise never settles.
   */
  async run(): Promise<MapResult<T>> {
    const completion = this.#completion;
    const { size } = this.#options;
    const { announcement, leave } = announceFanOut(this.#execution, this.#scope, size, completion, () => this.#running);
    this.#announcement = announcement;
    const stopListening = this.#execution.batches.onRoom(() => this.#pull());
    try {
      completion.begin();
      await (this.isBatched ? this.#takeOver() : this.#takeOverOwn());
      if (!completion.isOver) {
        await new Promise<void>((resolve, reject) => {
          this.#settle = { resolve, reject };
          this.#pull();
        });
      }
      this.#end();
    } catch (error) {
      this.#end();
      return this.#rethrow(error);
    } finally {
      leave();
      stopListening();
    }
    return this.#collector.result(completion.reason);
  }

  async rebuild(summary: Partial<MapSummary>): Promise<MapResult<T>> {
    this.#over = true;
    try {
      if (this.isBatched) await this.#takeOver();
      else await this.#recallItems(summary.itemStatuses);
    } catch (error) {
      return this.#rethrow(error);
    }
    this.#groups.close();
    return this.#collector.result(summary.completionReason ?? this.#completion.reason);
  }

  // F3
  async #takeOver(): Promise<void> {
    const { total } = this.#options.branches.source;
    for (const ledger of this.#groups.restore(this.#over ? undefined : total)) {
      const { first, count } = ledger;
      if (total === undefined) this.#completion.grow(first + count, false);
      if (this.#groups.names !== undefined) await this.#groups.readTo(first + count - 1);
      for (let at = 0; at < count; at++) {
        const outcome = ledger.takeOutcome(at);
        if (outcome === undefined) continue;
        this.#started(first + at);
        if (outcome.mark === "R" && !this.#over) {
          // The item runs again as a branch, because its function may wait until further items have begun.
          ledger.madeAgain.add(at);
          continue;
        }
        const value = outcome.mark === "R" ? await this.#groups.valueOf(first + at) : undefined;
        const item = this.#recalled.ofBatch(ledger, at, outcome, value);
        if (item === undefined) continue;
        this.#count(item instanceof Promise ? await item : item);
        ledger.counts(at);
      }
    }
  }

  // F3
  async #takeOverOwn(): Promise<void> {
    const { total = 0 } = this.#options.branches.source;
    const most = this.#givesWay ? this.#semaphore.permits : Number.POSITIVE_INFINITY;
    for (const [index, status] of this.#recalled.begun(total, most)) {
      this.#started(index);
      if (status !== "S") continue; // The item starts as a branch.
      const item = this.#recalled.ofOperation(index, await this.#groups.valueOf(index));
      this.#count(item instanceof Promise ? await item : item);
    }
  }

  async #recallItems(known: string | undefined): Promise<void> {
    const { source } = this.#options.branches;
    const most = known?.length ?? Number.POSITIVE_INFINITY;
    for (let index = 0; ; ) {
      if (index >= Math.min(source.total ?? most, most)) return;
      const slice = source.read(source.total ?? 1);
      const { values } = slice instanceof Promise ? await slice : slice;
      this.#completion.grow(source.total ?? index + values.length, source.total !== undefined);
      for (const value of values) {
        const status = known === undefined ? this.#recalled.statusOf(index) : known[index];
        if (status === "S" || status === "R" || status === "F") {
          const item = this.#recalled.ofOperation(index, value);
          this.#started(index);
          this.#count(item instanceof Promise ? await item : item);
        } else if (status === "-") this.#started(index);
        index++;
      }
    }
  }

  /**
   * If the records do not fit the items, fails the execution and never settles. Otherwise throws the error to user
   * code.
   */
  #rethrow(error: unknown): Promise<never> {
    if (!(error instanceof UnrecoverableExecutionError)) throw error;
    this.#execution.terminate({ end: "fail", error });
    return park();
  }

  // F1, F2, F5
  #pull(): void {
    while (this.#settle !== undefined && !this.#over && !this.#execution.isOver) {
      this.#read();
      if (this.#startable <= this.#acquiring) return;
      if (this.#execution.isDraining) {
        this.#execution.leaveWork();
        return;
      }
      if (!this.#semaphore.hasRoom || !this.#mayOpen(this.#acquiring)) return;
      this.#acquiring++;
      this.#semaphore.acquire((permit) => this.#start(permit));
    }
  }

  #mayOpen(others: number): boolean {
    if (this.#running + others >= Math.min(this.#maxOpen, this.#completion.room)) return false;
    return !this.isBatched || this.#execution.batches.hasRoom;
  }

  #read(): void {
    while (!this.#isReading && !this.#over && !this.#groups.isAtEnd && this.#wantsMore) {
      this.#isReading = true;
      try {
        const group = this.#inCaller(() => this.#groups.open());
        if (group instanceof Promise) {
          group.then(
            (read) => {
              this.#opened(read);
              if (!this.#over && this.#completion.isOver) this.#settleWell();
              this.#pull();
            },
            (error) => this.#fail(error),
          );
        } else this.#opened(group);
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  get #wantsMore(): boolean {
    return this.#startable <= this.#acquiring || this.#ready.length < this.#ahead;
  }

  #opened(group: ItemGroup): void {
    this.#isReading = false;
    // The map may have ended during the read of the source.
    if (this.#over || this.#execution.isOver) return;
    const { source } = this.#options.branches;
    const { first, values, ledger, left } = group;
    this.#completion.grow(
      source.total ?? Math.max(this.#completion.total, first + values.length),
      source.total !== undefined,
    );
    this.#startable += left;
    if (left > 0) {
      this.#open.add(group);
      this.#ready.push(group);
    }
    if (ledger === undefined || ledger.isClosed) return;
    if (ledger.begin()) this.#groups.notice(ledger, "onOperationStart", { status: "STARTED" });
    if (left === 0) this.#close(group);
  }

  #start(permit: Permit): void {
    const regained = this.#execution.regainPermits(this.#scope);
    if (regained === undefined) this.#inCaller(() => this.#begin(permit));
    else void regained.then(() => this.#inCaller(() => this.#begin(permit)));
  }

  #begin(permit: Permit): void {
    this.#acquiring--;
    const group = this.#over || this.#execution.isOver ? undefined : this.#ready[0];
    if (group === undefined) return permit.done();
    const at = takeNext(group);
    const index = group.first + at;
    if (group.left === 0) this.#ready.shift();
    this.#startable--;
    this.#running++;
    group.running.add(at);
    this.#started(index);
    const plan = this.#planOf(index, group.values[at], locationOf(group, at), this.#givesWay ? permit : undefined);
    const running = runChild(this.#execution, group.scope, plan);
    void running.then(
      (value) => this.#ended(group, at, permit, succeeded(index, value as T)),
      (error) => this.#ended(group, at, permit, failed(index, error)),
    );
  }

  #ended(group: ItemGroup, at: number, permit: Permit, item: EndedItem<T>): void {
    this.#running--;
    if (this.#over) {
      permit.done();
      return;
    }
    group.running.delete(at);
    const { ledger, values } = group;
    if (ledger?.madeAgain.has(at) === false) this.#execution.noteItem();
    if (item.error !== undefined)
      this.#announcement?.onFailure?.(item, this.#nameOf(item.index, values[at]), values[at]);
    try {
      const isComplete = ledger === undefined ? group.left + group.running.size === 0 : ledger.counts(at);
      this.#count(item);
      if (this.#completion.isOver) this.#settleWell();
      else if (isComplete) this.#close(group);
    } catch (userError) {
      this.#fail(userError);
    }
    const next = this.#mayPassOn() ? permit.passOn() : undefined;
    if (next === undefined) permit.done();
    else {
      this.#acquiring++;
      this.#start(next);
    }
    this.#pull();
  }

  /** Whether the ended branch may give its permit to the next branch directly, without the semaphore's queue. */
  #mayPassOn(): boolean {
    if (this.#over || this.#execution.isOver || this.#execution.isDraining) return false;
    this.#read();
    return this.#startable > this.#acquiring && this.#mayOpen(this.#acquiring);
  }

  #started(index: number): void {
    this.#collector.started(index);
    this.#completion.started(index);
  }

  #count(item: EndedItem<T>): void {
    this.#collector.ended(item);
    this.#completion.ended(item.index, item.status);
  }

  #settleWell(): void {
    this.#over = true;
    this.#settle?.resolve();
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#settle?.reject(error);
  }

  // F3
  #end(): void {
    this.#over = true;
    this.#groups.close();
    for (const group of this.#open) this.#close(group);
  }

  #close(group: ItemGroup): void {
    this.#open.delete(group);
    const { ledger } = group;
    if (ledger === undefined || ledger.isClosed) return;
    ledger.close();
    this.#options.sizes.itemCharacters += ledger.size;
    this.#groups.notice(ledger, "onOperationEnd", { status: "SUCCEEDED" });
  }

  #nameOf(index: number, value?: unknown): string {
    const { kind, nameOf } = this.#options.branches;
    return (
      (this.#groups.names?.[index] ?? nameOf?.(index, value)) ||
      `${kind === "map" ? "map-item" : "parallel-branch"}-${index}`
    );
  }

  #planOf(index: number, value: unknown, location?: OperationLocation, permit?: Permit): ChildPlan {
    const { kind, run } = this.#options.branches;
    return {
      name: this.#nameOf(index, value),
      subType: kind === "map" ? "MapIteration" : "ParallelBranch",
      virtual: this.#options.config.nesting === "FLAT" && !this.isBatched,
      format: this.#itemFormat,
      location,
      permit,
      body: (inner) => run(index, value, inner),
    };
  }
}
