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

/** The operations of one execution, in the order of their starts. `apply` computes them from the journal's entries. */
export class OperationTable {
  readonly #operations = new Map<string, Operation>();
  readonly #timers = new DeadlineHeap<TableTimer>();
  readonly #callbacks = new Map<string, CallbackTimer>();
  readonly #invokes = new Map<string, InvokeRequest>();
  /** The number of operations that wait. See `isPending`. */
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
   * The operations that the next invocation gets. The operations inside a context that has succeeded or failed are left
   * out, because the context returns its recorded outcome. A context with `ReplayChildren` makes its result again, so
   * that its operations are needed.
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

  /** Returns the ids of the changed operations. A heartbeat only moves a timer. */
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

  /** Removes the timers whose time has come. The caller must write the change. Ids are in the order of the times. */
  takeDue(nowMs: number): string[] {
    // `due` is a set, because two heartbeats in the same millisecond add two timers of the same time.
    const due = new Set<string>();
    for (let next = this.nextTimer; next !== undefined && next.dueMs <= nowMs; next = this.nextTimer) {
      this.#timers.removeFirst();
      due.add(next.id);
    }
    return [...due];
  }

  /** The first valid timer. A timer becomes invalid when its operation ends or gets another time. */
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

/** The caller may change its update and the error later. So the record needs copies of both. */
export function copyUpdate(update: OperationUpdate): OperationUpdate {
  return { ...update, ...copyError(update) };
}

function copyError({ Error: error }: { readonly Error?: ErrorObject | undefined }): { Error?: ErrorObject } {
  if (error === undefined) return {};
  return { Error: error.StackTrace === undefined ? { ...error } : { ...error, StackTrace: [...error.StackTrace] } };
}
