import type { LineWriter } from "../client/client.ts";
import type { OperationId } from "../core/ids.ts";

/**
 * Whether a context replays. The mode decides whether the context logs, and what may still begin in the context.
 * `replay-succeeded` is the mode of a finished context whose function runs again only to rebuild a result that was too
 * large to keep.
 */
export type ReplayMode = "execution" | "replay" | "replay-succeeded";

/** The owner of the running code: the function of a context, or that of a step. */
export interface ActiveOperation {
  /** The path of the context or step; `root` for the handler itself. */
  readonly contextId: string;
  /** Absent in the handler itself. */
  readonly operation?: { readonly id: OperationId };
  readonly operationName?: string | undefined;
  readonly attempt?: number | undefined;
  /** The scope of the context, or of the context to which the step belongs. */
  readonly scope: { readonly mode: ReplayMode };
  /** The parts that the function was given. Absent until then. */
  given?: Given;
}

/**
 * The parts given to the function of a context or step that code on a thread, which works for this function, needs too.
 */
export interface Given {
  /** Made at the first read. */
  readonly signal: AbortSignal;
  readonly logger: GivenLogger;
}

/** A logger as user code sees it. */
export type GivenLogger = LineWriter;

const { AsyncLocalStorage } = process.getBuiltinModule("node:async_hooks");

/** Follows user code through its awaits. */
export const active = new AsyncLocalStorage<ActiveOperation>();

/**
 * Keeps the current asynchronous context, and runs code in this context later. The caller's own stores are then
 * available again.
 */
export function callerContext(): <T>(code: () => T) => T {
  return AsyncLocalStorage.snapshot();
}

/** Notes the parts that the active function was given. */
export function give(given: Given): void {
  const current = active.getStore();
  if (current !== undefined) current.given = given;
}

/**
 * Runs user code that belongs to `current`, and awaits its promise there as well: some operations of a `DurablePromise`
 * begin only when the promise is awaited.
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
 * The member with which a given object refers to itself. People wrap such objects in a `Proxy` or with `Object.create`.
 * A method that is called on the wrapper does not find the private members there.
 */
export const SELF = Symbol("self");
