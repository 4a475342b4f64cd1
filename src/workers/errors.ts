import { DurableError } from "../core/errors.ts";

/** Which call an error is about. */
export interface CallName {
  /** The URL of its module, and the export's name. */
  readonly module: string;
  readonly function: string;
  /** The index of the map's item that it was made for, if it was. */
  readonly item: number | undefined;
  /** The name of the step around it, if there is one. */
  readonly step?: string | undefined;
}

/** `nearest of file:///app/score.ts, for item 7` */
export function describeCall({ module, function: name, item, step }: CallName): string {
  const forItem = item === undefined ? "" : `, for item ${item}`;
  return `${name} of ${module}${forItem}${step === undefined || step === name ? "" : `, in step "${step}"`}`;
}

/**
 * The thread that ran a call has died: out of memory, `process.exit`, an error outside of what the function awaits.
 * `cause` says how; the pool goes on with a new thread.
 */
export class WorkerCrashedError extends DurableError {
  static override readonly name: string = "WorkerCrashedError";
  /** The URL of the module, and the export's name. */
  readonly module: string;
  readonly functionName: string;
  /** The index of the map's item, if the call was made for one. */
  readonly item: number | undefined;

  constructor(call: CallName, what: string, cause: unknown) {
    super("ERR_WORKER_CRASHED", `A worker thread died ${what} ${describeCall(call)}: ${reasonOf(cause)}`, { cause });
    this.name = "WorkerCrashedError";
    this.module = call.module;
    this.functionName = call.function;
    this.item = call.item;
  }
}

/** A call took longer than its time-out. Its thread was ended, unless it heeded its signal. */
export class WorkerTimeoutError extends DurableError {
  static override readonly name: string = "WorkerTimeoutError";
  constructor(call: CallName, timeoutMs: number) {
    super("ERR_WORKER_TIMEOUT", `The time-out of ${timeoutMs / 1_000} s is over for ${describeCall(call)}.`);
    this.name = "WorkerTimeoutError";
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as { code?: unknown };
  if (code === "ERR_WORKER_OUT_OF_MEMORY") {
    return `${cause.message}. Give it more with resourceLimits.maxOldGenerationSizeMb, or less to do at once.`;
  }
  const exit = /^worker exited with code: (\d+)$/.exec(cause.message);
  if (exit !== null) return `it exited with code ${exit[1]}; process.exit() ends the thread.`;
  return `${cause.name}: ${cause.message}`;
}
