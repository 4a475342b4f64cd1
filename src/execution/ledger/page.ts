import type { Outcome } from "../../codec/batch-outcomes.ts";
import type { StoredRecord } from "../../codec/stored-batch.ts";
import { childPath, type OperationId, type OperationPath } from "../../core/ids.ts";
import { applyUpdate, completeTimer, isFinished } from "../../core/transitions.ts";
import {
  defined,
  type Operation,
  type OperationType,
  type OperationUpdate,
  type WireOperation,
} from "../../core/wire.ts";
import type { ArmedTimer } from "../timers.ts";
import { Kept, operationOf } from "./kept.ts";
import type { Ledger, RecordKey } from "./ledger.ts";
import type { RecordCodec } from "./record-codec.ts";
import type { ServiceLedger } from "./service-ledger.ts";

/** The batch of a page. The batch decides when changes are written. */
export interface PageGroup {
  readonly service: ServiceLedger;
  readonly codec: RecordCodec;
  /** Epoch milliseconds. */
  now(): number;
  changed(kept: Kept): void;
  ended(end: Kept): void;
  forget(kept: Kept): void;
  beginsToWait(kept: Kept): void;
  stopsWaiting(kept: Kept): void;
  arm(kept: Kept): ArmedTimer;
  /** Whether an earlier invocation has begun the batch. */
  readonly isRestored: boolean;
  /** Calls `recorded` when user code may rely on the record. */
  acknowledge(recorded: () => void): void;
  secured(): Promise<void>;
  reportOverfull(page: Page, bytes: number, allowedBytes: number): void;
}

/** The approximate limit for the bytes of one item's records, which are in memory while the item runs. */
const MAX_PAGE_BYTES = 1024 * 1024;

/**
 * The records of one item of a batch, by path. Updates change the records in memory in the same way as at the service.
 *
 * G1  When a context ends without `ReplayChildren`, the records inside it are no longer written. They are also dropped
 *     from memory, unless an earlier invocation recorded something inside the item.
 * G2  A record contains payloads as text, because user code could still change an object.
 */
export class Page implements Ledger {
  readonly path: OperationPath;
  /** The index in the batch, from 0. */
  readonly index: number;
  readonly group: PageGroup;
  readonly outside: Ledger;
  readonly countsOperations = false;
  readonly maxPayloadBytes: number;
  end: Kept | undefined;
  isFirstVersion = false;
  /** Whether an earlier invocation recorded that the item began. */
  #isRestored = false;
  #records: Map<OperationPath, Kept> | undefined;
  /** The paths of the operations directly inside each context of the item. The item itself is no key. */
  #below: Map<string, OperationPath[]> | undefined;
  #watchers: Map<RecordKey, (operation: WireOperation) => void> | undefined;
  #bytes = 0;

  constructor(group: PageGroup, index: number, path: OperationPath) {
    this.group = group;
    this.index = index;
    this.path = path;
    this.outside = group.service;
    this.maxPayloadBytes = group.codec.maxPayloadBytes;
  }

  key(path: OperationPath): OperationPath {
    return path;
  }

  peek(key: RecordKey): WireOperation | undefined {
    if (key === this.path) return this.end?.operation ?? (this.#isRestored ? begun(key) : undefined);
    const kept = this.#records?.get(key as OperationPath);
    if (kept !== undefined || !this.group.isRestored) return kept?.operation;
    // Callbacks and chained invokes of an item have their records in the outside ledger. If an operation of another
    // type finds such a record at its path, the code has changed.
    return this.outside.peek(this.outside.key(key as OperationPath));
  }

  take(key: RecordKey): WireOperation | undefined {
    return this.peek(key);
  }

  /**
   * The START of a context is kept, so that a replay notices a change in the code while the context is open. The START
   * of a step or of the item itself is not kept, because an interrupted step or item begins again in any case. Only a
   * step with the semantics `AtMostOncePerRetry` needs its START, and gives it to `record`.
   */
  keepsStart(key: RecordKey, type: OperationType): boolean {
    return type === "CONTEXT" && key !== this.path;
  }

  start(update: OperationUpdate): void {
    this.#apply(update);
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

  /** Notes that an operation is due: a wait has ended, or a step is READY. */
  completeTimer(kept: Kept): void {
    this.group.stopsWaiting(kept);
    kept.operation = completeTimer(kept.operation, new Date(this.group.now()));
    // The end of a wait must be written, because a replay knows the end only from the status. The change of a step is
    // not written, because a replay knows from the due time that the step is ready.
    if (kept.operation.Type === "WAIT") this.group.changed(kept);
    this.#watchers?.get(kept.path)?.(kept.operation);
  }

  roundTrip(value: unknown): { readonly payload: string | undefined; readonly value: unknown } {
    return this.group.codec.roundTrip(value);
  }

  wrap(text: string | undefined): string | undefined {
    return text === undefined ? undefined : this.group.codec.packIfLarge(JSON.stringify(text));
  }

  unwrap(payload: string | undefined): string | undefined {
    return this.group.codec.decode(payload) as string | undefined;
  }

  addressOf(): OperationId | undefined {
    return undefined;
  }

  /** Reads the records that earlier invocations wrote of operations inside the item, in their stored order. */
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

  restoreEnd({ mark, result, error }: Outcome, payloadOf: (value: unknown) => string | undefined): Kept {
    if (this.end !== undefined) this.group.forget(this.end);
    const payload = mark === "T" ? (result as string) : mark === "S" ? payloadOf(result) : undefined;
    const details = {
      ...defined({ Result: payload }),
      ...(mark === "F" ? { Error: error ?? {} } : {}),
      ...(mark === "R" ? { ReplayChildren: true } : {}),
    };
    const Status = mark === "F" ? "FAILED" : "SUCCEEDED";
    // The name of the item is not in its record, because the names are checked for the whole batch at once.
    const operation: Operation = { Id: this.path, Type: undefined, StartTimestamp: undefined, Status };
    this.end = new Kept(this, this.path, { ...operation, ContextDetails: details });
    return this.end;
  }

  /** An operation waits for `leftMs` after `atMs`; without `atMs`, after the batch's own operation has become READY. */
  restoreTime(path: string, leftMs: number, delayMs: number | undefined, atMs: number | undefined): void {
    const kept = this.#records?.get(`${this.path}-${path}` as OperationPath);
    kept?.takeTime(atMs === undefined ? undefined : atMs + leftMs, leftMs, delayMs);
  }

  clear(): void {
    for (const kept of this.#records?.values() ?? []) this.group.forget(kept);
    if (this.end !== undefined) this.group.forget(this.end);
    this.#bytes = 0;
    // Records of earlier invocations remain, because code that was left may still replay them.
    if (this.#isRestored) return;
    this.#records = undefined;
    this.#below = undefined;
    this.#watchers = undefined;
  }

  #apply(update: OperationUpdate): void {
    const path = update.Id as OperationPath;
    const now = new Date(this.group.now());
    if (path === this.path) return this.#ends(applyUpdate(undefined, update, now));
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
    if (this.#bytes > MAX_PAGE_BYTES) this.group.reportOverfull(this, this.#bytes, MAX_PAGE_BYTES);
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
    // A context without a record gets an entry too, so that `#prune` finds the operations inside the context.
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
      // Records of earlier invocations remain, because code that was left may still replay them.
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

/** Whether a context has ended, and the records inside it are not needed. */
function endsWhole(operation: Operation): boolean {
  return operation.Type === "CONTEXT" && isFinished(operation) && operation.ContextDetails?.ReplayChildren !== true;
}

/** The record of an item of which only the beginning is known. */
function begun(path: RecordKey): WireOperation {
  return { Id: path, Type: undefined, Status: "STARTED", StartTimestamp: undefined };
}

/** The path of an item of a map, by its index from 0. */
export function itemPath(map: OperationPath, index: number): OperationPath {
  return childPath(map, index + 1);
}
