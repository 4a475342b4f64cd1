import type { ErrorObject, OperationUpdate } from "../core/wire.ts";

/** RUNNING until the execution has ended, even if no process runs it. Then one of the final statuses. */
export const ExecutionStatus = {
  FAILED: "FAILED",
  RUNNING: "RUNNING",
  STOPPED: "STOPPED",
  SUCCEEDED: "SUCCEEDED",
  TIMED_OUT: "TIMED_OUT",
} as const;
export type ExecutionStatus = (typeof ExecutionStatus)[keyof typeof ExecutionStatus];

/** What an execution has used until now. */
export interface ExecutionCounters {
  /** AWS's count for the price: the execution, each operation and each retry. The quota counts only operations. */
  operations: number;
  /** Bytes of the input, and of all payloads and errors that were written. */
  dataBytes: number;
  updates: number;
  checkpoints: number;
  /** An estimate of the bytes of all checkpoint requests: payloads, errors, names, and 200 bytes for each update. */
  requestBytes: number;
  retries: number;
  invocations: number;
  invocationFailures: number;
  stateReads: number;
}

/** The data of an execution that never change. */
export interface ExecutionHeader {
  readonly arn: string;
  readonly name: string;
  readonly functionName: string;
  /** JSON text. Undefined if there is no input. */
  readonly input: string | undefined;
  /** Epoch milliseconds. */
  readonly startMs: number;
  readonly timeoutSeconds: number | undefined;
  /** Data that the caller of the engine stores with the execution. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The chained invoke that started this execution. Undefined if no chained invoke did. */
  readonly parent?: ParentOperation | undefined;
  /** The tenant for which the function is invoked. */
  readonly tenantId?: string | undefined;
  /** The ARN of the ended execution from which this execution takes over. Undefined if the execution is no redrive. */
  readonly redriveOf?: string | undefined;
}

/** The entries and counters with which a redriven execution begins. */
export interface JournalSeed {
  readonly entries: readonly JournalEntry[];
  readonly counters: ExecutionCounters;
}

/** A chained invoke that started an execution. `arn` is the execution that made the invoke. */
export interface ParentOperation {
  readonly arn: string;
  readonly operationId: string;
}

/** How a callback or a chained invoke has ended. */
export interface ExternalCompletion {
  readonly status: "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED";
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
}

/**
 * One event of an execution. The journal is the list of all events, and every state is computed from the events. Times
 * are epoch milliseconds.
 */
export type JournalEntry =
  /** An invocation has begun, and its handler gets all earlier changes. `token` is the first token. */
  | { readonly kind: "begin"; readonly atMs: number; readonly token: number; readonly requestId: string }
  /** The service has accepted a checkpoint. `token` is the token in the answer. */
  | {
      readonly kind: "checkpoint";
      readonly atMs: number;
      readonly token: number;
      readonly clientToken?: string | undefined;
      readonly updates: readonly OperationUpdate[];
      /** The ids of callbacks and the ARNs of child executions that the service has made, by operation id. */
      readonly assigned?: Readonly<Record<string, string>> | undefined;
    }
  /** The time of these operations has come: waits and retry delays have ended, and callbacks have timed out. */
  | { readonly kind: "timers"; readonly atMs: number; readonly ids: readonly string[] }
  /** An external system has completed a callback, or a chained invoke has ended. In a redrive, also a time-out. */
  | ({ readonly kind: "completion"; readonly atMs: number; readonly id: string } & ExternalCompletion)
  /** An external system has reported that the work for a callback continues. */
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

/** What user code has thrown, with the stack and the causes, which the records of operations do not have. */
export interface ErrorTrace {
  /** The operation's id, which is the hash of its path. For the handler itself, the id of the EXECUTION operation. */
  readonly operationId: string;
  readonly atMs: number;
  /** The stacks of the error and of its causes, one below the other. */
  readonly text: string;
}

/** A line that a handler logged. */
export interface LogLine {
  readonly atMs: number;
  readonly level: "DEBUG" | "INFO" | "WARN" | "ERROR";
  /** The path of the context or step whose code logged the line; `root` for the handler itself. */
  readonly path: string;
  /** The name of the context or step. */
  readonly name?: string | undefined;
  /** The number of the attempt of a step or condition, from 1. Undefined for other code. */
  readonly attempt?: number | undefined;
  readonly text: string;
}

/** An execution as the journal lists it. */
export interface JournalExecution {
  readonly header: ExecutionHeader;
  readonly status: ExecutionStatus;
  readonly endMs: number | undefined;
  /** Like `endMs` (epoch milliseconds) and `error`, undefined until the execution has ended. */
  readonly result: string | undefined;
  readonly error: ErrorObject | undefined;
  readonly counters: ExecutionCounters;
}

/** The value by which an execution is found. `id` is the last part of the ARN. */
export type ExecutionKey = "arn" | "name" | "id";

/**
 * Stores executions. When a method returns, its data is stored. `append` stores all of its data or nothing. The methods
 * are synchronous, because the commit of a checkpoint takes little time.
 */
export interface Journal {
  /** Whether the journal can only be read. The engine then runs no execution. */
  readonly readOnly: boolean;
  /** Creates an execution. The execution and its seed are stored together or not at all. */
  create(header: ExecutionHeader, seed?: JournalSeed): void;
  append(arn: string, entries: readonly JournalEntry[], counters: ExecutionCounters): void;
  /** All executions, in the order in which they were created. */
  executions(): JournalExecution[];
  /** The first execution with this key, in the order of `executions`. The search must not read all executions. */
  find(key: ExecutionKey, value: string): JournalExecution | undefined;
  /** The newest execution without a `parent`. */
  last(): JournalExecution | undefined;
  entries(arn: string): Iterable<JournalEntry>;
  /** The time of the last entry of an execution, in epoch milliseconds. Undefined if there is no entry. */
  lastMs(arn: string): number | undefined;
  /** Stores what user code has thrown. A trace is no entry, because no state is computed from a trace. */
  addTrace(arn: string, trace: ErrorTrace): void;
  /** The errors in the order in which they were thrown. */
  traces(arn: string): ErrorTrace[];
  /** Stores a line that the handler has logged. A line is no entry, because no state is computed from a line. */
  addLog(arn: string, line: LogLine): void;
  /** The lines in the order in which they were logged. */
  logs(arn: string): LogLine[];
  /** Removes executions with their entries, errors and lines, all together or not at all. Ignores unknown ARNs. */
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
