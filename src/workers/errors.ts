import { inspect } from "node:util";
import { DurableError, isError } from "../core/errors.ts";

/** `module` is a URL, and `function` is the name of an export. */
export interface CallName {
  readonly module: string;
  readonly function: string;
  /** The index of the item, if an item of a map made the call. */
  readonly item: number | undefined;
  /** The name of the step or condition that made the call. Undefined without a name, and for other calls. */
  readonly step?: string | undefined;
}

/** Names a call: `nearest of file:///app/score.ts, for item 7`. */
export function describeCall({ module, function: name, item, step }: CallName): string {
  const forItem = item === undefined ? "" : `, for item ${item}`;
  return `${name} of ${module}${forItem}${step === undefined || step === name ? "" : `, in step "${step}"`}`;
}

/**
 * A thread has died during the call, or while it loaded the module for the call; or three threads have died before they
 * took the call. Typical reasons: no memory was left, code called `process.exit`, or an error was thrown in code that
 * the function did not await. `cause` is the error of the thread. The pool starts a new thread for other calls.
 */
export class WorkerCrashedError extends DurableError {
  static override readonly name: string = "WorkerCrashedError";
  /** The URL of the module. */
  readonly module: string;
  /** The name of the export. */
  readonly functionName: string;
  /** The index of the item, if an item of a map made the call. */
  readonly item: number | undefined;

  constructor(call: CallName, what: string, cause: unknown) {
    super("ERR_WORKER_CRASHED", `A worker thread died ${what} ${describeCall(call)}: ${reasonOf(cause)}`, { cause });
    this.name = "WorkerCrashedError";
    this.module = call.module;
    this.functionName = call.function;
    this.item = call.item;
  }
}

/**
 * A call took longer than its time-out, or the module took too long to load. If a call on a thread of the pool does not
 * end within `graceMs`, the pool ends the thread.
 */
export class WorkerTimeoutError extends DurableError {
  static override readonly name: string = "WorkerTimeoutError";
  constructor(call: CallName, timeoutMs: number) {
    super("ERR_WORKER_TIMEOUT", `The time-out of ${timeoutMs / 1_000} s is over for ${describeCall(call)}.`);
    this.name = "WorkerTimeoutError";
  }
}

/** Any value as text for a message. Never throws. */
export function textOf(value: unknown): string {
  try {
    return typeof value === "object" && !isError(value) ? inspect(value) : String(value);
  } catch {
    // The value has no such method, or it throws.
    return `${typeof value} that cannot be shown`;
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return textOf(cause);
  const { code } = cause as { code?: unknown };
  if (code === "ERR_WORKER_OUT_OF_MEMORY") {
    return `${cause.message}. Raise resourceLimits.maxOldGenerationSizeMb, or give the call less work.`;
  }
  const exit = /^worker exited with code: (\d+)$/.exec(cause.message);
  if (exit !== null) return `it exited with code ${exit[1]}; process.exit() ends the thread.`;
  return `${cause.name}: ${cause.message}`;
}
