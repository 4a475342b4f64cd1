import type { AskedOperation, DurableExecutionClient } from "../client/client.ts";
import { type OperationPath, operationId } from "../core/ids.ts";
import { applyUpdate } from "../core/transitions.ts";
import {
  type CheckpointDurableExecutionRequest,
  type CheckpointDurableExecutionResponse,
  type GetDurableExecutionStateResponse,
  hasEnded,
  isFanOut,
  type Operation,
  type WireOperation,
} from "../core/wire.ts";
import { type CallSite, callSite } from "./call-site.ts";
import type { Divergence, ReachedOperation } from "./divergence.ts";
import type { Recording } from "./recording.ts";

/**
 * Replaces the service while a handler is rehearsed.
 *
 * RC1  No operation begins. The code stops at an operation without a record, except a virtual context, and at a step,
 *      wait or invoke that has not ended.
 * RC2  The client acknowledges the end of a context, so that the code continues. The end is only in the memory of the
 *      client.
 * RC3  A runtime must ask the client before an operation begins. A runtime that does not read `onClaim` gets an error
 *      instead of records.
 */
export class RehearsalClient implements DurableExecutionClient {
  /** The recorded operations that the code has reached, the first one first. The keys are ids, the values are paths. */
  readonly claimed = new Map<string, OperationPath>();
  /** The ids of recorded contexts whose code runs in the rehearsal, except maps and parallels. */
  readonly entered = new Set<string>();
  readonly reached: ReachedOperation[] = [];
  divergence: Divergence | undefined;
  truncated: ReachedOperation | undefined;
  thrown: unknown;
  /** Whether the runtime of the handler asks before an operation begins. True as soon as `onClaim` is read. */
  holdsBack = false;
  /** The line that calls each map and parallel, by path, because the stack of an item may not show the user's code. */
  readonly #fanOutSites = new Map<string, CallSite | undefined>();
  readonly #recording: Recording;
  readonly #handlerFile: string | undefined;
  readonly #operations: Map<string, WireOperation>;

  constructor(recording: Recording, handlerFile: string | undefined) {
    this.#recording = recording;
    this.#handlerFile = handlerFile;
    this.#operations = new Map(recording.operations.map((operation) => [operation.Id as string, operation]));
  }

  // RC3: the runtime reads this member before it asks for records, and calls the function before an operation begins.
  get onClaim(): NonNullable<DurableExecutionClient["onClaim"]> {
    this.holdsBack = true;
    return (asked, path, { sealed }, record, mismatch) => this.#stopsAt(asked, path, sealed, record, mismatch);
  }

  onThrown(operationId: string | undefined, thrown: unknown): void {
    if (operationId === undefined) this.thrown = thrown;
  }

  async getExecutionState(): Promise<GetDurableExecutionStateResponse> {
    if (!this.holdsBack) throw new Error("A rehearsal runs nothing.");
    return { Operations: [...this.#recording.operations] };
  }

  // RC2
  async checkpoint({
    Updates: updates = [],
  }: CheckpointDurableExecutionRequest): Promise<CheckpointDurableExecutionResponse> {
    const now = new Date();
    const changed = updates.map((update) => {
      const id = update.Id as string;
      const operation = applyUpdate(this.#operations.get(id) as Operation | undefined, update, now);
      this.#operations.set(id, operation);
      return operation;
    });
    return { CheckpointToken: "rehearsal", NewExecutionState: { Operations: changed } };
  }

  #stopsAt(
    asked: AskedOperation,
    path: OperationPath,
    sealed: boolean,
    record: WireOperation | undefined,
    mismatch: Error | undefined,
  ): boolean {
    const id = operationId(path);
    if (mismatch !== undefined) {
      const { message } = mismatch;
      this.divergence ??= { kind: "operation", message, recorded: record, asked: this.#describe(asked, path, id) };
      return false;
    }
    if (record !== undefined) this.claimed.set(id, path);
    if (isFanOut(asked.subType)) this.#fanOutSites.set(path, callSite(deepStack(), this.#handlerFile));
    if (record !== undefined && this.#recording.truncated?.has(id)) {
      this.truncated ??= this.#describe(asked, path, id);
      return true;
    }
    // A sealed context makes its result again from recorded operations. The runtime itself reports a missing operation.
    if (sealed || (record === undefined && asked.virtual === true)) return false;
    if (record !== undefined && (hasEnded(record) || asked.type === "CONTEXT" || asked.type === "CALLBACK")) {
      if (asked.type === "CONTEXT" && isEntered(record) && !isFanOut(asked.subType)) this.entered.add(id);
      return false;
    }
    // RC1
    this.reached.push(this.#describe(asked, path, id));
    return true;
  }

  #describe({ type, subType, name }: AskedOperation, path: OperationPath, id: string): ReachedOperation {
    const around = path.slice(0, Math.max(0, path.lastIndexOf("-")));
    const site = callSite(deepStack(), this.#handlerFile) ?? this.#fanOutSites.get(around);
    return { type, subType, name, id, path, site };
  }
}

/** Node's default of 10 frames does not reach from this function to the user's call. */
const MAX_FRAMES = 60;

function deepStack(): string | undefined {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = MAX_FRAMES;
  try {
    return new Error("here").stack;
  } finally {
    Error.stackTraceLimit = before;
  }
}

function isEntered(record: WireOperation): boolean {
  return !hasEnded(record) || record.ContextDetails?.ReplayChildren === true;
}
