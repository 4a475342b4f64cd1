import { DurableError } from "../core/errors.ts";
import type { ErrorObject } from "../core/wire.ts";
import type {
  ExecutionCounters,
  ExecutionHeader,
  ExecutionStatus,
  Journal,
  JournalExecution,
  ParentOperation,
} from "../journal/journal.ts";
import { ExecutionRecord, type RecordHost } from "../service/execution-record.ts";
import type { LocalExecution } from "./local-execution.ts";

/**
 * One execution of a journal. Times are epoch milliseconds. While the execution has not ended, `status` is RUNNING,
 * even if no process runs it, and `endTimestamp`, `result` and `error` are undefined.
 */
export interface ExecutionSummary {
  readonly arn: string;
  readonly name: string;
  readonly functionName: string;
  readonly input: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** The chained invoke that started this execution. Undefined if no chained invoke did. */
  readonly parent: ParentOperation | undefined;
  /** The ARN of the ended execution from which this execution takes over. Undefined if the execution is no redrive. */
  readonly redriveOf: string | undefined;
  readonly status: ExecutionStatus;
  readonly startTimestamp: number;
  readonly endTimestamp: number | undefined;
  readonly result: string | undefined;
  readonly error: ErrorObject | undefined;
  readonly counters: ExecutionCounters;
}

export interface RunningExecution {
  readonly record: ExecutionRecord;
  readonly execution: LocalExecution;
}

export class Executions {
  readonly #host: RecordHost;
  readonly #running = new Map<string, RunningExecution>();

  constructor(host: RecordHost) {
    this.#host = host;
  }

  get #journal(): Journal {
    return this.#host.journal;
  }

  find(wanted: string): JournalExecution | undefined {
    const journal = this.#journal;
    if (wanted === "last") return journal.last();
    return journal.find("arn", wanted) ?? journal.find("name", wanted) ?? journal.find("id", wanted);
  }

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

  /** An execution whose operations have changed is not listed, because its next invocation is about to begin. */
  suspended(): string[] {
    const waiting = [...this.#running.values()].filter(({ record }) => record.isSuspended && !record.hasNews);
    return waiting.map(({ execution }) => execution.arn);
  }

  begin(begun: RunningExecution): void {
    this.#running.set(begun.execution.arn, begun);
  }

  end(arn: string): RunningExecution | undefined {
    const ended = this.#running.get(arn);
    this.#running.delete(arn);
    return ended;
  }

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

/** @throws DurableError `ERR_EXECUTION_NAME_TAKEN` if the execution has another function or another input */
export function checkSame(
  { arn, name, functionName, input }: ExecutionHeader,
  wanted: { readonly functionName: string; readonly input?: string | undefined },
): void {
  if (functionName === wanted.functionName && input === wanted.input) return;
  const what = functionName === wanted.functionName ? "input" : "function";
  const message = `There is an execution named "${name}" with another ${what} (${arn}). Give this one another name.`;
  throw new DurableError("ERR_EXECUTION_NAME_TAKEN", message);
}

/** @throws DurableError `ERR_JOURNAL_READ_ONLY` if the execution has not ended and the journal can only be read */
export function checkWritable({ readOnly }: Journal, { header, status }: JournalExecution): void {
  if (status !== "RUNNING" || !readOnly) return;
  const message = `The journal can only be read, and execution "${header.name}" has not ended. Open it to write.`;
  throw new DurableError("ERR_JOURNAL_READ_ONLY", message);
}
