import { randomUUID } from "node:crypto";
import { DurableExecutionInvocationInputWithClient } from "../client/client.ts";
import { BATCH_SUBTYPE, PART_SUBTYPE } from "../core/batch-operation.ts";
import { DurableError, messageOf } from "../core/errors.ts";
import { CONTINUATION } from "../core/operation-name.ts";
import type { DurableExecutionInvocationOutput, ErrorObject, WireOperation } from "../core/wire.ts";
import type { Divergence, ReachedOperation } from "./divergence.ts";
import type { Recording } from "./recording.ts";
import { RehearsalClient } from "./rehearsal-client.ts";

/** The outcome of a rehearsal: the present code of a handler ran against a recording. */
export interface Rehearsal {
  /** The first difference between code and recording. Undefined if both match, as far as the recording goes. */
  readonly divergence: Divergence | undefined;
  /**
   * The operations at which the code was stopped, except operations with a cut-off result. Without a rehearsal, the
   * listed operations would begin or continue now.
   */
  readonly reached: readonly ReachedOperation[];
  /**
   * The status that the handler returned, or `FAILED` if the handler rejected. `PENDING` means that all of its code
   * waits or was stopped at operations.
   */
  readonly status: "SUCCEEDED" | "FAILED" | "PENDING";
  /** Undefined unless the status is `FAILED`. */
  readonly error: ErrorObject | undefined;
  /**
   * The messages of the thrown error's causes, if the status is `FAILED`. The first text is for the direct causes, the
   * next one for their causes, and so on: at most 10 texts. Each text has one line for each cause. The errors of an
   * `AggregateError` are causes too.
   */
  readonly causes: readonly string[];
  /** The recorded operations that the code reached, the first one first. The keys are ids, the values are paths. */
  readonly claimed: ReadonlyMap<string, string>;
  /**
   * Recorded operations that the code did not reach, although the code of their context ran. Operations after a place
   * where the code was stopped count too. Operations directly inside a map or parallel do not count.
   */
  readonly unasked: readonly WireOperation[];
  /** The first operation whose recorded result was cut off. The code after this operation was not checked. */
  readonly truncated: ReachedOperation | undefined;
}

export type RehearsedHandler = (
  event: DurableExecutionInvocationInputWithClient,
  // biome-ignore lint/suspicious/noExplicitAny: the author of the handler chooses the type of the Lambda context.
  context: any,
) => Promise<unknown>;

export interface RehearsalOptions {
  readonly lambdaContext: object;
  /** The absolute path of the handler's file. A `site` is then a line of this file, if the stack has one. */
  readonly handlerFile?: string | undefined;
}

/**
 * Runs a handler against a recording. No step, submitter, condition, wait or invoke runs. The code stops at an
 * operation that is not recorded, and at a step, wait or invoke that has not ended. Code between operations runs, as in
 * a replay. The promise may never settle if this code never settles.
 * @throws DurableError `ERR_HANDLER_NOT_DURABLE` if this package's `withDurableExecution` did not make the handler. The
 * code of a plain function has run before this error.
 */
export async function rehearse(
  handler: RehearsedHandler,
  recording: Recording,
  { lambdaContext, handlerFile }: RehearsalOptions,
): Promise<Rehearsal> {
  const { functionName = "rehearsal", input } = recording;
  const arn = `arn:aws:lambda:local:000000000000:function:${functionName}:$LATEST/durable-execution/rehearsal/${randomUUID()}`;
  const client = new RehearsalClient(recording, handlerFile);
  const execution: WireOperation = {
    Id: randomUUID(),
    Type: "EXECUTION",
    Status: "STARTED",
    StartTimestamp: recording.operations[0]?.StartTimestamp ?? new Date(),
    ExecutionDetails: input === undefined ? {} : { InputPayload: input },
  };
  const event = new DurableExecutionInvocationInputWithClient(
    {
      DurableExecutionArn: arn,
      CheckpointToken: "rehearsal",
      InitialExecutionState: { Operations: [execution], NextMarker: "records" },
    },
    client,
  );
  const answer = await answerOf(handler(event, lambdaContext), client);
  const unasked = recording.operations.filter((operation) => isUnasked(operation, client));
  const { Status: status } = answer;
  const error = answer.Status === "FAILED" ? answer.Error : undefined;
  const { reached, claimed, truncated, thrown } = client;
  const causes = error === undefined ? [] : causesOf(thrown);
  const divergence =
    client.divergence ?? otherDivergence(error) ?? (truncated === undefined ? early(answer, unasked) : undefined);
  return { divergence, reached, status, error, causes, claimed, unasked, truncated };
}

/** The causes of causes are read up to this depth, because an error can be its own cause. */
const MAX_DEPTH = 10;

function causesOf(thrown: unknown): string[] {
  const texts: string[] = [];
  let causes = directCauses(thrown);
  for (let depth = 0; depth < MAX_DEPTH && causes.length > 0; depth++) {
    texts.push(causes.map(messageOf).join("\n"));
    causes = [...new Set(causes.flatMap(directCauses))];
  }
  return texts;
}

function directCauses(thrown: unknown): unknown[] {
  if (typeof thrown !== "object" || thrown === null) return [];
  const { cause, errors } = thrown as { cause?: unknown; errors?: unknown };
  return [...(cause === undefined ? [] : [cause]), ...(Array.isArray(errors) ? errors : [])];
}

async function answerOf(running: Promise<unknown>, client: RehearsalClient): Promise<DurableExecutionInvocationOutput> {
  let answer: unknown;
  try {
    answer = await running;
  } catch (thrown) {
    const type = thrown instanceof Error ? thrown.name : "Error";
    answer = { Status: "FAILED", Error: { ErrorType: type, ErrorMessage: messageOf(thrown) } };
  }
  if (client.holdsBack && typeof answer === "object" && answer !== null && "Status" in answer) {
    return answer as DurableExecutionInvocationOutput;
  }
  throw new DurableError(
    "ERR_HANDLER_NOT_DURABLE",
    "The handler cannot be rehearsed: only a handler made by withDurableExecution of durable-fanout can be kept from " +
      "running its steps. Import withDurableExecution from durable-fanout, this version or later, in the handler's file.",
  );
}

/** The divergence for an error of the runtime, for example because a map has other items than its recorded batches. */
function otherDivergence(error: ErrorObject | undefined): Divergence | undefined {
  if (error?.ErrorType !== "NonDeterministicExecutionError") return undefined;
  return {
    kind: "items",
    message: error.ErrorMessage ?? "The code has changed.",
    recorded: undefined,
    asked: undefined,
  };
}

/** The divergence if the handler has ended without asking for a recorded operation outside of all contexts. */
function early(
  { Status: status, ...rest }: DurableExecutionInvocationOutput,
  unasked: readonly WireOperation[],
): Divergence | undefined {
  const first = unasked.find(({ ParentId: parentId }) => parentId === undefined || parentId === null);
  if (status === "PENDING" || first === undefined) return undefined;
  const error = "Error" in rest ? rest.Error : undefined;
  const how = error === undefined ? "returned" : `threw ${error.ErrorType ?? "Error"} (${error.ErrorMessage ?? ""})`;
  const what = `${first.SubType ?? first.Type} ${JSON.stringify(first.Name ?? first.Id)}`;
  const message = `The handler ${how} without asking for ${what}, which is recorded.`;
  return { kind: "unasked", message, recorded: first, asked: undefined };
}

function isUnasked(operation: WireOperation, client: RehearsalClient): boolean {
  const { Id: id = "", ParentId: parentId, Type: type, SubType: subType, Name: name } = operation;
  if (type === "EXECUTION" || client.claimed.has(id)) return false;
  if (type === "WAIT" && name === CONTINUATION) return false;
  if (subType === BATCH_SUBTYPE || subType === PART_SUBTYPE) return false;
  return parentId === undefined || parentId === null || client.entered.has(parentId);
}
