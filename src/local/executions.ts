import { DurableError } from "../core/errors.ts";
import type { ErrorObject } from "../core/wire.ts";
import type {
  ExecutionCounters,
  ExecutionStatus,
  Journal,
  JournalExecution,
  ParentOperation,
} from "../journal/journal.ts";
import { ExecutionRecord, type RecordHost } from "../service/execution-record.ts";
import type { LocalExecution } from "./local-execution.ts";

/** What the journal knows of an execution. */
export interface ExecutionSummary {
  readonly arn: string;
  readonly name: string;
  readonly functionName: string;
  readonly input: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** The chained invoke of another execution that has begun this execution. */
  readonly parent: ParentOperation | undefined;
  /** The ARN of the ended execution from which this execution takes over. */
  readonly redriveOf: string | undefined;
  readonly status: ExecutionStatus;
  /** The start, in epoch milliseconds. */
  readonly startTimestamp: number;
  readonly endTimestamp: number | undefined;
  readonly result: string | undefined;
  readonly error: ErrorObject | undefined;
  readonly counters: ExecutionCounters;
}

/** An execution that runs in this engine. */
export interface RunningExecution {
  readonly record: ExecutionRecord;
  readonly execution: LocalExecution;
}

/** Finds the executions of a journal, and keeps those that run in this engine. */
export class Executions {
  readonly #host: RecordHost;
  readonly #running = new Map<string, RunningExecution>();

  constructor(host: RecordHost) {
    this.#host = host;
  }

  get #journal(): Journal {
    return this.#host.journal;
  }

  /**
   * Finds an execution by its ARN, name or id (the ARN's last part). `last` finds the one that a caller started last.
   */
  find(wanted: string): JournalExecution | undefined {
    const journal = this.#journal;
    if (wanted === "last") return journal.last();
    return journal.find("arn", wanted) ?? journal.find("name", wanted) ?? journal.find("id", wanted);
  }

  /**
   * Does the same as `find`, but throws if there is no such execution.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`
   */
  get(wanted: string): JournalExecution {
    const found = this.find(wanted);
    if (found !== undefined) return found;
    throw new DurableError("ERR_EXECUTION_UNKNOWN", `There is no execution "${wanted}" in this journal.`);
  }

  running(): IterableIterator<RunningExecution> {
    return this.#running.values();
  }

  runningOne(arn: string): RunningExecution | undefined {
    return this.#running.get(arn);
  }

  /**
   * The ARNs of the running executions that are suspended. An execution with news is left out, because its next
   * invocation is about to begin.
   */
  suspended(): string[] {
    const waiting = [...this.#running.values()].filter(({ record }) => record.isSuspended && !record.hasNews);
    return waiting.map(({ execution }) => execution.arn);
  }

  begin(begun: RunningExecution): void {
    this.#running.set(begun.execution.arn, begun);
  }

  /**
   * Notes that an execution has ended, and returns the execution. Returns undefined if the execution did not run here.
   */
  end(arn: string): RunningExecution | undefined {
    const ended = this.#running.get(arn);
    this.#running.delete(arn);
    return ended;
  }

  /**
   * The record of an execution: the record in use if the execution runs, otherwise a record made from the journal.
   * @throws DurableError `ERR_EXECUTION_UNKNOWN`
   */
  recordOf(wanted: string): ExecutionRecord {
    return this.#running.get(wanted)?.record ?? this.rebuilt(this.get(wanted));
  }

  rebuilt({ header, counters }: JournalExecution): ExecutionRecord {
    const running = this.#running.get(header.arn);
    if (running !== undefined) return running.record;
    const record = new ExecutionRecord(header, this.#host, counters);
    record.restore(this.#journal.entries(header.arn));
    return record;
  }

  summarize({ header, status, endMs, result, error, counters }: JournalExecution): ExecutionSummary {
    return {
      arn: header.arn,
      name: header.name,
      functionName: header.functionName,
      input: header.input,
      metadata: header.metadata,
      parent: header.parent,
      redriveOf: header.redriveOf,
      status,
      startTimestamp: header.startMs,
      endTimestamp: endMs,
      result,
      error,
      counters: { ...(this.#running.get(header.arn)?.record.counters ?? counters) },
    };
  }
}
