import { ChildContextError, DurableOperationError, isError } from "../../core/errors.ts";
import { defined, type ErrorObject } from "../../core/wire.ts";

/** An error as it is written in a payload. An `ErrorObject` has no causes, so this form is used instead. */
export interface StoredError {
  ErrorType?: string | undefined;
  ErrorMessage?: string | undefined;
  ErrorData?: string | undefined;
  Cause?: StoredError | undefined;
}

export function storeError(error: Error): StoredError {
  const { ErrorType, ErrorMessage, ErrorData }: ErrorObject =
    error instanceof DurableOperationError
      ? error.toErrorObject()
      : { ErrorType: error.name, ErrorMessage: error.message };
  const Cause = isError(error.cause) ? storeError(error.cause) : undefined;
  return { ErrorType, ErrorMessage, ...defined({ ErrorData, Cause }) };
}

function restoreError(stored: StoredError): Error {
  const cause = stored.Cause === undefined ? undefined : restoreError(stored.Cause);
  const rebuilt = DurableOperationError.fromErrorObject(stored);
  if (rebuilt.errorType !== stored.ErrorType) {
    const plain = new Error(stored.ErrorMessage, cause === undefined ? undefined : { cause });
    plain.name = stored.ErrorType ?? "Error";
    return plain;
  }
  if (cause !== undefined) rebuilt.cause = cause;
  return rebuilt;
}

export function restoreItemError(stored: StoredError): ChildContextError {
  const rebuilt = restoreError(stored);
  return rebuilt instanceof ChildContextError ? rebuilt : new ChildContextError(rebuilt.message, rebuilt);
}

/** Makes the error that a replay would read, so that a live map and its replay give the same error. */
export function readBackError(error: Error): ChildContextError {
  return restoreItemError(storeError(error));
}
