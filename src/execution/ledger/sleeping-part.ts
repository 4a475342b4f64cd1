import type { OperationId } from "../../core/ids.ts";
import type { OperationUpdate, WireOperation } from "../../core/wire.ts";
import { dueMs } from "../pending-operation.ts";
import { type BatchLog, countEnds, MAX_REPEATED_CHARACTERS, MAX_RETRY_CHARACTERS } from "./batch-log.ts";
import type { Kept } from "./kept.ts";
import type { ServiceLedger } from "./service-ledger.ts";

/**
 * The part that makes the service begin an invocation while the batch's own operation is pending for longer. It is
 * written many times. Otherwise each delay of such an invocation would cost two operations: a part and a wait.
 *
 * SP1  A batch has at most one such part. Its payload contains the records that have changed since it began and that are
 *      in no other part. When an operation of the batch is written after the part, its payload can get no newer records,
 *      because a later record replaces an earlier record (BL1). So the part is ended then, and another one begins.
 */
export class SleepingPart {
  /** The records in the payload. */
  readonly records = new Set<Kept>();
  /** When the service makes the part READY, if it is pending; epoch milliseconds. Infinity if it does not. */
  wakesMs = Number.POSITIVE_INFINITY;
  readonly #log: BatchLog;
  readonly #service: ServiceLedger;
  #part: OperationUpdate | undefined;
  #state: "started" | "pending" | "ready" = "started";
  /** The value of `BatchLog.written` after the last write of this part. If `written` has changed, something followed. */
  #writtenThen = 0;
  /** How many characters of records the part's payloads have written again. */
  repeated = 0;

  constructor(log: BatchLog, service: ServiceLedger) {
    this.#log = log;
    this.#service = service;
  }

  /** `isLast`: no operation of the batch was written after the part. */
  restore(record: WireOperation, part: OperationUpdate, isLast: boolean): void {
    this.#part = part;
    this.#writtenThen = isLast ? this.#log.written : -1;
    if (record.Status === "PENDING") this.#notePending(dueMs(record));
    else this.#state = record.Status === "READY" ? "ready" : "started";
  }

  /** Whether the part may be written. */
  get isWritable(): boolean {
    return this.#state !== "pending";
  }

  /** Makes the part wait. `changed` are the records that its payload gets in addition. */
  retry(changed: readonly Kept[], delaySeconds: number, nowMs: number): void {
    for (const { size } of this.records) this.repeated += size;
    let payload = this.#payload([...this.records, ...changed]);
    const isFull = this.repeated > MAX_REPEATED_CHARACTERS || this.#isLong(payload);
    const endBefore = this.#part && (isFull || this.#writtenThen !== this.#log.written) ? this.#leave() : undefined;
    let kept = changed;
    if (endBefore !== undefined) payload = this.#payload(kept);
    for (const stays of [({ waits }: Kept) => waits, () => false]) {
      if (!this.#isLong(payload)) break;
      const moved = kept.filter((record) => !stays(record));
      if (moved.length > 0) this.#log.append(moved);
      kept = kept.filter(stays);
      payload = this.#payload(kept);
    }
    for (const record of kept) this.records.add(record);
    if (this.#part === undefined) this.#part = this.#log.beginPart();
    else if (this.#state === "ready") this.#log.sendPart(this.#part);
    const StepOptions = { NextAttemptDelaySeconds: delaySeconds };
    this.#log.sendPart({ ...this.#part, Action: "RETRY", Payload: payload, StepOptions }, countEnds(kept));
    endBefore?.();
    this.#writtenThen = this.#log.written;
    this.#notePending(nowMs + delaySeconds * 1_000);
  }

  #payload(records: readonly Kept[]): string {
    return this.#log.partPayload(records, [], this.repeated === 0 ? {} : { repeated: this.repeated });
  }

  #isLong(payload: string): boolean {
    return payload.length > MAX_RETRY_CHARACTERS || !this.#log.fits(payload);
  }

  /** Ends the part, with its records, if it may be written. */
  end(): void {
    if (this.#part !== undefined && this.isWritable) this.#leave()();
  }

  /**
   * The next `retry` begins another part. The returned function ends this part. It must be called after the newer states
   * of its records are written, because its last payload lacks these records.
   */
  #leave(): () => void {
    const part = this.#part as OperationUpdate;
    const isReady = this.#state === "ready";
    const records = [...this.records];
    this.#part = undefined;
    this.#state = "started";
    this.repeated = 0;
    this.records.clear();
    return () => {
      if (isReady) this.#log.sendPart(part);
      this.#log.sendPart({ ...part, Action: "SUCCEED", Payload: this.#log.partPayload(records) });
    };
  }

  close(): void {
    this.records.clear();
    if (this.#part !== undefined) this.#service.unwatch(this.#part.Id as OperationId);
  }

  #notePending(wakesMs = Number.POSITIVE_INFINITY): void {
    this.#state = "pending";
    this.wakesMs = wakesMs;
    this.#service.watch(this.#part?.Id as OperationId, ({ Status: status }) => {
      if (status !== "READY") return;
      this.#state = "ready";
      this.wakesMs = Number.POSITIVE_INFINITY;
    });
  }
}
