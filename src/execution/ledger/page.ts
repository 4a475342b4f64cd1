import type { Outcome } from "../../codec/batch-outcomes.ts";
import type { StoredRecord } from "../../codec/stored-batch.ts";
import { childPath, type OperationId, type OperationPath } from "../../core/ids.ts";
import { applyUpdate, completeTimer, isFinished } from "../../core/transitions.ts";
import { defined, type Operation, type OperationUpdate, type WireOperation } from "../../core/wire.ts";
import type { ArmedTimer } from "../timers.ts";
import { Kept, operationOf } from "./kept.ts";
import type { Ledger, RecordKey } from "./ledger.ts";
import type { ServiceLedger } from "./service-ledger.ts";

/** The batch of a page: it says when what has changed is written. */
export interface PageGroup {
  readonly service: ServiceLedger;
  readonly maxPayloadBytes: number;
  /** A record has changed. */
  changed(kept: Kept): void;
  /** An item has ended. */
  ended(end: Kept): void;
  /** A record is not asked for any more. */
  forget(kept: Kept): void;
  beginsToWait(kept: Kept): void;
  stopsWaiting(kept: Kept): void;
  arm(kept: Kept): ArmedTimer;
  /** An earlier invocation has begun the batch. */
  readonly isRestored: boolean;
  /** Calls back when user code may go on with what is recorded. */
  acknowledge(recorded: () => void): void;
  /** Resolves when all that has changed so far is at the service. */
  secured(): Promise<void>;
  roundTrip(value: unknown): { readonly payload: string | undefined; readonly value: unknown };
  packIfLarge(payload: string): string;
  decode(payload: string | undefined): unknown;
  isOverfull(page: Page, bytes: number, maxBytes: number): void;
}

/** Bytes that the records of one item may take, about: an item under way is held in memory whole. */
const MAX_PAGE_BYTES = 1024 * 1024;

/**
 * The records of one item whose batch shares an operation, by path. They change by the transitions of the service, in
 * memory.
 *
 * G1  What is below a context that has ended goes, unless the context's result is made again from there; so an item that
 *     has ended keeps its end only.
 * G2  A record holds text, never a value that user code has.
 */
export class Page implements Ledger {
  readonly path: OperationPath;
  /** In its batch, from 0. */
  readonly index: number;
  readonly group: PageGroup;
  readonly outside: Ledger;
  readonly countsOperations = false;
  readonly maxPayloadBytes: number;
  /** The item itself, once it has ended. */
  end: Kept | undefined;
  isFirstVersion = false;
  /** Something is recorded of the item from an earlier invocation. */
  #isRestored = false;
  #records: Map<OperationPath, Kept> | undefined;
  /** Paths by the path they are directly below; those directly below the item are left out. */
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
    // What somebody outside can address has its record there: found here, it tells that the code has changed.
    return this.outside.peek(this.outside.key(key as OperationPath));
  }

  take(key: RecordKey): WireOperation | undefined {
    return this.peek(key);
  }

  start(update: OperationUpdate): void {
    // A context is written with what is inside, so that a change of the code is noticed while the context is open. A step
    // that is cut off begins once more, whether its START was kept or not.
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

  /** The time of an operation is over. */
  completeTimer(kept: Kept): void {
    this.group.stopsWaiting(kept);
    kept.operation = completeTimer(kept.operation, new Date());
    // A step that may be tried again is found so by its time, a wait by its status.
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

  /** Takes over what earlier invocations recorded inside the item; each record, as it is put in. */
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

  /** Takes over that the item has ended. */
  restoreEnd({ mark, result, error }: Outcome, payloadOf: (value: unknown) => string | undefined): Kept {
    if (this.end !== undefined) this.group.forget(this.end);
    const payload = mark === "T" ? (result as string) : mark === "S" ? payloadOf(result) : undefined;
    const details = {
      ...defined({ Result: payload }),
      ...(mark === "F" ? { Error: error ?? {} } : {}),
      ...(mark === "R" ? { ReplayChildren: true } : {}),
    };
    const Status = mark === "F" ? "FAILED" : "SUCCEEDED";
    // Nothing is known of what it was called: that is checked for the batch as a whole.
    const operation: Operation = { Id: this.path, Type: undefined, StartTimestamp: undefined, Status };
    this.end = new Kept(this, this.path, { ...operation, ContextDetails: details });
    return this.end;
  }

  /** Takes over how long an operation inside the item has to wait, from `atMs` on (epoch) if that is given. */
  restoreTime(path: string, leftMs: number, delayMs: number | undefined, atMs: number | undefined): void {
    const kept = this.#records?.get(`${this.path}-${path}` as OperationPath);
    kept?.takeTime(atMs === undefined ? undefined : atMs + leftMs, leftMs, delayMs);
  }

  /** Nothing of what is below the item is kept any more. */
  clear(): void {
    for (const kept of this.#records?.values() ?? []) this.group.forget(kept);
    if (this.end !== undefined) this.group.forget(this.end);
    this.#bytes = 0;
    // Code that was left behind may still come to what was recorded earlier.
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
    // A context that has no record itself stands between its operations and those around it.
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
      // Code that was left behind may still come to what was recorded earlier.
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

/** A context that has ended, and keeps its result itself. */
function endsWhole(operation: Operation): boolean {
  return operation.Type === "CONTEXT" && isFinished(operation) && operation.ContextDetails?.ReplayChildren !== true;
}

/** Of an item that has begun nothing else is known. */
function begun(path: RecordKey): WireOperation {
  return { Id: path, Type: undefined, Status: "STARTED", StartTimestamp: undefined };
}

/** The path of an item of a map, by its index from 0. */
export function itemPath(map: OperationPath, index: number): OperationPath {
  return childPath(map, index + 1);
}
