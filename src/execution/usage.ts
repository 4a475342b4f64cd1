import type { DurableExecutionClient } from "../client/client.ts";
import { BATCH_SUBTYPE } from "../core/batch-operation.ts";
import { durableCost } from "../core/prices.ts";
import { isFinished } from "../core/transitions.ts";
import { defined, detailsOf, type OperationUpdate, type WireOperation } from "../core/wire.ts";
import { type WorkerStatistics, workerStatistics } from "../core/worker-pools.ts";

/** The usage of one invocation. */
export interface InvocationUsage {
  /** The number of operations that the invocation began. */
  operations: number;
  updates: number;
  /** The number of checkpoint requests, including requests without updates, which are polls. */
  requests: number;
  /** The approximate bytes of these requests: payloads, errors and names, and 200 bytes for each update. */
  requestBytes: number;
  /** The number of bytes of payloads and errors, which AWS counts as written data. */
  dataBytes: number;
  /** The number of RETRY updates: attempts of steps, conditions and batches that another attempt follows. */
  retries: number;
  /** The number of batches that the invocation began. */
  batches: number;
}

/** The usage of the whole execution, as far as this invocation can know it. */
export interface ExecutionUsage {
  /** The number of operations as the quota counts them: without the execution itself and without retries. */
  operations: number;
  retries: number;
  dataBytes: number;
  /**
   * US dollars for operations and written data (us-east-1), without compute time, requests and storage of the data. Also
   * without failed invocations, because the service does not report these to the handler. AWS charges an operation for
   * each of them.
   */
  dollars: number;
  /**
   * False when earlier invocations may have written something that this invocation cannot see: operations inside a
   * context that has ended, payloads of failed attempts, or what an invoke wrote. The numbers are then estimates,
   * rather too low. Failed invocations do not change this member.
   */
  isExact: boolean;
}

/**
 * The message on Node's diagnostics channel `durable-fanout:usage` at the end of an invocation that ran the handler.
 */
export interface Usage {
  executionArn: string;
  requestId: string;
  invocation: InvocationUsage;
  execution: ExecutionUsage;
  /** The work of the worker threads in this process so far. Absent if the process has no pool of threads. */
  workers?: WorkerStatistics;
}

/** The approximate bytes around the payload, error and name of one update. */
const UPDATE_FRAME_BYTES = 200;

/** The usage of the execution before this invocation, as far as the recorded operations show it. */
export class RecordedUsage {
  operations = 0;
  retries = 0;
  dataBytes = 0;
  isExact = true;
  /** The ids of steps and contexts that have not ended. */
  readonly open = new Set<string>();

  add(operation: WireOperation): void {
    const { Id, Type, ExecutionDetails, StepDetails, ContextDetails } = operation;
    if (Type === "EXECUTION") {
      this.dataBytes += byteLength(ExecutionDetails?.InputPayload);
      return;
    }
    this.operations++;
    const details = detailsOf(operation);
    this.dataBytes += dataBytesOf(details?.Result, details?.Error);
    const hasEnded = isFinished(operation);
    if (!hasEnded && (Type === "STEP" || Type === "CONTEXT")) this.open.add(Id as string);
    const attempts = StepDetails?.Attempt ?? 0;
    const retries = Math.max(0, hasEnded ? attempts - 1 : attempts);
    this.retries += retries;
    const hidesChildren = hasEnded && Type === "CONTEXT" && ContextDetails?.ReplayChildren !== true;
    if (retries > 0 || hidesChildren || Type === "CHAINED_INVOKE") this.isExact = false;
  }
}

/**
 * Counts the usage of an execution from the sent updates. The ids of ended operations are forgotten, to save memory.
 *
 * UC1  An operation is counted at its first update, even if this update is no START, because a START may be left out.
 */
export class UsageCounter {
  readonly #arn: string;
  readonly #requestId: string;
  readonly #before: RecordedUsage;
  readonly #open: Set<string>;
  readonly #invocation: InvocationUsage = {
    operations: 0,
    updates: 0,
    requests: 0,
    requestBytes: 0,
    dataBytes: 0,
    retries: 0,
    batches: 0,
  };
  #undelivered = 0;

  constructor(arn: string, requestId: string, recorded: RecordedUsage) {
    this.#arn = arn;
    this.#requestId = requestId;
    this.#before = recorded;
    this.#open = recorded.open;
  }

  /** A client that counts each request before it is sent. `counted` is called when updates have been counted. */
  counting(client: DurableExecutionClient, counted: () => void): DurableExecutionClient {
    return {
      checkpoint: (params, logger) => {
        this.#invocation.requests++;
        if (params.Updates !== undefined && params.Updates.length > 0) {
          for (const update of params.Updates) this.#count(update);
          counted();
        }
        return client.checkpoint(params, logger);
      },
      getExecutionState: (params, logger) => client.getExecutionState(params, logger),
    };
  }

  /**
   * Notes the result or error in the response, which no update contains. The result is empty if an update contains it.
   */
  ended(outcome: { Result?: string | undefined; Error?: object | undefined }): void {
    this.#invocation.dataBytes += dataBytesOf(outcome.Result, outcome.Error);
  }

  /** Adds operations inside a map or parallel that an earlier invocation ended. The service does not deliver them. */
  addUndelivered(operations: number): void {
    this.#undelivered += operations;
  }

  /** The number of operations of the execution so far, as the quota counts them. */
  get operations(): number {
    return this.#before.operations + this.#undelivered + this.#invocation.operations;
  }

  get dataBytes(): number {
    return this.#before.dataBytes + this.#invocation.dataBytes;
  }

  get isExact(): boolean {
    return this.#before.isExact;
  }

  snapshot(): Usage {
    const { operations, dataBytes, isExact } = this;
    const retries = this.#before.retries + this.#invocation.retries;
    const { totalUsd: dollars } = durableCost(1 + operations + retries, dataBytes);
    return {
      executionArn: this.#arn,
      requestId: this.#requestId,
      invocation: { ...this.#invocation },
      execution: { operations, retries, dataBytes, dollars, isExact },
      ...defined({ workers: workerStatistics() }),
    };
  }

  #count(update: OperationUpdate): void {
    const { Id: id = "", Type: type, SubType: subType, Action: action, Name: name } = update;
    const counts = this.#invocation;
    const bytes = dataBytesOf(update.Payload, update.Error);
    counts.updates++;
    counts.dataBytes += bytes;
    counts.requestBytes += UPDATE_FRAME_BYTES + bytes + (name?.length ?? 0);
    if (action === "RETRY") counts.retries++;
    if (type === "EXECUTION") return;
    let isNew = true;
    // UC1
    if (type === "STEP" || type === "CONTEXT") {
      isNew = !this.#open.has(id);
      if (action === "SUCCEED" || action === "FAIL") this.#open.delete(id);
      else if (isNew) this.#open.add(id);
    }
    if (!isNew) return;
    counts.operations++;
    if (subType === BATCH_SUBTYPE) counts.batches++;
  }
}

const usages = process.getBuiltinModule("node:diagnostics_channel").channel("durable-fanout:usage");

export function publishUsage(counter: UsageCounter): void {
  if (usages.hasSubscribers) usages.publish(counter.snapshot());
}

function dataBytesOf(payload: string | undefined, error: object | undefined): number {
  return byteLength(payload) + (error ? byteLength(JSON.stringify(error)) : 0);
}

/** The client of the service may deliver an absent text as null. */
function byteLength(text: string | undefined | null): number {
  return text ? Buffer.byteLength(text) : 0;
}
