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
import { type OpenPart, type RecordedLogs, readLogs } from "./restored.ts";
import type { SharedLedgers } from "./shared-ledgers.ts";

/**
 * When the payload of a RETRY is longer than this, its records move to parts, because each RETRY repeats its records.
 */
export const MAX_RETRY_CHARACTERS = 32 * 1024;
/** After RETRYs of one operation have repeated this number of characters, its records move to parts. */
export const MAX_REPEATED_CHARACTERS = 16 * 1024;

export interface BatchLogOptions {
  /** The context of the map. */
  readonly scope: Scope;
  /** The path and the name of the batch's own operation. */
  readonly path: OperationPath;
  readonly name: string;
  /** The number of bytes that one operation may hold. */
  readonly maxBytes: number;
  /** Called when the batch's own operation may be written again. */
  readonly onReady: () => void;
  /** Called by `restore` with each part that has not ended. */
  readonly onOpenPart: (part: OpenPart) => void;
}

/** Digests of the items (`fingerprint`) and of their names. A replay compares the digests, to notice changed items. */
export interface ItemMarks {
  readonly fingerprint: string | undefined;
  readonly names: string | undefined;
}

/**
 * The operations in which a batch keeps its records: the batch's own operation, which may be written many times, and
 * parts, which are written once. Only `SleepingParts` are written many times.
 *
 * BL1  The payloads of these operations form a log: the parts that were written before the batch's own operation, then
 *      the batch's own operation, whose payload contains the number of these parts, then the later parts. A later
 *      record of an operation replaces an earlier record.
 * BL2  Records are written in the order of their last change. So a written record never depends on a record that is not
 *      written.
 * BL3  The payload of the batch's own operation contains when this operation is to become READY, by this machine's clock,
 *      and how much earlier or later each record is due. What is due by then continues when the service says READY,
 *      although a machine's clock may be behind. Parts contain times by this machine's clock.
 */
export class BatchLog {
  readonly id: OperationId;
  marks: ItemMarks = { fingerprint: undefined, names: undefined };
  /** The state of the batch's own operation. */
  state: "new" | "started" | "pending" | "ended" = "new";
  /** When the service makes the batch's own operation READY; epoch milliseconds. Infinity if it is not pending. */
  wakesMs = Number.POSITIVE_INFINITY;
  /** The number of characters that this invocation wrote to the batch's operations, without the payloads of RETRY. */
  size = 0;
  readonly #all: SharedLedgers;
  readonly #options: BatchLogOptions;
  /** How often a payload was written, except the last payload of a part that is only ended. */
  written = 0;
  #parts = 0;
  /** The id of a part that an earlier invocation began and did not end. The next part gets this id. */
  #begunPart: string | undefined;
  #poll: ArmedTimer | undefined;
  /** The numbers of parts that this invocation has sent, and that are recorded. Parts are recorded in their order. */
  #sent = 0;
  #recorded = 0;
  /** Callers that wait until as many parts as `after` are recorded. */
  readonly #waiting: { readonly after: number; readonly noted: () => void }[] = [];

  constructor(all: SharedLedgers, options: BatchLogOptions) {
    this.#all = all;
    this.#options = options;
    this.id = operationId(options.path);
  }

  /** Reads the records of earlier invocations. @throws UnrecoverableExecutionError when a record cannot be read */
  restore(record: WireOperation): RecordedLogs {
    const { service } = this.#all.host;
    const take = (part: number): WireOperation | undefined =>
      service.take(this.#partId(part)) ?? service.take(operationId(firstVersionPartPath(this.#options.path, part)));
    const recorded = readLogs(record, take);
    this.#parts = recorded.parts;
    this.#begunPart = recorded.begunPart;
    this.marks = recorded;
    // A sealed scope means that the map, or a context around it, only makes its result again. Then nothing may begin.
    if (recorded.isLast || isFinished(record) || this.#options.scope.sealed) this.state = "ended";
    else if (record.Status === "PENDING") this.#notePending(record);
    else {
      this.state = "started";
      if (record.Status === "READY") this.#recordOwn("START");
    }
    if (this.state !== "ended") recorded.open.forEach(this.#options.onOpenPart);
    return recorded;
  }

  begin(): boolean {
    if (this.state !== "new") return false;
    this.state = "started";
    this.#recordOwn("START");
    return true;
  }

  /** Whether the context of the map, or a context around it, has finished. Then nothing is recorded any more. */
  get isOver(): boolean {
    return this.#options.scope.isOver;
  }

  /**
   * The payload of the batch's own operation. `begun` are the indexes of items that were left. `waiting` are the
   * records for which the payload says how many milliseconds after `readyMs` they still wait.
   */
  payload(
    records: Iterable<Kept>,
    begun: readonly number[],
    waiting?: { kept: Iterable<Kept>; readyMs: number; repeated: number },
  ): string {
    const due = waiting === undefined ? [] : timesOf(waiting.kept, waiting.readyMs);
    return this.#encode(records, begun, {
      ...(waiting?.repeated ? { repeated: waiting.repeated } : {}),
      ...(this.#parts === 0 ? {} : { parts: this.#parts }),
      ...(due.length === 0 ? {} : { due, atMs: waiting?.readyMs }),
    });
  }

  fits(payload: string): boolean {
    return !isLongerThan(payload, this.#options.maxBytes);
  }

  /** Makes the batch's own operation wait. `ends` is the number of items whose ends were not written before. */
  retry(payload: string, delaySeconds: number, ends: number): void {
    this.state = "pending";
    this.wakesMs = this.#all.host.timers.recordNow() + delaySeconds * 1_000;
    this.#watch();
    this.written++;
    this.#recordOwn("RETRY", { Payload: payload, StepOptions: { NextAttemptDelaySeconds: delaySeconds } }, ends);
  }

  succeed(payload: string, ends: number): void {
    this.size += payload.length;
    this.#recordOwn("SUCCEED", { Payload: payload }, ends);
  }

  /**
   * Writes records to as many parts as necessary. The last part also contains `begun`, the indexes of items that were
   * left. With `isLast`, the last part says that no part follows. If the context of the map has finished, nothing is
   * written.
   */ // BL2
  append(records: readonly Kept[], begun: readonly number[] = [], isLast = false): void {
    if (this.isOver) return;
    const payload = this.partPayload(records, begun, isLast ? { isLast } : {});
    if (!this.fits(payload) && records.length > 1) {
      const middle = records.length >> 1;
      this.append(records.slice(0, middle));
      this.append(records.slice(middle), begun, isLast);
      return;
    }
    this.written++;
    this.size += payload.length;
    this.sendPart({ ...this.beginPart(), Action: "SUCCEED", Payload: payload }, countEnds(records));
  }

  partPayload(records: readonly Kept[], begun: readonly number[] = [], members: BatchMembers = {}): string {
    const atMs = this.#all.host.timers.recordNow();
    const waiting = records.filter(({ waits, dueMs }) => waits && dueMs !== undefined);
    return this.#encode(records, begun, {
      ...(waiting.length === 0 ? {} : { due: timesOf(waiting, atMs), atMs }), // BL3
      ...members,
    });
  }

  /** Sends the START of the next part, and returns this update. */
  beginPart(): OperationUpdate {
    const part = this.partUpdate(++this.#parts);
    if (this.#begunPart === undefined) this.sendPart(part);
    else part.Id = this.#begunPart;
    this.#begunPart = undefined;
    return part;
  }

  sendPart(update: OperationUpdate, ends = 0): void {
    this.#sent++;
    this.#send(update, ends, () => {
      this.#recorded++;
      while (this.#waiting[0] !== undefined && this.#waiting[0].after <= this.#recorded) this.#waiting.shift()?.noted();
    });
  }

  partUpdate(part: number, id: string | undefined = this.#partId(part)): OperationUpdate {
    return {
      Type: "STEP",
      Action: "START",
      Id: id,
      ParentId: this.#options.scope.parentId,
      SubType: PART_SUBTYPE,
      Name: partName(this.#options.name, part),
    };
  }

  /** Calls `noted` when all parts so far are recorded. */
  whenRecorded(noted: () => void): void {
    if (this.#recorded === this.#sent) noted();
    else this.#waiting.push({ after: this.#sent, noted });
  }

  end(): void {
    this.state = "ended";
    this.wakesMs = Number.POSITIVE_INFINITY;
    this.#poll?.cancel();
    this.#all.host.service.unwatch(this.id);
  }

  #encode(records: Iterable<Kept>, begun: readonly number[], members: BatchMembers): string {
    const outcomes: (WrittenOutcome | undefined)[] = [];
    const at = (index: number): WrittenOutcome | undefined => {
      while (outcomes.length <= index) outcomes.push(undefined);
      return outcomes[index];
    };
    for (const kept of records) {
      const { index } = kept.page;
      const before = at(index);
      if (kept.isEnd) {
        const end = writtenEnd(kept.operation);
        outcomes[index] = before?.records === undefined ? end : { ...end, records: before.records };
      } else {
        const inside = [...(before?.records ?? []), writtenRecord(kept, this.#all.host.isObserved)];
        outcomes[index] = { ...(before ?? { mark: "K" }), records: inside };
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

  /** `ends` is the number of items whose ends the update records. */
  #send(update: OperationUpdate, ends = 0, recorded?: () => void): void {
    if (this.isOver) return;
    if (ends > 0) this.#all.sent(ends);
    const arrived = (): void => {
      this.#all.arrived(ends);
      recorded?.();
    };
    this.#all.host.service.record(update, ends > 0 || recorded !== undefined ? arrived : undefined);
  }

  #watch(): void {
    this.#all.host.service.watch(this.id, (operation) => {
      if (operation.Status === "PENDING") this.#notePending(operation);
      else if (operation.Status === "READY") this.#noteReady();
    });
  }

  /** If the invocation still runs when the batch's own operation is due, the service is polled. */
  #notePending(operation: WireOperation): void {
    this.state = "pending";
    this.#watch();
    this.#poll?.cancel();
    const due = dueMs(operation);
    if (due === undefined) return;
    this.wakesMs = due;
    this.#poll = this.#all.host.service.arm(this.id, due);
  }

  #noteReady(): void {
    this.#poll?.cancel();
    const { service, isOver } = this.#all.host;
    service.unwatch(this.id);
    if (this.state !== "pending" || this.isOver || isOver()) return;
    this.state = "started";
    this.wakesMs = Number.POSITIVE_INFINITY;
    this.#recordOwn("START");
    this.#options.onReady();
  }

  #partId(part: number): OperationId {
    return operationId(partPath(this.#options.path, part));
  }
}

export function countEnds(records: readonly Kept[]): number {
  return records.reduce((sum, { isEnd }) => (isEnd ? sum + 1 : sum), 0);
}

function timesOf(waiting: Iterable<Kept>, fromMs: number): NonNullable<BatchMembers["due"]> {
  return Array.from(waiting, ({ page, path, delayMs, dueMs = fromMs }) => {
    // Negative for a record that is due before `fromMs`. So the next invocation knows the order of due times.
    const leftMs = dueMs - fromMs;
    const within = path.slice(page.path.length + 1);
    return leftMs < delayMs ? [page.index, within, leftMs, delayMs] : [page.index, within, leftMs];
  });
}
