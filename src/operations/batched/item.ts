import type { StoredStep } from "../../codec/outcomes.ts";
import type { OperationId, OperationPath } from "../../core/ids.ts";
import type { Execution } from "../../execution/execution.ts";
import type { Scope } from "../../execution/scope.ts";

/** Whom an item tells that it has come to wait for another attempt of one of its steps, or goes on again. */
export interface ItemOwner {
  readonly execution: Execution;
  /** The batch's operation, which its items' log lines carry. */
  readonly operationId: OperationId;
  /** Bytes that a step's or an item's result may take. */
  readonly maxResultBytes: number;
  itemWaits(item: Item): void;
}

interface Waiting {
  readonly step: string;
  readonly attempts: number;
  readonly goOn: () => void;
  /** Epoch milliseconds, by this machine's clock. */
  dueMs: number;
  /** What is left of the delay when the batch's own delay is over. */
  leftMs: number;
}

/**
 * One item of a batch while it runs. Its steps run in place: what they gave is kept here until the item has ended, so
 * that an item whose step is tried again later does not repeat the steps before it.
 *
 * I1  An item waits when at least one of its steps waits for another attempt and none runs.
 * I2  A step that is kept is taken by the step of the same path, once.
 */
export class Item {
  readonly index: number;
  readonly name: string;
  readonly value: unknown;
  readonly scope: Scope;
  readonly owner: ItemOwner;
  /** Gives the item's place to others; set while it holds one. */
  release: (() => void) | undefined;
  /** Its function has settled, though a step of it may still wait. */
  hasSettled = false;
  readonly #kept: Map<string, StoredStep>;
  readonly #waiting = new Set<Waiting>();
  #done: StoredStep[] | undefined;
  #running = 0;
  /** A step's code has run, or runs, in this invocation. */
  #hasRun = false;

  constructor(
    owner: ItemOwner,
    scope: Scope,
    index: number,
    name: string,
    value: unknown,
    kept: readonly StoredStep[] | undefined,
  ) {
    this.owner = owner;
    this.scope = scope;
    this.index = index;
    this.name = name;
    this.value = value;
    this.#kept = kept === undefined ? NOTHING_KEPT : new Map(kept.map((step) => [step.step, step]));
  }

  /** Whether steps are left that ran before: what the item's code says meanwhile was said already. */
  get isReplaying(): boolean {
    return this.#kept.size > 0;
  }

  /** What is kept of the step at `path`, which is then forgotten. */ // I2
  take(path: OperationPath): StoredStep | undefined {
    if (this.#kept.size === 0) return undefined;
    const key = this.keyOf(path);
    const step = this.#kept.get(key);
    if (step !== undefined) this.#kept.delete(key);
    return step;
  }

  /** A step has ended, for now or for good. */
  keep(step: StoredStep): void {
    this.#done ??= [];
    const at = this.#done.findIndex((other) => other.step === step.step);
    if (at >= 0) this.#done[at] = step;
    else this.#done.push(step);
  }

  /** The steps of an item that has not ended, those that were not reached again among them. */
  get steps(): StoredStep[] {
    const waiting = [...this.#waiting].map(({ step, attempts, leftMs }) =>
      leftMs > 0 ? { step, attempts, leftMs } : { step, attempts },
    );
    return [...this.#kept.values(), ...(this.#done ?? []), ...waiting];
  }

  /** The path inside the item: short, and the same wherever the batch stands. */
  keyOf(path: OperationPath): string {
    return path.slice((this.scope.path as OperationPath).length + 1);
  }

  /** A step begins. */
  begins(): void {
    this.#running++;
  }

  /**
   * A step's code is about to run; resolves when it may. Near the invocation's deadline that is not before the next
   * invocation, unless it is the first one that the item runs in this one: then the item would never get further. One
   * that has waited for its turn is not: other code has run before it, and its turn comes earlier next time.
   */
  admits(step: string, attempt: number, hasWaited: boolean): Promise<void> | undefined {
    const { execution } = this.owner;
    const mayWait = this.#hasRun || (hasWaited && execution.hasRun);
    if (mayWait && execution.isClosing) return this.retryAfter(step, attempt - 1, 0);
    execution.noteRun();
    this.#hasRun = true;
    return undefined;
  }

  /** A step's code has ended for good. */
  ends(): void {
    this.#running--;
    this.#check();
  }

  /** A step that has failed `attempts` times is to be tried again after `delayMs`; resolves when it may. */
  retryAfter(step: string, attempts: number, delayMs: number): Promise<void> {
    return new Promise((goOn) => {
      this.#waiting.add({ step, attempts, goOn, dueMs: Date.now() + delayMs, leftMs: delayMs });
      this.#running--;
      this.#check();
    });
  }

  /** When the first of its steps may be tried again, in epoch milliseconds. */
  get dueMs(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.#waiting) first = Math.min(first, dueMs);
    return first;
  }

  /** The batch waits for `delayMs`: its service decides when that is over, whatever this machine's clock says. */
  sleep(nowMs: number, delayMs: number): void {
    for (const waiting of this.#waiting) waiting.leftMs = Math.max(0, waiting.dueMs - nowMs - delayMs);
  }

  /** The batch's delay is over. */
  wake(nowMs: number): void {
    for (const waiting of this.#waiting) waiting.dueMs = nowMs + waiting.leftMs;
  }

  /** Lets the steps go on that are due. */
  goOn(nowMs: number): void {
    for (const waiting of this.#waiting) {
      if (waiting.dueMs > nowMs) continue;
      this.#waiting.delete(waiting);
      this.#running++;
      waiting.goOn();
    }
  }

  // I1
  #check(): void {
    if (this.#running === 0 && this.#waiting.size > 0) this.owner.itemWaits(this);
  }
}

const NOTHING_KEPT: Map<string, StoredStep> = new Map();
