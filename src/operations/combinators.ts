import { DurableOperationError, isError, PromiseCombinatorError, toErrorObject } from "../core/errors.ts";
import type { Execution } from "../execution/execution.ts";
import type { Scope } from "../execution/scope.ts";
import { childResultFormat, type ResultFormat, runChild } from "./child.ts";

/**
 * The stored form of the error with which a promise rejected. These members are named here, because JSON does not write
 * the message and the stack of an error.
 */
interface StoredReason {
  readonly message: string;
  readonly name: string;
  readonly stack?: string | undefined;
}

interface StoredOutcome {
  readonly status: "fulfilled" | "rejected";
  readonly value?: unknown;
  readonly reason?: unknown;
}

/**
 * Prevents that a rejection of a plain promise ends the process. A replay returns the recorded outcome and awaits no
 * promise. An operation's own promise needs no such handler, and counts as awaited if it gets one.
 */
export function handleRejections(promises: unknown): void {
  if (!Array.isArray(promises)) return;
  for (const promise of promises) if (promise?.[Symbol.toStringTag] === "Promise") promise.catch(() => {});
}

/** Combines promises in a child context. The context's record keeps the outcome, so a replay gives the same winner. */
export function runCombinator(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  combine: () => Promise<unknown>,
  format: ResultFormat = childResultFormat({}),
): Promise<unknown> {
  if (scope.ledger.isFirstVersion) return combineUnrecorded(combine, format);
  const mapError = (error: DurableOperationError) => new PromiseCombinatorError(error.message, error);
  const subType = "RunInChildContext";
  const plan = {
    name,
    subType,
    virtual: false,
    hasOwnCode: false,
    format,
    errorMapper: mapError,
    body: combine,
  } as const;
  return runChild(execution, scope, plan);
}

/**
 * The result format of `allSettled`. After storing, an error in the result is a plain `Error` with the same name,
 * message and stack.
 */
export function settledFormat(): ResultFormat {
  const plain = childResultFormat({});
  return {
    ...plain,
    readBack: (outcomes) => (outcomes as PromiseSettledResult<unknown>[]).map(storeOutcome).map(restoreOutcome),
    encode: async (operation, outcomes) => {
      const stored = (outcomes as PromiseSettledResult<unknown>[]).map(storeOutcome);
      const encoded = await plain.encode(operation, stored);
      if (!("value" in encoded)) return encoded;
      return { ...encoded, value: (encoded.value as StoredOutcome[]).map(restoreOutcome) };
    },
    decode: async (operation, payload) => {
      const stored = (await plain.decode(operation, payload)) as StoredOutcome[];
      return stored.map(restoreOutcome);
    },
  };
}

/**
 * Combines promises in items of a batch that version 2.0.0 began. That version gave combined promises no record and no
 * path. So a replay of such an item must not give them a record or a path either.
 */
async function combineUnrecorded(combine: () => Promise<unknown>, format: ResultFormat): Promise<unknown> {
  try {
    const combined = await combine();
    return format.readBack?.(combined) ?? combined;
  } catch (thrown) {
    const error = DurableOperationError.fromErrorObject(toErrorObject(thrown));
    throw new PromiseCombinatorError(error.message, error);
  }
}

function storeOutcome(outcome: PromiseSettledResult<unknown>): StoredOutcome {
  if (outcome.status === "fulfilled") return outcome;
  const { reason } = outcome;
  if (!isError(reason)) return { status: "rejected", reason };
  const { message, name, stack } = reason;
  return { status: "rejected", reason: { message, name, stack } satisfies StoredReason };
}

function restoreOutcome(outcome: StoredOutcome): StoredOutcome {
  const { reason } = outcome;
  if (outcome.status === "fulfilled" || !isStoredReason(reason)) return outcome;
  const { message, name, stack } = reason;
  const error = new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return { ...outcome, reason: error };
}

/** Whether the value has the members of a stored error, and no other members. Then the value is a stored error. */
function isStoredReason(reason: unknown): reason is StoredReason {
  if (typeof reason !== "object" || reason === null || !("message" in reason) || !("name" in reason)) return false;
  return Object.keys(reason).every((key) => key === "message" || key === "name" || key === "stack");
}
