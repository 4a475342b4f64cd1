import type { Codec } from "../../codec/codec.ts";
import { type OperationId, operationId } from "../../core/ids.ts";
import type { OperationUpdate, WireOperation } from "../../core/wire.ts";
import type { Coalescer } from "../checkpoint-coalescer.ts";
import type { RecordedState } from "../state.ts";
import type { ArmedTimer, Timers } from "../timers.ts";
import type { Ledger, RecordKey } from "./ledger.ts";

export interface ServiceLedgerOptions {
  readonly state: RecordedState;
  readonly coalescer: Coalescer;
  readonly timers: Timers;
  readonly codec: Codec;
  /** The greatest number of bytes in one payload that the service accepts. */
  readonly maxPayloadBytes: number;
  readonly defersStarts: boolean;
}

/** The ledger in which each record is an operation at the service. */
export class ServiceLedger implements Ledger {
  readonly key = operationId;
  readonly maxPayloadBytes: number;
  readonly outside: Ledger = this;
  readonly isFirstVersion = false;
  readonly countsOperations = true;
  readonly group = undefined;
  readonly #options: ServiceLedgerOptions;

  constructor(options: ServiceLedgerOptions) {
    this.#options = options;
    this.maxPayloadBytes = options.maxPayloadBytes;
  }

  peek(key: RecordKey): WireOperation | undefined {
    return this.#options.state.peek(key as OperationId);
  }

  take(key: RecordKey): WireOperation | undefined {
    return this.#options.state.take(key as OperationId);
  }

  keepsStart(): boolean {
    return true;
  }

  start(update: OperationUpdate, isNew: boolean): void {
    const { coalescer, defersStarts } = this.#options;
    // The START of a further attempt is never deferred, because the service expects this START.
    if (isNew && defersStarts) coalescer.defer(update);
    else coalescer.enqueue(update);
  }

  record(update: OperationUpdate, recorded?: () => void): void {
    this.#options.coalescer.enqueue(update, recorded);
  }

  secured(): undefined {}

  watch(key: RecordKey, listener: (operation: WireOperation) => void): void {
    this.#options.state.watch(key as OperationId, listener);
  }

  unwatch(key: RecordKey): void {
    this.#options.state.unwatch(key as OperationId);
  }

  arm(_key: RecordKey, dueMs: number): ArmedTimer {
    return this.#options.timers.arm(dueMs);
  }

  roundTrip(value: unknown, packFromBytes?: number): { readonly payload: string | undefined; readonly value: unknown } {
    return this.#options.codec.roundTrip(value, packFromBytes);
  }

  wrap(text: string | undefined): string | undefined {
    return text;
  }

  unwrap(payload: string | undefined): string | undefined {
    return payload;
  }

  addressOf(key: RecordKey): OperationId {
    return key as OperationId;
  }
}
