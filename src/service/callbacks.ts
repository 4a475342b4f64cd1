import type { ErrorObject } from "../core/wire.ts";
import { type CallbackAddress, readCallbackId } from "./callback-id.ts";
import type { ExecutionRecord } from "./execution-record.ts";
import { invalidParameter, ServiceError } from "./service-error.ts";
import type { LocalQuotas } from "./settings.ts";

/** Returns false, without a call of `action`, if the journal does not have the execution. */
export type ChangeExecution = (arn: string, action: (record: ExecutionRecord, nowMs: number) => void) => boolean;

/**
 * What external systems can do with callbacks.
 *
 * CB1  The first completion ends a callback. Every later completion or heartbeat is an error.
 * CB2  A callback whose time-out has passed has ended, even if the service has not written its end yet.
 */
export class Callbacks {
  readonly #change: ChangeExecution;
  readonly #quotas: LocalQuotas;

  constructor(change: ChangeExecution, quotas: LocalQuotas) {
    this.#change = change;
    this.#quotas = quotas;
  }

  succeed(callbackId: string, result: string | Uint8Array | undefined): void {
    const text = typeof result === "object" ? new TextDecoder().decode(result) : result;
    const bytes = Buffer.byteLength(text ?? "");
    const { payloadBytes } = this.#quotas;
    if (bytes > payloadBytes) {
      throw invalidParameter(`The callback's result is ${bytes} bytes; ${payloadBytes} are allowed.`);
    }
    // An empty text counts as an absent result.
    const completion = { status: "SUCCEEDED", result: text || undefined } as const;
    this.#withOpen(callbackId, (record, id, nowMs) => record.complete(id, completion, nowMs));
  }

  fail(callbackId: string, error: ErrorObject): void {
    const { errorBytes } = this.#quotas;
    if (Buffer.byteLength(JSON.stringify(error)) >= errorBytes) {
      throw invalidParameter(`Error object size must be less than ${errorBytes} bytes.`);
    }
    this.#withOpen(callbackId, (record, id, nowMs) => record.complete(id, { status: "FAILED", error }, nowMs));
  }

  heartbeat(callbackId: string): void {
    this.#withOpen(callbackId, (record, id, nowMs) => record.heartbeat(id, nowMs));
  }

  #withOpen(callbackId: string, act: (record: ExecutionRecord, operationId: string, nowMs: number) => void): void {
    const address = readCallbackId(callbackId);
    const isKnown = this.#change(address.arn, (record, nowMs) => {
      record.completeTimers(nowMs); // CB2
      checkOpen(record, callbackId, address); // CB1
      act(record, address.operationId, nowMs);
    });
    if (!isKnown)
      throw notFound(`The callback belongs to an execution that this journal does not have: ${address.arn}.`);
  }
}

function checkOpen(record: ExecutionRecord, callbackId: string, { operationId }: CallbackAddress): void {
  const operation = record.operation(operationId);
  if (operation?.Type !== "CALLBACK" || operation.CallbackDetails?.CallbackId !== callbackId) {
    throw notFound(`There is no callback with this id in execution "${record.header.name}".`);
  }
  if (record.status !== "RUNNING") {
    throw closed(`The callback's execution "${record.header.name}" is over (${record.status}).`);
  }
  if (operation.Status !== "STARTED") throw closed(`The callback is closed already (${operation.Status}).`);
}

function notFound(message: string): ServiceError {
  return new ServiceError("ResourceNotFoundException", 404, message);
}

function closed(message: string): ServiceError {
  return new ServiceError("CallbackTimeoutException", 400, message);
}
