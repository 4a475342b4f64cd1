import type { OperationId, OperationPath } from "../../core/ids.ts";
import type { OperationUpdate, WireOperation } from "../../core/wire.ts";
import type { ArmedTimer } from "../timers.ts";

/** The key of a record in a ledger. */
export type RecordKey = OperationId | OperationPath;

/**
 * The place where the operations of a scope read and write their records. The service's ledger keeps each record as an
 * operation of its own. A page keeps the records of one item of a batch, whose items share an operation. The user of a
 * ledger does not ask which kind it is.
 */
export interface Ledger {
  key(path: OperationPath): RecordKey;
  /** Whether there is a record that no operation of this invocation has taken yet. */
  has(key: RecordKey): boolean;
  peek(key: RecordKey): WireOperation | undefined;
  /** Gives a record to its operation. */
  take(key: RecordKey): WireOperation | undefined;

  /**
   * Records the beginning of an operation that begins again if it is interrupted. `isNew` says that the operation has
   * no record yet.
   */
  start(update: OperationUpdate, isNew: boolean): void;
  /** Records a change. `recorded` is called when user code may rely on the change. */
  record(update: OperationUpdate, recorded?: () => void): void;
  /**
   * Resolves when the service has all records of this ledger so far. Undefined when the service has them, or will get
   * them in order.
   */
  secured(): Promise<void> | undefined;

  /** Calls `listener` with every further state of the operation, until `unwatch`. */
  watch(key: RecordKey, listener: (operation: WireOperation) => void): void;
  unwatch(key: RecordKey): void;
  /** Makes this process notice a change at `dueMs` (epoch milliseconds), until cancelled. */
  arm(key: RecordKey, dueMs: number): ArmedTimer;

  /**
   * The payload for a value, and the value that `decode` gives for the payload. Throws the codec's errors.
   * `packFromBytes` is as in the codec. A page packs its records together.
   */
  roundTrip(value: unknown, packFromBytes?: number): { readonly payload: string | undefined; readonly value: unknown };
  /** The payload for a text that a user's serdes made. */
  wrap(text: string | undefined): string | undefined;
  /** The text in a wrapped payload. */
  unwrap(payload: string | undefined): string | undefined;

  /** Bytes that one payload may take. */
  readonly maxPayloadBytes: number;
  /** The parent id for the operations inside this one; undefined when this one has no operation of its own. */
  addressOf(key: RecordKey): OperationId | undefined;
  /** The ledger for records that an external system must be able to address. */
  readonly outside: Ledger;
  /**
   * Whether the first version of batches began the item. That version kept no names, and its combined promises have no
   * path.
   */
  readonly isFirstVersion: boolean;
  /** Whether each record counts as an operation of the execution's quota. */
  readonly countsOperations: boolean;
  /** An object that all items of a batch have in common; undefined outside of batches. */
  readonly group: object | undefined;
}
