import { DurableError } from "../core/errors.ts";
import { hasEnded, type Operation } from "../core/wire.ts";
import { describeSelector, type OperationSelector } from "./operation-index.ts";

/** The statuses for which a test can wait. */
export const WaitingOperationStatus = {
  /** The operation has begun. A `waitForCallback` counts as begun when its callback can be completed. */
  STARTED: "STARTED",
  /**
   * For a `waitForCallback`: the submitter has ended. The same is true for the callback inside a `waitForCallback` that
   * is in an item of a batch. For other operations: the operation has ended.
   */
  SUBMITTED: "SUBMITTED",
  /** The operation has ended with any status: `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `STOPPED` or `CANCELLED`. */
  COMPLETED: "COMPLETED",
} as const;
export type WaitingOperationStatus = (typeof WaitingOperationStatus)[keyof typeof WaitingOperationStatus];

export interface WatchedExecution {
  find(selector: OperationSelector): Operation | undefined;
  childrenOf(operation: Operation): Operation[];
  isSubmittedInBatch(operation: Operation): boolean;
  /** Virtual time does not jump to the time-out of the callback, until the returned function is called. */
  hold(callbackId: string): () => void;
}

interface Waiting {
  readonly selector: OperationSelector;
  readonly status: WaitingOperationStatus;
  readonly resolve: () => void;
  readonly reject: (error: DurableError) => void;
}

/**
 * The calls of `waitForData` for one execution.
 *
 * OW1  After a test has waited for the start of a callback, virtual time does not jump to the callback's time-out,
 *      because the test will complete the callback. A wait for the end that is open or comes later lets the callback
 *      time out.
 * OW2  When the execution has ended or was abandoned, every wait is resolved or rejected, also a later wait.
 */
export class OperationWaits {
  readonly #execution: WatchedExecution;
  readonly #waiting = new Set<Waiting>();
  /** Functions that release held callbacks, by the callback's id. */
  readonly #holds = new Map<string, () => void>();
  #endedBecause: ((unmet: string, operation: Operation | undefined) => DurableError) | undefined;

  constructor(execution: WatchedExecution) {
    this.#execution = execution;
  }

  async wait(selector: OperationSelector, status: WaitingOperationStatus): Promise<void> {
    if (!Object.hasOwn(WaitingOperationStatus, status)) {
      const allowed = Object.keys(WaitingOperationStatus).join(", ");
      throw new DurableError(
        "ERR_STATUS_INVALID",
        `waitForData was given ${JSON.stringify(status)}; allowed: ${allowed}.`,
      );
    }
    const reached = new Promise<void>((resolve, reject) => {
      this.#waiting.add({ selector, status, resolve, reject });
    });
    this.look();
    if (this.#endedBecause !== undefined) this.end(this.#endedBecause);
    return reached;
  }

  look(): void {
    const waits = [...this.#waiting];
    for (const waiting of waits) {
      const operation = this.#execution.find(waiting.selector);
      if (operation === undefined) continue;
      if (waiting.status !== "COMPLETED") this.#hold(operation); // OW1
      if (!this.#hasReached(operation, waiting.status)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
    for (const { selector, status } of waits) if (status === "COMPLETED") this.#release(selector); // OW1
  }

  /** Rejects all waits that are not resolved. OW2 */
  end(because: (unmet: string, operation: Operation | undefined) => DurableError): void {
    this.#endedBecause = because;
    for (const { selector, status, reject } of this.#waiting) {
      const operation = this.#execution.find(selector);
      const what = `Operation ${describeSelector(selector)}`;
      const unmet = operation === undefined ? `${what} never began` : `${what} never became ${status}`;
      reject(because(unmet, operation));
    }
    this.#waiting.clear();
  }

  isHeld(callbackId: string): boolean {
    return this.#holds.has(callbackId);
  }

  #hasReached(operation: Operation, status: WaitingOperationStatus): boolean {
    if (hasEnded(operation)) return true;
    if (operation.SubType !== "WaitForCallback") {
      return status === "STARTED" || (status === "SUBMITTED" && this.#execution.isSubmittedInBatch(operation));
    }
    const children = this.#execution.childrenOf(operation);
    switch (status) {
      case "STARTED":
        return children.some(({ Type: type }) => type === "CALLBACK");
      case "SUBMITTED":
        return children.some((child) => child.Type === "STEP" && hasEnded(child));
      case "COMPLETED":
        return false;
    }
  }

  #hold(operation: Operation): void {
    const callbackId = this.#callbackIdOf(operation);
    if (callbackId === undefined || this.#holds.has(callbackId)) return;
    this.#holds.set(callbackId, this.#execution.hold(callbackId));
  }

  #release(selector: OperationSelector): void {
    const operation = this.#execution.find(selector);
    const callbackId = operation && this.#callbackIdOf(operation);
    if (callbackId === undefined) return;
    this.#holds.get(callbackId)?.();
    this.#holds.delete(callbackId);
  }

  #callbackIdOf(operation: Operation): string | undefined {
    return callbackOf(operation, (parent) => this.#execution.childrenOf(parent))?.CallbackDetails?.CallbackId;
  }
}

/** The operation itself if it is a callback, or the callback inside a `waitForCallback`. Otherwise undefined. */
export function callbackOf(
  operation: Operation,
  childrenOf: (operation: Operation) => Operation[],
): Operation | undefined {
  if (operation.Type === "CALLBACK") return operation;
  if (operation.SubType !== "WaitForCallback") return undefined;
  return childrenOf(operation).find(({ Type: type }) => type === "CALLBACK");
}
