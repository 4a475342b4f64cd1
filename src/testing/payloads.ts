import { decodePayload } from "../codec/codec.ts";
import type { ErrorObject } from "../core/wire.ts";

/** The recorded error of an execution or an operation. */
export interface TestResultError {
  errorMessage: string | undefined;
  /** The name of the error, such as `TypeError` or `StepError`. */
  errorType: string | undefined;
  errorData: string | undefined;
  stackTrace: string[] | undefined;
}

export function readError(error: ErrorObject | undefined): TestResultError | undefined {
  if (error === undefined) return undefined;
  const { ErrorMessage, ErrorType, ErrorData, StackTrace } = error;
  return { errorMessage: ErrorMessage, errorType: ErrorType, errorData: ErrorData, stackTrace: StackTrace };
}

/** Returns the value of a payload, or the payload itself if it cannot be decoded (a user's serdes wrote it). */
export function readResult(payload: string | undefined): unknown {
  try {
    return decodePayload(payload);
  } catch {
    return payload;
  }
}
