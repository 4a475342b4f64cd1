import type { RetryStrategy } from "../core/retry.ts";
import { SHARED_BATCH } from "../core/worker-pools.ts";
import { isWorkerThread } from "./current-task.ts";
import { Gauge } from "./gauge.ts";
import { runInPlace } from "./in-place.ts";
import { findModule } from "./module-url.ts";
import { poolFor, type WorkerPool } from "./pool.ts";
import {
  resolveWorkerSettings,
  type WorkerCallOptions,
  type WorkerOptions,
  type WorkerSettings,
  withCallOptions,
} from "./settings.ts";
import { Task } from "./task.ts";
import type { RunLimits } from "./thread-run.ts";

/** The part of a durable context that a worker function uses as the function of a map. */
export interface MapItemContext {
  readonly executionContext: { readonly durableExecutionArn: string };
  step<T>(name: string | undefined, body: () => Promise<T>, config?: { retryStrategy?: RetryStrategy }): PromiseLike<T>;
}

/** A function of a module of `workers`. It runs on a thread, or in the calling thread (see `WorkerMode`). */
export interface WorkerFunction<Args extends unknown[], Result> {
  /**
   * Calls the function. Arguments and result are copied. Values marked with `transfer` are moved. If the function never
   * ends and has no time-out and no signal, the promise may never settle.
   * @throws what the function throws, and the reason of an aborted signal; `WorkerTimeoutError`; `WorkerCrashedError`;
   * DurableError `ERR_WORKER_UNCLONEABLE`, `ERR_WORKER_IMPORT`, `ERR_WORKER_EXPORT`, `ERR_WORKER_BUNDLE`,
   * `ERR_WORKER_START` or `ERR_WORKER_POOL_CLOSED`
   */
  (...args: Args): Promise<Result>;
  /**
   * The form for the function of a map. Each item runs as a step, which has the name of the function and calls the
   * function with the item as its only argument. If items of a batch call the function in the same tick, their calls
   * are sent to a thread in one message.
   */
  (context: MapItemContext, item: Args[0], index: number): Promise<Result>;
  /**
   * The same function with other options. An absent option stays as it is. Environment variables do not override these
   * options. Calls of the new function and of the old function are never in one message.
   * @throws DurableError `ERR_SETTING_INVALID`, `ERR_SETTING_UNKNOWN` or `ERR_DURATION_INVALID`
   */
  with(options: WorkerCallOptions): WorkerFunction<Args, Result>;
}

/** The exported functions of a module, as `workers` makes them callable. */
export type WorkerFunctions<Module> = {
  readonly [Name in keyof Module as Module[Name] extends (...args: never) => unknown
    ? Name
    : never]: Module[Name] extends (...args: infer Args) => infer Result
    ? WorkerFunction<Args, Awaited<Result>>
    : never;
};

/**
 * Makes the exported functions of a module callable on threads. Each thread loads the module when it first runs one of
 * the functions. `workers` itself does not load the module, so a missing export is an error of the call. Exports with
 * the names `then` and `toJSON` cannot be called.
 *
 * ```ts
 * const score = workers<typeof import("./score.ts")>(new URL("./score.ts", import.meta.url));
 * const nearest = await ctx.step("nearest", () => score.nearest(city));
 * const batch = await ctx.map("nearest", cities, score.nearest, { batch: 200 });
 * ```
 *
 * @param url the URL of the module's file: TypeScript (if Node can load it, from 22.18 on) or JavaScript. If Node
 * cannot load the TypeScript file, or the file is missing, the JavaScript file of the same name is used.
 * @throws DurableError `ERR_WORKER_MODULE_MISSING`, `ERR_WORKER_MODULE_URL`, `ERR_SETTING_INVALID`,
 * `ERR_SETTING_UNKNOWN` or `ERR_DURATION_INVALID`
 */
export function workers<Module extends object>(url: URL | string, options?: WorkerOptions): WorkerFunctions<Module> {
  const settings = resolveWorkerSettings(options);
  const module = findModule(url);
  const functions = new Map<string, unknown>();
  return new Proxy(Object.create(null) as WorkerFunctions<Module>, {
    get(_, name) {
      // `await`, `JSON.stringify` and `console.log` read these members of any object, and must not get a function.
      if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined;
      let made = functions.get(name);
      if (made === undefined) {
        made = new Calls(module, name, settings).toFunction();
        functions.set(name, made);
      }
      return made;
    },
  });
}

class Calls {
  readonly #module: string;
  readonly #name: string;
  readonly #settings: WorkerSettings;
  readonly #limits: RunLimits;
  /** Single calls and batches are measured separately, because the messages of batches take longer. */
  readonly #gauges: { readonly single: Gauge; readonly batch: Gauge };
  readonly #gathered = new Map<unknown, Task[]>();

  constructor(module: string, name: string, settings: WorkerSettings, gauges?: { single: Gauge; batch: Gauge }) {
    this.#module = module;
    this.#name = name;
    this.#settings = settings;
    const { minTaskMicros, timeoutMs, graceMs } = settings;
    this.#limits = { timeoutMs, graceMs };
    this.#gauges = gauges ?? { single: new Gauge(minTaskMicros), batch: new Gauge(minTaskMicros) };
  }

  toFunction(): WorkerFunction<unknown[], unknown> {
    const call = (...args: unknown[]): PromiseLike<unknown> => {
      const [context, item, index] = args;
      if (isDurableContext(context)) return this.#runItem(context, item, index as number | undefined);
      const task = this.#task(args, undefined);
      this.#run([task], this.#gauges.single);
      return task.result;
    };
    return Object.assign(call as WorkerFunction<unknown[], unknown>, {
      with: (options: WorkerCallOptions) =>
        new Calls(this.#module, this.#name, withCallOptions(this.#settings, options), this.#gauges).toFunction(),
    });
  }

  #runItem(context: MapItemContext, item: unknown, index: number | undefined): PromiseLike<unknown> {
    const batch = (context as { [SHARED_BATCH]?: object })[SHARED_BATCH];
    const body = (): Promise<unknown> => {
      const task = this.#task([item], index);
      if (batch === undefined) this.#run([task], this.#gauges.single);
      else this.#gather(batch, task);
      return task.result;
    };
    const { retryStrategy } = this.#settings;
    return context.step(this.#name, body, retryStrategy === undefined ? {} : { retryStrategy });
  }

  #gather(batch: object, task: Task): void {
    const tasks = this.#gathered.get(batch);
    if (tasks !== undefined) {
      tasks.push(task);
      return;
    }
    const first = [task];
    this.#gathered.set(batch, first);
    setImmediate(() => {
      this.#gathered.delete(batch);
      this.#run(first, this.#gauges.batch);
    });
  }

  #task(args: readonly unknown[], item: number | undefined): Task {
    const { signal, errors } = this.#settings;
    return new Task({ module: this.#module, function: this.#name, item, args, signal, errors });
  }

  #run(tasks: readonly Task[], gauge: Gauge): void {
    const pool = poolFor(this.#settings.pool);
    if (this.#isInPlace(gauge)) {
      void this.#runInPlace(tasks, pool, gauge);
      return;
    }
    pool.submit({ tasks, limits: this.#limits, gauge });
  }

  async #runInPlace(tasks: readonly Task[], pool: WorkerPool, gauge: Gauge): Promise<void> {
    const { timeoutMs } = this.#settings;
    pool.countInPlace(tasks);
    gauge.note(await runInPlace(tasks, timeoutMs));
  }

  #isInPlace(gauge: Gauge): boolean {
    const { mode, vcpus, timeoutMs, pool } = this.#settings;
    // A thread of a pool runs its own calls itself. Otherwise it would idle until another thread has answered.
    if (mode === "inline" || isWorkerThread()) return true;
    if (mode === "threads" || timeoutMs !== undefined || pool.resourceLimits !== undefined) return false;
    return vcpus <= 1 || gauge.prefersInPlace;
  }
}

/** The mark of a durable context. `instanceof` does not work, because contexts may come from another package. */
const DURABLE_CONTEXT = Symbol.for("@aws/durable-execution-sdk-js/durable-context");

function isDurableContext(value: unknown): value is MapItemContext {
  return typeof value === "object" && value !== null && DURABLE_CONTEXT in value;
}
