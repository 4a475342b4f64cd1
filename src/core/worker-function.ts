/** On a function that runs on worker threads: its `WorkerFunctionPort`. */
export const WORKER_FUNCTION = Symbol.for("durable-fanout.worker-function");

/**
 * On the context of an item that shares an operation with others: an object that the items of its batch have in
 * common. Calls that they make in the same turn travel to a thread together.
 */
export const SHARED_BATCH = Symbol.for("durable-fanout.shared-batch");

/** What became of one item. An aborted one did not end before its signal was aborted. */
export type WorkerOutcome =
  | { readonly status: "succeeded"; readonly value: unknown }
  | { readonly status: "failed"; readonly error: unknown }
  | { readonly status: "aborted"; readonly reason: unknown };

export interface WorkerBatchOptions {
  /** Items that have not ended when it is aborted are aborted: those that run are stopped, with their thread if need be. */
  readonly signal?: AbortSignal | undefined;
  /** Called for each item as soon as it is known what became of it. */
  readonly onOutcome?: ((index: number, outcome: WorkerOutcome) => void) | undefined;
}

/** What the runtime may know of a function that runs on threads. It must not import the pool: only users of it do. */
export interface WorkerFunctionPort {
  /** The URL of its module. */
  readonly module: string;
  /** The export's name. */
  readonly name: string;
  /** Calls that run at once, at most; 1 where it runs in place. */
  readonly parallelism: number;
  /** Runs the function once for each item, one after the other on one thread, in one message. Never rejects. */
  runBatch(items: readonly unknown[], options?: WorkerBatchOptions): Promise<WorkerOutcome[]>;
}

/** How a function runs on threads; undefined if it is an ordinary one. */
export function workerFunctionOf(value: unknown): WorkerFunctionPort | undefined {
  if (typeof value !== "function") return undefined;
  return (value as { [WORKER_FUNCTION]?: WorkerFunctionPort })[WORKER_FUNCTION];
}
