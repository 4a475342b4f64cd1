import {
  isDurableExecutionClientError,
  isError,
  messageOf,
  UnrecoverableExecutionError,
  UnrecoverableInvocationError,
} from "../core/errors.ts";
import type { Termination } from "./suspension.ts";

const KEY_ERROR = /^KMS(AccessDenied|Disabled|InvalidState|NotFound)Exception$/;

/** Whether the error says that the customer's KMS key cannot be used. Then a retry does not help. */
export function isKeyError(error: unknown): boolean {
  return isError(error) && KEY_ERROR.test(error.name);
}

export function classifyCheckpointFailure(error: unknown): Termination {
  const message = `Checkpoint failed: ${messageOf(error)}`;
  if (endsExecution(error)) {
    const name = "CheckpointUnrecoverableExecutionError";
    return { end: "fail", error: new UnrecoverableExecutionError(name, message, error) };
  }
  const name = "CheckpointUnrecoverableInvocationError";
  return { end: "reject", error: new UnrecoverableInvocationError(name, message, error) };
}

function endsExecution(error: unknown): boolean {
  if (isDurableExecutionClientError(error)) return error.scope === "EXECUTION";
  const status = httpStatus(error);
  const isClientError = status !== undefined && status >= 400 && status < 500;
  // The service says "Invalid checkpoint token" when a newer invocation owns the execution. Only this invocation ends
  // then.
  if (isClientError && isError(error) && /^invalid checkpoint token/i.test(error.message)) return false;
  if (isClientError && status !== 429) return true;
  return isKeyError(error);
}

function httpStatus(error: unknown): number | undefined {
  const { $metadata } = (error ?? {}) as { $metadata?: { httpStatusCode?: unknown } | null };
  const status = $metadata?.httpStatusCode;
  return typeof status === "number" ? status : undefined;
}
