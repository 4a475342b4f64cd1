import type { OperationId, OperationPath } from "../../core/ids.ts";
import type { OperationUpdate, WireOperation } from "../../core/wire.ts";
import type { ArmedTimer } from "../timers.ts";

/** What a ledger knows a record by. */
export type RecordKey = OperationId | OperationPath;

/**
 * Where the operations of a scope read and write their records. The service's ledger keeps each record as an operation of
 * its own; a page keeps those of one item of a batch, which share one. Whoever uses a ledger does not ask which one it has.
 */
export interface Ledger {
  key(path: OperationPath): RecordKey;
  /** Whether something is recorded that no operation of this invocation has taken yet. */
  has(key: RecordKey): boolean;
  peek(key: RecordKey): WireOperation | undefined;
  /** Hands a record out to its operation. */
  take(key: RecordKey): WireOperation | undefined;

  /** Records that an operation begins which, cut off, begins once more; `isNew` when nothing is recorded of it yet. */
  start(update: OperationUpdate, isNew: boolean): void;
  /** Records a change; calls back when user code may rely on it. */
  record(update: OperationUpdate, recorded?: () => void): void;
  /** Resolves when the service has all that was recorded here so far; undefined when it has, or will get it in order. */
  secured(): Promise<void> | undefined;

  /** Calls `listener` with every further state of the operation, until `unwatch`. */
  watch(key: RecordKey, listener: (operation: WireOperation) => void): void;
  unwatch(key: RecordKey): void;
  /** Sees to it that a change at `dueMs` (epoch) is noticed in process, until cancelled. */
  arm(key: RecordKey, dueMs: number): ArmedTimer;

  /**
   * The payload for a value, and the value that `decode` gives for it. Throws what the codec throws. `packFromBytes` as in
   * the codec; a page packs its records together.
   */
  roundTrip(value: unknown, packFromBytes?: number): { readonly payload: string | undefined; readonly value: unknown };
  /** The payload for a text that a serdes of the user's made. */
  wrap(text: string | undefined): string | undefined;
  /** The text that was wrapped. */
  unwrap(payload: string | undefined): string | undefined;

  /** Bytes that one payload may take. */
  readonly maxPayloadBytes: number;
  /** By which operations inside name this one as their parent; undefined when it has no operation of its own. */
  addressOf(key: RecordKey): OperationId | undefined;
  /** Where the records are kept of what somebody outside must be able to address. */
  readonly outside: Ledger;
  /** Begun by the first version of batches: it kept no names, and knew no combined promises, so that these have no path. */
  readonly isFirstVersion: boolean;
  /** Whether each record counts as an operation of the execution's quota. */
  readonly countsOperations: boolean;
  /** What items have in common whose records share an operation. */
  readonly group: object | undefined;
}
