/**
 * A durable function without an SDK: it says to the service what its input asks for, and returns what the service said.
 * Each trial is an execution of its own, so that one that is refused spoils no other.
 */
import {
  CheckpointDurableExecutionCommand,
  GetDurableExecutionStateCommand,
  LambdaClient,
  type Operation,
  type OperationUpdate,
} from "@aws-sdk/client-lambda";

/** What is tried. `target` is the qualified name of this function. */
export type Trial =
  | { readonly trial: "name"; readonly name: string }
  | { readonly trial: "payload" | "error"; readonly bytes: number }
  | { readonly trial: "request"; readonly updates: number; readonly bytes: number }
  | { readonly trial: "elided"; readonly type: "STEP" | "CONTEXT"; readonly action: "SUCCEED" | "FAIL" | "RETRY" }
  | { readonly trial: "stale" | "repeated" | "permissions" | "event" }
  | { readonly trial: "operations"; readonly retried: number }
  | { readonly trial: "invoke"; readonly target: string; readonly bytes: number; readonly resultBytes: number }
  | { readonly trial: "recursion"; readonly target: string; readonly depth: number }
  | { readonly trial: "echo"; readonly resultBytes: number; readonly padding?: string };

/** What the service said to one request. */
export interface Said {
  readonly accepted: boolean;
  readonly name?: string;
  readonly status?: number | undefined;
  readonly message?: string;
}

interface InvocationEvent {
  readonly DurableExecutionArn: string;
  readonly CheckpointToken: string;
  readonly InitialExecutionState: { readonly Operations: readonly Operation[]; readonly NextMarker?: string };
}

type Answer =
  | { readonly Status: "SUCCEEDED"; readonly Result: string }
  | { readonly Status: "PENDING" }
  | { readonly Status: "FAILED"; readonly Error: { readonly ErrorType: string; readonly ErrorMessage: string } };

/** Refusals are what is asked for: nothing is tried again. */
const client = new LambdaClient({ maxAttempts: 1 });
const PENDING: Answer = { Status: "PENDING" };
const MAX_UPDATES = 250;

const succeed = (result: unknown): Answer => ({ Status: "SUCCEEDED", Result: JSON.stringify(result) });
const refusal = (error: unknown): Said => {
  const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
  return { accepted: false, name, status: $metadata?.httpStatusCode, message };
};
const idOf = (number: number) => number.toString(16).padStart(16, "0");
/** JSON text of exactly so many bytes. */
const textOf = (bytes: number) => `"${"x".repeat(Math.max(0, bytes - 2))}"`;
const start = (number: number, more: Partial<OperationUpdate> = {}): OperationUpdate => ({
  ...{ Id: idOf(number), Type: "STEP", Action: "START", SubType: "Step" },
  ...more,
});
const end = (number: number, more: Partial<OperationUpdate> = {}): OperationUpdate => ({
  ...{ Id: idOf(number), Type: "STEP", Action: "SUCCEED", SubType: "Step" },
  ...more,
});

/** One invocation's line to the service. */
class Line {
  readonly #arn: string;
  token: string;

  constructor({ DurableExecutionArn, CheckpointToken }: InvocationEvent) {
    this.#arn = DurableExecutionArn;
    this.token = CheckpointToken;
  }

  async send(updates: OperationUpdate[], token = this.token, clientToken?: string): Promise<Said> {
    try {
      const command = new CheckpointDurableExecutionCommand({
        ...{ DurableExecutionArn: this.#arn, CheckpointToken: token, Updates: updates },
        ...(clientToken === undefined ? {} : { ClientToken: clientToken }),
      });
      const answer = await client.send(command);
      this.token = answer.CheckpointToken ?? this.token;
      return { accepted: true, message: answer.CheckpointToken === undefined ? "no token" : "a token" };
    } catch (error) {
      return refusal(error);
    }
  }

  async readState(): Promise<Said> {
    try {
      const command = new GetDurableExecutionStateCommand({
        ...{ DurableExecutionArn: this.#arn, CheckpointToken: this.token, MaxItems: 10 },
      });
      const { Operations = [] } = await client.send(command);
      return { accepted: true, message: `${Operations.length} operations` };
    } catch (error) {
      return refusal(error);
    }
  }
}

export async function handler(event: InvocationEvent): Promise<Answer> {
  const [execution, ...operations] = event.InitialExecutionState.Operations;
  const trial = JSON.parse(execution?.ExecutionDetails?.InputPayload ?? "{}") as Trial;
  const line = new Line(event);
  switch (trial.trial) {
    case "name":
      return succeed(await line.send([start(1, { Name: trial.name }), end(1, { Name: trial.name, Payload: "1" })]));
    case "payload":
      return succeed(await line.send([start(1), end(1, { Payload: textOf(trial.bytes) })]));
    case "error": {
      // Members and quotes of the object are 40 bytes.
      const error = { ErrorType: "Probe", ErrorMessage: "x".repeat(trial.bytes - 40) };
      return succeed(await line.send([start(1), end(1, { Action: "FAIL", Error: error })]));
    }
    case "request": {
      const each = Math.floor(trial.bytes / trial.updates);
      const updates = Array.from({ length: trial.updates }, (_, index) => end(index + 1, { Payload: textOf(each) }));
      return succeed(await line.send(updates));
    }
    case "elided":
      return succeed(await line.send([elided(trial.type, trial.action)]));
    case "stale": {
      const first = line.token;
      await line.send([start(1), end(1, { Payload: "1" })]);
      return succeed(await line.send([start(2)], first));
    }
    case "repeated": {
      const first = line.token;
      const clientToken = "00000000-0000-4000-8000-000000000001";
      const updates = [start(1), end(1, { Payload: "1" })];
      await line.send(updates, first, clientToken);
      return succeed(await line.send(updates, first, clientToken));
    }
    case "permissions":
      return succeed({ checkpoint: await line.send([start(1)]), state: await line.readState() });
    case "event":
      return succeed({
        start: execution?.StartTimestamp,
        startType: typeof execution?.StartTimestamp,
        nextMarker: event.InitialExecutionState.NextMarker ?? null,
        members: Object.keys(event).sort(),
      });
    case "operations":
      return countOperations(line, operations, trial.retried);
    case "invoke":
      return chain(line, operations, trial.target, {
        ...{ trial: "echo", resultBytes: trial.resultBytes, padding: "x".repeat(Math.max(0, trial.bytes - 60)) },
      });
    case "recursion": {
      const { target, depth } = trial;
      if (depth === 0) return succeed({ accepted: true, message: "the bottom was reached" });
      return chain(line, operations, target, { trial: "recursion", target, depth: depth - 1 });
    }
    case "echo":
      return { Status: "SUCCEEDED", Result: textOf(trial.resultBytes) };
  }
}

function elided(type: "STEP" | "CONTEXT", action: "SUCCEED" | "FAIL" | "RETRY"): OperationUpdate {
  return end(1, {
    ...{ Type: type, Action: action, SubType: type === "STEP" ? "Step" : "RunInChildContext" },
    ...(action === "SUCCEED" ? { Payload: "1" } : { Error: { ErrorType: "Probe", ErrorMessage: "no" } }),
    ...(action === "RETRY" ? { StepOptions: { NextAttemptDelaySeconds: 1 } } : {}),
  });
}

/** Begins an invoke, and tells in the next invocation what came of it. */
async function chain(line: Line, operations: readonly Operation[], target: string, payload: Trial): Promise<Answer> {
  const [invoke] = operations;
  if (invoke === undefined) {
    const said = await line.send([
      {
        ...{ Id: idOf(1), Type: "CHAINED_INVOKE", Action: "START", SubType: "ChainedInvoke" },
        ...{ Payload: JSON.stringify(payload), ChainedInvokeOptions: { FunctionName: target } },
      },
    ]);
    return said.accepted ? PENDING : succeed(said);
  }
  if (invoke.Status === "STARTED") return PENDING;
  const { Result, Error: error } = invoke.ChainedInvokeDetails ?? {};
  if (payload.trial === "recursion" && Result !== undefined) return { Status: "SUCCEEDED", Result };
  const message =
    error === undefined ? `${Result?.length ?? 0} bytes came back` : `${error.ErrorType}: ${error.ErrorMessage}`;
  return succeed({ accepted: invoke.Status === "SUCCEEDED", message });
}

/** Starts operations until the service refuses; before, some of them fail and are tried again. */
async function countOperations(line: Line, operations: readonly Operation[], retried: number): Promise<Answer> {
  const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);
  if (retried > 0 && operations.length === 0) {
    const failed = { ErrorType: "Probe", ErrorMessage: "again" };
    const again = { Action: "RETRY", Error: failed, StepOptions: { NextAttemptDelaySeconds: 1 } } as const;
    const retry = (number: number) => [start(number), end(number, again)];
    const said = await line.send(numbers(1, retried).flatMap(retry));
    return said.accepted ? PENDING : succeed({ count: 0, said });
  }
  if (operations.some(({ Status }) => Status === "PENDING")) return PENDING;
  if (retried > 0)
    await line.send(numbers(1, retried).flatMap((number) => [start(number), end(number, { Payload: "1" })]));
  let count = retried;
  for (let step = MAX_UPDATES; step >= 1; ) {
    const said = await line.send(numbers(count + 1, step).map((number) => end(number, { Payload: "1" })));
    if (said.accepted) count += step;
    // A bound that nobody has announced, and enough.
    if (count > 40_000) return succeed({ count, said: { accepted: true, message: "no limit was met" } });
    if (!said.accepted && step === 1) return succeed({ count, said });
    if (!said.accepted) step = Math.max(1, Math.floor(step / 5));
  }
  return succeed({ count });
}
