import type { ErrorObject } from "./wire.ts";

// Minifiers change the name in a class declaration. So a class whose name is read has the name as a static member.

/** An error of this package, such as a wrong argument. `code` is stable, and user code may compare it. */
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

/**
 * True for a `DurableError` of any copy of this package, and for the error of an operation that failed with one. Then
 * the error has a `code`, also after a replay.
 */
export function isDurableError(error: unknown): error is DurableError {
  return typeof error === "object" && error !== null && "isDurableError" in error && error.isDurableError === true;
}

/** The error that user code gets when a durable operation fails. A replay gives an equal error. */
export abstract class DurableOperationError extends Error {
  /** The message of an error that was made without a message. */
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

  /** Makes the error that a record describes. Without a type, and for an unknown type, this is a `StepError`. */
  static fromErrorObject(errorObject: ErrorObject): DurableOperationError {
    const cause = recordedCause(errorObject);
    const Rebuilt = rebuildable.find(({ name }) => name === errorObject.ErrorType);
    if (Rebuilt !== undefined) return new Rebuilt(errorObject.ErrorMessage, cause, errorObject.ErrorData);
    return new StepError(errorObject.ErrorMessage || "Unknown error", cause, errorObject.ErrorData);
  }

  /**
   * The form in which an operation records this error. `ErrorData` is the first `errorData` of this error and the chain
   * of its causes. At most ten causes are searched.
   */
  toErrorObject(): ErrorObject {
    return {
      ErrorType: this.errorType,
      ErrorMessage: this.message,
      ErrorData: this.errorData ?? findErrorData(this.cause),
      StackTrace: undefined,
    };
  }
}

/** The codes of errors whose records contain an error type instead of a code. */
const CODES: Readonly<Record<string, string>> = {
  PayloadTooLargeError: "ERR_PAYLOAD_TOO_LARGE",
  PayloadUnwritableError: "ERR_PAYLOAD_UNWRITABLE",
};

function markMistake(error: Error, code: string | undefined): void {
  if (code !== undefined) Object.assign(error, { code, isDurableError: true });
}

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

/**
 * A step or a condition failed. Also the `cause` of a ChildContextError, if the function of the context threw an error
 * of user code. `cause` has the name and the message of the thrown error.
 */
export class StepError extends DurableOperationError {
  static override readonly name: string = "StepError";
  protected static override readonly fallback: string = "Step failed";
  readonly errorType = "StepError";
}

/** A callback failed, or the service gave the callback no id. */
export class CallbackError extends DurableOperationError {
  static override readonly name: string = "CallbackError";
  protected static override readonly fallback: string = "Callback failed";
  readonly errorType: string = "CallbackError";
}

/** The external system reported that the callback failed. */
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

/** The submitter of a `waitForCallback` failed. */
export class CallbackSubmitterError extends CallbackError {
  static override readonly name: string = "CallbackSubmitterError";
  protected static override readonly fallback: string = "Callback submitter failed";
  override readonly errorType = "CallbackSubmitterError";
}

/** A function that `invoke` called failed, timed out or was stopped, or the input cannot be written. */
export class InvokeError extends DurableOperationError {
  static override readonly name: string = "InvokeError";
  protected static override readonly fallback: string = "Invoke failed";
  readonly errorType = "InvokeError";
}

/** A child context, an item of a map, or a branch of a parallel failed. */
export class ChildContextError extends DurableOperationError {
  static override readonly name: string = "ChildContextError";
  protected static override readonly fallback: string = "Child context failed";
  readonly errorType = "ChildContextError";
}

/** `promise.all` or another combinator failed. */
export class PromiseCombinatorError extends DurableOperationError {
  static override readonly name: string = "PromiseCombinatorError";
  protected static override readonly fallback: string = "Promise combinator failed";
  readonly errorType = "PromiseCombinatorError";
}

/** A condition failed, and its record contains no error. */
export class WaitForConditionError extends DurableOperationError {
  static override readonly name: string = "WaitForConditionError";
  protected static override readonly fallback: string = "Wait for condition failed";
  readonly errorType = "WaitForConditionError";
}

/** The reason why a map or parallel ended. */
export type CompletionReason =
  | "ALL_COMPLETED"
  | "MIN_SUCCESSFUL_REACHED"
  | "FAILURE_TOLERANCE_EXCEEDED"
  | "CUSTOM_COMPLETION_SUCCEEDED"
  | "CUSTOM_COMPLETION_FAILED";

/** The error of `throwIfError()` when `shouldComplete` has ended the map as failed, and no item has failed. */
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

export function toErrorObject(thrown: unknown): ErrorObject {
  if (thrown instanceof DurableOperationError) return thrown.toErrorObject();
  if (isErrorLike(thrown)) {
    const type = isDurableError(thrown) && thrown.name === "DurableError" ? thrown.code : thrown.name;
    return { ErrorMessage: String(thrown.message), ErrorType: String(type) };
  }
  return { ErrorMessage: thrownText(thrown) };
}

export function asError(thrown: unknown): Error {
  if (isError(thrown)) return thrown;
  if (thrown === undefined || thrown === null) return new Error("Unknown Error");
  return new Error(isErrorLike(thrown) ? String(thrown.message) : thrownText(thrown), { cause: thrown });
}

/** Whether a value is an error of any realm (a global scope with its own classes). Test runners have several realms. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

function isErrorLike(thrown: unknown): thrown is Pick<Error, "name" | "message"> {
  return typeof thrown === "object" && thrown !== null && "message" in thrown && "name" in thrown;
}

export function messageOf(thrown: unknown): string {
  return isError(thrown) ? thrown.message : String(thrown);
}

export function thrownText(thrown: unknown): string {
  if (typeof thrown === "string" && thrown !== "") return thrown;
  if (thrown === undefined || thrown === null || thrown === "") return "Unknown error";
  if (typeof thrown !== "object") return String(thrown);
  try {
    const json = JSON.stringify(thrown) as string | undefined;
    // The JSON of an object without members, such as a Response, says nothing. So the text is the type of the object.
    return json === undefined || json === "{}" ? Object.prototype.toString.call(thrown) : json;
  } catch {
    return Object.prototype.toString.call(thrown);
  }
}

/** An attempt of an at-most-once step began in an earlier invocation, and its end is not recorded. */
export class StepInterruptedError extends Error {
  constructor(_stepId: string, _stepName?: string) {
    super("The step execution process was initiated but failed to reach completion due to an interruption.");
    this.name = "StepInterruptedError";
  }
}

/** An attempt of a step took longer than the step's `timeout`. The retry strategy decides about a further attempt. */
export class StepTimeoutError extends Error {
  constructor(step: string, seconds: number) {
    super(`Step ${step} did not end within its time-out of ${seconds} s.`);
    this.name = "StepTimeoutError";
  }
}

/** What ends when a call of a client fails: the invocation, after which another one starts, or the whole execution. */
export const DurableExecutionClientErrorScope = { INVOCATION: "INVOCATION", EXECUTION: "EXECUTION" } as const;
export type DurableExecutionClientErrorScope =
  (typeof DurableExecutionClientErrorScope)[keyof typeof DurableExecutionClientErrorScope];

export interface DurableExecutionClientErrorOptions {
  /** What ends when the call fails. Default `INVOCATION`. */
  scope?: DurableExecutionClientErrorScope;
  cause?: unknown;
}

/** A custom client throws this error to choose what ends: the invocation or the execution. */
export class DurableExecutionClientError extends Error {
  readonly isDurableExecutionClientError = true;
  readonly scope: DurableExecutionClientErrorScope;

  constructor(message: string, options: DurableExecutionClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "DurableExecutionClientError";
    this.scope = options.scope ?? "INVOCATION";
  }
}

/** Whether the error is a client error of any copy of this package or of the official package. */
export function isDurableExecutionClientError(error: unknown): error is DurableExecutionClientError {
  return (
    isError(error) &&
    "isDurableExecutionClientError" in error &&
    error.isDurableExecutionClientError === true &&
    "scope" in error &&
    (error.scope === "INVOCATION" || error.scope === "EXECUTION")
  );
}

/** The invocation cannot continue. The invocation rejects, and the service starts another one. */
export class UnrecoverableInvocationError extends Error {
  constructor(name: string, message: string, cause?: unknown) {
    super(`[Unrecoverable Invocation] ${message}`, cause === undefined ? undefined : { cause });
    this.name = name;
  }
}

/** The execution cannot continue. The execution ends as FAILED, and user code cannot catch this error. */
export class UnrecoverableExecutionError extends Error {
  constructor(name: string, message: string, cause?: unknown) {
    super(`[Unrecoverable Execution] ${message}`, cause === undefined ? undefined : { cause });
    this.name = name;
  }
}
