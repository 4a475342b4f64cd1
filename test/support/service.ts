import * as official from "@aws/durable-execution-sdk-js";
import type { Context } from "aws-lambda";
import {
  type CheckpointDurableExecutionRequest,
  type CheckpointDurableExecutionResponse,
  type DurableContext,
  type DurableExecutionClient,
  type DurableExecutionConfig,
  DurableExecutionInvocationInputWithClient,
  type DurableExecutionInvocationOutput,
  type Operation,
  type OperationUpdate,
  type RuntimeOptions,
  type WireOperation,
  withDurableExecution,
} from "../../src/index.ts";
import {
  type ExecutionOutcome,
  type HistoryEvent,
  LocalEngine,
  type LocalEngineOptions,
  type LocalHandler,
  VirtualClock,
} from "../../src/testing.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests read the input they wrote.
export type Handler = (input: any, context: DurableContext) => Promise<unknown>;

/** What one invocation was given, sent and answered. */
export interface InvocationRecord {
  /** The operations in its event, the execution itself left out. */
  readonly recorded: readonly WireOperation[];
  readonly updatedIds: readonly string[] | undefined;
  /** The updates of each checkpoint request, as they look on the wire; `[]` is a poll. */
  readonly requests: OperationUpdate[][];
  /** State pages that were read. */
  stateReads: number;
  /** Absent when the invocation failed. */
  output?: DurableExecutionInvocationOutput;
  /** What the invocation rejected with. */
  error?: Error;
}

/** One checkpoint request on its way: `invocation` and `request` count from 0. */
export interface CheckpointCall {
  readonly invocation: number;
  readonly request: number;
  readonly params: CheckpointDurableExecutionRequest;
  forward(): Promise<CheckpointDurableExecutionResponse>;
}

export interface ServiceOptions {
  readonly input?: unknown;
  readonly engine?: LocalEngineOptions;
  /** Is given the engine before the execution begins. */
  readonly onEngine?: (engine: LocalEngine) => void;
  /** The runtime goes by this machine's clock, as on Lambda, and not by that of the engine. */
  readonly hasOwnClock?: boolean;
  /** Stands between the handler and the engine. */
  readonly onCheckpoint?: (call: CheckpointCall) => Promise<CheckpointDurableExecutionResponse>;
}

export interface OurOptions extends ServiceOptions {
  readonly runtime?: RuntimeOptions;
  readonly config?: Omit<DurableExecutionConfig, "runtime">;
}

/** A whole execution, from its start to its end. */
export interface Run {
  readonly outcome: ExecutionOutcome;
  /** The parsed result; undefined unless it succeeded with one. */
  readonly result: unknown;
  readonly invocations: readonly InvocationRecord[];
  /** All updates, in the order in which they were sent. */
  readonly updates: readonly OperationUpdate[];
  readonly history: readonly HistoryEvent[];
  readonly operations: readonly Operation[];
  readonly arn: string;
  readonly clock: VirtualClock;
}

/** Suspends without delay, writes payloads that a test can read, and sends the same requests however busy the machine is. */
export const FAST: RuntimeOptions = {
  codec: "json",
  suspension: { graceMs: 1 },
  tickMs: Number.POSITIVE_INFINITY,
};

/** Runs a handler on this package and the embedded engine, in virtual time. */
export function runOurs(handler: Handler, options: OurOptions = {}): Promise<Run> {
  return runLambda(withRuntime(handler, options), options);
}

/** A Lambda function of this package, with the settings of a test. */
export function withRuntime(handler: Handler, options: Pick<OurOptions, "runtime" | "config"> = {}): LocalHandler {
  const runtime = { ...FAST, ...options.runtime };
  return withDurableExecution(handler, { ...options.config, runtime }) as unknown as LocalHandler;
}

/** Runs the same handler on the official SDK, on the same engine. */
export function runOfficial(handler: Handler, options: ServiceOptions = {}): Promise<Run> {
  return runLambda(official.withDurableExecution(handler as never) as unknown as LocalHandler, options);
}

/** Both packages, by what a test's name calls them: each makes a Lambda function of a handler. */
export const SDKS: readonly [string, (handler: Handler) => LocalHandler][] = [
  ["this package", (handler) => withRuntime(handler)],
  ["the official SDK", (handler) => official.withDurableExecution(handler as never) as unknown as LocalHandler],
];

/** Runs a Lambda function on the embedded engine, in virtual time, and records what it does. */
export async function runLambda(lambda: LocalHandler, options: ServiceOptions = {}): Promise<Run> {
  const clock = new VirtualClock();
  const engine = new LocalEngine({ clock, ...options.engine });
  const invocations: InvocationRecord[] = [];
  engine.register("function", recording(lambda, invocations, options));
  options.onEngine?.(engine);
  const { arn, result } = engine.start({
    functionName: "function",
    ...(options.input === undefined ? {} : { input: JSON.stringify(options.input) }),
  });
  const outcome = await result;
  return {
    outcome,
    result: outcome.result ? JSON.parse(outcome.result) : undefined,
    invocations,
    updates: invocations.flatMap(({ requests }) => requests.flat()),
    history: engine.history(arn, { includeExecutionData: true }),
    operations: engine.operations(arn),
    arn,
    clock,
  };
}

function recording(lambda: LocalHandler, invocations: InvocationRecord[], options: ServiceOptions): LocalHandler {
  return async (event, context: Context) => {
    const record: InvocationRecord = {
      recorded: event.InitialExecutionState.Operations.filter(({ Type }) => Type !== "EXECUTION"),
      updatedIds: event.UpdatedOperationIds,
      requests: [],
      stateReads: 0,
    };
    const invocation = invocations.push(record) - 1;
    const inner = event.durableExecutionClient;
    const client: DurableExecutionClient = {
      checkpoint(params) {
        const request = record.requests.push(asSent(params.Updates ?? [])) - 1;
        const forward = () => inner.checkpoint(params);
        return options.onCheckpoint?.({ invocation, request, params, forward }) ?? forward();
      },
      now: options.hasOwnClock === true ? Date.now : () => inner.now?.() ?? Date.now(),
      getExecutionState(params) {
        record.stateReads++;
        return inner.getExecutionState(params);
      },
    };
    try {
      const output = await lambda(new DurableExecutionInvocationInputWithClient(event, client), context);
      record.output = output as DurableExecutionInvocationOutput;
      return output;
    } catch (error) {
      record.error = error as Error;
      throw error;
    }
  };
}

/** As the AWS client would write them: without undefined members. */
function asSent(updates: readonly OperationUpdate[]): OperationUpdate[] {
  return updates.map((update) => JSON.parse(JSON.stringify(update)));
}

/**
 * Invokes a Lambda function once over given operations, with a service that accepts everything and changes nothing.
 * What it sends is in `requests`.
 */
export async function invokeOver(
  lambda: LocalHandler,
  operations: readonly WireOperation[],
  options: {
    input?: unknown;
    client?: Partial<DurableExecutionClient>;
    nextMarker?: string;
    remainingMs?: number;
  } = {},
): Promise<{ output: DurableExecutionInvocationOutput; requests: OperationUpdate[][] }> {
  const requests: OperationUpdate[][] = [];
  const execution: WireOperation = {
    Id: "execution",
    Type: "EXECUTION",
    Status: "STARTED",
    StartTimestamp: new Date(),
    ExecutionDetails: options.input === undefined ? {} : { InputPayload: JSON.stringify(options.input) },
  };
  const event = new DurableExecutionInvocationInputWithClient(
    {
      DurableExecutionArn: ARN,
      CheckpointToken: "token-0",
      InitialExecutionState: { Operations: [execution, ...operations], NextMarker: options.nextMarker },
    },
    {
      checkpoint: async (params) => {
        requests.push(asSent(params.Updates ?? []));
        return { CheckpointToken: `token-${requests.length}`, NewExecutionState: { Operations: [] } };
      },
      getExecutionState: async () => ({ Operations: [] }),
      ...options.client,
    },
  );
  const output = await lambda(event, lambdaContext(options.remainingMs));
  return { output: output as DurableExecutionInvocationOutput, requests };
}

export const ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/name/id";

/** A Lambda context whose deadline is so far away. */
export function lambdaContext(remainingMs = 900_000): Context {
  const end = Date.now() + remainingMs;
  return { awsRequestId: "request-1", getRemainingTimeInMillis: () => end - Date.now() } as unknown as Context;
}

/** What a service would deliver of these operations: no descendants of finished contexts, unless they are needed. */
export function delivered(operations: readonly Operation[]): Operation[] {
  const byId = new Map(operations.map((operation) => [operation.Id, operation]));
  const isPruned = (id: string | undefined): boolean => {
    const parent = id === undefined ? undefined : byId.get(id);
    if (parent === undefined) return false;
    const isOver = parent.Status === "SUCCEEDED" || parent.Status === "FAILED";
    return (isOver && parent.ContextDetails?.ReplayChildren !== true) || isPruned(parent.ParentId);
  };
  return operations.filter(({ Type, ParentId }) => Type !== "EXECUTION" && !isPruned(ParentId));
}

/** Replays a finished run over what was recorded: the answer, and what was sent (nothing, if all is well). */
export function replay(handler: Handler, run: Run, options: OurOptions = {}) {
  return invokeOver(withRuntime(handler, options), delivered(run.operations), { input: options.input });
}
