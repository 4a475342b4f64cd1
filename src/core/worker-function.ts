/** The key of the `WorkerFunctionPort` on a function that runs on worker threads. */
export const WORKER_FUNCTION = Symbol.for("durable-fanout.worker-function");

/**
 * The key, on the context of an item in a batch, of an object that all items of the batch share. Calls of these items
 * in the same tick travel to a thread together.
 */
export const SHARED_BATCH = Symbol.for("durable-fanout.shared-batch");

/** The outcome of one item. An item is aborted when its signal was aborted before the item ended. */
export type WorkerOutcome =
  | { readonly status: "succeeded"; readonly value: unknown }
  | { readonly status: "failed"; readonly error: unknown }
  | { readonly status: "aborted"; readonly reason: unknown };

export interface WorkerBatchOptions {
  /**
   * When this signal is aborted, all items that have not ended are aborted. Running items are stopped, together with
   * their thread if necessary.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called for each item as soon as its outcome is known. */
  readonly onOutcome?: ((index: number, outcome: WorkerOutcome) => void) | undefined;
}

/**
 * The runtime's view of a function that runs on threads. The runtime must not import the pool: only users of the pool
 * load it.
 */
export interface WorkerFunctionPort {
  /** The URL of its module. */
  readonly module: string;
  /** The export's name. */
  readonly name: string;
  /** The greatest number of calls that run at once; 1 where the function runs on the calling thread. */
  readonly parallelism: number;
  /** Runs the function for each item, one after the other on one thread, in one message. The promise never rejects. */
  runBatch(items: readonly unknown[], options?: WorkerBatchOptions): Promise<WorkerOutcome[]>;
}

/** The port of a function that runs on threads; undefined for an ordinary function. */
export function workerFunctionOf(value: unknown): WorkerFunctionPort | undefined {
  if (typeof value !== "function") return undefined;
  return (value as { [WORKER_FUNCTION]?: WorkerFunctionPort })[WORKER_FUNCTION];
}
