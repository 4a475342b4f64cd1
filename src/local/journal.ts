import type { ErrorObject, OperationUpdate } from "../core/wire.ts";

/** Final statuses of an execution, and the one before. */
export type ExecutionStatus = "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED";

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
    }
  /** Waits that are over, and retries that are due. */
  | { readonly kind: "timers"; readonly atMs: number; readonly ids: readonly string[] }
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

/** An execution as the journal lists it. */
export interface JournalExecution {
  readonly header: ExecutionHeader;
  readonly status: ExecutionStatus;
  readonly endMs: number | undefined;
  readonly counters: ExecutionCounters;
}

/**
 * Where executions are kept. What a method has returned from is kept: `append` is one transaction.
 * Implementations are synchronous, as a group commit of a checkpoint takes less than a turn of the event loop.
 */
export interface Journal {
  /** True when it can only be read: the engine then runs nothing. */
  readonly readOnly: boolean;
  create(header: ExecutionHeader): void;
  append(arn: string, entries: readonly JournalEntry[], counters: ExecutionCounters): void;
  /** In the order of their creation. */
  executions(): JournalExecution[];
  entries(arn: string): Iterable<JournalEntry>;
  close(): void;
}

interface Kept {
  readonly header: ExecutionHeader;
  readonly entries: JournalEntry[];
  status: ExecutionStatus;
  endMs: number | undefined;
  counters: ExecutionCounters;
}

/** A journal for one process's life. */
export class MemoryJournal implements Journal {
  readonly readOnly = false;
  readonly #kept = new Map<string, Kept>();

  create(header: ExecutionHeader): void {
    this.#kept.set(header.arn, { header, entries: [], status: "RUNNING", endMs: undefined, counters: noCounters() });
  }

  append(arn: string, entries: readonly JournalEntry[], counters: ExecutionCounters): void {
    const kept = this.#kept.get(arn);
    if (kept === undefined) throw new Error(`The journal has no execution ${arn}.`);
    for (const entry of entries) {
      kept.entries.push(entry);
      if (entry.kind === "end") {
        kept.status = entry.status;
        kept.endMs = entry.atMs;
      }
    }
    kept.counters = { ...counters };
  }

  executions(): JournalExecution[] {
    return [...this.#kept.values()].map(({ header, status, endMs, counters }) => ({
      header,
      status,
      endMs,
      counters: { ...counters },
    }));
  }

  entries(arn: string): Iterable<JournalEntry> {
    return this.#kept.get(arn)?.entries ?? [];
  }

  close(): void {}
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
