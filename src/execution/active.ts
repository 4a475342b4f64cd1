import type { LineWriter } from "../client/client.ts";
import type { OperationId } from "../core/ids.ts";

/**
 * Whether a context replays.
 * - `execution`: the code of the context is live.
 * - `replay`: the code has not yet reached an operation that is new or has not ended.
 * - `replay-succeeded`: the context has ended, and its function runs again only to make its result from the records.
 */
export type ReplayMode = "execution" | "replay" | "replay-succeeded";

/** The context or step whose function runs now. */
export interface ActiveOperation {
  /** The path of the context or step; `root` for the handler itself. */
  readonly contextId: string;
  /** The operation of the context or step. Absent in the handler itself. */
  readonly operation?: { readonly id: OperationId };
  readonly operationName?: string | undefined;
  readonly attempt?: number | undefined;
  /** The scope of the context, or of the context to which the step belongs. */
  readonly scope: { readonly mode: ReplayMode };
  /** Absent before `give` is called. */
  given?: Given;
}

/** The signal and the logger that the function of a context or step got. Code on threads uses them too. */
export interface Given {
  /** The signal is made when it is first read. */
  readonly signal: AbortSignal;
  readonly logger: GivenLogger;
}

export type GivenLogger = LineWriter;

const { AsyncLocalStorage } = process.getBuiltinModule("node:async_hooks");

/** The active operation of the running user code. It stays the same after each `await` in this code. */
export const active = new AsyncLocalStorage<ActiveOperation>();

/** Returns a function that runs code with the present `AsyncLocalStorage` stores of the caller. */
export function callerContext(): <T>(code: () => T) => T {
  return AsyncLocalStorage.snapshot();
}

export function give(given: Given): void {
  const current = active.getStore();
  if (current !== undefined) current.given = given;
}

/**
 * Runs user code with `current` as the active operation. A promise that is no native `Promise` is awaited in the same
 * asynchronous context, because some operations begin only when their `DurablePromise` is awaited.
 */
export function runAs<T>(current: ActiveOperation, code: () => Promise<T>): Promise<T> {
  return active.run(current, start, code) as Promise<T>;
}

function start(code: () => Promise<unknown>): Promise<unknown> {
  const running = code();
  return running instanceof Promise ? running : settle(running);
}

async function settle<T>(promise: PromiseLike<T>): Promise<T> {
  return await promise;
}

/** `this[SELF]` is the object itself, because `this` may be a user's `Proxy`, which has no private members. */
export const SELF = Symbol("self");
