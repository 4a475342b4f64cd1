import { succeededWith, type WrittenOutcome, type WrittenRecord } from "../../codec/batch-outcomes.ts";
import type { StoredRecord } from "../../codec/stored-batch.ts";
import type { OperationPath } from "../../core/ids.ts";
import { isFinished, timerDueMs } from "../../core/transitions.ts";
import { defined, type Operation, type WireOperation } from "../../core/wire.ts";

/** The page that a record is on. */
export interface KeptOn {
  /** The path of the item. */
  readonly path: OperationPath;
  /** The index of the item in its batch, from 0. */
  readonly index: number;
  readonly isFirstVersion: boolean;
  /** What a map has counted of the item; undefined until the item has ended. */
  readonly end: Kept | undefined;
  completeTimer(kept: Kept): void;
}

/** A record on a page. Its payload is text, never an object that user code holds. */
export class Kept {
  readonly page: KeptOn;
  /** The item's own path, or that of an operation inside. */
  readonly path: OperationPath;
  operation: Operation;
  /** When it falls due, by this machine's clock; undefined where nothing waits, or the batch itself has to wait first. */
  dueMs: number | undefined;
  /** How long it waits in all, in milliseconds. */
  delayMs = 0;
  /** What is left of the delay once the batch's own operation may be tried again. */
  leftMs = 0;
  /** The batch's own operation wakes for it. */
  isCovered = false;

  constructor(page: KeptOn, path: OperationPath, operation: Operation) {
    this.page = page;
    this.path = path;
    this.operation = operation;
  }

  /** Whether it is the end of the item itself. */
  get isEnd(): boolean {
    return this.path === this.page.path;
  }

  /** Whether it waits for a time. */
  get waits(): boolean {
    const { Type: type, Status: status } = this.operation;
    return type === "WAIT" ? status === "STARTED" : status === "PENDING";
  }

  /** Waits as long as its operation says, from now on. */
  beginWaiting(nowMs: number): void {
    this.dueMs = timerDueMs(this.operation);
    this.delayMs = this.dueMs === undefined ? 0 : this.dueMs - nowMs;
    this.isCovered = false;
  }

  /** Waits until then; without `dueMs` for so long, once the batch's own operation may be tried again. */
  takeTime(dueMs: number | undefined, leftMs: number, delayMs = leftMs): void {
    this.dueMs = dueMs;
    this.leftMs = leftMs;
    this.delayMs = delayMs;
  }

  /** Characters of what it holds. */
  get size(): number {
    const { StepDetails, ContextDetails } = this.operation;
    const details = StepDetails ?? ContextDetails;
    return (details?.Result?.length ?? 0) + (details?.Error?.ErrorMessage?.length ?? 0);
  }
}

/** What is written of an item that has ended. */
export function writtenEnd({ Status: status, ContextDetails: details }: Operation): WrittenOutcome {
  if (status === "FAILED") return { mark: "F", error: details?.Error ?? {} };
  if (details?.ReplayChildren) return { mark: "R", records: [] };
  return succeededWith(details?.Result);
}

const PLAIN_SUBTYPES: Record<string, string> = { STEP: "Step", CONTEXT: "RunInChildContext", WAIT: "Wait" };

/** What is written of a record inside an item; with `isObserved` also what plugins alone are told of it. */
export function writtenRecord({ path, operation, page }: Kept, isObserved: boolean): WrittenRecord {
  const { Type: type = "STEP", SubType: subType, Name: name, Status: status } = operation;
  const details = operation.StepDetails ?? operation.ContextDetails;
  const written: WrittenRecord = {
    path: path.slice(page.path.length + 1),
    status: status as StoredRecord["status"],
  };
  // As long as the item is under way, its paths are those of the version that began it.
  if (page.isFirstVersion) written.isFirstVersion = true;
  if (type === "CONTEXT" || type === "WAIT") written.type = type;
  if (subType !== undefined && subType !== PLAIN_SUBTYPES[type]) written.subType = subType;
  if (name !== undefined) written.name = name;
  const attempts = operation.StepDetails?.Attempt ?? 0;
  // Of an operation that has ended nobody asks how often it was tried, unless more than once.
  const hasEnded = isFinished(operation);
  if (attempts > (hasEnded ? 1 : 0)) written.attempts = attempts;
  if (details?.Result !== undefined) written.payload = details.Result;
  // That of an attempt that is followed by another one is not asked for otherwise.
  if (details?.Error !== undefined && (hasEnded || isObserved)) written.error = details.Error;
  if (operation.ContextDetails?.ReplayChildren) written.replayChildren = true;
  return written;
}

/** The record as an operation; `payloadOf` makes a payload of a value that was kept. */
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
