import { BATCH_PACK_FACTOR } from "../core/settings.ts";
import type { ErrorObject, WireOperation } from "../core/wire.ts";
import { isFirstVersion, readFirstVersion } from "./batch-outcomes-first-version.ts";
import type { Codec } from "./codec.ts";
import { isPacked } from "./format.ts";
import { readPayload } from "./payload.ts";
import type { OutcomeMark, StoredBatch, StoredRecord } from "./stored-batch.ts";

/** `result` belongs to the marks `S` and `T`, `error` to `F`, `records` to `K` and `R`. */
export interface Outcome {
  readonly mark: OutcomeMark;
  readonly result?: unknown;
  readonly error?: ErrorObject;
  readonly records?: readonly StoredRecord[];
}

/** Converts a decoded payload to the newest form. Returns undefined for a value that has not the form of a batch. */
export function readStoredBatch(value: unknown): StoredBatch | undefined {
  if (isFirstVersion(value)) return checked(readFirstVersion(value));
  if (typeof value !== "object" || value === null || (value as Partial<StoredBatch>).batch !== 2) return undefined;
  return checked(value as StoredBatch);
}

/** Throws for a damaged payload, and for a payload that no batch wrote. */
export function readLog({ StepDetails: details }: WireOperation): StoredBatch | undefined {
  if (!details?.Result) return undefined;
  const stored = readStoredBatch(readPayload(details.Result));
  if (stored === undefined) throw new Error("no batch writes such a payload");
  return stored;
}

function checked(stored: StoredBatch): StoredBatch | undefined {
  const { statuses, results, errors = [], kept = [], due = [] } = stored;
  if (typeof statuses !== "string" || !/^[STURFK.-]*$/.test(statuses)) return undefined;
  if (!Array.isArray(results) || !Array.isArray(errors) || !Array.isArray(kept) || !Array.isArray(due))
    return undefined;
  const count = (marks: RegExp): number => statuses.replaceAll(marks, "").length;
  if (results.length !== count(/[^ST]/g) || errors.length !== count(/[^F]/g)) return undefined;
  if (kept.length !== count(/[^KR]/g) || !kept.every((records) => Array.isArray(records) && records.every(isRecord))) {
    return undefined;
  }
  if (!errors.every((error) => typeof error === "object" && error !== null)) return undefined;
  if (!due.every(isDue)) return undefined;
  const { parts = 0, atMs = 0, repeated = 0 } = stored;
  if (!Number.isInteger(parts) || parts < 0 || !Number.isFinite(atMs) || !Number.isFinite(repeated)) return undefined;
  return stored;
}

const STATUSES: readonly unknown[] = [
  "SUCCEEDED",
  "FAILED",
  "PENDING",
  "STARTED",
  "READY",
] satisfies StoredRecord["status"][];

const TYPES: readonly unknown[] = ["STEP", "CONTEXT", "WAIT"];

function isRecord(value: unknown): value is StoredRecord {
  if (typeof value !== "object" || value === null) return false;
  const { path, type = "STEP", subType = "", name = "", ...rest } = value as Partial<StoredRecord>;
  const { status, attempts = 0, text = "", error = {} } = rest;
  if (!TYPES.includes(type) || typeof subType !== "string" || typeof name !== "string") return false;
  if (typeof path !== "string" || !/^\d+(-\d+)*$/.test(path) || !STATUSES.includes(status)) return false;
  return Number.isInteger(attempts) && typeof text === "string" && typeof error === "object" && error !== null;
}

function isDue(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [item, path, leftMs, delayMs = 0] = value;
  return Number.isInteger(item) && typeof path === "string" && Number.isFinite(leftMs) && Number.isFinite(delayMs);
}

export function packBatch(codec: Codec, json: string): string {
  return codec.pack(json, codec.packFromBytes * BATCH_PACK_FACTOR);
}

/** A record, as `writeBatch` takes it. `payload` is JSON, a packed payload, or a summary (`replayChildren`). */
export interface WrittenRecord extends Omit<StoredRecord, "result" | "text"> {
  payload?: string | undefined;
}

/** An outcome, as `writeBatch` takes it. A member that does not belong to the mark is not written (see `Outcome`). */
export interface WrittenOutcome {
  readonly mark: OutcomeMark;
  /** Belongs to the marks `S` and `T`. */
  readonly payload?: string;
  readonly error?: ErrorObject;
  readonly records?: readonly WrittenRecord[];
}

export function succeededWith(payload: string | undefined): WrittenOutcome {
  if (payload === undefined) return { mark: "U" };
  return { mark: isPacked(payload) ? "T" : "S", payload };
}

/** `payloadOf` makes the payload of a result that is not stored as text. */
export function writtenAgain(
  { mark, result, error, records }: Outcome,
  payloadOf: (value: unknown) => string | undefined,
): WrittenOutcome {
  switch (mark) {
    case "S":
      return succeededWith(payloadOf(result));
    case "T":
      return succeededWith(result as string);
    case "F":
      return { mark, error: error ?? {} };
    case "K":
    case "R":
      return { mark, records: (records ?? []).map((record) => writtenRecordAgain(record, payloadOf)) };
    default:
      return { mark };
  }
}

function writtenRecordAgain(
  { text, ...record }: StoredRecord,
  payloadOf: (value: unknown) => string | undefined,
): WrittenRecord {
  if (text !== undefined) return { ...record, payload: text };
  if (!("result" in record)) return record;
  const { result, ...rest } = record;
  return { ...rest, payload: payloadOf(result) };
}

export type BatchMembers = Omit<StoredBatch, "batch" | "statuses" | "results" | "errors" | "kept">;

/** Makes the JSON of a `StoredBatch`. JSON payloads are copied and not parsed, because this is faster. */
export function writeBatch(outcomes: readonly (WrittenOutcome | undefined)[], members: BatchMembers): string {
  let statuses = "";
  const results: string[] = [];
  const errors: ErrorObject[] = [];
  const kept: string[] = [];
  for (let index = 0; index < outcomes.length; index++) {
    const outcome = outcomes[index];
    if (outcome === undefined) {
      statuses += ".";
      continue;
    }
    const { mark, payload = "null", error, records = [] } = outcome;
    statuses += mark;
    if (mark === "S") results.push(payload);
    else if (mark === "T") results.push(JSON.stringify(payload));
    else if (mark === "F") errors.push(error ?? {});
    else if (mark === "K" || mark === "R") kept.push(`[${records.map(writeRecord).join(",")}]`);
  }
  const parts = [`{"batch":2,"statuses":"${statuses}","results":[${results.join(",")}]`];
  if (errors.length > 0) parts.push(`,"errors":${JSON.stringify(errors)}`);
  if (kept.length > 0) parts.push(`,"kept":[${kept.join(",")}]`);
  const rest = JSON.stringify(members);
  if (rest !== "{}") parts.push(`,${rest.slice(1, -1)}`);
  parts.push("}");
  return parts.join("");
}

function writeRecord({ payload, ...record }: WrittenRecord): string {
  if (payload === undefined) return JSON.stringify(record);
  // If the result of a context is rebuilt, the payload is a summary. A summary may be text that is not JSON.
  if (record.replayChildren || isPacked(payload)) return JSON.stringify({ ...record, text: payload });
  return `${JSON.stringify(record).slice(0, -1)},"result":${payload}}`;
}

/** `own` is the content of the batch's own operation, and `own.parts` is the number of parts that are older. */
export function inOrder(own: StoredBatch | undefined, parts: readonly StoredBatch[]): StoredBatch[] {
  if (own === undefined) return [...parts];
  const before = own.parts ?? 0;
  return [...parts.slice(0, before), own, ...parts.slice(before)];
}

/**
 * Returns the last outcome of each item, but the mark `R` stays if `K` follows (see `latest`). If the last outcome has
 * records, earlier records with other paths are added. `logs` are the contents of a batch in the order of `inOrder`. An
 * item without an outcome is undefined or, at the end, absent.
 */
export function lastOutcomes(logs: readonly StoredBatch[]): (Outcome | undefined)[] {
  const last: (Outcome | undefined)[] = [];
  for (const log of logs) {
    for (const [index, outcome] of readOutcomes(log).entries()) {
      if (outcome === undefined) continue;
      const before = last[index];
      const { mark } = latest(before, outcome);
      const { records } = outcome;
      if (records === undefined) last[index] = outcome;
      else {
        const others = before?.records?.filter((old) => !records.some(isSame(old))) ?? [];
        last[index] = { ...outcome, mark, records: [...others, ...records] };
      }
    }
  }
  return Array.from(last);
}

/** Records of an item (`K`) may be written after the end of the item (`R`). Then the end is returned. */
export function latest(before: Outcome | undefined, outcome: Outcome): Outcome {
  return before?.mark === "R" && outcome.mark === "K" ? before : outcome;
}

const isSame =
  (record: StoredRecord) =>
  ({ path }: StoredRecord): boolean =>
    path === record.path;

/** Reads the outcomes that `writeBatch` wrote. An item without an outcome is undefined or, at the end, absent. */
export function readOutcomes(stored: StoredBatch): (Outcome | undefined)[] {
  let results = 0;
  let errors = 0;
  let kept = 0;
  return [...stored.statuses].map((character): Outcome | undefined => {
    const mark = character as OutcomeMark;
    switch (mark) {
      case "S":
      case "T":
        return { mark, result: stored.results[results++] };
      case "F":
        return { mark, error: stored.errors?.[errors++] ?? {} };
      case "K":
      case "R":
        return { mark, records: stored.kept?.[kept++] ?? [] };
      case "U":
      case "-":
        return { mark };
      default:
        return undefined;
    }
  });
}
