import type { Codec } from "../../codec/codec.ts";
import type { OperationPath } from "../../core/ids.ts";
import type { Settings } from "../../core/settings.ts";
import type { Scope } from "../scope.ts";
import type { Tick } from "../tick.ts";
import type { Timers } from "../timers.ts";
import type { ServiceLedger } from "./service-ledger.ts";

export interface SharedLedgersHost {
  readonly service: ServiceLedger;
  readonly codec: Codec;
  readonly timers: Timers;
  readonly tick: Tick;
  readonly settings: Settings;
  readonly isOver: () => boolean;
  /** Whether plugins are notified of attempts. */
  readonly isObserved: boolean;
}

export interface SharedLedgerOptions {
  /** The context of the map. */
  readonly scope: Scope;
  /** The path and the name of the batch's own operation. */
  readonly path: OperationPath;
  readonly name: string;
  /** The index of the first item, and the number of items. */
  readonly first: number;
  readonly count: number;
  /** The number of bytes that one operation may hold. A larger record has an operation for itself. */
  readonly maxBytes: number;
  /** Called when the records of one running item take too many bytes. The map must then end with an error. */
  readonly onOverfull: (index: number, bytes: number, allowedBytes: number) => void;
}

/** A shared ledger that may still be written. */
export interface OpenLedger {
  /** The number of items that have ended and are not written. */
  readonly unwritten: number;
  /** Whether the context of the map has finished. Then nothing is written any more. */
  readonly isOver: boolean;
  /** When the ledger makes the service begin the next invocation; epoch milliseconds. Infinity if it does not. */
  readonly wakesMs: number;
  /** Writes the changes, if there are any, to one or more parts. Running work continues. */
  writePart(): void;
  /**
   * Ends the waits that are due, or else writes the changes, before the invocation ends. Returns whether it did
   * something. If so, the invocation must not end yet. `leavesWork`: work is left for the next invocation.
   */
  flush(leavesWork: boolean): boolean;
}

/**
 * The open shared ledgers of an execution, in the order in which they were opened.
 *
 * U1  Items that have ended and are not recorded run again after a crash. When their number reaches
 *     `checkpoint.maxUnacknowledged`, no further item of a batch may begin. If no such item is on its way to the
 *     service, the oldest ledger that has such items writes its changes.
 * U2  When further items may begin again, every waiting map is notified, even if the recorded items are another map's.
 */
export class SharedLedgers {
  readonly host: SharedLedgersHost;
  readonly #open = new Set<OpenLedger>();
  readonly #listeners = new Set<() => void>();
  /** The number of items in open ledgers that have ended and are not written. */
  #unwritten = 0;
  /** The number of items whose ends are sent, but not yet acknowledged. */
  #inFlight = 0;
  #isNotifying = false;
  #acknowledgements: (() => void)[] = [];

  constructor(host: SharedLedgersHost) {
    this.host = host;
  }

  add(ledger: OpenLedger): void {
    this.#open.add(ledger);
  }

  remove(ledger: OpenLedger): void {
    if (this.#open.delete(ledger)) this.#unwritten -= ledger.unwritten;
  }

  /** Notes that the number of unwritten ends of `ledger` has changed. */
  noteUnwritten(ledger: OpenLedger, change: number): void {
    if (this.#open.has(ledger)) this.#unwritten += change;
  }

  /** Calls `listener` when items may begin again. The returned function stops these calls. */ // U2
  onRoom(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Whether a further item may begin. If not, reading this member may write a ledger. */ // U1
  get hasRoom(): boolean {
    if (this.#isBelowLimit) return true;
    for (const ledger of this.#open) if (ledger.isOver) this.remove(ledger);
    if (this.#isBelowLimit) return true;
    if (this.#inFlight === 0) {
      for (const ledger of this.#open) {
        if (ledger.unwritten === 0) continue;
        ledger.writePart();
        break;
      }
    }
    return false;
  }

  get #isBelowLimit(): boolean {
    return this.#unwritten + this.#inFlight < Math.max(1, this.host.settings.checkpoint.maxUnacknowledged);
  }

  sent(ends: number): void {
    this.#inFlight += ends;
  }

  arrived(ends: number): void {
    this.#inFlight -= ends;
    if (ends > 0) this.#notify();
  }

  /** Calls `recorded` now, or in the next tick if this tick is too long. No call if the invocation ends before that. */
  acknowledge(recorded: () => void): void {
    if (this.#acknowledgements.length === 0 && !this.host.tick.isLong) {
      recorded();
      return;
    }
    this.#acknowledgements.push(recorded);
    if (this.#acknowledgements.length > 1) return;
    setImmediate(() => {
      const waiting = this.#acknowledgements;
      this.#acknowledgements = [];
      if (this.host.isOver()) return;
      for (const acknowledged of waiting) acknowledged();
    });
  }

  /** Notifies the maps that wait, once for all ends that are recorded in the same answer. */
  #notify(): void {
    if (this.#isNotifying) return;
    this.#isNotifying = true;
    queueMicrotask(() => {
      this.#isNotifying = false;
      for (const listener of [...this.#listeners]) listener();
    });
  }

  /** When a batch first makes the service begin an invocation; epoch milliseconds. Infinity if no batch does. */
  get wakesMs(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { wakesMs } of this.#open) first = Math.min(first, wakesMs);
    return first;
  }

  writeAll(): void {
    for (const ledger of this.#open) ledger.writePart();
  }

  flush(leavesWork: boolean): boolean {
    let wrote = false;
    for (const ledger of [...this.#open]) if (ledger.flush(leavesWork)) wrote = true;
    return wrote;
  }
}
