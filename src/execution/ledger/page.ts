import type { Outcome } from "../../codec/batch-outcomes.ts";
import type { StoredRecord } from "../../codec/stored-batch.ts";
import { childPath, type OperationId, type OperationPath } from "../../core/ids.ts";
import { applyUpdate, completeTimer, isFinished } from "../../core/transitions.ts";
import { defined, type Operation, type OperationUpdate, type WireOperation } from "../../core/wire.ts";
import type { ArmedTimer } from "../timers.ts";
import { Kept, operationOf } from "./kept.ts";
import type { Ledger, RecordKey } from "./ledger.ts";
import type { ServiceLedger } from "./service-ledger.ts";

/** The batch of a page. The batch decides when changes are written. */
export interface PageGroup {
  readonly service: ServiceLedger;
  readonly maxPayloadBytes: number;
  /** Notes that a record has changed. */
  changed(kept: Kept): void;
  /** Notes that an item has ended. */
  ended(end: Kept): void;
  /** Notes that a record is not needed any more. */
  forget(kept: Kept): void;
  beginsToWait(kept: Kept): void;
  stopsWaiting(kept: Kept): void;
  arm(kept: Kept): ArmedTimer;
  /** Whether an earlier invocation has begun the batch. */
  readonly isRestored: boolean;
  /** Calls `recorded` when user code may rely on the record. */
  acknowledge(recorded: () => void): void;
  /** Resolves when all changes so far are at the service. */
  secured(): Promise<void>;
  roundTrip(value: unknown): { readonly payload: string | undefined; readonly value: unknown };
  packIfLarge(payload: string): string;
  decode(payload: string | undefined): unknown;
  isOverfull(page: Page, bytes: number, maxBytes: number): void;
}

/**
 * The approximate number of bytes that the records of one item may take. A running item is held in memory as a whole.
 */
const MAX_PAGE_BYTES = 1024 * 1024;

/**
 * The records, by path, of one item of a batch. Records change in memory, by the transitions of the service.
 *
 * G1  When a context ends, the records below it are dropped, unless the context's result is rebuilt from them. An ended
 *     item thus keeps only its end.
 * G2  A record holds text, never a value that user code has.
 */
export class Page implements Ledger {
  readonly path: OperationPath;
  /** The index in the batch, from 0. */
  readonly index: number;
  readonly group: PageGroup;
  readonly outside: Ledger;
  readonly countsOperations = false;
  readonly maxPayloadBytes: number;
  /** The end of the item, once the item has ended. */
  end: Kept | undefined;
  isFirstVersion = false;
  /** Whether an earlier invocation recorded something of the item. */
  #isRestored = false;
  #records: Map<OperationPath, Kept> | undefined;
  /** The child paths of each path. Children of the item itself are left out. */
  #below: Map<string, OperationPath[]> | undefined;
  #watchers: Map<RecordKey, (operation: WireOperation) => void> | undefined;
  #bytes = 0;

  constructor(group: PageGroup, index: number, path: OperationPath) {
    this.group = group;
    this.index = index;
    this.path = path;
    this.outside = group.service;
    this.maxPayloadBytes = group.maxPayloadBytes;
  }

  key(path: OperationPath): OperationPath {
    return path;
  }

  has(key: RecordKey): boolean {
    return this.peek(key) !== undefined;
  }

  peek(key: RecordKey): WireOperation | undefined {
    if (key === this.path) return this.end?.operation ?? (this.#isRestored ? begun(key) : undefined);
    const kept = this.#records?.get(key as OperationPath);
    if (kept !== undefined || !this.group.isRestored) return kept?.operation;
    // An operation that external systems can address has its record in the outside ledger. A record there, found under
    // this key, shows that the code has changed.
    return this.outside.peek(this.outside.key(key as OperationPath));
  }

  take(key: RecordKey): WireOperation | undefined {
    return this.peek(key);
  }

  start(update: OperationUpdate): void {
    // A context is written with the operations inside it, so that a change in the code is noticed while the context is
    // open. An interrupted step begins again, with or without a recorded START.
    if (update.Type === "CONTEXT") this.#apply(update);
  }

  record(update: OperationUpdate, recorded?: () => void): void {
    this.#apply(update);
    if (recorded !== undefined) this.group.acknowledge(recorded);
  }

  secured(): Promise<void> | undefined {
    return this.group.secured();
  }

  watch(key: RecordKey, listener: (operation: WireOperation) => void): void {
    this.#watchers ??= new Map();
    this.#watchers.set(key, listener);
  }

  unwatch(key: RecordKey): void {
    this.#watchers?.delete(key);
  }

  arm(key: RecordKey): ArmedTimer {
    const kept = this.#records?.get(key as OperationPath);
    return kept === undefined ? NO_TIMER : this.group.arm(kept);
  }

  /** Ends the time of an operation. */
  completeTimer(kept: Kept): void {
    this.group.stopsWaiting(kept);
    kept.operation = completeTimer(kept.operation, new Date());
    // A replay recognises a ready step by its due time, and an ended wait by its status.
    if (kept.operation.Type === "WAIT") this.group.changed(kept);
    this.#watchers?.get(kept.path)?.(kept.operation);
  }

  roundTrip(value: unknown): { readonly payload: string | undefined; readonly value: unknown } {
    return this.group.roundTrip(value);
  }

  wrap(text: string | undefined): string | undefined {
    return text === undefined ? undefined : this.group.packIfLarge(JSON.stringify(text));
  }

  unwrap(payload: string | undefined): string | undefined {
    return this.group.decode(payload) as string | undefined;
  }

  addressOf(): OperationId | undefined {
    return undefined;
  }

  /** Takes over the records inside the item from earlier invocations, one by one, in the stored order. */
  restore(records: readonly StoredRecord[], payloadOf: (value: unknown) => string | undefined): Kept[] {
    this.#isRestored = true;
    if (records.some(({ isFirstVersion }) => isFirstVersion)) this.isFirstVersion = true;
    const restored = records.map(
      (record) => [`${this.path}-${record.path}` as OperationPath, operationOf(record, payloadOf)] as const,
    );
    for (const [path, operation] of restored) if (endsWhole(operation)) this.#prune(path); // G1
    return restored.map(([path, operation]) => {
      const before = this.#records?.get(path);
      if (before !== undefined) this.group.forget(before);
      return this.#put(path, operation);
    });
  }

  /** Takes over the recorded end of the item. */
  restoreEnd({ mark, result, error }: Outcome, payloadOf: (value: unknown) => string | undefined): Kept {
    if (this.end !== undefined) this.group.forget(this.end);
    const payload = mark === "T" ? (result as string) : mark === "S" ? payloadOf(result) : undefined;
    const details = {
      ...defined({ Result: payload }),
      ...(mark === "F" ? { Error: error ?? {} } : {}),
      ...(mark === "R" ? { ReplayChildren: true } : {}),
    };
    const Status = mark === "F" ? "FAILED" : "SUCCEEDED";
    // The name of the item is not kept. The names are checked for the batch as a whole.
    const operation: Operation = { Id: this.path, Type: undefined, StartTimestamp: undefined, Status };
    this.end = new Kept(this, this.path, { ...operation, ContextDetails: details });
    return this.end;
  }

  /** Takes over the rest of the delay of an operation inside the item, from `atMs` (epoch milliseconds) if given. */
  restoreTime(path: string, leftMs: number, delayMs: number | undefined, atMs: number | undefined): void {
    const kept = this.#records?.get(`${this.path}-${path}` as OperationPath);
    kept?.takeTime(atMs === undefined ? undefined : atMs + leftMs, leftMs, delayMs);
  }

  /** Drops all records below the item. */
  clear(): void {
    for (const kept of this.#records?.values() ?? []) this.group.forget(kept);
    if (this.end !== undefined) this.group.forget(this.end);
    this.#bytes = 0;
    // Code that was left may still reach records of earlier invocations.
    if (this.#isRestored) return;
    this.#records = undefined;
    this.#below = undefined;
    this.#watchers = undefined;
  }

  #apply(update: OperationUpdate): void {
    const path = update.Id as OperationPath;
    const now = new Date();
    if (path === this.path) {
      if (update.Action !== "START") this.#ends(applyUpdate(undefined, update, now));
      return;
    }
    const before = this.#records?.get(path);
    const operation = applyUpdate(before?.operation, update, now);
    if (before?.waits) this.group.stopsWaiting(before);
    const bytesBefore = before?.size ?? 0;
    let kept = before;
    if (kept === undefined) kept = this.#put(path, operation);
    else {
      kept.operation = operation;
      this.#bytes += kept.size - bytesBefore;
    }
    if (endsWhole(operation)) this.#prune(path); // G1
    if (kept.waits) {
      kept.beginWaiting(now.getTime());
      this.group.beginsToWait(kept);
    }
    this.group.changed(kept);
    this.#watchers?.get(path)?.(operation);
    if (this.#bytes > MAX_PAGE_BYTES) this.group.isOverfull(this, this.#bytes, MAX_PAGE_BYTES);
  }

  #ends(operation: Operation): void {
    if (endsWhole(operation)) this.clear(); // G1
    this.end = new Kept(this, this.path, operation);
    this.group.ended(this.end);
  }

  #put(path: OperationPath, operation: Operation): Kept {
    const kept = new Kept(this, path, operation);
    this.#records ??= new Map();
    this.#records.set(path, kept);
    this.#bytes += kept.size;
    const parent = parentOf(path);
    if (parent.length > this.path.length) this.#enter(parent, path);
    return kept;
  }

  #enter(parent: string, path: OperationPath): void {
    this.#below ??= new Map();
    const siblings = this.#below.get(parent);
    if (siblings !== undefined) {
      siblings.push(path);
      return;
    }
    this.#below.set(parent, [path]);
    // A context without a record of its own lies between its operations and the context around them.
    const above = parentOf(parent);
    if (above.length > this.path.length) this.#enter(above, parent as OperationPath);
  }

  #prune(path: OperationPath): void {
    const below = this.#below?.get(path);
    if (below === undefined) return;
    this.#below?.delete(path);
    for (const inner of below) {
      this.#prune(inner);
      const kept = this.#records?.get(inner);
      if (kept === undefined) continue;
      // Code that was left may still reach records of earlier invocations.
      if (!this.#isRestored) this.#records?.delete(inner);
      this.#bytes -= kept.size;
      this.group.forget(kept);
    }
  }
}

const NO_TIMER: ArmedTimer = { cancel() {} };

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("-"));
}

/** Whether the operation is a context that has ended and keeps its own result. */
function endsWhole(operation: Operation): boolean {
  return operation.Type === "CONTEXT" && isFinished(operation) && operation.ContextDetails?.ReplayChildren !== true;
}

/** The record of an item that has begun. Nothing else of the item is known. */
function begun(path: RecordKey): WireOperation {
  return { Id: path, Type: undefined, Status: "STARTED", StartTimestamp: undefined };
}

/** The path of an item of a map, by its index from 0. */
export function itemPath(map: OperationPath, index: number): OperationPath {
  return childPath(map, index + 1);
}
