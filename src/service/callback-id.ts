import { randomUUID } from "node:crypto";
import { invalidParameter } from "./service-error.ts";

/** Where a callback is to be found. */
export interface CallbackAddress {
  readonly arn: string;
  readonly operationId: string;
}

/** A new id, opaque to everybody else. Its token keeps it from being guessed by those who know the execution. */
export function newCallbackId({ arn, operationId }: CallbackAddress): string {
  return Buffer.from(JSON.stringify({ arn, operationId, token: randomUUID() })).toString("base64");
}

/** @throws ServiceRefusal InvalidParameterValueException when no engine has made this id. */
export function readCallbackId(callbackId: string): CallbackAddress {
  try {
    const { arn, operationId } = JSON.parse(Buffer.from(callbackId, "base64").toString()) as Record<string, unknown>;
    if (typeof arn === "string" && typeof operationId === "string") return { arn, operationId };
  } catch {
    // Falls through: it is no id of ours, whatever it is.
  }
  throw invalidParameter(
    `Invalid callback id: ${JSON.stringify(callbackId)?.slice(0, 100)}. Pass the id as it was given.`,
  );
}
