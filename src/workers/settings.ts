import { isLambda } from "../core/lambda-environment.ts";
import type { RetryStrategy } from "../core/retry.ts";
import { checkMembers, invalidSetting, type NumberRule, readNumber, readOneOf } from "../core/setting.ts";
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
  maxOldGenerationSizeMb?: number;
  maxYoungGenerationSizeMb?: number;
  codeRangeSizeMb?: number;
  stackSizeMb?: number;
}

/** What may be said of a single call as well. */
export interface WorkerCallOptions {
  /** Ends what runs, and forgets what waits. Beside it the signal of the step around the call counts always. */
  signal?: AbortSignal;
  /**
   * How long one call may run, counted from when it begins on its thread (the step's own `timeout` counts from the
   * call). Then it fails with a `WorkerTimeoutError`. Default: no limit. `DURABLE_FANOUT_WORKERS_TIMEOUT_MS`
   */
  timeout?: Duration;
  /** Of the step that each item is, where the function is a map's. Default: that of every step. */
  retryStrategy?: RetryStrategy;
}

/** All optional; each that has an environment variable beside it is overridden by it. */
export interface WorkerOptions extends WorkerCallOptions {
  /** Where calls run. Default `auto`. `DURABLE_FANOUT_WORKERS_MODE` */
  mode?: WorkerMode;
  /**
   * Threads, 1 to 64. Default: one for each core; in Lambda one for each 1,769 MB of memory, rounded.
   * `DURABLE_FANOUT_WORKERS_THREADS`
   */
  threads?: number;
  /**
   * Milliseconds after which a thread without work is ended, 0 and up, or Infinity ("unlimited"). Default 30,000; in
   * Lambda never, since a process that stands still between invocations costs nothing. `DURABLE_FANOUT_WORKERS_IDLE_MS`
   */
  idleMs?: number;
  /**
   * Milliseconds that a call which is not wanted any more has to heed its signal before its thread is ended, 0 to
   * 60,000. Default 50. `DURABLE_FANOUT_WORKERS_GRACE_MS`
   */
  graceMs?: number;
  /**
   * With `auto`: functions whose messages take fewer microseconds than this on average run in place. 0 to 1,000,000.
   * Default 150. `DURABLE_FANOUT_WORKERS_MIN_TASK_MICROS`
   */
  minTaskMicros?: number;
  /** Of each thread. The heap: `DURABLE_FANOUT_WORKERS_HEAP_MB` */
  resourceLimits?: WorkerResourceLimits;
  /** Classes of which errors are to be instances again that a thread throws, for `retryableErrorTypes` and `instanceof`. */
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

const MODES: readonly WorkerMode[] = ["auto", "threads", "inline"];
/** More processors than any Lambda has, and than a laptop has. */
const MAX_THREADS = 64;

const NUMBER_RULES = {
  threads: { path: "workers.threads", variable: "DURABLE_FANOUT_WORKERS_THREADS", min: 1, max: MAX_THREADS },
  idleMs: {
    path: "workers.idleMs",
    variable: "DURABLE_FANOUT_WORKERS_IDLE_MS",
    min: 0,
    max: MAX_TIMER_MS,
    unlimited: true,
  },
  graceMs: { path: "workers.graceMs", variable: "DURABLE_FANOUT_WORKERS_GRACE_MS", min: 0, max: 60_000 },
  minTaskMicros: {
    path: "workers.minTaskMicros",
    variable: "DURABLE_FANOUT_WORKERS_MIN_TASK_MICROS",
    min: 0,
    max: 1_000_000,
  },
  timeoutMs: { path: "workers.timeout", variable: "DURABLE_FANOUT_WORKERS_TIMEOUT_MS", min: 1, max: MAX_TIMER_MS },
  heapMb: {
    path: "workers.resourceLimits.maxOldGenerationSizeMb",
    variable: "DURABLE_FANOUT_WORKERS_HEAP_MB",
    min: 8,
    max: 1_000_000,
  },
} satisfies Record<string, NumberRule>;

const MODE_RULE = { path: "workers.mode", variable: "DURABLE_FANOUT_WORKERS_MODE", values: MODES };

const KNOWN = [
  ...["mode", "threads", "idleMs", "graceMs", "minTaskMicros", "resourceLimits", "errors"],
  ...["signal", "timeout", "retryStrategy"],
];
/** The least megabytes of each. With less, V8 ends the whole process instead of the thread (Node 22 to 24). */
const LEAST_LIMITS: Readonly<Record<string, number>> = {
  maxOldGenerationSizeMb: 8,
  maxYoungGenerationSizeMb: 1,
  codeRangeSizeMb: 1,
  stackSizeMb: 0.25,
};

/**
 * Completes the options with the environment and the defaults.
 * @throws DurableError `ERR_SETTING_INVALID`, `ERR_SETTING_UNKNOWN` or `ERR_DURATION_INVALID`
 */
export function resolveWorkerSettings(
  options: WorkerOptions = {},
  environment: NodeJS.ProcessEnv = process.env,
): WorkerSettings {
  checkMembers(options, "workers", KNOWN);
  const vcpus = availableVcpus(environment);
  const read = (rule: NumberRule, given: unknown, fallback: number): number =>
    readNumber(rule, given, environment) ?? fallback;
  const { signal, retryStrategy, errors = [], resourceLimits } = options;
  checkSignal("workers.signal", signal);
  return {
    mode: readOneOf(MODE_RULE, options.mode, environment) ?? "auto",
    pool: {
      threads: read(NUMBER_RULES.threads, options.threads, Math.min(MAX_THREADS, Math.max(1, Math.round(vcpus)))),
      idleMs: read(NUMBER_RULES.idleMs, options.idleMs, isLambda(environment) ? Number.POSITIVE_INFINITY : 30_000),
      resourceLimits: readLimits(resourceLimits, environment),
    },
    timeoutMs: readTimeout(options.timeout, environment),
    graceMs: read(NUMBER_RULES.graceMs, options.graceMs, 50),
    minTaskMicros: read(NUMBER_RULES.minTaskMicros, options.minTaskMicros, 150),
    ...{ vcpus, signal, retryStrategy, errors },
  };
}

/** The settings with what is said of some calls. */
export function withCallOptions(settings: WorkerSettings, options: WorkerCallOptions): WorkerSettings {
  checkMembers(options, "with", ["signal", "timeout", "retryStrategy"]);
  checkSignal("with.signal", options.signal);
  return {
    ...settings,
    signal: options.signal ?? settings.signal,
    retryStrategy: options.retryStrategy ?? settings.retryStrategy,
    timeoutMs: options.timeout === undefined ? settings.timeoutMs : timeoutMs(options.timeout),
  };
}

function readTimeout(given: Duration | undefined, environment: NodeJS.ProcessEnv): number | undefined {
  const fromEnvironment = readNumber(NUMBER_RULES.timeoutMs, undefined, environment);
  return fromEnvironment ?? (given === undefined ? undefined : timeoutMs(given));
}

function timeoutMs(timeout: Duration): number {
  return checkedMs("timeout of a worker function", timeout);
}

function readLimits(given: WorkerResourceLimits | undefined, environment: NodeJS.ProcessEnv) {
  checkMembers(given, "workers.resourceLimits", Object.keys(LEAST_LIMITS));
  for (const [name, value] of Object.entries(given ?? {})) {
    const least = LEAST_LIMITS[name] as number;
    if (typeof value !== "number" || !(value >= least)) {
      throw invalidSetting(`workers.resourceLimits.${name}`, value, `a number of megabytes from ${least} on`);
    }
  }
  const heap = readNumber(NUMBER_RULES.heapMb, undefined, environment);
  return heap === undefined ? given : { ...given, maxOldGenerationSizeMb: heap };
}

function checkSignal(where: string, signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidSetting(where, signal, "an AbortSignal");
}
