import { DeadlineHeap } from "../core/deadline-heap.ts";
import { applyUpdate, completeTimer, isFinished, timerDueMs } from "../core/transitions.ts";
import type { ErrorObject, Operation, OperationUpdate } from "../core/wire.ts";
import type { ExecutionHeader, ExternalCompletion, JournalEntry } from "../journal/journal.ts";
import { CallbackTimer } from "./callback-timer.ts";
import { type InvokeRequest, invokeRequest } from "./invoke-request.ts";

/** A time at which the service changes an operation without a request. */
export interface TableTimer {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly dueMs: number;
}

/**
 * The operations of one execution, in the order in which they started. They are computed from the entries of the
 * journal.
 */
export class OperationTable {
  readonly #operations = new Map<string, Operation>();
  readonly #timers = new DeadlineHeap<TableTimer>();
  /** The time-outs of open callbacks, by the id of the operation. */
  readonly #callbacks = new Map<string, CallbackTimer>();
  /** The chained invokes that have not ended, by the id of the operation. */
  readonly #invokes = new Map<string, InvokeRequest>();
  /**
   * The number of operations that wait: each STEP that is PENDING, and each WAIT, CALLBACK or CHAINED_INVOKE that is
   * STARTED.
   */
  #pending = 0;

  constructor(header: ExecutionHeader, executionId: string) {
    this.#operations.set(executionId, {
      Id: executionId,
      Name: header.name,
      Type: "EXECUTION",
      Status: "STARTED",
      StartTimestamp: new Date(header.startMs),
      ExecutionDetails: header.input === undefined ? {} : { InputPayload: header.input },
    });
  }

  get(id: string): Operation | undefined {
    return this.#operations.get(id);
  }

  /** The number of operations, with the EXECUTION operation. */
  get size(): number {
    return this.#operations.size;
  }

  get hasPending(): boolean {
    return this.#pending > 0;
  }

  all(): IterableIterator<Operation> {
    return this.#operations.values();
  }

  /**
   * The operations that a later invocation needs. An ended context gives its recorded result, so that the operations
   * inside it are not needed. They are needed if the context replays its children.
   */
  *delivered(): IterableIterator<Operation> {
    const pruned = new Map<string, boolean>();
    const isPruned = (id: string | undefined): boolean => {
      if (id === undefined) return false;
      const known = pruned.get(id);
      if (known !== undefined) return known;
      const parent = this.#operations.get(id);
      const isOver = parent !== undefined && isFinished(parent);
      const answer = (isOver && parent.ContextDetails?.ReplayChildren !== true) || isPruned(parent?.ParentId);
      pruned.set(id, answer);
      return answer;
    };
    for (const operation of this.#operations.values()) if (!isPruned(operation.ParentId)) yield operation;
  }

  openInvokes(): IterableIterator<InvokeRequest> {
    return this.#invokes.values();
  }

  openCallbacks(): IterableIterator<[string, CallbackTimer]> {
    return this.#callbacks.entries();
  }

  callbackTimer(id: string): CallbackTimer | undefined {
    return this.#callbacks.get(id);
  }

  openInvoke(id: string): InvokeRequest | undefined {
    return this.#invokes.get(id);
  }

  /** Applies an entry of the journal. Returns the ids of the changed operations. */
  apply(entry: JournalEntry): Set<string> {
    const changed = new Set<string>();
    const change = (id: string, make: (operation: Operation) => Operation): void => {
      const operation = this.#operations.get(id);
      if (operation === undefined) return;
      this.#put(make(operation));
      changed.add(id);
    };
    switch (entry.kind) {
      case "checkpoint":
        for (const update of entry.updates) {
          if (update.Type === "EXECUTION") continue;
          this.#update(update, entry.atMs, entry.assigned?.[update.Id as string]);
          changed.add(update.Id as string);
        }
        break;
      case "timers":
        for (const id of entry.ids) change(id, (operation) => this.#timeOut(operation, entry.atMs));
        break;
      case "completion":
        change(entry.id, (operation) => completeFromOutside(operation, entry, entry.atMs));
        break;
      case "heartbeat":
        this.#callbacks.get(entry.id)?.beat(entry.atMs);
        this.#arm(entry.id);
        break;
      case "begin":
      case "invocation":
      case "end":
        break;
    }
    return changed;
  }

  /** Removes the timers whose time has come. Returns the ids of their operations, in the order of the times. */
  takeDue(nowMs: number): string[] {
    // An operation may have two timers for the same time, after two heartbeats in the same millisecond. So a set is
    // used.
    const due = new Set<string>();
    for (let next = this.nextTimer; next !== undefined && next.dueMs <= nowMs; next = this.nextTimer) {
      this.#timers.removeFirst();
      due.add(next.id);
    }
    return [...due];
  }

  /**
   * The first timer that is valid. A timer becomes invalid when its operation gets another time or ends. An invalid
   * timer is removed here.
   */
  get nextTimer(): TableTimer | undefined {
    for (let next = this.#timers.first; next !== undefined; next = this.#timers.first) {
      if (this.#dueMs(next.id) === next.dueMs) return next;
      this.#timers.removeFirst();
    }
    return undefined;
  }

  #update(update: OperationUpdate, atMs: number, assigned: string | undefined): void {
    const id = update.Id as string;
    if (update.Action === "START") {
      if (update.Type === "CALLBACK") this.#callbacks.set(id, new CallbackTimer(update.CallbackOptions ?? {}, atMs));
      if (update.Type === "CHAINED_INVOKE") this.#invokes.set(id, invokeRequest(update, assigned));
    }
    this.#put(applyUpdate(this.#operations.get(id), update, new Date(atMs), assigned));
  }

  #timeOut(operation: Operation, atMs: number): Operation {
    const callback = this.#callbacks.get(operation.Id as string);
    if (callback === undefined) return completeTimer(operation, new Date(atMs));
    return completeFromOutside(operation, { status: "TIMED_OUT", error: callback.error }, atMs);
  }

  #put(operation: Operation): void {
    const id = operation.Id as string;
    const before = this.#operations.get(id);
    this.#pending += Number(isPending(operation)) - Number(before !== undefined && isPending(before));
    this.#operations.set(id, operation);
    if (operation.Status !== "STARTED") {
      this.#callbacks.delete(id);
      this.#invokes.delete(id);
    }
    this.#arm(id);
  }

  #arm(id: string): void {
    const dueMs = this.#dueMs(id);
    if (dueMs !== undefined) this.#timers.add({ id, dueMs });
  }

  #dueMs(id: string): number | undefined {
    const operation = this.#operations.get(id);
    if (operation?.Type === "CALLBACK") return this.#callbacks.get(id)?.dueMs;
    return operation && timerDueMs(operation);
  }
}

/** Ends a callback or a chained invoke. Either an external system has completed it, or its time-out has come. */
function completeFromOutside(
  operation: Operation,
  { status, result, error }: ExternalCompletion,
  nowMs: number,
): Operation {
  const outcome = {
    ...(result === undefined ? {} : { Result: result }),
    ...(error === undefined ? {} : { Error: error }),
  };
  const ended: Operation = { ...operation, Status: status, EndTimestamp: new Date(nowMs) };
  if (operation.Type === "CALLBACK") ended.CallbackDetails = { ...operation.CallbackDetails, ...outcome };
  else ended.ChainedInvokeDetails = outcome;
  return ended;
}

function isPending({ Type: type, Status: status }: Operation): boolean {
  if (type === "STEP") return status === "PENDING";
  return status === "STARTED" && (type === "WAIT" || type === "CALLBACK" || type === "CHAINED_INVOKE");
}

/** Copies an operation, so that changes of the copy do not change the operation. */
export function copyOperation(operation: Operation): Operation {
  const copy = { ...operation };
  const { StepDetails: step, ContextDetails: context } = operation;
  if (step !== undefined) copy.StepDetails = { ...step, ...copyError(step) };
  else if (context !== undefined) copy.ContextDetails = { ...context, ...copyError(context) };
  else if (operation.WaitDetails !== undefined) copy.WaitDetails = { ...operation.WaitDetails };
  else if (operation.ExecutionDetails !== undefined) copy.ExecutionDetails = { ...operation.ExecutionDetails };
  else if (operation.CallbackDetails !== undefined) {
    copy.CallbackDetails = { ...operation.CallbackDetails, ...copyError(operation.CallbackDetails) };
  } else if (operation.ChainedInvokeDetails !== undefined) {
    copy.ChainedInvokeDetails = { ...operation.ChainedInvokeDetails, ...copyError(operation.ChainedInvokeDetails) };
  }
  return copy;
}

/** Copies an update, so that later changes of the caller's update do not change the recorded one. */
export function copyUpdate(update: OperationUpdate): OperationUpdate {
  return { ...update, ...copyError(update) };
}

function copyError({ Error: error }: { readonly Error?: ErrorObject | undefined }): { Error?: ErrorObject } {
  if (error === undefined) return {};
  return { Error: error.StackTrace === undefined ? { ...error } : { ...error, StackTrace: [...error.StackTrace] } };
}
