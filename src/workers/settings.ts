import { environment, isLambda } from "../core/environment.ts";
import type { RetryStrategy } from "../core/retry.ts";
import { invalidSetting, type OwnRow, oneOf, readTable, readValue, whole } from "../core/setting.ts";
import { checkedMs, type Duration, MAX_TIMER_MS } from "../core/time.ts";
import type { ErrorClass } from "./thrown.ts";
import { availableVcpus } from "./vcpus.ts";

/**
 * - `threads`: on the threads of the pool.
 * - `inline`: in place, in the main thread; for tests, and where there is one vCPU.
 * - `auto`: on threads where there is more than one vCPU and the function's calls have been long enough to pay for the
 *   way there and back. With a time-out or resource limits always on threads: only these can keep them.
 */
export type WorkerMode = "auto" | "threads" | "inline";

/** Limits of each thread, in megabytes, as of `new Worker` of Node. */
export interface WorkerResourceLimits {
  /**
   * Megabytes of the heap of each thread; in the environment a whole number, at most 1,000,000. A number of megabytes from
   * 8 on. Default: that of Node. `DURABLE_FANOUT_WORKERS_HEAP_MB`
   */
  maxOldGenerationSizeMb?: number;
  /** Megabytes for young objects of the heap. A number of megabytes from 1 on. Default: that of Node. */
  maxYoungGenerationSizeMb?: number;
  /** Megabytes for code that is compiled. A number of megabytes from 1 on. Default: that of Node. */
  codeRangeSizeMb?: number;
  /** Megabytes of the stack. A number of megabytes from 0.25 on. Default: that of Node. */
  stackSizeMb?: number;
}

/** What may be said of a single call as well. */
export interface WorkerCallOptions {
  /** Ends what runs, and forgets what waits. Beside it the signal of the step around the call counts always. Default: none. */
  signal?: AbortSignal;
  /**
   * How long one call may run, counted from when it begins on its thread (the step's own `timeout` counts from the
   * call). Then it fails with a `WorkerTimeoutError`. In the environment milliseconds, 1 to 2,147,483,647. Default: no limit.
   * `DURABLE_FANOUT_WORKERS_TIMEOUT_MS`
   */
  timeout?: Duration;
  /** The retry strategy of the step that each item is, where the function is a map's. Default: that of every step. */
  retryStrategy?: RetryStrategy;
}

/** All optional; each that has an environment variable beside it is overridden by it. */
export interface WorkerOptions extends WorkerCallOptions {
  /** Where calls run. `auto`, `threads` or `inline`. Default `auto`. `DURABLE_FANOUT_WORKERS_MODE` */
  mode?: WorkerMode;
  /**
   * How many threads there are at most. 1 to 64. Default: one for each core; in Lambda one for each 1,769 MB of memory,
   * rounded. `DURABLE_FANOUT_WORKERS_THREADS`
   */
  threads?: number;
  /**
   * Milliseconds after which a thread without work is ended. In Lambda that is never by default, since a process that
   * stands still between invocations costs nothing. 0 to 2,147,483,647, or Infinity ("unlimited"). Default 30,000; in
   * Lambda Infinity. `DURABLE_FANOUT_WORKERS_IDLE_MS`
   */
  idleMs?: number;
  /**
   * Milliseconds that a call which is not wanted any more has to heed its signal before its thread is ended. 0 to 60,000.
   * Default 50. `DURABLE_FANOUT_WORKERS_GRACE_MS`
   */
  graceMs?: number;
  /**
   * With `auto`: functions whose messages take fewer microseconds than this on average run in place. 0 to 1,000,000.
   * Default 150. `DURABLE_FANOUT_WORKERS_MIN_TASK_MICROS`
   */
  minTaskMicros?: number;
  /** Limits of each thread. Default: those of Node. */
  resourceLimits?: WorkerResourceLimits;
  /**
   * Classes of which errors are to be instances again that a thread throws, for `retryableErrorTypes` and `instanceof`.
   * Default: none.
   */
  errors?: readonly ErrorClass[];
}

/** What makes two modules share a pool. */
export interface PoolSettings {
  readonly threads: number;
  readonly idleMs: number;
  readonly resourceLimits: Readonly<WorkerResourceLimits> | undefined;
}

/** The options of `workers`, complete and valid. */
export interface WorkerSettings {
  readonly mode: WorkerMode;
  readonly pool: PoolSettings;
  readonly timeoutMs: number | undefined;
  readonly graceMs: number;
  readonly minTaskMicros: number;
  readonly vcpus: number;
  readonly signal: AbortSignal | undefined;
  readonly retryStrategy: RetryStrategy | undefined;
  readonly errors: readonly ErrorClass[];
}

/** More processors than any Lambda has, and than a laptop has. */
const MAX_THREADS = 64;

/** Megabytes. With less than the least, V8 ends the whole process instead of the thread (Node 22 to 24). */
function megabytes(least: number, variable = ""): OwnRow<number | undefined> {
  const allowed = `a number of megabytes from ${least} on`;
  const read = (raw: unknown, where: string, isText: boolean): number => {
    if (isText) return readValue(whole(least, least, 1_000_000), raw, where, isText);
    if (typeof raw === "number" && raw >= least) return raw;
    throw invalidSetting(where, raw, allowed);
  };
  return { fallback: undefined, variable, allowed, read };
}

const asItIs = (raw: unknown) => raw as never;

// Rows that are made without calls: a bundler cannot leave a call out, and modules on threads read no settings.
const SIGNAL: OwnRow<AbortSignal | undefined> = {
  fallback: undefined,
  variable: "",
  read: (raw, where) => {
    if (raw instanceof AbortSignal) return raw;
    throw invalidSetting(where, raw, "an AbortSignal");
  },
};

const TIMEOUT: OwnRow<number | undefined> = {
  fallback: undefined,
  variable: "WORKERS_TIMEOUT_MS",
  read: (raw, where, isText) =>
    isText
      ? readValue(whole(1, 1, MAX_TIMER_MS), raw, where, isText)
      : checkedMs("timeout of a worker function", raw as Duration),
};

const RETRY_STRATEGY: OwnRow<RetryStrategy | undefined> = { fallback: undefined, variable: "", read: asItIs };

const ERRORS: OwnRow<readonly ErrorClass[]> = { fallback: [], variable: "", read: asItIs };

const CALL_TABLE = { signal: SIGNAL, timeout: TIMEOUT, retryStrategy: RETRY_STRATEGY };

/** The settings of `workers`; `WorkerOptions` says what they mean. */
export function workersTable(isInLambda: boolean) {
  return {
    mode: oneOf<WorkerMode>("auto", ["auto", "threads", "inline"]),
    // Undefined: what the processors of this machine are enough for.
    threads: whole(undefined, 1, MAX_THREADS),
    idleMs: whole(isInLambda ? Number.POSITIVE_INFINITY : 30_000, 0, MAX_TIMER_MS, true),
    graceMs: whole(50, 0, 60_000),
    minTaskMicros: whole(150, 0, 1_000_000),
    resourceLimits: {
      maxOldGenerationSizeMb: megabytes(8, "WORKERS_HEAP_MB"),
      maxYoungGenerationSizeMb: megabytes(1),
      codeRangeSizeMb: megabytes(1),
      stackSizeMb: megabytes(0.25),
    },
    errors: ERRORS,
    ...CALL_TABLE,
  };
}

/**
 * Completes the options with the environment and the defaults.
 * @throws DurableError `ERR_SETTING_INVALID`, `ERR_SETTING_UNKNOWN` or `ERR_DURATION_INVALID`
 */
export function resolveWorkerSettings(options: WorkerOptions = {}, variables = environment()): WorkerSettings {
  const table = workersTable(isLambda(variables));
  const { threads, idleMs, resourceLimits, timeout, ...rest } = readTable(table, "workers", options, variables);
  const vcpus = availableVcpus(variables);
  return {
    ...rest,
    pool: {
      threads: threads ?? Math.min(MAX_THREADS, Math.max(1, Math.round(vcpus))),
      idleMs,
      resourceLimits: limitsSaid(resourceLimits),
    },
    timeoutMs: timeout,
    vcpus,
  };
}

/** The settings with what is said of some calls. */
export function withCallOptions(settings: WorkerSettings, options: WorkerCallOptions): WorkerSettings {
  // No environment: what it says has been read with the other options, and calls may say otherwise.
  const { signal, timeout, retryStrategy } = readTable(CALL_TABLE, "with", options, {});
  return {
    ...settings,
    signal: signal ?? settings.signal,
    retryStrategy: retryStrategy ?? settings.retryStrategy,
    timeoutMs: timeout ?? settings.timeoutMs,
  };
}

/** The limits of which something is said. Undefined if there are none. */
function limitsSaid(
  read: { readonly [Key in keyof WorkerResourceLimits]: number | undefined },
): WorkerResourceLimits | undefined {
  const said = Object.entries(read).filter(([, value]) => value !== undefined);
  return said.length === 0 ? undefined : Object.fromEntries(said);
}
