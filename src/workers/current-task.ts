import { AsyncLocalStorage } from "node:async_hooks";
import type { GivenLogger } from "../execution/active.ts";
import type { LogMethod } from "./protocol.ts";

/** What a function that runs on a thread may use. */
export interface WorkerTask {
  /** Its lines come out of the logger of the step that the call was made in, with the step's id, name and attempt. */
  readonly logger: Required<GivenLogger>;
  /**
   * Aborted when the call is not wanted any more: its time-out is over, the batch around it ended early, the invocation
   * nears its end. Code that computes for long without a pause looks at `signal.aborted`, which is up to date at any
   * time; code that ignores it is ended with its thread.
   */
  readonly signal: AbortSignal;
  /** Which attempt of the step the call is made in, from 1 on. 1 outside of steps. */
  readonly attempt: number;
}

const KEY = Symbol.for("durable-fanout.worker-task");

/** Who knows the task that runs: the thread's own code, or the pool where it runs in place. */
interface TaskHolder {
  current(): WorkerTask | undefined;
}

type Holders = typeof globalThis & { [KEY]?: TaskHolder };

/**
 * The task that runs: its logger and its signal, inside a function that was called through `workers`. Elsewhere, as in
 * a test that calls the function itself, the logger is the console and the signal is never aborted.
 *
 * ```ts
 * export function score(order: Order): number {
 *   const { logger, signal } = workerTask();
 *   logger.info("scoring", order.id);
 *   …
 * }
 * ```
 */
export function workerTask(): WorkerTask {
  return (globalThis as Holders)[KEY]?.current() ?? NO_TASK;
}

/** Makes `workerTask` find what `current` gives, in every copy of this package in this thread. */
export function holdTasks(current: () => WorkerTask | undefined): void {
  (globalThis as Holders)[KEY] = { current };
}

/** Whether this thread is one of a pool. */
export function isWorkerThread(): boolean {
  return THREAD in globalThis;
}

/** To be called once in each thread of a pool. */
export function markWorkerThread(): void {
  Object.defineProperty(globalThis, THREAD, { value: true });
}

const THREAD = Symbol.for("durable-fanout.worker-thread");

const inPlace = new AsyncLocalStorage<WorkerTask>();

/** Runs code in this thread as a task. */
export function runAsTask<T>(task: WorkerTask, code: () => T): T {
  if (!isWorkerThread()) holdTasks(() => inPlace.getStore());
  return inPlace.run(task, code);
}

/** A logger each of whose lines goes to `write`. */
export function loggerTo(write: (method: LogMethod, params: readonly unknown[]) => void): Required<GivenLogger> {
  return {
    log: (...params) => write("log", params),
    error: (...params) => write("error", params),
    warn: (...params) => write("warn", params),
    info: (...params) => write("info", params),
    debug: (...params) => write("debug", params),
  };
}

const NO_TASK: WorkerTask = {
  logger: loggerTo((method, params) => console[method](...params)),
  get signal() {
    return new AbortController().signal;
  },
  attempt: 1,
};
