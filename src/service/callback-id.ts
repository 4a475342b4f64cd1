import { randomUUID } from "node:crypto";
import { invalidParameter } from "./service-error.ts";

export interface CallbackAddress {
  readonly arn: string;
  readonly operationId: string;
}

/** The random token prevents that anybody guesses the id from the ARN and the operation. */
export function newCallbackId({ arn, operationId }: CallbackAddress): string {
  return Buffer.from(JSON.stringify({ arn, operationId, token: randomUUID() })).toString("base64");
}

/** Checks only the form, not whether the callback exists. @throws ServiceError InvalidParameterValueException */
export function readCallbackId(callbackId: string): CallbackAddress {
  try {
    const { arn, operationId } = JSON.parse(Buffer.from(callbackId, "base64").toString()) as Record<string, unknown>;
    if (typeof arn === "string" && typeof operationId === "string") return { arn, operationId };
  } catch {
    // The text is not base64 of a JSON object. The error below says what is wrong.
  }
  throw invalidParameter(`Invalid callback id: ${JSON.stringify(callbackId)?.slice(0, 100)}. Pass the id unchanged.`);
}
