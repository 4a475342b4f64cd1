import { DurableError } from "../../core/errors.ts";
import type { ErrorObject } from "../../core/wire.ts";
import type { LocalEngine } from "../../local/engine.ts";
import { ServiceError } from "../../service/service-error.ts";

export type CallbackRequest =
  | { readonly action: "complete"; readonly callbackId: string; readonly result?: string | undefined }
  | { readonly action: "fail"; readonly callbackId: string; readonly error: ErrorObject }
  | { readonly action: "heartbeat"; readonly callbackId: string };

export type JournalRequest = CallbackRequest | { readonly action: "stop"; readonly executionArn: string };

const REFUSALS: Readonly<Record<string, string>> = {
  CallbackTimeoutException: "ERR_CALLBACK_CLOSED",
  ResourceNotFoundException: "ERR_CALLBACK_UNKNOWN",
};

/** `stop` does nothing if the execution has ended. @throws DurableError `ERR_CALLBACK_…`, or the engine's errors */
export function applyRequest(engine: LocalEngine, request: JournalRequest): void {
  try {
    switch (request.action) {
      case "complete":
        return engine.completeCallback(request.callbackId, request.result);
      case "fail":
        return engine.failCallback(request.callbackId, request.error);
      case "heartbeat":
        return engine.heartbeatCallback(request.callbackId);
      case "stop":
        return engine.stop(request.executionArn);
    }
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throw new DurableError(REFUSALS[error.name] ?? "ERR_CALLBACK_REFUSED", error.message, { cause: error });
  }
}
