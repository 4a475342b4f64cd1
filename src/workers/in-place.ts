import { setImmediate as nextTick } from "node:timers/promises";
import type { Transferable } from "node:worker_threads";
import { DurableError } from "../core/errors.ts";
import type { GivenLogger } from "../execution/active.ts";
import { whyUncloneable } from "./cloning.ts";
import { loggerTo, runAsTask, type WorkerTask } from "./current-task.ts";
import { describeCall, WorkerTimeoutError } from "./errors.ts";
import { findExport } from "./module-export.ts";
import type { Task } from "./task.ts";
import { unwrapTransfer } from "./transfer.ts";

/** After so many milliseconds of calls, the other work of this thread gets a turn. */
const YIELD_EVERY_MS = 10;

/** Arguments and results are cloned, as on a thread of a pool. Returns how many milliseconds the calls ran. */
export async function runInPlace(tasks: readonly Task[], timeoutMs: number | undefined): Promise<number> {
  let yieldedMs = performance.now();
  let runMs = 0;
  for (const task of tasks) {
    if (!task.isSettled) runMs += await runTask(task, timeoutMs);
    if (performance.now() - yieldedMs < YIELD_EVERY_MS) continue;
    await nextTick();
    yieldedMs = performance.now();
  }
  return runMs;
}

async function runTask(task: Task, timeoutMs: number | undefined): Promise<number> {
  const { module, function: name } = task.call;
  let runMs = 0;
  // The timer fails a call that waits for too long, and aborts its signal. Then the next call begins. The timer cannot
  // interrupt code that computes.
  const giveUp = () => task.giveUp(new WorkerTimeoutError(task.call, timeoutMs as number));
  let timer: NodeJS.Timeout | undefined;
  try {
    const { function: run, owner } = await findExport(module, name);
    if (task.isSettled) return 0;
    if (timeoutMs !== undefined) timer = setTimeout(giveUp, timeoutMs);
    const args = clone(task, task.args, task.moved, "arguments");
    const beganMs = performance.now();
    try {
      const running = runAsTask(new TaskInPlace(task), () => Reflect.apply(run, owner, args as unknown[]) as unknown);
      const result = await Promise.race([running, task.result]);
      const { value, moved } = unwrapTransfer(result);
      task.succeed(clone(task, value, moved, "result"));
    } finally {
      runMs = performance.now() - beganMs;
    }
  } catch (error) {
    task.fail(error);
  } finally {
    clearTimeout(timer);
  }
  return runMs;
}

function clone<T>(task: Task, value: T, moved: readonly Transferable[], path: string): T {
  try {
    return structuredClone(value, { transfer: [...moved] as never[] });
  } catch (error) {
    const what = whyUncloneable(value, path, moved, error);
    const direction = path === "result" ? "Return" : "Pass";
    throw new DurableError(
      "ERR_WORKER_UNCLONEABLE",
      `On a thread ${describeCall(task.call)} would fail: ${what}, which cannot be cloned. ${direction} data only.`,
      { cause: error },
    );
  }
}

class TaskInPlace implements WorkerTask {
  readonly logger: Required<GivenLogger>;
  readonly #task: Task;

  constructor(task: Task) {
    this.#task = task;
    this.logger = loggerTo((method, params) => task.log(method, params));
  }

  get attempt(): number {
    return this.#task.attempt;
  }

  get signal(): AbortSignal {
    return this.#task.signal;
  }
}
