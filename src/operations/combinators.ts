import { DurableOperationError, isError, PromiseCombinatorError, toErrorObject } from "../core/errors.ts";
import type { Execution } from "../execution/execution.ts";
import type { Scope } from "../execution/scope.ts";
import { childResultFormat, type ResultFormat, runChild } from "./child.ts";

/** The stored form of an error with which a promise rejected. JSON of an `Error` has no `message` and no `stack`. */
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
 * The replay of an ended combinator awaits none of its promises, so a plain promise that rejects must not end the
 * process. A `DurablePromise` gets no handler, because a handler would make it count as awaited.
 */
export function handleRejections(promises: unknown): void {
  if (!Array.isArray(promises)) return;
  for (const promise of promises) if (promise?.[Symbol.toStringTag] === "Promise") promise.catch(() => {});
}

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

/** Each error with which a promise rejected becomes a plain `Error`, because a replay can make only plain errors. */
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

/** In an item of a batch that version 2.0.0 began, combinators have no record and no path. */
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

function isStoredReason(reason: unknown): reason is StoredReason {
  if (typeof reason !== "object" || reason === null || !("message" in reason) || !("name" in reason)) return false;
  return Object.keys(reason).every((key) => key === "message" || key === "name" || key === "stack");
}
