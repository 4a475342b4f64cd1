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
 * Stands in for the service during the rehearsal of a recording.
 *
 * RC1  No operation begins. Code that comes to an operation that is not recorded, or has not ended, stops there.
 * RC2  The end of a context is acknowledged, so that the code goes on. Such an end has no effect outside.
 * RC3  A runtime that does not ask whether operations may begin gets no records, and so runs nothing.
 */
export class RehearsalClient implements DurableExecutionClient {
  /** Recorded operations that the code has come to: their paths by their ids, in the order in which it did. */
  readonly claimed = new Map<string, OperationPath>();
  /** Ids of contexts whose code runs, maps and parallels left aside. */
  readonly entered = new Set<string>();
  readonly reached: ReachedOperation[] = [];
  divergence: Divergence | undefined;
  truncated: ReachedOperation | undefined;
  /** What the handler threw. */
  thrown: unknown;
  /** The lines that call the maps and parallels, by their paths: their items may begin without a stack of the user. */
  readonly #fanOutSites = new Map<string, CallSite | undefined>();
  readonly #recording: Recording;
  readonly #handlerFile: string | undefined;
  readonly #operations: Map<string, WireOperation>;
  #asksBefore = false;

  constructor(recording: Recording, handlerFile: string | undefined) {
    this.#recording = recording;
    this.#handlerFile = handlerFile;
    this.#operations = new Map(recording.operations.map((operation) => [operation.Id as string, operation]));
  }

  // RC3
  get onClaim(): NonNullable<DurableExecutionClient["onClaim"]> {
    this.#asksBefore = true;
    return (asked, path, { sealed }, record, mismatch) => this.#stopsAt(asked, path, sealed, record, mismatch);
  }

  /** Whether the handler's runtime asks before anything begins. */
  get holdsBack(): boolean {
    return this.#asksBefore;
  }

  onThrown(operationId: string | undefined, thrown: unknown): void {
    if (operationId === undefined) this.thrown = thrown;
  }

  async getExecutionState(): Promise<GetDurableExecutionStateResponse> {
    if (!this.#asksBefore) throw new Error("A rehearsal runs nothing.");
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

  /** Whether the code stops at an operation. */
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
    // Where a result is made again from what is recorded, what is missing is a mistake that the runtime finds.
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

/** Frames between the user's call and this file are more than Node tells of by default. */
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

/** Whether the code of a context runs, and not its recorded result is taken. */
function isEntered(record: WireOperation): boolean {
  return !hasEnded(record) || record.ContextDetails?.ReplayChildren === true;
}
