import { AsyncLocalStorage } from "node:async_hooks";
import type { GivenLogger } from "../execution/active.ts";
import type { LogMethod } from "./protocol.ts";

/** What a worker function can use during one call. */
export interface WorkerTask {
  /**
   * Writes to the logger of the operation that made the call. The lines have the id and the name of this operation, and
   * the attempt of a step or condition. For a call outside of an execution, writes to the console. On a thread of the
   * pool, a parameter that cannot be cloned is written as text.
   */
  readonly logger: Required<GivenLogger>;
  /**
   * Aborted when the call is unwanted: its time-out is over, or the signal of its options or operation was aborted,
   * because its batch ended early or the invocation nears its end, for example. Code that computes for long without a
   * pause can check `signal.aborted`, which is always up to date. If the code ignores the signal, the pool ends its
   * thread. A call in the calling thread (`inline`) is different: `aborted` changes only when the code pauses, and no
   * thread is ended.
   */
  readonly signal: AbortSignal;
  /** The attempt of the step or condition that made the call, from 1 on. Otherwise 1. */
  readonly attempt: number;
}

const KEY = Symbol.for("durable-fanout.worker-task");

/** Gives the task that runs now. `workers/thread.ts` sets the holder on a thread of a pool, `runAsTask` elsewhere. */
interface TaskHolder {
  current(): WorkerTask | undefined;
}

const IN_PLACE = Symbol.for("durable-fanout.tasks-in-place");

type Holders = typeof globalThis & { [KEY]?: TaskHolder; [IN_PLACE]?: AsyncLocalStorage<WorkerTask> };

/**
 * The logger, the signal and the attempt of the call that runs now. Use it in functions that are called through
 * `workers`, before the function ends. In other code, for example in a test that calls the function directly, the
 * logger is the console, the signal is never aborted, and the attempt is 1.
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

/** Makes `workerTask` return what `current` returns, in all copies of this package that the thread has loaded. */
export function holdTasks(current: () => WorkerTask | undefined): void {
  (globalThis as Holders)[KEY] = { current };
}

export function isWorkerThread(): boolean {
  return THREAD in globalThis;
}

export function markWorkerThread(): void {
  Object.defineProperty(globalThis, THREAD, { value: true });
}

const THREAD = Symbol.for("durable-fanout.worker-thread");

/** Shared by all copies of this package, because the holder of one copy must know the tasks of the other copies. */
function tasksInPlace(): AsyncLocalStorage<WorkerTask> {
  const holders: Holders = globalThis;
  holders[IN_PLACE] ??= new AsyncLocalStorage();
  return holders[IN_PLACE];
}

/** Within `code`, `workerTask` returns `task`; but on a thread of a pool, it returns the task of the thread's call. */
export function runAsTask<T>(task: WorkerTask, code: () => T): T {
  const tasks = tasksInPlace();
  if (!isWorkerThread()) holdTasks(() => tasks.getStore());
  return tasks.run(task, code);
}

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
