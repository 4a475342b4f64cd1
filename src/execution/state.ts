import type { DurableExecutionClient } from "../client/client.ts";
import type { OperationId } from "../core/ids.ts";
import { MAX_STATE_PAGE_ITEMS } from "../core/limits.ts";
import { readTimestamp } from "../core/time.ts";
import type { DurableExecutionInvocationInput, WireOperation } from "../core/wire.ts";
import type { DurableLogger } from "./logger.ts";
import { RecordedUsage } from "./usage.ts";

/**
 * The records of earlier invocations, and the watchers of operations. A record is forgotten when its operation has
 * taken it, so that only records that are still to be replayed are in memory.
 *
 * R1  No record is kept of an operation that began in this invocation. Changes of such an operation go only to its
 *     watcher.
 */
export class RecordedState {
  readonly usage = new RecordedUsage();
  /** Decides whether the code stops at an operation. Undefined except in a rehearsal of a recording. */
  onClaim: DurableExecutionClient["onClaim"];
  readonly #records = new Map<string, WireOperation>();
  readonly #watchers = new Map<string, (operation: WireOperation) => void>();
  #execution: WireOperation | undefined;
  #loaded = 0;

  /** Reads all pages of records. Rejects with the client's error, or when a page does not have a valid form. */
  static async load(
    event: DurableExecutionInvocationInput,
    client: DurableExecutionClient,
    logger?: DurableLogger,
  ): Promise<RecordedState> {
    const state = new RecordedState();
    // `onClaim` is read before any page, because a rehearsal gives records only to a runtime that reads `onClaim`.
    state.onClaim = client.onClaim;
    const { DurableExecutionArn, CheckpointToken, InitialExecutionState } = event;
    if (typeof InitialExecutionState !== "object" || InitialExecutionState === null) {
      throw unexpected(`The event's InitialExecutionState is ${shown(InitialExecutionState)}, not an object.`);
    }
    let operations = readOperations("the event", InitialExecutionState.Operations);
    let marker = InitialExecutionState.NextMarker;
    while (marker) {
      const request = { DurableExecutionArn, CheckpointToken, Marker: marker, MaxItems: MAX_STATE_PAGE_ITEMS };
      const next = client.getExecutionState(request, logger);
      state.#add(operations);
      const page = await next;
      operations = readOperations("a page of the execution's state", page.Operations);
      marker = page.NextMarker;
    }
    state.#add(operations);
    return state;
  }

  #add(operations: readonly WireOperation[]): void {
    for (const operation of operations) {
      if (operation.Id === undefined) continue;
      if (operation.Type === "EXECUTION") this.#execution ??= operation;
      this.usage.add(operation);
      this.#records.set(operation.Id, operation);
    }
    this.#loaded = this.#records.size;
  }

  get execution(): WireOperation | undefined {
    return this.#execution;
  }

  /** The handler's input as JSON text. */
  get inputPayload(): string | undefined {
    return this.#execution?.ExecutionDetails?.InputPayload;
  }

  /** Whether anything except the execution itself was recorded when the invocation began. */
  get isReplay(): boolean {
    return this.#loaded > 1;
  }

  /** All records that are still to be replayed, the execution's record included. */
  get records(): Iterable<WireOperation> {
    return this.#records.values();
  }

  /** Whether a recorded wait with this name still runs, and ends by `dueMs` (epoch milliseconds). */
  continuesBy(name: string, dueMs: number): boolean {
    for (const { Name, Type, Status, WaitDetails } of this.#records.values()) {
      if (Name !== name || Type !== "WAIT" || Status !== "STARTED") continue;
      const ends = readTimestamp(WaitDetails?.ScheduledEndTimestamp)?.getTime();
      if (ends !== undefined && ends <= dueMs) return true;
    }
    return false;
  }

  peek(id: OperationId): WireOperation | undefined {
    return this.#records.get(id);
  }

  take(id: OperationId): WireOperation | undefined {
    const record = this.#records.get(id);
    this.#records.delete(id);
    return record;
  }

  /** Calls `listener` with the states of the operation in later answers, until `unwatch` or another `watch`. */
  watch(id: OperationId, listener: (operation: WireOperation) => void): void {
    this.#watchers.set(id, listener);
  }

  unwatch(id: OperationId): void {
    this.#watchers.delete(id);
  }

  /** Gives each changed operation to its watcher. Replaces a record that is still to be replayed. */
  apply(changed: readonly WireOperation[]): void {
    for (const operation of changed) {
      const id = operation.Id;
      if (id === undefined) continue;
      if (this.#records.has(id)) this.#records.set(id, operation);
      this.#watchers.get(id)?.(operation);
    }
  }
}

export function readOperations(where: string, given: unknown): readonly WireOperation[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given)) throw unexpected(`The Operations of ${where} are ${shown(given)}, not a list.`);
  for (const [at, operation] of given.entries()) {
    if (typeof operation === "object" && operation !== null) continue;
    throw unexpected(`Operation ${at} of ${where} is ${shown(operation)}, not an object.`);
  }
  return given;
}

function unexpected(what: string): Error {
  return new Error(`${what} The caller of this function is not the service for durable executions.`);
}

function shown(value: unknown): string {
  return typeof value === "string" ? "a text" : String(value);
}
