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

/**
 * The least service that both SDKs run on: it keeps operations in a map and answers at once (or after `latencyMs`).
 * No validation, no timers, no history, so that what is measured is the SDK. It counts what it is sent.
 */
export class BareService implements DurableExecutionClient {
  readonly operations = new Map<string, WireOperation>();
  requests = 0;
  updates = 0;
  /** Bytes of all request bodies; counted only on demand, since counting costs more than serving. */
  bytes = 0;
  /** Epoch milliseconds of the first acknowledged step, for the time to the first durable result. */
  firstResult: number | undefined;
  readonly #countBytes: boolean;
  readonly #latencyMs: number;

  constructor(input: unknown, options: { countBytes?: boolean; latencyMs?: number } = {}) {
    this.#countBytes = options.countBytes ?? false;
    this.#latencyMs = options.latencyMs ?? 0;
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
    const updates = request.Updates ?? [];
    this.requests++;
    this.updates += updates.length;
    if (this.#countBytes) this.bytes += Buffer.byteLength(JSON.stringify(request));
    const changed = new Map<string, WireOperation>();
    for (const update of updates) {
      const operation = apply(update, this.operations.get(update.Id as string));
      this.operations.set(update.Id as string, operation);
      changed.set(update.Id as string, operation);
      if (operation.Type === "STEP" && operation.Status === "SUCCEEDED") this.firstResult ??= Date.now();
    }
    return { CheckpointToken: `token-${this.requests}`, NewExecutionState: { Operations: [...changed.values()] } };
  }

  async getExecutionState(_: GetDurableExecutionStateRequest): Promise<GetDurableExecutionStateResponse> {
    return { Operations: [] };
  }

  /** What a later invocation would be told: descendants of finished contexts are left out, unless they are needed. */
  recorded(): WireOperation[] {
    return [...this.operations.values()].filter((operation) => !this.#isPruned(operation));
  }

  #isPruned(operation: WireOperation): boolean {
    for (let id = operation.ParentId; id !== undefined; ) {
      const parent = this.operations.get(id);
      if (parent === undefined) return false;
      const isOver = parent.Status === "SUCCEEDED" || parent.Status === "FAILED";
      if (isOver && parent.ContextDetails?.ReplayChildren !== true) return true;
      id = parent.ParentId;
    }
    return false;
  }
}

const STATUS = { START: "STARTED", SUCCEED: "SUCCEEDED", FAIL: "FAILED", RETRY: "READY", CANCEL: "CANCELLED" } as const;

function apply(update: OperationUpdate, before: WireOperation | undefined): WireOperation {
  const { Id, ParentId, Name, SubType, Type, Action, Payload, Error: error, ContextOptions } = update;
  const details = { Result: Payload, Error: error, ReplayChildren: ContextOptions?.ReplayChildren };
  const attempt = (before?.StepDetails?.Attempt ?? 0) + (Action === "START" ? 0 : 1);
  return {
    Id,
    ParentId,
    Name,
    SubType,
    Type,
    // A wait of the benchmark is over at once, and a retry is due at once.
    Status: Type === "WAIT" ? "SUCCEEDED" : STATUS[Action ?? "START"],
    StartTimestamp: before?.StartTimestamp ?? new Date(),
    ...(Type === "STEP" ? { StepDetails: { Attempt: attempt, Result: Payload, Error: error } } : {}),
    ...(Type === "CONTEXT" ? { ContextDetails: details } : {}),
  };
}
