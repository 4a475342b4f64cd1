import { type BatchMembers, packBatch, type WrittenOutcome, writeBatch } from "../../codec/batch-outcomes.ts";
import { BATCH_SUBTYPE, firstVersionPartPath, PART_SUBTYPE, partName, partPath } from "../../core/batch-operation.ts";
import { type OperationId, type OperationPath, operationId } from "../../core/ids.ts";
import { isLongerThan } from "../../core/limits.ts";
import { isFinished } from "../../core/transitions.ts";
import type { OperationUpdate, WireOperation } from "../../core/wire.ts";
import { dueMs } from "../pending-operation.ts";
import type { Scope } from "../scope.ts";
import type { ArmedTimer } from "../timers.ts";
import { type Kept, writtenEnd, writtenRecord } from "./kept.ts";
import { type RecordedLogs, readLogs } from "./restored.ts";
import type { SharedLedgers } from "./shared-ledgers.ts";

/** What the operations of a batch are, and whom they tell. */
export interface BatchLogOptions {
  /** The context of the map. */
  readonly scope: Scope;
  /** The path of the batch's own operation, and its name. */
  readonly path: OperationPath;
  readonly name: string;
  /** Bytes that one operation may hold. */
  readonly maxBytes: number;
  /** The own operation may be written again. */
  readonly onReady: () => void;
}

/** What the batch's items are, where a replay checks it. */
export interface ItemMarks {
  readonly fingerprint: string | undefined;
  readonly names: string | undefined;
}

/**
 * The operations in which a batch keeps its records: one of its own, which may be written again and again, and parts, which
 * are written once.
 *
 * BL1  Their payloads are a log: parts up to the number that the own operation names, then that one, then later parts; later
 *     records win.
 * BL2  Entries leave in the order in which they last changed: what is recorded never rests on what is not.
 * BL3  Times are kept relative to the own operation's next attempt, since its clock is the service's. A pending operation
 *     cannot be written: then parts keep times by this machine's clock.
 */
export class BatchLog {
  readonly id: OperationId;
  marks: ItemMarks = { fingerprint: undefined, names: undefined };
  /** Where the own operation stands. */
  state: "new" | "started" | "pending" | "ended" = "new";
  /** While it is pending: when the service lets it be tried again, epoch milliseconds. */
  wakesMs = Number.POSITIVE_INFINITY;
  /** Characters of the payloads written in this invocation. */
  size = 0;
  readonly #all: SharedLedgers;
  readonly #options: BatchLogOptions;
  #parts = 0;
  /** The process ended between the next part's START and its end. */
  #begunPart: string | undefined;
  #poll: ArmedTimer | undefined;

  constructor(all: SharedLedgers, options: BatchLogOptions) {
    this.#all = all;
    this.#options = options;
    this.id = operationId(options.path);
  }

  /** Reads what earlier invocations wrote. @throws UnrecoverableExecutionError when it cannot be read */
  restore(record: WireOperation): RecordedLogs {
    const { service, codec } = this.#all.host;
    const take = (part: number): WireOperation | undefined =>
      service.take(this.#partId(part)) ?? service.take(operationId(firstVersionPartPath(this.#options.path, part)));
    const recorded = readLogs(record, take, codec);
    this.#parts = recorded.parts;
    this.#begunPart = recorded.begunPart;
    this.marks = recorded;
    if (recorded.isLast || isFinished(record)) this.state = "ended";
    else if (record.Status === "PENDING") this.#isPending(record);
    else {
      this.state = "started";
      if (record.Status === "READY") this.#recordOwn("START");
    }
    return recorded;
  }

  /** Records that the batch has begun; false when that is recorded already. */
  begin(): boolean {
    if (this.state !== "new") return false;
    this.state = "started";
    this.#recordOwn("START");
    return true;
  }

  /** Whether the map, or a context around it, is over: then nothing is recorded any more. */
  get isLeft(): boolean {
    return this.#options.scope.isOver;
  }

  /** The payload of the own operation; with `readyMs` also how long, from then on, what waits has to wait. */
  payload(
    entries: Iterable<Kept>,
    begun: readonly number[],
    waiting?: { kept: Iterable<Kept>; readyMs: number },
  ): string {
    const due = waiting === undefined ? [] : timesOf(waiting.kept, waiting.readyMs);
    return this.#encode(entries, begun, {
      ...(this.#parts === 0 ? {} : { parts: this.#parts }),
      ...(due.length === 0 ? {} : { due }),
    });
  }

  fits(payload: string): boolean {
    return !isLongerThan(payload, this.#options.maxBytes);
  }

  /** The own operation waits, with a payload that tells of `ends` items that have ended since the last one. */
  retry(payload: string, delaySeconds: number, ends: number): void {
    this.state = "pending";
    this.wakesMs = Date.now() + delaySeconds * 1_000;
    this.#watch();
    this.#recordOwn("RETRY", { Payload: payload, StepOptions: { NextAttemptDelaySeconds: delaySeconds } }, ends);
  }

  /** The batch is over. */
  succeed(payload: string, ends: number): void {
    this.size += payload.length;
    this.#recordOwn("SUCCEED", { Payload: payload }, ends);
  }

  /**
   * Writes entries to parts, as many as it takes. The last one says which `begun` items were left behind, and with `isLast`
   * that nothing more comes.
   */ // BL2
  append(entries: readonly Kept[], recorded?: () => void, begun: readonly number[] = [], isLast = false): void {
    const atMs = Date.now();
    const waiting = entries.filter(({ waits, dueMs }) => waits && dueMs !== undefined);
    const payload = this.#encode(entries, begun, {
      ...(waiting.length === 0 ? {} : { due: timesOf(waiting, atMs), atMs }), // BL3
      ...(isLast ? { isLast } : {}),
    });
    if (!this.fits(payload) && entries.length > 1) {
      const middle = entries.length >> 1;
      this.append(entries.slice(0, middle));
      this.append(entries.slice(middle), recorded, begun, isLast);
      return;
    }
    this.#parts++;
    this.size += payload.length;
    const part: OperationUpdate = {
      Type: "STEP",
      Action: "START",
      Id: this.#partId(this.#parts),
      ParentId: this.#options.scope.parentId,
      SubType: PART_SUBTYPE,
      Name: partName(this.#options.name, this.#parts),
    };
    if (this.#begunPart === undefined) this.#send(part);
    else part.Id = this.#begunPart;
    this.#begunPart = undefined;
    const ends = entries.reduce((sum, { isEnd }) => (isEnd ? sum + 1 : sum), 0);
    this.#send({ ...part, Action: "SUCCEED", Payload: payload }, ends, recorded);
  }

  /** Nothing more is written, and nobody waits for the own operation. */
  end(): void {
    this.state = "ended";
    this.#poll?.cancel();
    this.#all.host.service.unwatch(this.id);
  }

  #encode(entries: Iterable<Kept>, begun: readonly number[], members: BatchMembers): string {
    const outcomes: (WrittenOutcome | undefined)[] = [];
    const at = (index: number): WrittenOutcome | undefined => {
      while (outcomes.length <= index) outcomes.push(undefined);
      return outcomes[index];
    };
    for (const kept of entries) {
      const { index } = kept.page;
      const before = at(index);
      if (kept.isEnd) {
        const end = writtenEnd(kept.operation);
        outcomes[index] = before?.records === undefined ? end : { ...end, records: before.records };
      } else {
        const records = [...(before?.records ?? []), writtenRecord(kept, this.#all.host.isObserved)];
        outcomes[index] = { ...(before ?? { mark: "K" }), records };
      }
    }
    for (const index of begun) {
      at(index);
      outcomes[index] ??= { mark: "-" };
    }
    const { fingerprint, names } = this.marks;
    const text = writeBatch(outcomes, { ...members, fingerprint, names });
    return packBatch(this.#all.host.codec, text);
  }

  #recordOwn(action: "START" | "RETRY" | "SUCCEED", details?: Partial<OperationUpdate>, ends = 0): void {
    const { scope, name } = this.#options;
    const { parentId: ParentId } = scope;
    const own: OperationUpdate = { Type: "STEP", Action: action, Id: this.id, ParentId, SubType: BATCH_SUBTYPE };
    this.#send({ ...own, ...details, Name: name }, ends);
  }

  /** `ends` items that have ended are recorded by it. */
  #send(update: OperationUpdate, ends = 0, recorded?: () => void): void {
    if (this.isLeft) return;
    if (ends > 0) this.#all.left(ends);
    const arrived = (): void => {
      this.#all.arrived(ends);
      recorded?.();
    };
    this.#all.host.service.record(update, ends > 0 || recorded !== undefined ? arrived : undefined);
  }

  #watch(): void {
    this.#all.host.service.watch(this.id, (operation) => {
      if (operation.Status === "PENDING") this.#isPending(operation);
      else if (operation.Status === "READY") this.#isReady();
    });
  }

  /** Asks for it when it is due, in case that the invocation lives until then. */
  #isPending(operation: WireOperation): void {
    this.state = "pending";
    this.#watch();
    this.#poll?.cancel();
    const due = dueMs(operation);
    if (due === undefined) return;
    this.wakesMs = due;
    this.#poll = this.#all.host.service.arm(this.id, due);
  }

  #isReady(): void {
    this.#poll?.cancel();
    const { service, isOver } = this.#all.host;
    service.unwatch(this.id);
    if (this.state !== "pending" || this.isLeft || isOver()) return;
    this.state = "started";
    this.wakesMs = Number.POSITIVE_INFINITY;
    this.#recordOwn("START");
    this.#options.onReady();
  }

  #partId(part: number): OperationId {
    return operationId(partPath(this.#options.path, part));
  }
}

/** How long after `fromMs` (epoch) records have to wait. */
function timesOf(waiting: Iterable<Kept>, fromMs: number): NonNullable<BatchMembers["due"]> {
  return Array.from(waiting, ({ page, path, delayMs, dueMs = fromMs }) => {
    const leftMs = Math.max(0, dueMs - fromMs);
    const within = path.slice(page.path.length + 1);
    return leftMs < delayMs ? [page.index, within, leftMs, delayMs] : [page.index, within, leftMs];
  });
}
