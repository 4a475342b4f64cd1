import { randomUUID } from "node:crypto";
import { invalidParameter } from "./service-error.ts";

/** The address of a callback. */
export interface CallbackAddress {
  readonly arn: string;
  readonly operationId: string;
}

/** A new id, which has no meaning for others. Its token keeps people who know the execution from guessing the id. */
export function newCallbackId({ arn, operationId }: CallbackAddress): string {
  return Buffer.from(JSON.stringify({ arn, operationId, token: randomUUID() })).toString("base64");
}

/** @throws ServiceError InvalidParameterValueException when no engine has made this id. */
export function readCallbackId(callbackId: string): CallbackAddress {
  try {
    const { arn, operationId } = JSON.parse(Buffer.from(callbackId, "base64").toString()) as Record<string, unknown>;
    if (typeof arn === "string" && typeof operationId === "string") return { arn, operationId };
  } catch {
    // Falls through: the text is no id of an engine.
  }
  throw invalidParameter(`Invalid callback id: ${JSON.stringify(callbackId)?.slice(0, 100)}. Pass the id unchanged.`);
}
