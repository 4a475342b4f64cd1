import type { OperationId } from "../../core/ids.ts";
import type { OperationUpdate } from "../../core/wire.ts";
import { dueMs } from "../pending-operation.ts";
import { type BatchLog, countEnds, MAX_REPEATED_CHARACTERS, MAX_RETRY_CHARACTERS } from "./batch-log.ts";
import type { Kept } from "./kept.ts";
import type { OpenPart } from "./restored.ts";
import type { ServiceLedger } from "./service-ledger.ts";

/**
 * The parts that make the service begin an invocation while the batch's own operation is pending for longer. Each is
 * written many times. Otherwise each delay of an item would cost two operations: a part and a wait.
 *
 * SP1  A further part begins only if all of them are pending for longer. When an operation of the batch has been written
 *      after a part, its payload can get no newer records, because a later record replaces an earlier record (BL1). Such
 *      a part is ended when the next delay begins, and another part takes its place.
 */
export class SleepingParts {
  readonly #log: BatchLog;
  readonly #service: ServiceLedger;
  #parts: SleepingPart[] = [];

  constructor(log: BatchLog, service: ServiceLedger) {
    this.#log = log;
    this.#service = service;
  }

  restore(open: OpenPart): void {
    this.#parts.push(new SleepingPart(this.#log, this.#service, open));
  }

  /** The records in the payload of a part, by its number. Undefined for an ordinary part. */
  recordsOf(number: number): Set<Kept> | undefined {
    return this.#parts.find((part) => part.number === number)?.records;
  }

  /** Notes that a record has changed, or is no longer needed. */
  forget(kept: Kept): void {
    for (const { records } of this.#parts) records.delete(kept);
  }

  /** When the first of them makes the service begin an invocation; epoch milliseconds. Infinity if none does. */
  get wakesMs(): number {
    return this.#parts.reduce((first, { wakesMs }) => Math.min(first, wakesMs), Number.POSITIVE_INFINITY);
  }

  /** Makes a part wait. `changed` are the records that its payload gets in addition to its own. */
  retry(changed: readonly Kept[], delaySeconds: number, nowMs: number): void {
    const before = this.#parts.findLast(({ isPending }) => !isPending);
    const payload = before?.payloadWith(changed);
    if (before !== undefined && payload !== undefined) {
      before.retry(changed, payload, delaySeconds, nowMs);
      return;
    }
    const kept = this.#withoutLong(changed);
    this.#begin().retry(kept, this.#log.partPayload(kept), delaySeconds, nowMs);
    // Not earlier, because the last payload lacks the records whose newer states are in the other part.
    if (before !== undefined) this.#end(before);
  }

  /** If the payload would be long, writes records to an ordinary part. First those that do not wait, then all. */
  #withoutLong(changed: readonly Kept[]): readonly Kept[] {
    let kept = changed;
    for (const stays of [({ waits }: Kept) => waits, () => false]) {
      if (!isLong(this.#log, this.#log.partPayload(kept))) break;
      const moved = kept.filter((record) => !stays(record));
      if (moved.length > 0) this.#log.append(moved);
      kept = kept.filter(stays);
    }
    return kept;
  }

  #begin(): SleepingPart {
    const part = new SleepingPart(this.#log, this.#service);
    this.#parts.push(part);
    return part;
  }

  #end(part: SleepingPart): void {
    part.end();
    this.#parts = this.#parts.filter((other) => other !== part);
  }

  /** Ends the parts that may be written. */
  close(): void {
    for (const part of this.#parts) {
      if (!part.isPending) part.end();
      part.unwatch();
    }
    this.#parts = [];
  }
}

class SleepingPart {
  readonly records = new Set<Kept>();
  wakesMs = Number.POSITIVE_INFINITY;
  readonly number: number;
  readonly #log: BatchLog;
  readonly #service: ServiceLedger;
  #start: OperationUpdate | undefined;
  #state: "started" | "pending" | "ready" = "started";
  /** The value of `BatchLog.written` after the last write of this part. If it has changed, something was written since. */
  #writtenThen = -1;
  /** How many characters of records the payloads have written again. */
  #repeated = 0;

  constructor(log: BatchLog, service: ServiceLedger, open?: OpenPart) {
    this.#log = log;
    this.#service = service;
    this.number = open?.number ?? 0;
    if (open === undefined) return;
    const { record, isLast, repeated } = open;
    this.#start = log.partUpdate(open.number, record.Id);
    this.#repeated = repeated;
    if (isLast) this.#writtenThen = log.written;
    if (record.Status === "PENDING") this.#notePending(dueMs(record));
    else if (record.Status === "READY") this.#state = "ready";
  }

  get isPending(): boolean {
    return this.#state === "pending";
  }

  /** The payload with `changed` in addition. Undefined if this part cannot get these records. */
  payloadWith(changed: readonly Kept[]): string | undefined {
    if (this.#writtenThen !== this.#log.written) return undefined; // SP1
    for (const { size } of this.records) this.#repeated += size;
    if (this.#repeated > MAX_REPEATED_CHARACTERS) return undefined;
    const members = this.#repeated === 0 ? {} : { repeated: this.#repeated };
    const payload = this.#log.partPayload([...this.records, ...changed], [], members);
    return isLong(this.#log, payload) ? undefined : payload;
  }

  /** `payload` contains this part's records and `changed`. */
  retry(changed: readonly Kept[], payload: string, delaySeconds: number, nowMs: number): void {
    for (const record of changed) this.records.add(record);
    if (this.#start === undefined) this.#start = this.#log.beginPart();
    else if (this.#state === "ready") this.#log.sendPart(this.#start);
    const StepOptions = { NextAttemptDelaySeconds: delaySeconds };
    this.#log.sendPart({ ...this.#start, Action: "RETRY", Payload: payload, StepOptions }, countEnds(changed));
    this.#writtenThen = ++this.#log.written;
    this.#notePending(nowMs + delaySeconds * 1_000);
  }

  end(): void {
    if (this.#start === undefined) return;
    if (this.#state === "ready") this.#log.sendPart(this.#start);
    const Payload = this.#log.partPayload([...this.records]);
    this.#log.sendPart({ ...this.#start, Action: "SUCCEED", Payload });
  }

  unwatch(): void {
    if (this.#start !== undefined) this.#service.unwatch(this.#start.Id as OperationId);
  }

  #notePending(wakesMs = Number.POSITIVE_INFINITY): void {
    this.#state = "pending";
    this.wakesMs = wakesMs;
    this.#service.watch(this.#start?.Id as OperationId, ({ Status: status }) => {
      if (status !== "READY") return;
      this.#state = "ready";
      this.wakesMs = Number.POSITIVE_INFINITY;
    });
  }
}

function isLong(log: BatchLog, payload: string): boolean {
  return payload.length > MAX_RETRY_CHARACTERS || !log.fits(payload);
}
