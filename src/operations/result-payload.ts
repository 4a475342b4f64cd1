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
   * Absent if a user's serdes wrote the payload. The value is then read only after the result is recorded, because a
   * serdes that cannot read must not make finished work run again.
   */
  readonly value?: unknown;
  /** True if no payload was made, because the payload would be over the size limit. */
  readonly oversized?: true;
}

/** The serdes of an operation. Undefined if the codec writes and reads the payload. */
export function serdesFor(operation: ClaimedOperation, own: AnySerdes | undefined): AnySerdes | undefined {
  return own ?? operation.scope.defaultSerdes;
}

/**
 * Encodes a result. The codec also reads the payload, so that a live run and a replay give the same value. Returns a
 * promise only if there is a serdes. `serializeWith` says what happens when the serdes fails.
 * @param packFromBytes replaces the codec's own number of bytes from which JSON is packed
 * @throws DurableError `ERR_PAYLOAD_UNWRITABLE` if no attempt can write the value, so that the operation must fail
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
 * Reads a recorded result. Returns a promise if there is a serdes. If the codec or the serdes cannot read, the
 * invocation ends, and the returned promise never settles.
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

/** The members of an operation that a serdes and error messages need. */
export type PayloadOwner = Pick<ClaimedOperation, "execution" | "scope" | "path" | "name">;

/**
 * Writes a payload with a serdes. Resolves with undefined if the serdes returns undefined or null. If the serdes fails,
 * the invocation ends and the promise never settles, because the serdes may succeed in the next invocation.
 * @throws DurableError `ERR_PAYLOAD_UNWRITABLE` if no attempt can write the value
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
    // cannot write. In all other cases the serdes may succeed in the next invocation.
    if (serdes === defaultSerdes || (found && error instanceof TypeError))
      throw unwritable(owner, what, found, "The serdes writes JSON: give it text instead.", error);
    return serdesFailed(owner, "Serialization", error);
  }
}

/** Reads a payload with a serdes. When the serdes fails, the invocation ends, and the promise never settles. */
export async function deserializeWith(
  serdes: AnySerdesDeserializer,
  owner: PayloadOwner,
  payload: string | undefined,
): Promise<unknown> {
  try {
    // The operation has ended. Without `keepAwake` the invocation could be suspended while the serdes reads.
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
    // A getter or a `toJSON` of the value threw an error, so that no member can be named.
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
  // The message names the service's limit. The limit inside a batch is lower, because other records share the
  // operation.
  const limit = operation.ledger.outside.maxPayloadBytes;
  const error = new DurableError(
    "ERR_PAYLOAD_TOO_LARGE",
    `The ${what} of ${labelOf(operation)} is ${Buffer.byteLength(payload)} bytes; the service accepts ${limit}` +
      `${what === "input" ? "" : ", less in a batch"}. Store the data elsewhere and return a reference to it, or return less.`,
  );
  error.name = "PayloadTooLargeError";
  return error;
}
