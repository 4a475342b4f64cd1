import type { OperationId } from "../core/ids.ts";

/**
 * Whether a context replays: drives logging, and what may still begin in it.
 * `replay-succeeded` is a finished context whose function runs again only to rebuild a result too large to keep.
 */
export type ReplayMode = "execution" | "replay" | "replay-succeeded";

/** What the code now running belongs to: a context's function, or a step's. */
export interface ActiveOperation {
  /** The path of the context or step; `root` for the handler itself. */
  readonly contextId: string;
  /** Absent in the handler itself. */
  readonly operation?: { readonly id: OperationId };
  readonly operationName?: string | undefined;
  readonly attempt?: number | undefined;
  /** The context's scope, or that of the context which the step belongs to. */
  readonly scope: { readonly mode: ReplayMode };
  /** What its function was given; absent until then. */
  given?: Given;
}

/** What the function of a context or step is given that is of use to code which works for it elsewhere, on a thread. */
export interface Given {
  /** Made when it is asked for. */
  readonly signal: AbortSignal;
  readonly logger: GivenLogger;
}

type Log = (...params: unknown[]) => void;

/** A logger as user code sees it. */
export interface GivenLogger {
  readonly log?: ((level: "DEBUG" | "INFO" | "WARN" | "ERROR", ...params: unknown[]) => void) | undefined;
  readonly error: Log;
  readonly warn: Log;
  readonly info: Log;
  readonly debug: Log;
}

const { AsyncLocalStorage } = process.getBuiltinModule("node:async_hooks");

/** Follows user code through its awaits. */
export const active = new AsyncLocalStorage<ActiveOperation>();

/** Runs code later in the asynchronous context of now: what the caller has in its own stores is there again. */
export function callerContext(): <T>(code: () => T) => T {
  return AsyncLocalStorage.snapshot();
}

/** Notes what the active function is given. */
export function give(given: Given): void {
  const current = active.getStore();
  if (current !== undefined) current.given = given;
}

/**
 * Runs user code as belonging to `current`. What it returns is waited for in there as well: a `DurablePromise` begins
 * some operations only when it is awaited.
 */
export function runAs<T>(current: ActiveOperation, code: () => Promise<T>): Promise<T> {
  return active.run(current, () => {
    const running = code();
    return running instanceof Promise ? running : settle(running);
  });
}

async function settle<T>(promise: PromiseLike<T>): Promise<T> {
  return await promise;
}

/**
 * The member by which an object that user code is given finds itself. People wrap such objects, in a `Proxy` or by
 * `Object.create`, and a method that is called on the wrapper does not find the private members there.
 */
export const SELF = Symbol("self");
