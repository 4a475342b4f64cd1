import type { ErrorObject, OperationUpdate } from "../core/wire.ts";

/** The status of an execution: running, or one of the final statuses. */
export const ExecutionStatus = {
  FAILED: "FAILED",
  RUNNING: "RUNNING",
  STOPPED: "STOPPED",
  SUCCEEDED: "SUCCEEDED",
  TIMED_OUT: "TIMED_OUT",
} as const;
export type ExecutionStatus = (typeof ExecutionStatus)[keyof typeof ExecutionStatus];

/** The usage of an execution so far. */
export interface ExecutionCounters {
  /** Operations as AWS counts them for the quota: the execution, each operation, each retry. */
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

/** The data that identifies an execution. It never changes. */
export interface ExecutionHeader {
  readonly arn: string;
  readonly name: string;
  readonly functionName: string;
  /** The input as JSON text. */
  readonly input: string | undefined;
  /** Epoch milliseconds. */
  readonly startMs: number;
  readonly timeoutSeconds: number | undefined;
  /** Data of the caller, kept with the execution. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The operation of another execution that began this execution. */
  readonly parent?: ParentOperation | undefined;
  /** The tenant for which the function is invoked. */
  readonly tenantId?: string | undefined;
  /** The ARN of the execution from which this one was redriven. */
  readonly redriveOf?: string | undefined;
}

/** The entries and counters with which a redriven execution begins. */
export interface JournalSeed {
  readonly entries: readonly JournalEntry[];
  readonly counters: ExecutionCounters;
}

/** A chained invoke, as the execution that it began sees it. */
export interface ParentOperation {
  readonly arn: string;
  readonly operationId: string;
}

/** The end of a callback or a chained invoke. */
export interface ExternalCompletion {
  readonly status: "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED";
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
}

/** One event of an execution. The journal is the list of all events. Every state is computed from them. */
export type JournalEntry =
  /** An invocation begins. `token` is its first token. The changes in its event count as delivered. */
  | { readonly kind: "begin"; readonly atMs: number; readonly token: number; readonly requestId: string }
  /** An accepted checkpoint, with all of its updates. `token` is the token in the answer. */
  | {
      readonly kind: "checkpoint";
      readonly atMs: number;
      readonly token: number;
      readonly clientToken?: string | undefined;
      readonly updates: readonly OperationUpdate[];
      /**
       * The values that the service gives to operations that start: an id to a callback, an execution's ARN to a
       * chained invoke.
       */
      readonly assigned?: Readonly<Record<string, string>> | undefined;
    }
  /** Waits that have ended, retries that are due, and callbacks that have timed out. */
  | { readonly kind: "timers"; readonly atMs: number; readonly ids: readonly string[] }
  /** An external system completed a callback, or a chained invoke ended. */
  | ({ readonly kind: "completion"; readonly atMs: number; readonly id: string } & ExternalCompletion)
  /** An external system reported that it still works on a callback. */
  | { readonly kind: "heartbeat"; readonly atMs: number; readonly id: string }
  /** An invocation has ended. */
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

/** A line that a handler logged. */
export interface LogLine {
  readonly atMs: number;
  readonly level: "DEBUG" | "INFO" | "WARN" | "ERROR";
  /** The path of the context or step whose code logged the line; `root` for the handler itself. */
  readonly path: string;
  /** The name of that context or step. */
  readonly name?: string | undefined;
  /** In a step or condition, from 1. */
  readonly attempt?: number | undefined;
  readonly text: string;
}

/** An execution as the journal lists it. */
export interface JournalExecution {
  readonly header: ExecutionHeader;
  readonly status: ExecutionStatus;
  readonly endMs: number | undefined;
  /** The outcome. Result and error are undefined while the execution runs. */
  readonly result: string | undefined;
  readonly error: ErrorObject | undefined;
  readonly counters: ExecutionCounters;
}

/** The key for the look-up of an execution. `id` is the last part of the ARN. */
export type ExecutionKey = "arn" | "name" | "id";

/**
 * The store of executions. When a method has returned, its data is kept: `append` is one transaction. Implementations
 * are synchronous, because a commit of a checkpoint takes less time than a tick of the event loop.
 */
export interface Journal {
  /** Whether the journal can only be read. The engine then runs nothing. */
  readonly readOnly: boolean;
  /** Creates an execution. With a seed, everything is one transaction. */
  create(header: ExecutionHeader, seed?: JournalSeed): void;
  append(arn: string, entries: readonly JournalEntry[], counters: ExecutionCounters): void;
  /** In the order of their creation. */
  executions(): JournalExecution[];
  /**
   * The first execution with this key. The time for the look-up does not grow with the number of executions or entries.
   */
  find(key: ExecutionKey, value: string): JournalExecution | undefined;
  /** The execution that was created last. Executions that other executions began do not count. */
  last(): JournalExecution | undefined;
  entries(arn: string): Iterable<JournalEntry>;
  /** When the last entry of an execution was written, epoch milliseconds; undefined when there is none. */
  lastMs(arn: string): number | undefined;
  /** Keeps what was thrown, beside the entries: nothing follows from it. */
  addTrace(arn: string, trace: ErrorTrace): void;
  /** In the order in which they were thrown. */
  traces(arn: string): ErrorTrace[];
  /** Keeps a logged line, beside the entries: nothing follows from it. */
  addLog(arn: string, line: LogLine): void;
  /** In the order in which the lines were logged. */
  logs(arn: string): LogLine[];
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
