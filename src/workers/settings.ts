import { environment, isLambda } from "../core/environment.ts";
import type { RetryStrategy } from "../core/retry.ts";
import { invalidSetting, type OwnRow, oneOf, readTable, readValue, whole } from "../core/setting.ts";
import { checkedMs, type Duration, MAX_TIMER_MS } from "../core/time.ts";
import type { ErrorClass } from "./thrown.ts";
import { availableVcpus } from "./vcpus.ts";

/**
 * - `threads`: on the threads of the pool.
 * - `inline`: in the thread that makes the call. For tests, and for machines with one vCPU.
 * - `auto`: on threads if there is more than one vCPU and the calls take long enough to be worth the way to a thread
 *   (see `minTaskMicros`); otherwise as `inline`. With a time-out or resource limits always on threads, because these
 *   limits need a thread.
 *
 * A call that a thread of a pool makes runs as `inline` in each mode.
 */
export type WorkerMode = "auto" | "threads" | "inline";

/** Limits of each thread, in megabytes. They have the same meaning as in `new Worker` of Node. */
export interface WorkerResourceLimits {
  /**
   * Megabytes of the heap of each thread. The variable takes a whole number, at most 1,000,000. A number of megabytes
   * from 8 on. Default: that of Node. `DURABLE_FANOUT_WORKERS_HEAP_MB`
   */
  maxOldGenerationSizeMb?: number;
  /** Megabytes for young objects of the heap. A number of megabytes from 1 on. Default: that of Node. */
  maxYoungGenerationSizeMb?: number;
  /** Megabytes for compiled code. A number of megabytes from 1 on. Default: that of Node. */
  codeRangeSizeMb?: number;
  /** Megabytes of the stack. A number of megabytes from 0.25 on. Default: that of Node. */
  stackSizeMb?: number;
}

/** Options that `with` can also set for some calls of a function. */
export interface WorkerCallOptions {
  /**
   * When this signal is aborted, calls that have not ended fail with its reason. Waiting calls do not begin. A running
   * call has `graceMs` to end; otherwise its thread is ended, unless the call runs as `inline`. The signal of the
   * operation that made a call has the same effect. Default: none.
   */
  signal?: AbortSignal;
  /**
   * How long one call may run on its thread. A call that runs longer fails with a `WorkerTimeoutError`; as `inline`,
   * only if its code pauses. The time begins when the call begins on the thread. (The `timeout` of a step begins with
   * its attempt.) The variable takes milliseconds, 1 to 2,147,483,647. Default: no limit.
   * `DURABLE_FANOUT_WORKERS_TIMEOUT_MS`
   */
  timeout?: Duration;
  /**
   * If the function is the function of a map, each item is a step, and these steps have this retry strategy.
   * Default: that of every step.
   */
  retryStrategy?: RetryStrategy;
}

/** All options are optional. If an option names an environment variable, the variable overrides the option. */
export interface WorkerOptions extends WorkerCallOptions {
  /** Where calls run. `auto`, `threads` or `inline`. Default `auto`. `DURABLE_FANOUT_WORKERS_MODE` */
  mode?: WorkerMode;
  /**
   * The greatest number of threads. 1 to 64. Default: one for each core; in Lambda one for each 1,769 MB of memory,
   * rounded, and at least one. `DURABLE_FANOUT_WORKERS_THREADS`
   */
  threads?: number;
  /**
   * A thread without work is ended after so many milliseconds. In Lambda the default is never, because an idle thread
   * costs nothing while the process is frozen between invocations. 0 to 2,147,483,647, or Infinity ("unlimited").
   * Default 30,000; in Lambda Infinity. `DURABLE_FANOUT_WORKERS_IDLE_MS`
   */
  idleMs?: number;
  /**
   * When the time-out of a running call is over, or its signal is aborted, the call fails at once. If its code still
   * runs after so many milliseconds, its thread is ended. 0 to 60,000. Default 50. `DURABLE_FANOUT_WORKERS_GRACE_MS`
   */
  graceMs?: number;
  /**
   * For the mode `auto`. If the messages of a function run for fewer microseconds than this on average, the function
   * runs as `inline` after its first 16 messages. Above twice this number, it runs on threads again. A message is one
   * call, or calls of a batch; both kinds are measured separately. 0 to 1,000,000. Default 150.
   * `DURABLE_FANOUT_WORKERS_MIN_TASK_MICROS`
   */
  minTaskMicros?: number;
  /** Limits of each thread. Default: those of Node. */
  resourceLimits?: WorkerResourceLimits;
  /**
   * Classes of errors that the functions throw. An error that a thread throws becomes an instance of its class again,
   * so that `retryableErrorTypes` and `instanceof` work. Default: none.
   */
  errors?: readonly ErrorClass[];
}

/** Modules with equal pool settings share one pool. */
export interface PoolSettings {
  readonly threads: number;
  readonly idleMs: number;
  readonly resourceLimits: Readonly<WorkerResourceLimits> | undefined;
}

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

/** No Lambda function and no laptop has more processors. */
const MAX_THREADS = 64;

/** Reads megabytes. Below `least`, V8 ends the whole process instead of the thread (Node 22 to 24). */
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

// These rows are literals, because a bundler cannot remove unused function calls from the code for threads.
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

const ERRORS: OwnRow<readonly ErrorClass[]> = {
  fallback: [],
  variable: "",
  read: (raw, where) => {
    if (Array.isArray(raw) && raw.every((one) => typeof one === "function")) return raw;
    throw invalidSetting(where, raw, "an array of classes");
  },
};

const CALL_TABLE = { signal: SIGNAL, timeout: TIMEOUT, retryStrategy: RETRY_STRATEGY };

export function workersTable(isInLambda: boolean) {
  return {
    mode: oneOf<WorkerMode>("auto", ["auto", "threads", "inline"]),
    // Undefined, because the default depends on the processors. `resolveWorkerSettings` computes it.
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

export function defaultThreads(vcpus: number): number {
  return Math.min(MAX_THREADS, Math.max(1, Math.round(vcpus)));
}

/** @throws DurableError `ERR_SETTING_INVALID`, `ERR_SETTING_UNKNOWN` or `ERR_DURATION_INVALID` */
export function resolveWorkerSettings(options: WorkerOptions = {}, variables = environment()): WorkerSettings {
  const table = workersTable(isLambda(variables));
  const { threads, idleMs, resourceLimits, timeout, ...rest } = readTable(table, "workers", options, variables);
  const vcpus = availableVcpus(variables);
  return {
    ...rest,
    pool: {
      threads: threads ?? defaultThreads(vcpus),
      idleMs,
      resourceLimits: limitsSaid(resourceLimits),
    },
    timeoutMs: timeout,
    vcpus,
  };
}

export function withCallOptions(settings: WorkerSettings, options: WorkerCallOptions): WorkerSettings {
  // The environment overrides only the options of `workers`, so it is not read here.
  const { signal, timeout, retryStrategy } = readTable(CALL_TABLE, "with", options, {});
  return {
    ...settings,
    signal: signal ?? settings.signal,
    retryStrategy: retryStrategy ?? settings.retryStrategy,
    timeoutMs: timeout ?? settings.timeoutMs,
  };
}

function limitsSaid(
  read: { readonly [Key in keyof WorkerResourceLimits]: number | undefined },
): WorkerResourceLimits | undefined {
  const said = Object.entries(read).filter(([, value]) => value !== undefined);
  return said.length === 0 ? undefined : Object.fromEntries(said);
}
