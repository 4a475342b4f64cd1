import type { Operation, OperationUpdate } from "../../src/core/wire.ts";
import { type ExecutionOutcome, LocalEngine, type LocalEngineOptions, type LocalHandler } from "../../src/testing.ts";

type Event = Parameters<LocalHandler>[0];

/** One invocation at the level of the protocol: no SDK between the test and the service. */
export class RawInvocation {
  readonly event: Event;
  token: string;

  constructor(event: Event) {
    this.event = event;
    this.token = event.CheckpointToken;
  }

  /** Sends updates with the latest token, and returns the operations that the answer brings. */
  async checkpoint(Updates: OperationUpdate[], ClientToken?: string): Promise<Operation[]> {
    const answer = await this.send(this.token, Updates, ClientToken);
    this.token = answer.CheckpointToken as string;
    return (answer.NewExecutionState?.Operations ?? []) as Operation[];
  }

  send(CheckpointToken: string, Updates: OperationUpdate[], ClientToken?: string) {
    const { DurableExecutionArn, durableExecutionClient } = this.event;
    return durableExecutionClient.checkpoint({ DurableExecutionArn, CheckpointToken, Updates, ClientToken });
  }

  /** The recorded operation in the event's first page. */
  recorded(id: string): Operation | undefined {
    return this.event.InitialExecutionState.Operations.find(({ Id }) => Id === id) as Operation | undefined;
  }
}

export interface RawRun {
  readonly engine: LocalEngine;
  readonly arn: string;
  readonly outcome: ExecutionOutcome;
  readonly invocations: number;
}

/**
 * Runs an execution whose invocations are these functions, one after the other; the last one is repeated if need be.
 * What a function returns is the invocation's output, `SUCCEEDED` by default. What it throws fails the test.
 */
export async function runRaw(
  invocations: ((invocation: RawInvocation) => Promise<unknown>)[],
  options: LocalEngineOptions = {},
  request: { input?: string; name?: string; executionTimeoutSeconds?: number } = {},
): Promise<RawRun> {
  const engine = new LocalEngine(options);
  let count = 0;
  let failed: { error: unknown } | undefined;
  engine.register("raw", async (event) => {
    const invoke = invocations[Math.min(count++, invocations.length - 1)];
    try {
      return (await invoke?.(new RawInvocation(event))) ?? { Status: "SUCCEEDED" };
    } catch (error) {
      if (error instanceof MeantToFail) throw error;
      failed = { error };
      return { Status: "FAILED", Error: { ErrorMessage: "the test failed" } };
    }
  });
  const { arn, result } = engine.start({ functionName: "raw", ...request });
  const outcome = await result;
  if (failed !== undefined) throw failed.error;
  return { engine, arn, outcome, invocations: count };
}

/** Thrown by an invocation that is to fail. */
export class MeantToFail extends Error {
  override readonly name = "MeantToFail";
}

export const PENDING = { Status: "PENDING" };

type Extra = Partial<OperationUpdate>;

export const step = (Id: string, Action: OperationUpdate["Action"], extra: Extra = {}): OperationUpdate => ({
  Id,
  Type: "STEP",
  SubType: "Step",
  Action,
  ...(Action === "RETRY" ? { StepOptions: { NextAttemptDelaySeconds: 1 } } : {}),
  ...extra,
});

export const context = (Id: string, Action: OperationUpdate["Action"], extra: Extra = {}): OperationUpdate => ({
  Id,
  Type: "CONTEXT",
  SubType: "RunInChildContext",
  Action,
  ...extra,
});

export const wait = (Id: string, WaitSeconds = 1, extra: Extra = {}): OperationUpdate => ({
  Id,
  Type: "WAIT",
  SubType: "Wait",
  Action: "START",
  WaitOptions: { WaitSeconds },
  ...extra,
});

export const execution = (Action: OperationUpdate["Action"], extra: Extra = {}): OperationUpdate => ({
  Id: "the-execution",
  Type: "EXECUTION",
  Action,
  ...extra,
});
