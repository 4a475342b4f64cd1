import type { ErrorObject, OperationUpdate } from "../core/wire.ts";

/** Final statuses of an execution, and the one before. */
export const ExecutionStatus = {
  FAILED: "FAILED",
  RUNNING: "RUNNING",
  STOPPED: "STOPPED",
  SUCCEEDED: "SUCCEEDED",
  TIMED_OUT: "TIMED_OUT",
} as const;
export type ExecutionStatus = (typeof ExecutionStatus)[keyof typeof ExecutionStatus];

/** What was used by an execution so far. */
export interface ExecutionCounters {
  /** Operations as AWS meters them against the quota: the execution, each operation, each retry. */
  operations: number;
  /** Bytes of payloads and errors that were written, the input included. */
  dataBytes: number;
  updates: number;
  checkpoints: number;
  /** Approximate bytes of the checkpoint requests: payloads, errors and names, and 200 bytes an update. */
  requestBytes: number;
  retries: number;
  invocations: number;
  invocationFailures: number;
  stateReads: number;
}

/** What identifies an execution; it never changes. */
export interface ExecutionHeader {
  readonly arn: string;
  readonly name: string;
  readonly functionName: string;
  /** The input as JSON text. */
  readonly input: string | undefined;
  /** Epoch milliseconds. */
  readonly startMs: number;
  readonly timeoutSeconds: number | undefined;
  /** Whatever the caller wants to find again. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The operation of another execution that began this one. */
  readonly parent?: ParentOperation | undefined;
  /** The tenant that the function is invoked for. */
  readonly tenantId?: string | undefined;
  /** The ARN of the execution that this one was redriven from. */
  readonly redriveOf?: string | undefined;
}

/** What an execution begins with that takes over from another one. */
export interface JournalSeed {
  readonly entries: readonly JournalEntry[];
  readonly counters: ExecutionCounters;
}

/** A chained invoke, from the point of view of the execution that it began. */
export interface ParentOperation {
  readonly arn: string;
  readonly operationId: string;
}

/** How a callback or a chained invoke ended. */
export interface ExternalCompletion {
  readonly status: "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED";
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
}

/** One thing that happened to an execution. The journal is the list of them; everything else follows from it. */
export type JournalEntry =
  /** An invocation begins. `token` is its first one; the news that its event brings are told. */
  | { readonly kind: "begin"; readonly atMs: number; readonly token: number; readonly requestId: string }
  /** An accepted checkpoint: all of its updates, or none. `token` is the one that it answered with. */
  | {
      readonly kind: "checkpoint";
      readonly atMs: number;
      readonly token: number;
      readonly clientToken?: string | undefined;
      readonly updates: readonly OperationUpdate[];
      /** What the service gave to operations that start: a callback its id, a chained invoke its execution's ARN. */
      readonly assigned?: Readonly<Record<string, string>> | undefined;
    }
  /** Waits that are over, retries that are due, and callbacks that have waited for too long. */
  | { readonly kind: "timers"; readonly atMs: number; readonly ids: readonly string[] }
  /** A callback or a chained invoke was completed from outside. */
  | ({ readonly kind: "completion"; readonly atMs: number; readonly id: string } & ExternalCompletion)
  /** Somebody outside still works on a callback. */
  | { readonly kind: "heartbeat"; readonly atMs: number; readonly id: string }
  /** An invocation is over. */
  | {
      readonly kind: "invocation";
      readonly atMs: number;
      readonly startMs: number;
      readonly requestId: string;
      readonly error?: ErrorObject | undefined;
    }
  | {
      readonly kind: "end";
      readonly atMs: number;
      readonly status: Exclude<ExecutionStatus, "RUNNING">;
      readonly result?: string | undefined;
      readonly error?: ErrorObject | undefined;
    };

/** What user code threw, with the stack and the causes that no operation records. */
export interface ErrorTrace {
  /** The operation's wire id; the execution's for the handler itself. In a batch: that of an operation that has none. */
  readonly operationId: string;
  readonly atMs: number;
  /** Stacks, of the error and of its causes, one below the other. */
  readonly text: string;
}

/** An execution as the journal lists it. */
export interface JournalExecution {
  readonly header: ExecutionHeader;
  readonly status: ExecutionStatus;
  readonly endMs: number | undefined;
  /** How it ended; both are undefined while it runs. */
  readonly result: string | undefined;
  readonly error: ErrorObject | undefined;
  readonly counters: ExecutionCounters;
}

/** What an execution may be looked up by; `id` is the last part of the ARN. */
export type ExecutionKey = "arn" | "name" | "id";

/**
 * Where executions are kept. What a method has returned from is kept: `append` is one transaction.
 * Implementations are synchronous, as a group commit of a checkpoint takes less than a turn of the event loop.
 */
export interface Journal {
  /** True when it can only be read: the engine then runs nothing. */
  readonly readOnly: boolean;
  /** With a seed, all of it in one transaction. */
  create(header: ExecutionHeader, seed?: JournalSeed): void;
  append(arn: string, entries: readonly JournalEntry[], counters: ExecutionCounters): void;
  /** In the order of their creation. */
  executions(): JournalExecution[];
  /** The first execution with this key; finding it does not take longer with more executions or entries. */
  find(key: ExecutionKey, value: string): JournalExecution | undefined;
  /** The execution that was created last, those that other executions began left aside. */
  last(): JournalExecution | undefined;
  entries(arn: string): Iterable<JournalEntry>;
  /** When the last entry of an execution was written, epoch milliseconds; undefined when there is none. */
  lastMs(arn: string): number | undefined;
  /** Keeps what was thrown, beside the entries: nothing follows from it. */
  addTrace(arn: string, trace: ErrorTrace): void;
  /** In the order in which they were thrown. */
  traces(arn: string): ErrorTrace[];
  /** Removes executions with all that is kept of them, in one transaction. */
  remove(arns: readonly string[]): void;
  close(): void;
}

export function noCounters(): ExecutionCounters {
  return {
    operations: 1,
    dataBytes: 0,
    updates: 0,
    checkpoints: 0,
    requestBytes: 0,
    retries: 0,
    invocations: 0,
    invocationFailures: 0,
    stateReads: 0,
  };
}
