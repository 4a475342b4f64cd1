import type { ErrorObject } from "./wire.ts";

// Classes say their names themselves: minifiers change those that classes have from their declarations, and a name is what
// user code compares and what goes on the wire.

/**
 * A mistake that has a code: in configuration, arguments, a journal, a codec. `code` is stable and may be
 * matched on; the message names the thing, the value and the way out.
 */
export class DurableError extends Error {
  static override readonly name: string = "DurableError";
  readonly code: string;
  readonly isDurableError = true;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "DurableError";
    this.code = code;
  }
}

/** Recognises a `DurableError` of any copy of this package. */
export function isDurableError(error: unknown): error is DurableError {
  return typeof error === "object" && error !== null && "isDurableError" in error && error.isDurableError === true;
}

/** An error of a durable operation, as user code sees it: live and on replay it is the same. */
export abstract class DurableOperationError extends Error {
  /** What it says where nobody says anything. */
  protected static readonly fallback: string | undefined;
  abstract readonly errorType: string;
  override cause?: Error;
  errorData?: string | undefined;
  stackTrace?: string[];

  constructor(message?: string, cause?: Error, errorData?: string) {
    super(message ?? new.target.fallback);
    this.name = new.target.name;
    if (cause !== undefined) this.cause = cause;
    markMistake(this, isDurableError(cause) ? cause.code : undefined);
    this.errorData = errorData;
  }

  /** Rebuilds the error that an operation recorded; a type that is not one of ours becomes a `StepError`. */
  static fromErrorObject(errorObject: ErrorObject): DurableOperationError {
    const cause = recordedCause(errorObject);
    const Rebuilt = rebuildable.find(({ name }) => name === errorObject.ErrorType);
    if (Rebuilt !== undefined) return new Rebuilt(errorObject.ErrorMessage, cause, errorObject.ErrorData);
    return new StepError(errorObject.ErrorMessage || "Unknown error", cause, errorObject.ErrorData);
  }

  /** The error as an operation records it. `ErrorData` is its own or the first one found among ten causes. */
  toErrorObject(): ErrorObject {
    return {
      ErrorType: this.errorType,
      ErrorMessage: this.message,
      ErrorData: this.errorData ?? findErrorData(this.cause),
      StackTrace: undefined,
    };
  }
}

/** Mistakes that are recorded by a name, and not by their code. */
const CODES: Readonly<Record<string, string>> = {
  PayloadTooLargeError: "ERR_PAYLOAD_TOO_LARGE",
  PayloadUnwritableError: "ERR_PAYLOAD_UNWRITABLE",
};

/** Makes an error one that `isDurableError` recognises: what came of a mistake has its code, live and on replay. */
function markMistake(error: Error, code: string | undefined): void {
  if (code !== undefined) Object.assign(error, { code, isDurableError: true });
}

/** What was thrown, as far as it was recorded. */
export function recordedCause(errorObject: ErrorObject): Error {
  const cause = new Error(errorObject.ErrorMessage);
  const type = errorObject.ErrorType || "Error";
  cause.name = type;
  markMistake(cause, type.startsWith("ERR_") ? type : CODES[type]);
  if (errorObject.StackTrace !== undefined) cause.stack = errorObject.StackTrace.join("\n");
  return cause;
}

function findErrorData(from: unknown): string | undefined {
  let error = from;
  for (let depth = 0; depth < 10 && isError(error); depth++) {
    const { errorData, cause } = error as { errorData?: unknown; cause?: unknown };
    if (typeof errorData === "string") return errorData;
    error = cause;
  }
  return undefined;
}

/** A step (or a condition's check) failed for good; `cause` carries the original name and message. */
export class StepError extends DurableOperationError {
  static override readonly name: string = "StepError";
  protected static override readonly fallback: string = "Step failed";
  readonly errorType = "StepError";
}

/** A callback failed. */
export class CallbackError extends DurableOperationError {
  static override readonly name: string = "CallbackError";
  protected static override readonly fallback: string = "Callback failed";
  readonly errorType: string = "CallbackError";
}

/** Whoever completes the callback reported a failure. */
export class CallbackExternalError extends CallbackError {
  static override readonly name: string = "CallbackExternalError";
  override readonly errorType = "CallbackExternalError";
}

/** The callback, or its heartbeat, timed out. */
export class CallbackTimeoutError extends CallbackError {
  static override readonly name: string = "CallbackTimeoutError";
  protected static override readonly fallback: string = "Callback timed out";
  override readonly errorType = "CallbackTimeoutError";
}

/** The function that hands out a callback id failed. */
export class CallbackSubmitterError extends CallbackError {
  static override readonly name: string = "CallbackSubmitterError";
  protected static override readonly fallback: string = "Callback submitter failed";
  override readonly errorType = "CallbackSubmitterError";
}

/** A chained function failed, timed out or was stopped. */
export class InvokeError extends DurableOperationError {
  static override readonly name: string = "InvokeError";
  protected static override readonly fallback: string = "Invoke failed";
  readonly errorType = "InvokeError";
}

/** A child context, or an item of a batch, failed. */
export class ChildContextError extends DurableOperationError {
  static override readonly name: string = "ChildContextError";
  protected static override readonly fallback: string = "Child context failed";
  readonly errorType = "ChildContextError";
}

/** `promise.all` and its relatives failed. */
export class PromiseCombinatorError extends DurableOperationError {
  static override readonly name: string = "PromiseCombinatorError";
  protected static override readonly fallback: string = "Promise combinator failed";
  readonly errorType = "PromiseCombinatorError";
}

/** A recorded condition failed without saying why. */
export class WaitForConditionError extends DurableOperationError {
  static override readonly name: string = "WaitForConditionError";
  protected static override readonly fallback: string = "Wait for condition failed";
  readonly errorType = "WaitForConditionError";
}

/** Why a batch ended. */
export type CompletionReason =
  | "ALL_COMPLETED"
  | "MIN_SUCCESSFUL_REACHED"
  | "FAILURE_TOLERANCE_EXCEEDED"
  | "CUSTOM_COMPLETION_SUCCEEDED"
  | "CUSTOM_COMPLETION_FAILED";

/** `throwIfError()` of a batch that a custom policy completed as failed. */
export class BatchCompletionError extends DurableOperationError {
  static override readonly name: string = "BatchCompletionError";
  readonly errorType = "BatchCompletionError";
  readonly completionReason: CompletionReason;
  constructor(completionReason: CompletionReason, message?: string, cause?: Error, errorData?: string) {
    super(message ?? `Batch completed as failed by shouldComplete (${completionReason})`, cause, errorData);
    this.completionReason = completionReason;
  }
}

type Rebuildable = new (message?: string, cause?: Error, errorData?: string) => DurableOperationError;

const rebuildable: readonly Rebuildable[] = [
  ...[StepError, CallbackError, CallbackExternalError, CallbackTimeoutError, CallbackSubmitterError],
  ...[InvokeError, ChildContextError, PromiseCombinatorError, WaitForConditionError],
];

/** Anything thrown, as it goes on the wire. */
export function toErrorObject(thrown: unknown): ErrorObject {
  if (thrown instanceof DurableOperationError) return thrown.toErrorObject();
  if (isErrorLike(thrown)) {
    const type = isDurableError(thrown) && thrown.name === "DurableError" ? thrown.code : thrown.name;
    return { ErrorMessage: String(thrown.message), ErrorType: String(type) };
  }
  return { ErrorMessage: thrownText(thrown) };
}

/** Makes an `Error` of anything thrown; an error, of whatever realm, is kept as it is. */
export function asError(thrown: unknown): Error {
  if (isError(thrown)) return thrown;
  if (thrown === undefined || thrown === null) return new Error("Unknown Error");
  return new Error(isErrorLike(thrown) ? String(thrown.message) : thrownText(thrown), { cause: thrown });
}

/** Whether a value is an error, of whatever realm: test runners have several. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

function isErrorLike(thrown: unknown): thrown is Pick<Error, "name" | "message"> {
  return typeof thrown === "object" && thrown !== null && "message" in thrown && "name" in thrown;
}

/** Why something failed, for a message about it. */
export function messageOf(thrown: unknown): string {
  return isError(thrown) ? thrown.message : String(thrown);
}

/** What somebody said who threw no error: a text itself, or the JSON of an object. */
export function thrownText(thrown: unknown): string {
  if (typeof thrown === "string" && thrown !== "") return thrown;
  if (thrown === undefined || thrown === null || thrown === "") return "Unknown error";
  if (typeof thrown !== "object") return String(thrown);
  try {
    const json = JSON.stringify(thrown) as string | undefined;
    // What has no members of its own, like a Response, says at least what it is.
    return json === undefined || json === "{}" ? Object.prototype.toString.call(thrown) : json;
  } catch {
    return Object.prototype.toString.call(thrown);
  }
}

/** An at-most-once step was found started: its process ended before it did. */
export class StepInterruptedError extends Error {
  constructor(_stepId: string, _stepName?: string) {
    super("The step execution process was initiated but failed to reach completion due to an interruption.");
    this.name = "StepInterruptedError";
  }
}

/** An attempt of a step took longer than its `timeout`; its retry strategy decides what follows. */
export class StepTimeoutError extends Error {
  constructor(step: string, seconds: number) {
    super(`Step ${step} did not end within its time-out of ${seconds} s.`);
    this.name = "StepTimeoutError";
  }
}

/** What a failed call of a client ends: this invocation (it is retried) or the whole execution. */
export const DurableExecutionClientErrorScope = { INVOCATION: "INVOCATION", EXECUTION: "EXECUTION" } as const;
export type DurableExecutionClientErrorScope =
  (typeof DurableExecutionClientErrorScope)[keyof typeof DurableExecutionClientErrorScope];

export interface DurableExecutionClientErrorOptions {
  /** Default `INVOCATION`. */
  scope?: DurableExecutionClientErrorScope;
  cause?: unknown;
}

/** Thrown by a custom client to choose what its failure ends. */
export class DurableExecutionClientError extends Error {
  readonly isDurableExecutionClientError = true;
  readonly scope: DurableExecutionClientErrorScope;

  constructor(message: string, options: DurableExecutionClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "DurableExecutionClientError";
    this.scope = options.scope ?? "INVOCATION";
  }
}

/** Recognises a client error of any copy of this package or of the official one. */
export function isDurableExecutionClientError(error: unknown): error is DurableExecutionClientError {
  return (
    isError(error) &&
    "isDurableExecutionClientError" in error &&
    error.isDurableExecutionClientError === true &&
    "scope" in error &&
    (error.scope === "INVOCATION" || error.scope === "EXECUTION")
  );
}

/** The invocation cannot go on; it rejects, and the service invokes again. */
export class UnrecoverableInvocationError extends Error {
  constructor(name: string, message: string, cause?: unknown) {
    super(`[Unrecoverable Invocation] ${message}`, cause === undefined ? undefined : { cause });
    this.name = name;
  }
}

/** The execution cannot go on; it ends as FAILED, and user code cannot catch it. */
export class UnrecoverableExecutionError extends Error {
  constructor(name: string, message: string, cause?: unknown) {
    super(`[Unrecoverable Execution] ${message}`, cause === undefined ? undefined : { cause });
    this.name = name;
  }
}
