import { DurableError } from "../core/errors.ts";
import {
  type ErrorTrace,
  type ExecutionCounters,
  type ExecutionHeader,
  type ExecutionKey,
  type Journal,
  type JournalEntry,
  type JournalExecution,
  type JournalSeed,
  type LogLine,
  noCounters,
} from "./journal.ts";

interface Kept {
  readonly header: ExecutionHeader;
  readonly entries: JournalEntry[];
  readonly traces: ErrorTrace[];
  readonly logs: LogLine[];
  end: Extract<JournalEntry, { kind: "end" }> | undefined;
  counters: ExecutionCounters;
}

/** A journal in the memory of the process. Its data is lost when the process ends; `close` does nothing. */
export class MemoryJournal implements Journal {
  readonly readOnly = false;
  readonly #kept = new Map<string, Kept>();
  readonly #arns: Record<"name" | "id", Map<string, string>> = { name: new Map(), id: new Map() };
  #lastArn: string | undefined;

  create(header: ExecutionHeader, seed?: JournalSeed): void {
    const { arn } = header;
    const { entries = [], counters = noCounters() } = seed ?? {};
    const beside = { traces: [], logs: [] };
    this.#kept.set(arn, { header, entries: [...entries], ...beside, end: undefined, counters: { ...counters } });
    this.#index(header);
  }

  append(arn: string, entries: readonly JournalEntry[], counters: ExecutionCounters): void {
    const kept = this.#kept.get(arn);
    if (kept === undefined) throw new DurableError("ERR_EXECUTION_UNKNOWN", `The journal has no execution ${arn}.`);
    for (const entry of entries) {
      kept.entries.push(entry);
      if (entry.kind === "end") kept.end = entry;
    }
    kept.counters = { ...counters };
  }

  executions(): JournalExecution[] {
    return Array.from(this.#kept.values(), asListed);
  }

  find(key: ExecutionKey, value: string): JournalExecution | undefined {
    const kept = this.#kept.get(key === "arn" ? value : (this.#arns[key].get(value) ?? ""));
    return kept && asListed(kept);
  }

  last(): JournalExecution | undefined {
    return this.#lastArn === undefined ? undefined : this.find("arn", this.#lastArn);
  }

  entries(arn: string): Iterable<JournalEntry> {
    return this.#kept.get(arn)?.entries ?? [];
  }

  lastMs(arn: string): number | undefined {
    return this.#kept.get(arn)?.entries.at(-1)?.atMs;
  }

  addTrace(arn: string, trace: ErrorTrace): void {
    this.#kept.get(arn)?.traces.push(trace);
  }

  traces(arn: string): ErrorTrace[] {
    return [...(this.#kept.get(arn)?.traces ?? [])];
  }

  addLog(arn: string, line: LogLine): void {
    this.#kept.get(arn)?.logs.push(line);
  }

  logs(arn: string): LogLine[] {
    return [...(this.#kept.get(arn)?.logs ?? [])];
  }

  remove(arns: readonly string[]): void {
    for (const arn of arns) this.#kept.delete(arn);
    for (const map of Object.values(this.#arns)) map.clear();
    this.#lastArn = undefined;
    for (const { header } of this.#kept.values()) this.#index(header);
  }

  close(): void {}

  #index({ arn, name, parent }: ExecutionHeader): void {
    if (!this.#arns.name.has(name)) this.#arns.name.set(name, arn);
    const id = arn.slice(arn.lastIndexOf("/") + 1);
    if (!this.#arns.id.has(id)) this.#arns.id.set(id, arn);
    if (parent === undefined) this.#lastArn = arn;
  }
}

function asListed({ header, end, counters }: Kept): JournalExecution {
  return {
    header,
    status: end?.status ?? "RUNNING",
    endMs: end?.atMs,
    result: end?.result,
    error: end?.error,
    counters: { ...counters },
  };
}
