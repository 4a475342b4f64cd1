import { createCodec } from "../codec/codec.ts";
import type { ErrorObject } from "../core/wire.ts";

/** An error of an execution or of one of its operations, as recorded. */
export interface TestResultError {
  errorMessage: string | undefined;
  /** The error's name, such as `TypeError` or `StepError`. */
  errorType: string | undefined;
  errorData: string | undefined;
  stackTrace: string[] | undefined;
}

export function readError(error: ErrorObject | undefined): TestResultError | undefined {
  if (error === undefined) return undefined;
  const { ErrorMessage, ErrorType, ErrorData, StackTrace } = error;
  return { errorMessage: ErrorMessage, errorType: ErrorType, errorData: ErrorData, stackTrace: StackTrace };
}

/** This codec reads the payloads of every codec. */
const codec = createCodec("json");

/** The recorded value. When a user's serdes has written something other than JSON, the payload itself. */
export function readResult(payload: string | undefined): unknown {
  try {
    return codec.decode(payload);
  } catch {
    return payload;
  }
}
