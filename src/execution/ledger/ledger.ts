import type { OperationId, OperationPath } from "../../core/ids.ts";
import type { OperationType, OperationUpdate, WireOperation } from "../../core/wire.ts";
import type { ArmedTimer } from "../timers.ts";

export type RecordKey = OperationId | OperationPath;

/**
 * Where the operations of a scope read and write their records. The service's ledger keeps each record as an operation
 * at the service. A page keeps the records of one item of a batch, except those that belong to `outside`.
 */
export interface Ledger {
  key(path: OperationPath): RecordKey;
  /** Returns the record, or undefined if there is none. Does not take the record. */
  peek(key: RecordKey): WireOperation | undefined;
  /** Returns the record. The service's ledger then forgets the record, and a page does not. */
  take(key: RecordKey): WireOperation | undefined;

  /** Whether `start` keeps the START of an operation. If not, the caller does not call `start`. */
  keepsStart(key: RecordKey, type: OperationType): boolean;
  /** Records that an operation begins. `isNew` says that the operation has no record yet. */
  start(update: OperationUpdate, isNew: boolean): void;
  /** Records a change. `recorded` is called when user code may rely on the change. */
  record(update: OperationUpdate, recorded?: () => void): void;
  /** Resolves when the service has all records. Undefined if the service gets them before all later updates. */
  secured(): Promise<void> | undefined;

  /** Calls `listener` with each further state of the operation, until `unwatch`, or `watch` with another listener. */
  watch(key: RecordKey, listener: (operation: WireOperation) => void): void;
  unwatch(key: RecordKey): void;
  /** Makes this process notice the change that is due at `dueMs` (epoch milliseconds), unless cancelled. */
  arm(key: RecordKey, dueMs: number | undefined): ArmedTimer;

  /**
   * Returns the payload of a value, and the value that a replay reads from this payload. Throws the codec's errors. A
   * page ignores `packFromBytes`, because a batch packs all its records together.
   */
  roundTrip(value: unknown, packFromBytes?: number): { readonly payload: string | undefined; readonly value: unknown };
  /** Makes the payload of a text that a user's serdes wrote. */
  wrap(text: string | undefined): string | undefined;
  /** Returns the text from which `wrap` made the payload. */
  unwrap(payload: string | undefined): string | undefined;

  /** The number of bytes that one payload may take. */
  readonly maxPayloadBytes: number;
  /** The parent id of operations inside the operation `key`. Undefined if this operation is not at the service. */
  addressOf(key: RecordKey): OperationId | undefined;
  /** The service's ledger, for operations that an external system must address, such as callbacks. */
  readonly outside: Ledger;
  /** Whether version 2.0.0 began the item. That version recorded neither names nor combinators inside items. */
  readonly isFirstVersion: boolean;
  /** Whether each record counts as an operation of the execution's quota. */
  readonly countsOperations: boolean;
  /** The same object for all items of a batch; undefined outside of batches. */
  readonly group: object | undefined;
}
