import { setTimeout as sleep } from "node:timers/promises";
import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  DurableExecutionClient,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
  OperationUpdate,
  WireOperation,
} from "../src/index.ts";

export const ARN = "arn:aws:lambda:us-east-1:123456789012:function:bench:1/durable-execution/bench/1";

export interface ServiceOptions {
  /** The service answers a checkpoint after so many milliseconds. Default 0. */
  readonly latencyMs?: number;
  /** Whether ended operations are kept for a later invocation. Default false. */
  readonly keep?: boolean;
}

/**
 * A minimal service on which both SDKs run. It answers at once (or after `latencyMs`) and validates nothing. Waits and
 * retry delays end only in `elapse`. It counts the requests, and measures its own processor time.
 */
export class BareService implements DurableExecutionClient {
  readonly operations = new Map<string, WireOperation>();
  requests = 0;
  updates = 0;
  /** The bytes of all request bodies as JSON. */
  bytes = 0;
  /** The processor time of the service, in microseconds. Service and SDK share a thread. */
  ownMicros = 0;
  readonly #keep: boolean;
  readonly #latencyMs: number;

  constructor(input: unknown, { latencyMs = 0, keep = false }: ServiceOptions = {}) {
    this.#latencyMs = latencyMs;
    this.#keep = keep;
    this.operations.set("execution", {
      Id: "execution",
      Type: "EXECUTION",
      Status: "STARTED",
      StartTimestamp: new Date(),
      ExecutionDetails: { InputPayload: JSON.stringify(input) },
    });
  }

  async checkpoint(request: CheckpointDurableExecutionRequest): Promise<CheckpointDurableExecutionResponse> {
    if (this.#latencyMs > 0) await sleep(this.#latencyMs);
    return this.#own(() => this.#record(request));
  }

  async getExecutionState(_: GetDurableExecutionStateRequest): Promise<GetDurableExecutionStateResponse> {
    return { Operations: [] };
  }

  #own<T>(work: () => T): T {
    const before = process.threadCpuUsage();
    const result = work();
    const { user, system } = process.threadCpuUsage(before);
    this.ownMicros += user + system;
    return result;
  }

  #record(request: CheckpointDurableExecutionRequest): CheckpointDurableExecutionResponse {
    const updates = request.Updates ?? [];
    this.requests++;
    this.updates += updates.length;
    this.bytes += Buffer.byteLength(JSON.stringify(request));
    const changed = new Map<string, WireOperation>();
    for (const update of updates) {
      const id = update.Id as string;
      const before = this.operations.get(id);
      const operation = apply(update, before);
      if (this.#keep || !isOver(operation)) this.operations.set(id, operation);
      else this.operations.delete(id);
      changed.set(id, operation);
    }
    return { CheckpointToken: `token-${this.requests}`, NewExecutionState: { Operations: [...changed.values()] } };
  }

  elapse(): void {
    this.#own(() => {
      for (const [id, operation] of this.operations) {
        if (operation.Type === "WAIT" && operation.Status === "STARTED") {
          this.operations.set(id, { ...operation, Status: "SUCCEEDED", EndTimestamp: new Date() });
        } else if (operation.Type === "STEP" && operation.Status === "PENDING") {
          const { NextAttemptTimestamp: _, ...details } = operation.StepDetails ?? {};
          this.operations.set(id, { ...operation, Status: "READY", StepDetails: details });
        }
      }
    });
  }

  /** Without the operations inside an ended context, unless `ReplayChildren` says that a replay needs them. */
  recorded(): WireOperation[] {
    return this.#own(() => this.#recorded());
  }

  #recorded(): WireOperation[] {
    return [...this.operations.values()].filter((operation) => !this.#isPruned(operation));
  }

  #isPruned(operation: WireOperation): boolean {
    for (let id = operation.ParentId; id !== undefined; ) {
      const parent = this.operations.get(id);
      if (parent === undefined) return false;
      if (isOver(parent) && parent.ContextDetails?.ReplayChildren !== true) return true;
      id = parent.ParentId;
    }
    return false;
  }
}

function isOver({ Status }: WireOperation): boolean {
  return Status === "SUCCEEDED" || Status === "FAILED";
}

const STATUS = {
  START: "STARTED",
  SUCCEED: "SUCCEEDED",
  FAIL: "FAILED",
  RETRY: "PENDING",
  CANCEL: "CANCELLED",
} as const;

const inSeconds = (seconds = 0): Date => new Date(Date.now() + seconds * 1_000);

function apply(update: OperationUpdate, before: WireOperation | undefined): WireOperation {
  const { Id, ParentId, Name, SubType, Type, Action = "START", Payload, Error: error } = update;
  const operation: WireOperation = {
    Id,
    ParentId,
    Name,
    SubType,
    Type,
    Status: STATUS[Action],
    StartTimestamp: before?.StartTimestamp ?? new Date(),
  };
  if (Type === "STEP") {
    const attempts = before?.StepDetails?.Attempt ?? 0;
    operation.StepDetails = { Attempt: attempts + (Action === "START" ? 0 : 1), Result: Payload, Error: error };
    if (Action === "RETRY") {
      operation.StepDetails.NextAttemptTimestamp = inSeconds(update.StepOptions?.NextAttemptDelaySeconds);
    }
  } else if (Type === "CONTEXT") {
    const ReplayChildren = update.ContextOptions?.ReplayChildren;
    operation.ContextDetails = { Result: Payload, Error: error, ReplayChildren };
  } else if (Type === "WAIT") {
    operation.WaitDetails = { ScheduledEndTimestamp: inSeconds(update.WaitOptions?.WaitSeconds) };
  }
  return operation;
}
