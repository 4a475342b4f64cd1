import { formatBytes, formatCount } from "../core/quantity.ts";
import type { Settings } from "../core/settings.ts";
import type { UsageCounter } from "./usage.ts";

/** A running map or parallel, and the operations that it still needs. */
export interface Demand {
  /** The name of the map or parallel in a message, such as `Map "score"`. */
  readonly what: string;
  /** The numbers of items that are known so far, that have begun, and that have ended. */
  progress(): { readonly total: number; readonly begun: number; readonly ended: number };
  /**
   * Describes how many further operations are needed, as the end of a sentence without a full stop:
   * `has 10,000 items, … and needs at least 5,900 operations more`. Undefined if none are needed.
   * @param operationsPerItem the operations that each item has taken so far; 0 when the number is unknown
   */
  describeNeed(operationsPerItem: number): string | undefined;
}

/** The share of a quota at which the warning comes. */
const WARN_FROM = 0.8;
/** A warning names at most this number of running maps. */
const MAX_DEMANDS_TOLD = 3;
/** The greatest number of warnings of `warnOnce`, so that a handler with many maps does not fill the log. */
const MAX_WARNED = 10;

/** The usage at the moment when a map or parallel began. */
interface Mark {
  readonly operations: number;
  readonly dataBytes: number;
  readonly begun: number;
  readonly ended: number;
}

/** Warns when an execution comes near its quotas, once per quota in an invocation. */
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

  /** The number of operations that the execution may still begin; Infinity without a quota. */
  get operationsLeft(): number {
    return Math.max(0, this.#quotas.operations - this.#usage.operations);
  }

  /** Notes that a map or parallel begins. The caller calls the returned function at the end of the map or parallel. */
  enter(demand: Demand): () => void {
    const { operations, dataBytes } = this.#usage;
    const { begun, ended } = demand.progress();
    this.#demands.set(demand, { operations, dataBytes, begun, ended });
    return () => void this.#demands.delete(demand);
  }

  /** The caller calls this for each request with updates, when the updates have been counted. */
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
    if (!this.#usage.isExact) sentences.push("The number of operations from earlier invocations is an estimate.");
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
    if (!this.#usage.isExact) sentences.push("The number of bytes from earlier invocations is an estimate.");
    return sentences.join(" ");
  }

  #demandsReported(): [Demand, Mark][] {
    return [...this.#demands].slice(0, MAX_DEMANDS_TOLD);
  }
}
