import {
  BATCH_SUBTYPE,
  batchPath,
  firstVersionBatchPath,
  type ItemRange,
  rangeName,
  recordedRange,
} from "../../core/batch-operation.ts";
import { type BatchSize, DEFAULT_BATCH_ITEMS } from "../../core/batch-size.ts";
import { DurableError } from "../../core/errors.ts";
import { childPath, type OperationPath } from "../../core/ids.ts";
import type { WireOperation } from "../../core/wire.ts";
import type { Execution } from "../../execution/execution.ts";
import { SharedLedger } from "../../execution/ledger/shared-ledger.ts";
import type { Scope } from "../../execution/scope.ts";
import type { OperationInfo } from "../../plugins/plugin.ts";
import { isRecorded, type OperationLocation } from "../operation.ts";
import { digestOf, type ItemSlice, type ItemSource, sourceChanged } from "./source.ts";

/** Items that were read together. If the items share an operation, the group is one batch. */
export interface ItemGroup {
  /** The index of the first item. */
  readonly first: number;
  readonly values: readonly unknown[];
  /** The number of items in this group that have not begun. */
  left: number;
  /** The index, in the group, at which the search for the next item starts. */
  cursor: number;
  /** The indexes, in the group, of items that have begun and not ended. */
  readonly running: Set<number>;
  /** The indexes, in the group, of items that must not begin, because their recorded outcomes count. */
  readonly ended: Set<number>;
  readonly scope: Scope;
  /** The ledger of a batch. Undefined for items that share no operation. */
  readonly ledger: SharedLedger | undefined;
}

/** Returns the index, in the group, of the next item that may begin. `left` must not be 0. */
export function takeNext(group: ItemGroup): number {
  while (group.ledger?.isUncounted(group.cursor) === false || group.ended.has(group.cursor)) group.cursor++;
  group.left--;
  return group.cursor++;
}

export function locationOf(group: ItemGroup, at: number): OperationLocation {
  const { scope, ledger, first } = group;
  const path = childPath(scope.path, first + at + 1);
  return { path, ledger: ledger?.page(at) ?? scope.ledger };
}

export interface ItemGroupsOptions {
  readonly name: string | undefined;
  readonly source: ItemSource;
  /** The size of new batches. Undefined: no batches, unless a batch is recorded (M1). */
  readonly batch: BatchSize | undefined;
  readonly nameOf: ((index: number, value: unknown) => string | undefined) | undefined;
  /** Whether `names` keeps the names of the items that were read. */
  readonly keepsNames: boolean;
  /** Called when the records of one item are over the size limit. The map must then end with an error. */
  readonly onOverfull: (index: number, bytes: number, allowedBytes: number) => void;
}

/**
 * Reads the items of a map or parallel in groups. A batch is one group.
 *
 * M1  The name of a recorded batch says which items share the batch. A map with a recorded batch continues with
 *     batches, even if the user has changed the setting `batch`.
 */
export class ItemGroups {
  readonly #execution: Execution;
  readonly #scope: Scope;
  readonly #options: ItemGroupsOptions;
  readonly isBatched: boolean;
  /**
   * The names of the items that were read, by index; `""` for an item without a name. Undefined if they are not kept.
   */
  readonly names: string[] | undefined;
  readonly #recorded: SharedLedger[] = [];
  /** Groups that `readTo` has read and `open` has not returned yet. */
  readonly #early: ItemGroup[] = [];
  #batches = 0;
  #nextIndex = 0;

  constructor(execution: Execution, scope: Scope, options: ItemGroupsOptions) {
    this.#execution = execution;
    this.#scope = scope;
    this.#options = options;
    if (options.keepsNames) this.names = [];
    this.isBatched = this.#findBatched();
  }

  // M1
  #findBatched(): boolean {
    const { ledger, path } = this.#scope;
    // This map runs inside an item of a batch. A batch cannot contain another batch.
    if (!ledger.countsOperations) return false;
    const first = childPath(path, 1);
    if (this.#recordedBatch(1) !== undefined) return true;
    if (this.#options.batch === undefined) return false;
    return !isRecorded(ledger, first) && !isRecorded(ledger, childPath(first, 1));
  }

  get isAtEnd(): boolean {
    return this.#early.length === 0 && this.#nextIndex === this.#options.source.total;
  }

  /** Throws an `UnrecoverableExecutionError` if the recorded batches cannot be read or do not fit the items. */
  restore(total = Number.POSITIVE_INFINITY): readonly SharedLedger[] {
    if (!this.isBatched) return [];
    let first = 0;
    for (;;) {
      const found = this.#recordedBatch(this.#recorded.length + 1);
      if (found === undefined) return this.#recorded;
      const { path, range, record } = found;
      if (range.first !== first) {
        throw this.#changed(`batch [${range.first}..${range.last}] does not begin at item ${first}`);
      }
      first = range.last + 1;
      if (first > total) throw this.#changed(`it ends after ${total} items, and ${first} are recorded`);
      const restored = this.#ledger(path, record.Name as string, range.first, first - range.first);
      this.#recorded.push(restored);
      const { ledger } = this.#scope;
      restored.restore(ledger.take(ledger.key(path)) ?? record);
    }
  }

  #recordedBatch(number: number): { path: OperationPath; range: ItemRange; record: WireOperation } | undefined {
    const { ledger, path: map } = this.#scope;
    for (const path of [batchPath(map, number), firstVersionBatchPath(map, number)]) {
      const record = ledger.peek(ledger.key(path));
      const range = record?.SubType === BATCH_SUBTYPE ? recordedRange(record.Name) : undefined;
      if (record !== undefined && range !== undefined) return { path, range, record };
    }
    return undefined;
  }

  /**
   * Throws or rejects with the error of the source or of a name, or with an `UnrecoverableExecutionError` if the items
   * are not the recorded items.
   */
  open(): ItemGroup | Promise<ItemGroup> {
    const early = this.#early.shift();
    if (early === undefined) return this.#read();
    // Items of this group may have been counted since the group was read.
    if (early.ledger !== undefined) early.left = early.ledger.left;
    return early;
  }

  /** Returns the input value of an item whose recorded outcome counts, and notes that this item must not begin. */
  async valueOf(index: number): Promise<unknown> {
    await this.readTo(index);
    const group = this.#early.find(({ first, values }) => index >= first && index < first + values.length);
    if (group === undefined) return undefined;
    group.ended.add(index - group.first);
    group.left--;
    return group.values[index - group.first];
  }

  async readTo(index: number): Promise<void> {
    while (this.#nextIndex <= index) this.#early.push(await this.#read());
  }

  #read(): ItemGroup | Promise<ItemGroup> {
    const ledger = this.#recorded[this.#batches];
    const slice = this.#options.source.read(ledger?.count ?? this.#sizeOfNext);
    return slice instanceof Promise ? slice.then((read) => this.#group(read, ledger)) : this.#group(slice, ledger);
  }

  get #sizeOfNext(): number {
    const { batch, source } = this.#options;
    if (this.isBatched) return batch?.maxItems ?? DEFAULT_BATCH_ITEMS;
    return source.total ?? 1;
  }

  #group({ values, fingerprint }: ItemSlice, recorded: SharedLedger | undefined): ItemGroup {
    const first = this.#nextIndex;
    const count = values.length;
    if (recorded !== undefined && count < recorded.count) {
      throw this.#changed(`it ends after ${first + count} items, and ${first + recorded.count} are recorded`);
    }
    this.#nextIndex += count;
    const scope = this.#scope;
    const group = { first, values, left: count, cursor: 0, running: new Set<number>(), ended: new Set<number>() };
    // The names are made when the items are read, so that an error of the user's function ends the map.
    const { nameOf } = this.#options;
    const names = nameOf && values.map((value, at) => nameOf(first + at, value) ?? "");
    for (const name of names ?? []) this.names?.push(name);
    if (!this.isBatched || count === 0) return { ...group, scope, ledger: undefined };
    this.#batches++;
    const name = rangeName(this.#options.name, first, first + count - 1);
    const ledger = recorded ?? this.#ledger(batchPath(scope.path, this.#batches), name, first, count);
    this.#mark(ledger, fingerprint, names && digestOf(names));
    return {
      ...group,
      left: ledger.left,
      scope: scope.child(scope.path as OperationPath, scope.parentId, scope.mode),
      ledger,
    };
  }

  #mark(ledger: SharedLedger, fingerprint: string | undefined, names: string | undefined): void {
    const { first, count } = ledger;
    const before = ledger.marks;
    const differs = (recorded: string | undefined, now: string | undefined): boolean =>
      recorded !== undefined && now !== undefined && recorded !== now;
    const items = `items ${first} to ${first + count - 1}`;
    if (differs(before.fingerprint, fingerprint)) throw this.#changed(`${items} are not the recorded items`);
    if (differs(before.names, names)) throw this.#changed(`${items} do not have the recorded names`);
    ledger.marks = { fingerprint, names };
  }

  #ledger(path: OperationPath, name: string, first: number, count: number): SharedLedger {
    const { batch, onOverfull } = this.#options;
    const { payloadBytes } = this.#execution.settings.quotas;
    return new SharedLedger(this.#execution.batches, {
      scope: this.#scope,
      ...{ path, name, first, count, onOverfull },
      maxBytes: Math.min(batch?.maxBytes ?? payloadBytes, payloadBytes),
    });
  }

  #changed(what: string): Error {
    return sourceChanged(this.#options.name, what);
  }

  notice(ledger: SharedLedger, hook: "onOperationStart" | "onOperationEnd", members: Partial<OperationInfo>): void {
    const { observer } = this.#execution;
    const { id, name } = ledger;
    const batch = { id, type: "STEP", subType: BATCH_SUBTYPE, name, scope: this.#scope };
    observer?.notify(hook, () => observer.recordedInfo(batch, members));
  }

  close(): void {
    this.#options.source.close();
  }
}

export function itemTooLarge(map: string, index: number, bytes: number, maxBytes: number): DurableError {
  return new DurableError(
    "ERR_ITEM_TOO_LARGE",
    `Item ${index} of ${map} keeps ${bytes} characters of results; the limit is ` +
      `${maxBytes} for a running item of a batch. Return less from its steps, or set "batch: false" for the map.`,
  );
}
