import { inOrder, type Outcome, readLog, readOutcomes } from "../../codec/batch-outcomes.ts";
import type { StoredBatch } from "../../codec/stored-batch.ts";
import { messageOf, UnrecoverableExecutionError } from "../../core/errors.ts";
import { isFinished } from "../../core/transitions.ts";
import type { WireOperation } from "../../core/wire.ts";

/** The content of one payload of a batch. */
export interface Log {
  /** The number of the part, from 1. 0 for the batch's own operation. */
  readonly part: number;
  readonly outcomes: readonly (Outcome | undefined)[];
  readonly due: NonNullable<StoredBatch["due"]>;
  readonly atMs: number | undefined;
  readonly repeated: number;
}

/** A part that has a payload and has not ended: see `SleepingParts`. */
export interface OpenPart {
  readonly record: WireOperation;
  readonly number: number;
  /** Whether no other payload of the batch was written after its payload. */
  readonly isLast: boolean;
  readonly repeated: number;
}

export interface RecordedLogs {
  /** The payloads in the order in which they were written. A later record of an operation replaces an earlier record. */
  readonly logs: readonly Log[];
  readonly parts: number;
  /** The id of a part that an earlier invocation began, and that has no payload. */
  readonly begunPart: string | undefined;
  readonly open: readonly OpenPart[];
  /** Whether a part says that no part follows. */
  readonly isLast: boolean;
  readonly fingerprint: string | undefined;
  readonly names: string | undefined;
}

/**
 * Reads the records of a batch. `takePart` returns the part with the given number, from 1; undefined if there is none.
 * @throws UnrecoverableExecutionError `ERR_PAYLOAD_UNREADABLE`
 */
export function readLogs(own: WireOperation, takePart: (part: number) => WireOperation | undefined): RecordedLogs {
  const ownStored = read(own);
  const known = ownStored?.parts ?? 0;
  const parts: StoredBatch[] = [];
  let begunPart: string | undefined;
  const open: Omit<OpenPart, "isLast">[] = [];
  for (;;) {
    const part = takePart(parts.length + 1);
    if (part === undefined) break;
    const stored = read(part);
    if (stored === undefined && part.Status === "STARTED") {
      begunPart = part.Id;
      break;
    }
    if (stored === undefined) throw unreadable(own.Name, `its part ${parts.length + 1} is empty`);
    parts.push(stored);
    if (!isFinished(part)) open.push({ record: part, number: parts.length, repeated: stored.repeated ?? 0 });
  }
  if (parts.length < known)
    throw unreadable(own.Name, `it has ${known} parts, but only ${parts.length} of them are recorded`);
  const stored = inOrder(ownStored, parts);
  let number = 0;
  return {
    logs: stored.map((log) => ({
      part: log === ownStored ? 0 : ++number,
      outcomes: readOutcomes(log),
      due: log.due ?? [],
      atMs: log.atMs,
      repeated: log.repeated ?? 0,
    })),
    ...{ parts: parts.length, begunPart },
    open: open.map((part) => ({ ...part, isLast: part.number === parts.length && part.number > known })),
    isLast: parts.some(({ isLast }) => isLast === true),
    fingerprint: stored.find(({ fingerprint }) => fingerprint !== undefined)?.fingerprint,
    names: stored.find(({ names }) => names !== undefined)?.names,
  };
}

function read(operation: WireOperation): StoredBatch | undefined {
  try {
    return readLog(operation);
  } catch (error) {
    throw unreadable(operation.Name, messageOf(error));
  }
}

function unreadable(name: string | undefined, why: string): UnrecoverableExecutionError {
  return new UnrecoverableExecutionError(
    "ERR_PAYLOAD_UNREADABLE",
    `The record of batch "${name}" cannot be read: ${why}. Another version or a map with ` +
      "other settings wrote the record, or it is damaged.",
  );
}
