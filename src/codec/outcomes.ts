import { PACK_FACTORS } from "../core/settings.ts";
import type { ErrorObject } from "../core/wire.ts";
import type { Codec } from "./codec.ts";

/**
 * What one character of `StoredOutcomes.statuses` says of an item:
 * `S` succeeded, `U` succeeded with undefined, `F` failed, `K` not ended, but some of its steps are kept,
 * `-` started and not ended, `.` not started, or kept by another operation of the same batch.
 */
export type OutcomeMark = "S" | "U" | "F" | "K" | "-" | ".";

/** A step that ran inside an item: how it ended, or which attempt comes next. */
export interface StoredStep {
  /** The step's path inside its item: `1`, `2-1`. */
  step: string;
  /** Its result, or the text that a serdes made of it. Absent for undefined. */
  result?: unknown;
  error?: ErrorObject;
  /** Failed attempts, when another one follows. */
  attempts?: number;
  /** Milliseconds until that one may begin, once the batch itself may. Default 0. */
  leftMs?: number;
}

/** What a batch's operation keeps of its items, before the codec writes it. */
export interface StoredOutcomes {
  /** The version of this form. */
  batch: 1;
  /** An `OutcomeMark` for each item, in the order of their index. */
  statuses: string;
  /** Of the items marked `S`, in order. With a serdes for items these are the texts it made. */
  results: unknown[];
  /** Of the items marked `F`, in order. */
  errors?: ErrorObject[];
  /** Of the items marked `K`, in order. */
  kept?: StoredStep[][];
  /** How many further operations hold outcomes for which this one has no room. */
  parts?: number;
  /** Of a source that is read again on replay: what the batch's items were. */
  fingerprint?: string;
}

/** The payload of a batch. */
export function encodeOutcomes(codec: Codec, stored: StoredOutcomes): string {
  return codec.encode(stored, codec.packFromBytes * PACK_FACTORS.batch) as string;
}

/** Whether a decoded payload is that of a batch. */
export function isStoredOutcomes(value: unknown): value is StoredOutcomes {
  if (typeof value !== "object" || value === null) return false;
  const { batch, statuses, results } = value as Partial<StoredOutcomes>;
  return batch === 1 && typeof statuses === "string" && Array.isArray(results);
}

/** One item's outcome. */
export interface Outcome {
  readonly mark: OutcomeMark;
  /** With `S`. */
  readonly result?: unknown;
  /** With `F`. */
  readonly error?: ErrorObject;
  /** With `K`. */
  readonly steps?: readonly StoredStep[];
}

const UNKNOWN: Outcome = { mark: "." };

/** Writes outcomes; a hole is an item of which nothing is kept here. */
export function storeOutcomes(outcomes: readonly (Outcome | undefined)[], count: number): StoredOutcomes {
  const marks: string[] = [];
  const results: unknown[] = [];
  const errors: ErrorObject[] = [];
  const kept: StoredStep[][] = [];
  for (let index = 0; index < count; index++) {
    const { mark, result, error, steps } = outcomes[index] ?? UNKNOWN;
    marks.push(mark);
    if (mark === "S") results.push(result);
    else if (mark === "F") errors.push(error ?? {});
    else if (mark === "K") kept.push([...(steps ?? [])]);
  }
  const stored: StoredOutcomes = { batch: 1, statuses: marks.join(""), results };
  if (errors.length > 0) stored.errors = errors;
  if (kept.length > 0) stored.kept = kept;
  return stored;
}

/** Reads what `storeOutcomes` wrote, into `outcomes`; marks of `.` leave what is there. */
export function readOutcomes(stored: StoredOutcomes, outcomes: (Outcome | undefined)[]): void {
  let results = 0;
  let errors = 0;
  let kept = 0;
  for (let index = 0; index < stored.statuses.length; index++) {
    const mark = stored.statuses[index] as OutcomeMark;
    switch (mark) {
      case "S":
        outcomes[index] = { mark, result: stored.results[results++] };
        break;
      case "F":
        outcomes[index] = { mark, error: stored.errors?.[errors++] ?? {} };
        break;
      case "K":
        outcomes[index] = { mark, steps: stored.kept?.[kept++] ?? [] };
        break;
      case "U":
      case "-":
        outcomes[index] = { mark };
    }
  }
}
