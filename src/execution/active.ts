import type { LineWriter } from "../client/client.ts";
import type { OperationId } from "../core/ids.ts";

/**
 * Whether a context replays. The mode decides whether the context logs, and what may still begin in the context.
 * - `execution`: the context runs new operations.
 * - `replay`: some recorded operations of the context have not been reached yet.
 * - `replay-succeeded`: the context has ended, and its function runs again only to make a result that was too large to
 *   record.
 */
export type ReplayMode = "execution" | "replay" | "replay-succeeded";

/** The context or step whose function is the running code. */
export interface ActiveOperation {
  /** The path of the context or step; `root` for the handler itself. */
  readonly contextId: string;
  /** The operation of the context or step. Absent in the handler itself. */
  readonly operation?: { readonly id: OperationId };
  readonly operationName?: string | undefined;
  readonly attempt?: number | undefined;
  /** The scope of the context, or of the context to which the step belongs. */
  readonly scope: { readonly mode: ReplayMode };
  /** The signal and the logger that the function was given. Absent until then. */
  given?: Given;
}

/**
 * The signal and the logger that the function of a context or step was given. Code on a thread that works for this
 * function needs them too.
 */
export interface Given {
  /** The signal is made when it is first read. */
  readonly signal: AbortSignal;
  readonly logger: GivenLogger;
}

/** A logger as user code sees it. */
export type GivenLogger = LineWriter;

const { AsyncLocalStorage } = process.getBuiltinModule("node:async_hooks");

/** The active operation of the running user code. It remains the same when the code awaits. */
export const active = new AsyncLocalStorage<ActiveOperation>();

/**
 * Keeps the current asynchronous context. The returned function runs code in this context later, so that the code finds
 * the caller's own `AsyncLocalStorage` stores.
 */
export function callerContext(): <T>(code: () => T) => T {
  return AsyncLocalStorage.snapshot();
}

/** Notes the signal and the logger that the active function was given. */
export function give(given: Given): void {
  const current = active.getStore();
  if (current !== undefined) current.given = given;
}

/**
 * Runs user code with `current` as the active operation. The code's promise is awaited in the same asynchronous
 * context, because some operations begin only when their `DurablePromise` is awaited.
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

/**
 * The member of an object that refers to the object itself. Users may wrap such an object in a `Proxy` or with
 * `Object.create`. The wrapper has no private members. So a method that is called on the wrapper reads the private
 * members of `this[SELF]`.
 */
export const SELF = Symbol("self");
