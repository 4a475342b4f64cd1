import type { Codec } from "../../codec/codec.ts";
import type { Settings } from "../../core/settings.ts";
import type { Tick } from "../tick.ts";
import type { Timers } from "../timers.ts";
import type { ServiceLedger } from "./service-ledger.ts";

/** What shared ledgers need of their execution. */
export interface SharedLedgersHost {
  readonly service: ServiceLedger;
  readonly codec: Codec;
  readonly timers: Timers;
  readonly tick: Tick;
  readonly settings: Settings;
  readonly isOver: () => boolean;
  /** Plugins are told of attempts. */
  readonly isObserved: boolean;
  /** Makes the service begin the next invocation by then (epoch milliseconds); whether an update was needed for that. */
  readonly continueAt: (dueMs: number) => boolean;
}

/** A shared ledger, as long as something may be written of it. */
export interface OpenLedger {
  /** Items that have ended and are not written. */
  readonly unwritten: number;
  /** When it makes the service begin the next invocation; epoch milliseconds. */
  readonly wakesMs: number;
  /** Writes what has changed, and lets what runs go on. */
  writePart(): void;
  /** Writes before the invocation ends; whether there was anything. */
  flush(isLeft: boolean): boolean;
}

/**
 * The shared ledgers of an execution that have not been closed, in the order in which they were opened.
 *
 * U1  Items that have ended and are not recorded would run again after a crash: nothing new is admitted while they are as
 *     many as `checkpoint.maxUnacknowledged` allows. Then the oldest ledgers write what they have.
 * U2  Whoever is held up by that is told by the execution, whichever map made room.
 */
export class SharedLedgers {
  readonly host: SharedLedgersHost;
  readonly #open = new Set<OpenLedger>();
  readonly #listeners = new Set<() => void>();
  /** Ends of items that are on their way. */
  #inFlight = 0;
  #isNotifying = false;

  constructor(host: SharedLedgersHost) {
    this.host = host;
  }

  add(ledger: OpenLedger): void {
    this.#open.add(ledger);
  }

  remove(ledger: OpenLedger): void {
    this.#open.delete(ledger);
  }

  /** Calls when items may be admitted again, until the returned function is called. */ // U2
  onRoom(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Whether a further item may begin; if not, room is being made. */ // U1
  get hasRoom(): boolean {
    const limit = Math.max(1, this.host.settings.checkpoint.maxUnacknowledged);
    let unwritten = 0;
    for (const ledger of this.#open) unwritten += ledger.unwritten;
    if (unwritten + this.#inFlight < limit) return true;
    if (this.#inFlight === 0) {
      for (const ledger of this.#open) {
        if (ledger.unwritten === 0) continue;
        ledger.writePart();
        break;
      }
    }
    // What was written may have been dropped with its map.
    if (this.#inFlight === 0) this.#notify();
    return false;
  }

  /** So many ends are on their way. */
  left(ends: number): void {
    this.#inFlight += ends;
  }

  /** So many ends are recorded. */
  arrived(ends: number): void {
    this.#inFlight -= ends;
    if (ends > 0) this.#notify();
  }

  /** Once for all that arrives together. */
  #notify(): void {
    if (this.#isNotifying) return;
    this.#isNotifying = true;
    queueMicrotask(() => {
      this.#isNotifying = false;
      for (const listener of [...this.#listeners]) listener();
    });
  }

  /** When the first batch that waits at the service makes it begin the next invocation, in epoch milliseconds. */
  get wakesMs(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { wakesMs } of this.#open) first = Math.min(first, wakesMs);
    return first;
  }

  /** Writes all that is not recorded, and lets what runs go on. */
  writeAll(): void {
    for (const ledger of this.#open) ledger.writePart();
  }

  /** Writes all that is not recorded; whether that was anything. `isLeft`: work is left for the next invocation. */
  flush(isLeft: boolean): boolean {
    let wrote = false;
    for (const ledger of [...this.#open]) if (ledger.flush(isLeft)) wrote = true;
    return wrote;
  }
}
