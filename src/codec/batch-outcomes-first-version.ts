import { defined, type ErrorObject } from "../core/wire.ts";
import type { StoredBatch, StoredRecord } from "./stored-batch.ts";

/*
 * The form in which version 2.0.0 stored the outcomes of a batch. This form stores no names, and of the operations
 * inside items only steps. Executions that began with version 2.0.0 may still have records in this form.
 */

/** The characters of `statuses` are the marks `S`, `U`, `F`, `K`, `-` and `.` of `OutcomeMark`. */
interface FirstVersion {
  batch: 1;
  statuses: string;
  /** The results of the items with the mark `S`. With a serdes for items, each result is the text of the serdes. */
  results: unknown[];
  errors?: ErrorObject[];
  kept?: FirstStep[][];
  parts?: number;
  fingerprint?: string;
}

interface FirstStep {
  step: string;
  result?: unknown;
  error?: ErrorObject;
  /** The number of failed attempts. Present only if another attempt follows. */
  attempts?: number;
  /** Milliseconds until the next attempt, from the time at which the batch's own operation may be tried again. */
  leftMs?: number;
}

export function isFirstVersion(value: unknown): value is FirstVersion {
  if (typeof value !== "object" || value === null) return false;
  const { batch, statuses, results, kept = [] } = value as Partial<FirstVersion>;
  if (batch !== 1 || typeof statuses !== "string" || !Array.isArray(results) || !Array.isArray(kept)) return false;
  return kept.every(
    (steps) => Array.isArray(steps) && steps.every((step) => typeof step === "object" && step !== null),
  );
}

export function readFirstVersion({ statuses, results, errors, kept, parts, fingerprint }: FirstVersion): StoredBatch {
  const items = [...statuses.matchAll(/K/g)].map(({ index }) => index);
  const due = (kept ?? []).flatMap((steps, at) =>
    steps.flatMap(({ step, attempts, leftMs = 0 }): [number, string, number][] =>
      attempts === undefined ? [] : [[items[at] ?? 0, step, leftMs]],
    ),
  );
  return {
    batch: 2,
    statuses,
    results,
    ...defined({ errors, kept: kept?.map((steps) => steps.map(recordOf)) }),
    ...(due.length === 0 ? {} : { due }),
    ...defined({ parts, fingerprint }),
  };
}

function recordOf({ step: path, result, error, attempts }: FirstStep): StoredRecord {
  const common = { path, isFirstVersion: true } as const;
  if (attempts !== undefined) return { ...common, status: "PENDING", attempts };
  if (error !== undefined) return { ...common, status: "FAILED", error };
  return { ...common, status: "SUCCEEDED", ...defined({ result }) };
}
