import { invalid } from "../core/arguments.ts";
import { DurableError, messageOf, UnrecoverableInvocationError } from "../core/errors.ts";
import { isLongerThan } from "../core/limits.ts";
import { type AnySerdes, type AnySerdesDeserializer, defaultSerdes } from "../core/serdes.ts";
import { park } from "../execution/suspension.ts";
import type { ClaimedOperation } from "./operation.ts";
import { describeUnwritable } from "./unwritable.ts";

/** The payload of a result, and the value that a replay will read from the payload. */
export interface EncodedResult {
  readonly payload: string | undefined;
  /**
   * Absent if a user's serdes wrote the payload, and at the end of a condition. A step or a context reads the value
   * after its end is queued, because a serdes that cannot read must not make finished work run again. A condition reads
   * its state before that, because the wait strategy needs the state.
   */
  readonly value?: unknown;
  /** True if no payload was made, because the payload would be over the size limit. */
  readonly oversized?: true;
}

/** Undefined if the codec writes and reads the payload. */
export function serdesFor(operation: ClaimedOperation, own: AnySerdes | undefined): AnySerdes | undefined {
  return own ?? operation.scope.defaultSerdes;
}

/**
 * Returns a promise only if there is a serdes. The codec also reads the payload, so that a live operation and its
 * replay give the same value.
 * @param packFromBytes the number of bytes of JSON from which the codec packs; a batch ignores it
 * @throws DurableError `ERR_PAYLOAD_UNWRITABLE` if the codec cannot write the value. `serializeWith` says how a serdes
 * fails.
 */
export function encodeResult(
  operation: ClaimedOperation,
  value: unknown,
  serdes: AnySerdes | undefined,
  packFromBytes?: number,
): EncodedResult | Promise<EncodedResult> {
  if (serdes !== undefined) return encodeWith(serdes, operation, value);
  operation.execution.onResult?.(operation, value);
  try {
    return operation.ledger.roundTrip(value, packFromBytes);
  } catch (error) {
    const found = whyUnwritable("result", value, operation.execution.codec.name === "typed");
    const advice = found?.endsWith("BigInt")
      ? 'Set `runtime.codec` to "typed", which keeps such values, or return text.'
      : "Return a value that JSON can store.";
    throw unwritable(operation, "result", found, advice, error);
  }
}

async function encodeWith(serdes: AnySerdes, operation: ClaimedOperation, value: unknown): Promise<EncodedResult> {
  return { payload: operation.ledger.wrap(await serializeWith(serdes, operation, value)) };
}

/**
 * Returns a promise if there is a serdes. If the codec or the serdes cannot read, the invocation is rejected, and the
 * returned promise never settles.
 */
export function decodeResult(
  operation: ClaimedOperation,
  payload: string | undefined,
  serdes: AnySerdes | undefined,
): unknown {
  if (serdes !== undefined) return deserializeWith(serdes, operation, operation.ledger.unwrap(payload));
  try {
    return operation.execution.codec.decode(payload);
  } catch (error) {
    return serdesFailed(operation, "Deserialization", error);
  }
}

export type PayloadOwner = Pick<ClaimedOperation, "execution" | "scope" | "path" | "name">;

/**
 * Resolves with undefined if the serdes returns undefined or null. If the serdes fails, or returns anything but a text,
 * and may succeed in the next invocation, the invocation is rejected and the promise never settles.
 * @throws DurableError `ERR_PAYLOAD_UNWRITABLE` if the serdes would fail again in each attempt
 */
export async function serializeWith(
  serdes: AnySerdes,
  owner: ClaimedOperation,
  value: unknown,
  what = "result",
): Promise<string | undefined> {
  try {
    const text = (await serdes.serialize(value, serdesContext(owner))) ?? undefined;
    if (text === undefined || typeof text === "string") return text;
    throw invalid(() => "serialize", "result", text, "a text");
  } catch (error) {
    const found = whyUnwritable(what, value, false);
    // `defaultSerdes` fails again in each attempt. So does a serdes that fails with a `TypeError` on a value that JSON
    // cannot write. Otherwise the serdes may succeed in the next invocation.
    if (serdes === defaultSerdes || (found && error instanceof TypeError))
      throw unwritable(owner, what, found, "The serdes writes JSON: give it text instead.", error);
    return serdesFailed(owner, "Serialization", error);
  }
}

/** If the serdes fails, the invocation is rejected, and the promise never settles. */
export async function deserializeWith(
  serdes: AnySerdesDeserializer,
  owner: PayloadOwner,
  payload: string | undefined,
): Promise<unknown> {
  try {
    // Without `keepAwake`, the invocation could be suspended while the serdes reads.
    return await owner.execution.keepAwake(owner.scope, serdes.deserialize(payload, serdesContext(owner)));
  } catch (error) {
    return serdesFailed(owner, "Deserialization", error);
  }
}

function serdesContext(owner: PayloadOwner) {
  return { entityId: owner.path, durableExecutionArn: owner.execution.arn };
}

function serdesFailed(operation: PayloadOwner, action: string, error: unknown): Promise<never> {
  const name = operation.name === undefined ? "" : `"${operation.name}" `;
  const message = `${action} failed for step ${name}(${operation.path}): ${messageOf(error)}`;
  const fault = new UnrecoverableInvocationError("SerdesFailedError", message, error);
  // Ended items of batches are written first. Otherwise the next invocation would run these items again.
  operation.execution.batches.writeAll();
  operation.execution.terminate({ end: "reject", error: fault });
  return park();
}

function whyUnwritable(what: string, value: unknown, keepsTypes: boolean): string | undefined {
  try {
    return describeUnwritable(what, value, keepsTypes);
  } catch {
    // No member can be named, for example because a getter or a `toJSON` of the value threw an error.
    return undefined;
  }
}

function unwritable(
  operation: ClaimedOperation,
  what: string,
  found: string | undefined,
  advice: string,
  cause: unknown,
): DurableError {
  const message = `The ${what} of ${labelOf(operation)} cannot be stored: ${found ?? messageOf(cause)}. ${advice}`;
  const error = new DurableError("ERR_PAYLOAD_UNWRITABLE", message, { cause });
  error.name = "PayloadUnwritableError";
  return error;
}

export function labelOf({ subType, name, path }: ClaimedOperation): string {
  return `${subType} ${name === undefined ? path : `"${name}" (${path})`}`;
}

export function isTooLarge(payload: string | undefined, maxBytes: number): payload is string {
  return payload !== undefined && isLongerThan(payload, maxBytes);
}

export function payloadTooLarge(operation: ClaimedOperation, what: string, payload: string): DurableError {
  // The message names the service's limit. The limit in a batch is lower, because its records share one operation.
  const limit = operation.ledger.outside.maxPayloadBytes;
  const error = new DurableError(
    "ERR_PAYLOAD_TOO_LARGE",
    `The ${what} of ${labelOf(operation)} is ${Buffer.byteLength(payload)} bytes; the service accepts ${limit}` +
      `${what === "input" ? "" : ", less in a batch"}. Store the data elsewhere and return a reference to it, or return less.`,
  );
  error.name = "PayloadTooLargeError";
  return error;
}
