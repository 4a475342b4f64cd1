import { formatBytes, formatCount } from "../core/quantity.ts";
import type { Settings } from "../core/settings.ts";
import type { UsageCounter } from "./usage.ts";

/** A map or parallel under way: what it may still need. */
export interface Demand {
  /** `Map "score"`. */
  readonly what: string;
  /** Items that there are, as far as is known; those that have begun, and of these those that have ended. */
  progress(): { readonly total: number; readonly begun: number; readonly ended: number };
  /**
   * What it needs beyond what it has, without a full stop: `has 10,000 items, … and needs at least 5,900 operations more`.
   * Undefined for nothing.
   * @param operationsPerItem what each has taken so far; 0 when nobody knows
   */
  describeNeed(operationsPerItem: number): string | undefined;
}

/** The share of a quota from which on it is warned of. */
const WARN_FROM = 0.8;
/** A handler with many maps under way is told of these only. */
const MAX_DEMANDS_TOLD = 3;
/** A handler whose maps have a name each does not fill the log. */
const MAX_WARNED = 10;

/** Where things stood when a map or parallel began. */
interface Mark {
  readonly operations: number;
  readonly dataBytes: number;
  readonly begun: number;
  readonly ended: number;
}

/** Warns when an execution comes near its quotas, once for each of them in an invocation. */
export class QuotaWatch {
  readonly #usage: UsageCounter;
  readonly #quotas: Settings["quotas"];
  readonly #warn: (message: string) => void;
  readonly #demands = new Map<Demand, Mark>();
  readonly #warned = new Set<string>();
  #operationsFrom: number;
  #dataFrom: number;

  constructor(usage: UsageCounter, quotas: Settings["quotas"], warn: (message: string) => void) {
    this.#usage = usage;
    this.#quotas = quotas;
    this.#warn = warn;
    this.#operationsFrom = quotas.operations * WARN_FROM;
    this.#dataFrom = quotas.dataBytes * WARN_FROM;
  }

  /** Operations that the execution may still begin; Infinity where the quota is lifted. */
  get operationsLeft(): number {
    return Math.max(0, this.#quotas.operations - this.#usage.operations);
  }

  /** A map or parallel begins; to be called again when it ends: with what is returned. */
  enter(demand: Demand): () => void {
    const { operations, dataBytes } = this.#usage;
    const { begun, ended } = demand.progress();
    this.#demands.set(demand, { operations, dataBytes, begun, ended });
    return () => void this.#demands.delete(demand);
  }

  /** To be called when something was sent. */
  check(): void {
    if (this.#usage.operations >= this.#operationsFrom) {
      this.#operationsFrom = Number.POSITIVE_INFINITY;
      this.#warn(this.#describeOperations());
    }
    if (this.#usage.dataBytes >= this.#dataFrom) {
      this.#dataFrom = Number.POSITIVE_INFINITY;
      this.#warn(this.#describeData());
    }
  }

  /** Warns of something by its `key`: of each once in an invocation, and of few of them. */
  warnOnce(key: string, message: string): void {
    if (this.#warned.has(key) || this.#warned.size >= MAX_WARNED) return;
    this.#warned.add(key);
    this.#warn(message);
  }

  #describeOperations(): string {
    const used = formatCount(this.#usage.operations);
    const sentences = [`This execution uses ${used} of ${formatCount(this.#quotas.operations)} operations.`];
    for (const [demand, mark] of this.#demandsReported()) {
      const here = demand.progress().begun - mark.begun;
      const need = demand.describeNeed(here > 0 ? (this.#usage.operations - mark.operations) / here : 0);
      if (need !== undefined) sentences.push(`${demand.what} ${need}.`);
    }
    if (!this.#usage.isExact) sentences.push("What ended in earlier invocations is counted as far as it is recorded.");
    return sentences.join(" ");
  }

  #describeData(): string {
    const used = formatBytes(this.#usage.dataBytes);
    const sentences = [`This execution has written ${used} of ${formatBytes(this.#quotas.dataBytes)} of data.`];
    for (const [demand, mark] of this.#demandsReported()) {
      const { total, ended } = demand.progress();
      const here = ended - mark.ended;
      if (here <= 0 || ended >= total) continue;
      const more = ((this.#usage.dataBytes - mark.dataBytes) / here) * (total - ended);
      sentences.push(
        `${demand.what} has ended ${formatCount(ended)} of ${formatCount(total)} items; at this rate the others write ` +
          `${formatBytes(more)} more.`,
      );
    }
    if (!this.#usage.isExact) sentences.push("What earlier invocations wrote is an estimate.");
    return sentences.join(" ");
  }

  #demandsReported(): [Demand, Mark][] {
    return [...this.#demands].slice(0, MAX_DEMANDS_TOLD);
  }
}
