import {
  encodeOutcomes,
  isStoredOutcomes,
  type Outcome,
  readOutcomes,
  type StoredOutcomes,
  type StoredStep,
  storeOutcomes,
} from "../../codec/outcomes.ts";
import { PART_SUBTYPE, partName } from "../../core/batch-operation.ts";
import { UnrecoverableExecutionError } from "../../core/errors.ts";
import { childPath, type OperationId, operationId } from "../../core/ids.ts";
import type { WireOperation } from "../../core/wire.ts";
import type { Execution } from "../../execution/execution.ts";
import type { OperationInfo } from "../../plugins/plugin.ts";
import { closeAttempt, nextAttempt, untilReady } from "../attempt.ts";
import { type ClaimedOperation, update } from "../operation.ts";
import { decodeResult, isTooLarge } from "../payload.ts";
import type { Item, ItemOwner } from "./item.ts";

/** Items whose next attempts are this close (as a share of the delay) begin it together: one operation update less. */
const RETRY_SLACK = 0.25;

/** Whom a batch tells what has become of it. */
export interface BatchOwner {
  /** It has ended, and its outcomes are on their way; what they take. */
  batchFinished(bytes: number): void;
  /** All that the batch has is recorded. */
  batchRecorded(batch: ItemBatch): void;
  /** These items may go on, or begin again. */
  batchReady(batch: ItemBatch, items: readonly Item[], indexes: readonly number[]): void;
  /** No further item is admitted, since the invocation is about to end. */
  readonly isClosing: boolean;
}

export interface ItemBatchOptions {
  readonly owner: BatchOwner;
  readonly operation: ClaimedOperation;
  /** Index of its first item, and how many it has. */
  readonly first: number;
  readonly count: number;
  /** Bytes that one operation may hold. */
  readonly maxBytes: number;
  readonly values: readonly unknown[];
  /** Of a source that is read again on replay. */
  readonly fingerprint: string | undefined;
}

/**
 * One operation that carries many items.
 *
 * B0  Only what is recorded counts: an item that ends while the operation waits counts when the wait is over.
 * B1  The operation ends when every item has ended, or when the map is over: then with what there is.
 * B2  When all that is left waits for another attempt, or the invocation is about to end, what there is is recorded
 *     and the operation itself waits: an item that has ended never runs again.
 * B3  What one operation has no room for goes to further ones, which hold only items that have ended. They count as soon
 *     as they are recorded, whether the batch's own operation tells of them or not: the process may end in between.
 */
export class ItemBatch implements ItemOwner {
  readonly execution: Execution;
  readonly operationId: OperationId;
  readonly maxResultBytes: number;
  readonly first: number;
  readonly count: number;
  readonly #owner: BatchOwner;
  readonly #operation: ClaimedOperation;
  readonly #maxBytes: number;
  readonly #fingerprint: string | undefined;
  #recordedFingerprint: string | undefined;
  #values: readonly unknown[];
  #outcomes: (Outcome | undefined)[] = [];
  readonly #waiting = new Set<Item>();
  /** Steps of items that began in an earlier invocation, until they begin again. */
  readonly #keptBefore = new Map<number, readonly StoredStep[]>();
  readonly #running = new Set<Item>();
  #unstarted: number[] = [];
  #ended = 0;
  #parts = 0;
  /** The process ended between the next part's START and its end. */
  #isNextPartBegun = false;
  #spilledBytes = 0;
  #attempt: number;
  #closed = false;
  #isAsleep = false;
  #wakers: (() => void)[] = [];

  constructor({ owner, operation, first, count, maxBytes, values, fingerprint }: ItemBatchOptions) {
    this.#values = values;
    this.#owner = owner;
    this.#operation = operation;
    this.execution = operation.execution;
    this.operationId = operation.id;
    this.first = first;
    this.count = count;
    this.#maxBytes = maxBytes;
    this.maxResultBytes = Math.max(maxBytes / 2, maxBytes - count - 512);
    this.#fingerprint = fingerprint;
    this.#attempt = nextAttempt(operation.record);
  }

  /** Nothing is recorded: every item is to run. */
  fill(): void {
    for (let index = 0; index < this.count; index++) this.#unstarted.push(index);
  }

  /** Takes over what was recorded; gives the outcomes by index inside the batch. Indexes that are left run. */
  async restore(): Promise<readonly (Outcome | undefined)[]> {
    const { record } = this.#operation;
    const own: (Outcome | undefined)[] = [];
    const knownParts = (await this.#read(record, own))?.parts ?? 0;
    const inParts: (Outcome | undefined)[] = [];
    for (;;) {
      const part = this.execution.state.take(this.#partId(this.#parts + 1));
      if (part === undefined) break;
      this.#isNextPartBegun = part.Status === "STARTED";
      if (this.#isNextPartBegun) break;
      await this.#read(part, inParts);
      this.#parts++;
    }
    if (this.#parts < knownParts) throw this.#unreadable();
    this.#closed = record?.Status === "SUCCEEDED" || record?.Status === "FAILED";
    const outcomes: (Outcome | undefined)[] = [];
    for (let index = 0; index < this.count; index++) {
      const outcome = inParts[index] ?? own[index];
      if (outcome !== undefined) outcomes[index] = outcome;
      if (outcome === undefined || !isEnd(outcome)) {
        if (this.#closed) continue;
        this.#unstarted.push(index);
        if (outcome !== undefined) this.#keptBefore.set(index, outcome.steps ?? []);
        continue;
      }
      this.#ended++;
      if (inParts[index] === undefined) this.#outcomes[index] = outcome;
    }
    return outcomes;
  }

  /** Reads what one operation holds into `outcomes`. */
  async #read(
    record: WireOperation | undefined,
    outcomes: (Outcome | undefined)[],
  ): Promise<StoredOutcomes | undefined> {
    const payload = record?.StepDetails?.Result;
    if (!payload) return undefined;
    const stored = await decodeResult(this.#operation, payload, undefined);
    if (!isStoredOutcomes(stored)) throw this.#unreadable();
    this.#recordedFingerprint ??= stored.fingerprint;
    readOutcomes(stored, outcomes);
    return stored;
  }

  #unreadable(): UnrecoverableExecutionError {
    return new UnrecoverableExecutionError(
      "NonDeterministicExecutionError",
      `What is recorded of batch "${this.#operation.name}" (${this.#operation.path}) cannot be read as the outcomes of ` +
        "its items. Was it written by a map with other settings?",
    );
  }

  /** Whether its items are not those of which something is recorded. */
  get isOtherThanRecorded(): boolean {
    const recorded = this.#recordedFingerprint;
    return recorded !== undefined && this.#fingerprint !== undefined && recorded !== this.#fingerprint;
  }

  valueAt(index: number): unknown {
    return this.#values[index];
  }

  /** Whether its operation has ended. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether an item can be admitted now. */
  get hasNext(): boolean {
    return this.#unstarted.length > 0 && !this.#isAsleep && !this.#closed;
  }

  /** Resolves when the operation no longer waits; undefined unless it does. */ // B0
  awake(): Promise<void> | undefined {
    if (!this.#isAsleep) return undefined;
    return new Promise((resolve) => this.#wakers.push(resolve));
  }

  /** Begins, or waits until it may. */
  begin(): void {
    const { record, scope } = this.#operation;
    // A batch is read front to back.
    this.#unstarted.reverse();
    if (record?.Status === "PENDING") void this.#sleepUntilReady(record);
    else {
      if (record?.Status !== "STARTED") this.execution.record(scope, update(this.#operation, "START"));
      this.#notice("onOperationStart", { status: "STARTED", isReplay: record !== undefined });
    }
    // All its items had ended and were recorded, only its own end was not.
    if (this.#ended === this.count) this.#settle();
  }

  /** The next item's index inside the batch. */
  next(): number | undefined {
    const index = this.#unstarted.pop();
    if (index !== undefined) this.#keptBefore.delete(index);
    return index;
  }

  /** An item's code begins, or goes on. */
  admitted(item: Item): void {
    this.#waiting.delete(item);
    this.#running.add(item);
    this.execution.countExecuting(this.#operation.scope, 1);
  }

  /** An item has ended. */
  ended(item: Item, outcome: Outcome): void {
    const wasWaiting = this.#waiting.delete(item);
    this.#running.delete(item);
    if (!this.#closed) {
      this.#outcomes[item.index - this.first] = outcome;
      this.#ended++;
      this.#settle();
    }
    if (!wasWaiting) this.execution.countExecuting(this.#operation.scope, -1);
  }

  itemWaits(item: Item): void {
    if (!this.#running.delete(item)) return;
    this.#waiting.add(item);
    const { release } = item;
    item.release = undefined;
    if (!this.#closed) this.#settle();
    this.execution.countExecuting(this.#operation.scope, -1);
    release?.();
  }

  /** The invocation is about to end. */
  closing(): void {
    if (!this.#closed) this.#settle();
  }

  /** The map is over: records what there is. */ // B1
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A waiting operation cannot end; what it is to hold is recorded already.
    if (this.#isAsleep) return;
    for (const item of [...this.#running, ...this.#waiting]) this.#outcomes[item.index - this.first] = { mark: "-" };
    for (const index of this.#keptBefore.keys()) this.#outcomes[index] = { mark: "-" };
    this.#succeed();
  }

  #settle(): void {
    if (this.#isAsleep || this.#running.size > 0) return;
    if (this.#ended === this.count) {
      this.#closed = true;
      this.#succeed();
    } else if (this.#owner.isClosing) {
      // A batch of which nothing has ended yet has nothing to record; the next invocation finds it started.
      if (this.#ended > 0 || this.#waiting.size > 0) void this.#retry();
      this.execution.refuse();
    } else if (this.#unstarted.length === 0) void this.#retry();
  }

  #succeed(): void {
    const payload = this.#pack([]);
    const { scope } = this.#operation;
    this.#owner.batchFinished(this.#spilledBytes + payload.length);
    void this.execution.recorded(scope, update(this.#operation, "SUCCEED", { Payload: payload })).then(() => {
      this.#notice("onOperationEnd", {});
      this.#owner.batchRecorded(this);
    });
    this.#outcomes = [];
    this.#values = [];
  }

  /** Tells plugins, and does not wait for them here: many items go on meanwhile. */
  #notice(hook: "onOperationStart" | "onOperationEnd", members: Partial<OperationInfo>): void {
    const { observer } = this.execution;
    observer?.tell(hook, () => observer.recordedInfo(this.#operation, members));
  }

  // B2
  async #retry(): Promise<void> {
    this.#isAsleep = true;
    const { isClosing } = this.#owner;
    const now = Date.now();
    const dueMs = isClosing && this.#unstarted.length > 0 ? now : this.#nextDueMs(now);
    const afterSeconds = Math.max(1, Math.ceil((dueMs - now) / 1_000));
    for (const item of this.#waiting) item.sleep(now, afterSeconds * 1_000);
    const waiting = [...this.#waiting].map((item) => ({ index: item.index - this.first, steps: item.steps }));
    const kept = [...waiting, ...Array.from(this.#keptBefore, ([index, steps]) => ({ index, steps }))];
    const payload = this.#pack(kept);
    const outcome = await closeAttempt(this.#operation, { end: "retry", afterSeconds, payload }, this.#attempt);
    this.#attempt++;
    if ("record" in outcome) await this.#sleepUntilReady(outcome.record);
  }

  #nextDueMs(now: number): number {
    const due = [...this.#waiting].map((item) => item.dueMs);
    const first = Math.min(...due);
    const latest = first + Math.max(0, first - now) * RETRY_SLACK;
    return Math.max(...due.filter((dueMs) => dueMs <= latest));
  }

  async #sleepUntilReady(record: Parameters<typeof untilReady>[1]): Promise<void> {
    this.#isAsleep = true;
    await untilReady(this.#operation, record);
    if (this.#closed) return;
    this.#isAsleep = false;
    this.execution.record(this.#operation.scope, update(this.#operation, "START"));
    const now = Date.now();
    for (const item of this.#waiting) item.wake(now);
    for (const item of this.#waiting) if (item.hasSettled) this.admitted(item);
    for (const wake of this.#wakers.splice(0)) wake();
    const due = [...this.#waiting].filter((item) => item.dueMs <= now);
    if (due.length === 0 && this.#unstarted.length === 0) this.#settle();
    else this.#owner.batchReady(this, due, this.#unstarted);
  }

  /** What its operation is to hold: the outcomes so far, and what is kept of items that have not ended. */
  #pack(kept: readonly { index: number; steps: readonly StoredStep[] }[]): string {
    const withKept = (ended: (Outcome | undefined)[], steps: typeof kept): string => {
      const outcomes = [...ended];
      for (const item of steps) outcomes[item.index] = { mark: "K", steps: item.steps };
      return this.#encode(outcomes, { parts: this.#parts });
    };
    const all = withKept(this.#outcomes, kept);
    if (!isTooLarge(all, this.#maxBytes)) return all;
    this.#spill(this.#outcomes);
    this.#outcomes = [];
    const rest = withKept([], kept);
    if (!isTooLarge(rest, this.#maxBytes)) return rest;
    // Steps that have succeeded run again then; how often a step has failed must not be lost.
    const attempts = kept.map(({ index, steps }) => ({
      index,
      steps: steps.filter((step) => step.attempts !== undefined),
    }));
    return withKept([], attempts);
  }

  // B3
  #spill(outcomes: readonly (Outcome | undefined)[]): void {
    const payload = this.#encode(outcomes, {});
    const indexes = [...outcomes.keys()].filter((index) => outcomes[index] !== undefined);
    if (isTooLarge(payload, this.#maxBytes) && indexes.length > 1) {
      const middle = indexes[indexes.length >> 1] as number;
      this.#spill(outcomes.slice(0, middle));
      this.#spill(outcomes.map((outcome, index) => (index < middle ? undefined : outcome)));
      return;
    }
    this.#parts++;
    this.#spilledBytes += payload.length;
    const { scope, name } = this.#operation;
    const part: ClaimedOperation = {
      ...this.#operation,
      id: this.#partId(this.#parts),
      subType: PART_SUBTYPE,
      name: partName(name, this.#parts),
    };
    if (!this.#isNextPartBegun) this.execution.record(scope, update(part, "START"));
    this.#isNextPartBegun = false;
    this.execution.record(scope, update(part, "SUCCEED", { Payload: payload }));
  }

  #encode(outcomes: readonly (Outcome | undefined)[], { parts }: { parts?: number }): string {
    const stored = storeOutcomes(outcomes, this.count);
    if (parts !== undefined && parts > 0) stored.parts = parts;
    if (this.#fingerprint !== undefined) stored.fingerprint = this.#fingerprint;
    return encodeOutcomes(this.execution.codec, stored);
  }

  #partId(part: number): OperationId {
    return operationId(childPath(this.#operation.path, part));
  }
}

function isEnd({ mark }: Outcome): boolean {
  return mark === "S" || mark === "U" || mark === "F";
}
