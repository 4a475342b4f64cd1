import { succeededWith, type WrittenOutcome, type WrittenRecord } from "../../codec/batch-outcomes.ts";
import type { StoredRecord } from "../../codec/stored-batch.ts";
import type { OperationPath } from "../../core/ids.ts";
import { isFinished, timerDueMs } from "../../core/transitions.ts";
import { defined, type Operation, type WireOperation } from "../../core/wire.ts";

export interface KeptOn {
  /** The path of the item. */
  readonly path: OperationPath;
  /** The index of the item in its batch, from 0. */
  readonly index: number;
  readonly isFirstVersion: boolean;
  /** The record of the item's end; undefined until the item has ended. */
  readonly end: Kept | undefined;
  completeTimer(kept: Kept): void;
}

/** A record on a page. Its payload is a text, because user code could still change an object. */
export class Kept {
  readonly page: KeptOn;
  /** The path of the item itself, or of an operation inside the item. */
  readonly path: OperationPath;
  operation: Operation;
  /** Epoch milliseconds at which the record stops waiting. Undefined if it never waited, or while `leftMs` decides. */
  dueMs: number | undefined;
  delayMs = 0;
  /** If `dueMs` is undefined: milliseconds from READY of the batch's own operation to the due time. May be negative. */
  leftMs = 0;
  /** Whether the batch's own operation makes the service begin the next invocation for this record. */
  isCovered = false;

  constructor(page: KeptOn, path: OperationPath, operation: Operation) {
    this.page = page;
    this.path = path;
    this.operation = operation;
  }

  /** Whether this record is the end of the item itself. */
  get isEnd(): boolean {
    return this.path === this.page.path;
  }

  /** Whether the record waits for its due time. */
  get waits(): boolean {
    const { Type: type, Status: status } = this.operation;
    return type === "WAIT" ? status === "STARTED" : status === "PENDING";
  }

  beginWaiting(nowMs: number): void {
    this.dueMs = timerDueMs(this.operation);
    this.delayMs = this.dueMs === undefined ? 0 : this.dueMs - nowMs;
    this.isCovered = false;
  }

  /** Waits until `dueMs`; without `dueMs`, for `leftMs` after the batch's own operation has become READY. */
  takeTime(dueMs: number | undefined, leftMs: number, delayMs = leftMs): void {
    this.dueMs = dueMs;
    this.leftMs = leftMs;
    this.delayMs = delayMs;
  }

  /** The approximate number of characters of the record: its result and its error's message. */
  get size(): number {
    const { StepDetails, ContextDetails } = this.operation;
    const details = StepDetails ?? ContextDetails;
    return (details?.Result?.length ?? 0) + (details?.Error?.ErrorMessage?.length ?? 0);
  }
}

export function writtenEnd({ Status: status, ContextDetails: details }: Operation): WrittenOutcome {
  if (status === "FAILED") return { mark: "F", error: details?.Error ?? {} };
  if (details?.ReplayChildren) return { mark: "R", records: [] };
  return succeededWith(details?.Result);
}

const PLAIN_SUBTYPES: Record<string, string> = { STEP: "Step", CONTEXT: "RunInChildContext", WAIT: "Wait" };

/** The written form of a record inside an item. `isObserved` adds data that only plugins need. */
export function writtenRecord({ path, operation, page }: Kept, isObserved: boolean): WrittenRecord {
  const { Type: type = "STEP", SubType: subType, Name: name, Status: status } = operation;
  const details = operation.StepDetails ?? operation.ContextDetails;
  const written: WrittenRecord = {
    path: path.slice(page.path.length + 1),
    status: status as StoredRecord["status"],
  };
  // Until the item ends, its paths are those of the version that began the item.
  if (page.isFirstVersion) written.isFirstVersion = true;
  if (type === "CONTEXT" || type === "WAIT") written.type = type;
  if (subType !== undefined && subType !== PLAIN_SUBTYPES[type]) written.subType = subType;
  if (name !== undefined) written.name = name;
  const attempts = operation.StepDetails?.Attempt ?? 0;
  // An ended step has had at least one attempt. So its number of attempts is written only if it is above one.
  const hasEnded = isFinished(operation);
  if (attempts > (hasEnded ? 1 : 0)) written.attempts = attempts;
  if (details?.Result !== undefined) written.payload = details.Result;
  // If another attempt follows, only plugins need the error of the failed attempt.
  if (details?.Error !== undefined && (hasEnded || isObserved)) written.error = details.Error;
  if (operation.ContextDetails?.ReplayChildren) written.replayChildren = true;
  return written;
}

export function operationOf(
  { type: stored, subType, name, status, attempts, text, error, replayChildren, ...rest }: StoredRecord,
  payloadOf: (value: unknown) => string | undefined,
): Operation {
  const type = stored ?? "STEP";
  const payload = text ?? ("result" in rest ? payloadOf(rest.result) : undefined);
  const outcome = defined({ Result: payload, Error: error });
  const operation: WireOperation = { Id: undefined, Type: type, StartTimestamp: undefined, Status: status };
  operation.SubType = subType ?? (PLAIN_SUBTYPES[type] as string);
  if (name !== undefined) operation.Name = name;
  if (type === "STEP")
    operation.StepDetails = {
      Attempt: attempts ?? (isFinished(operation) ? 1 : 0),
      ...outcome,
    };
  else if (type === "CONTEXT")
    operation.ContextDetails = { ...outcome, ...(replayChildren ? { ReplayChildren: true } : {}) };
  else operation.WaitDetails = {};
  return operation as Operation;
}
