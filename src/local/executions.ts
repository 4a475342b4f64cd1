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

/** An execution as the journal has it. */
export interface ExecutionSummary {
  readonly arn: string;
  readonly name: string;
  readonly functionName: string;
  readonly input: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** The operation of another execution that began this one. */
  readonly parent: ParentOperation | undefined;
  /** The ARN of the execution from which this one was redriven. */
  readonly redriveOf: string | undefined;
  readonly status: ExecutionStatus;
  /** Epoch milliseconds. */
  readonly startTimestamp: number;
  readonly endTimestamp: number | undefined;
  readonly result: string | undefined;
  readonly error: ErrorObject | undefined;
  readonly counters: ExecutionCounters;
}

/** A running execution in this process. */
export interface RunningExecution {
  readonly record: ExecutionRecord;
  readonly execution: LocalExecution;
}

/** The executions of a journal, and the running ones among them. */
export class Executions {
  readonly #host: RecordHost;
  readonly #running = new Map<string, RunningExecution>();

  constructor(host: RecordHost) {
    this.#host = host;
  }

  get #journal(): Journal {
    return this.#host.journal;
  }

  /** By ARN, name, id (the ARN's last part) or `last`. */
  find(wanted: string): JournalExecution | undefined {
    const journal = this.#journal;
    if (wanted === "last") return journal.last();
    return journal.find("arn", wanted) ?? journal.find("name", wanted) ?? journal.find("id", wanted);
  }

  /** @throws DurableError `ERR_EXECUTION_UNKNOWN` */
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

  /** The ARNs of the running executions that wait for an operation. With news, an invocation is about to begin. */
  suspended(): string[] {
    const waiting = [...this.#running.values()].filter(({ record }) => record.isSuspended && !record.hasNews);
    return waiting.map(({ execution }) => execution.arn);
  }

  begin(begun: RunningExecution): void {
    this.#running.set(begun.execution.arn, begun);
  }

  /** Returns the execution that no longer runs. */
  end(arn: string): RunningExecution | undefined {
    const ended = this.#running.get(arn);
    this.#running.delete(arn);
    return ended;
  }

  /** The record of a running execution, or the record in the journal. @throws DurableError `ERR_EXECUTION_UNKNOWN` */
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
