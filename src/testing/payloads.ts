import { decodePayload } from "../codec/codec.ts";
import { DurableError, messageOf } from "../core/errors.ts";
import type { ErrorObject } from "../core/wire.ts";

/** The recorded error of an execution, an invocation or an operation. */
export interface TestResultError {
  errorMessage: string | undefined;
  /** The name of the error, such as `TypeError` or `StepError`, or the code of a `DurableError`. */
  errorType: string | undefined;
  errorData: string | undefined;
  stackTrace: string[] | undefined;
}

export function readError(error: ErrorObject | undefined): TestResultError | undefined {
  if (error === undefined) return undefined;
  const { ErrorMessage, ErrorType, ErrorData, StackTrace } = error;
  return { errorMessage: ErrorMessage, errorType: ErrorType, errorData: ErrorData, stackTrace: StackTrace };
}

/**
 * Returns the payload itself if it cannot be decoded. A user's serdes or an external system may write such a payload.
 */
export function readResult(payload: string | undefined): unknown {
  try {
    return decodePayload(payload);
  } catch {
    return payload;
  }
}

/** @throws DurableError `ERR_PAYLOAD_NOT_SERIALIZABLE` */
export function serialized(payload: unknown): string {
  let reason = `it is a ${typeof payload}`;
  let cause: unknown;
  try {
    const text = JSON.stringify(payload) as string | undefined;
    if (text !== undefined) return text;
  } catch (error) {
    cause = error;
    reason = messageOf(error);
  }
  const message = `The payload of run() cannot be written as JSON: ${reason}. Pass a value that JSON can store.`;
  throw new DurableError("ERR_PAYLOAD_NOT_SERIALIZABLE", message, { cause });
}
