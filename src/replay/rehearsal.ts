import { randomUUID } from "node:crypto";
import { DurableExecutionInvocationInputWithClient } from "../client/client.ts";
import { BATCH_SUBTYPE, PART_SUBTYPE } from "../core/batch-operation.ts";
import { DurableError, messageOf } from "../core/errors.ts";
import { CONTINUATION } from "../core/operation-name.ts";
import type { DurableExecutionInvocationOutput, ErrorObject, WireOperation } from "../core/wire.ts";
import type { Divergence, ReachedOperation } from "./divergence.ts";
import type { Recording } from "./recording.ts";
import { RehearsalClient } from "./rehearsal-client.ts";

/** What came of a run of today's code against a recording. */
export interface Rehearsal {
  /** The first place where code and recording part; undefined when they match as far as the recording goes. */
  readonly divergence: Divergence | undefined;
  /** Operations that would begin or go on now: the code was stopped there. */
  readonly reached: readonly ReachedOperation[];
  /** What the handler answered: `PENDING` when all of its code was stopped at an operation. */
  readonly status: "SUCCEEDED" | "FAILED" | "PENDING";
  /** With `FAILED`. */
  readonly error: ErrorObject | undefined;
  /**
   * With `FAILED`: the messages of the causes of what the handler threw, the nearest first. The errors of an
   * `AggregateError` count as causes, and share one text with a line each.
   */
  readonly causes: readonly string[];
  /** Recorded operations that the code came to: their paths by their ids, in the order in which it did. */
  readonly claimed: ReadonlyMap<string, string>;
  /** Recorded operations that the code did not come to, of those contexts whose code ran; items of maps left aside. */
  readonly unasked: readonly WireOperation[];
  /** The first operation whose recorded result was cut; nothing is known of what follows. */
  readonly truncated: ReachedOperation | undefined;
}

/** Whatever `withDurableExecution` made. */
export type RehearsedHandler = (
  event: DurableExecutionInvocationInputWithClient,
  // biome-ignore lint/suspicious/noExplicitAny: the Lambda context's type belongs to whoever wrote the handler.
  context: any,
) => Promise<unknown>;

export interface RehearsalOptions {
  /** What the handler gets as its Lambda context. */
  readonly lambdaContext: object;
  /** The file that exports the handler: calls are told by their lines in it. */
  readonly handlerFile?: string | undefined;
}

/**
 * Runs a handler against a recording, without any step, submitter, condition, wait or invoke: code that comes to one
 * that is not recorded, or has not ended, stops there. Code between operations runs, as in each replay.
 * @throws DurableError `ERR_HANDLER_NOT_DURABLE` when the handler was not made by this package's
 * `withDurableExecution`: nothing would keep its steps from running
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

/** The greatest depth of causes that is read. An error can be its own cause. */
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

/** A batch of a map, whose items are others now, has no operation that the code asked for. */
function otherDivergence(error: ErrorObject | undefined): Divergence | undefined {
  if (error?.ErrorType !== "NonDeterministicExecutionError") return undefined;
  return {
    kind: "items",
    message: error.ErrorMessage ?? "The code has changed.",
    recorded: undefined,
    asked: undefined,
  };
}

/** The code has ended without asking for what is recorded beside its other operations. */
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
