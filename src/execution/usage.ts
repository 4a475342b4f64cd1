import type { DurableExecutionClient } from "../client/client.ts";
import { BATCH_SUBTYPE } from "../core/batch-operation.ts";
import { durableCost } from "../core/prices.ts";
import { isFinished } from "../core/transitions.ts";
import { defined, type OperationUpdate, type WireOperation } from "../core/wire.ts";
import { type WorkerStatistics, workerStatistics } from "../core/worker-pools.ts";

/** What one invocation has used. */
export interface InvocationUsage {
  /** Operations that it began. */
  operations: number;
  updates: number;
  /** Checkpoint requests, those without updates included, which only ask for news. */
  requests: number;
  /** Bytes of these requests, about: payloads, errors and names, and 200 bytes an update. */
  requestBytes: number;
  /** Bytes of payloads and errors: what AWS counts as data written. */
  dataBytes: number;
  /** Attempts after the first one of a step, a condition or a batch. */
  retries: number;
  /** Operations that many items of a map share. */
  batches: number;
}

/** What the whole execution has used, as far as this invocation can know. */
export interface ExecutionUsage {
  /** As the quota counts them: the execution itself and retries left out. */
  operations: number;
  retries: number;
  dataBytes: number;
  /** US dollars for operations and data written (us-east-1); compute, requests and keeping the data not included. */
  dollars: number;
  /**
   * False once earlier invocations wrote what a later one is not told of (operations inside a context that has ended,
   * payloads of attempts that failed): then these are estimates, and rather too low.
   */
  isExact: boolean;
}

/** What is published on Node's diagnostics channel `durable-fanout:usage` at the end of every invocation. */
export interface Usage {
  executionArn: string;
  requestId: string;
  invocation: InvocationUsage;
  execution: ExecutionUsage;
  /** What worker threads have done in this process so far; only when there are any. */
  workers?: WorkerStatistics;
}

/** Bytes around the payload, error and name of one update, about. */
const UPDATE_FRAME_BYTES = 200;

/** What the recorded operations tell of what was used before this invocation. */
export class RecordedUsage {
  operations = 0;
  retries = 0;
  dataBytes = 0;
  isExact = true;
  /** Steps and contexts that have not ended. */
  readonly open = new Set<string>();

  add(operation: WireOperation): void {
    const { Id, Type, ExecutionDetails, StepDetails, ContextDetails, CallbackDetails, ChainedInvokeDetails } =
      operation;
    if (Type === "EXECUTION") {
      this.dataBytes += byteLength(ExecutionDetails?.InputPayload);
      return;
    }
    this.operations++;
    const details = StepDetails ?? ContextDetails ?? CallbackDetails ?? ChainedInvokeDetails;
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
 * Counts what an execution uses, by what is sent.
 *
 * Only operations that have not ended are kept by id, so the memory in use is that of the open operations.
 *
 * UC1  An operation is new when its first update is seen, START or not: starts may be left out.
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

  /** A client that does the same, and calls `sent` when a request of updates has been counted. */
  counting(client: DurableExecutionClient, sent: () => void): DurableExecutionClient {
    return {
      checkpoint: (params, logger) => {
        this.#invocation.requests++;
        if (params.Updates !== undefined && params.Updates.length > 0) {
          for (const update of params.Updates) this.#count(update);
          sent();
        }
        return client.checkpoint(params, logger);
      },
      getExecutionState: (params, logger) => client.getExecutionState(params, logger),
    };
  }

  /** The execution has ended with a result or an error that is no update. */
  ended(outcome: { Result?: string | undefined; Error?: object | undefined }): void {
    this.#invocation.dataBytes += dataBytesOf(outcome.Result, outcome.Error);
  }

  /** A recorded map has ended, so that the operations of its items are not delivered any more. */
  addUndelivered(operations: number): void {
    this.#undelivered += operations;
  }

  /** Operations of the execution so far, as the quota counts them. */
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

/** A transport may deliver what is absent as null. */
function byteLength(text: string | undefined | null): number {
  return text ? Buffer.byteLength(text) : 0;
}
