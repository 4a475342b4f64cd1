import {
  inOrder,
  lastOutcomes,
  type Outcome,
  packBatch,
  readLog,
  readOutcomes,
  writeBatch,
  writtenAgain,
} from "../codec/batch-outcomes.ts";
import { createCodec } from "../codec/codec.ts";
import type { StoredBatch, StoredRecord } from "../codec/stored-batch.ts";
import { recordedRange } from "../core/batch-operation.ts";
import { MAX_BATCH_ITEMS } from "../core/batch-size.ts";
import { DurableError, messageOf } from "../core/errors.ts";
import { type ErrorObject, isItem, type Operation } from "../core/wire.ts";
import type { FoundExternal } from "./externals.ts";

const compact = createCodec("compact");
const typed = createCodec("typed");

/** Decides which records of a batch a redriven execution keeps. */
export class RecordedBatch {
  readonly failedCount: number;
  /** Whether all items have succeeded. False if the name of the batch does not tell how many items there are. */
  readonly isComplete: boolean;
  /** The items that have not succeeded. The keys are indexes in the map, the values are positions in the batch. */
  readonly #open = new Map<number, number>();
  readonly #operations: readonly Operation[];
  readonly #logs: readonly (StoredBatch | undefined)[];
  readonly #outcomes: readonly (Outcome | undefined)[];
  /** The paths of the records that each item without success keeps. The keys are positions in the batch. */
  readonly #kept = new Map<number, ReadonlySet<string>>();

  /** @throws DurableError `ERR_PAYLOAD_UNREADABLE` */
  constructor(own: Operation, parts: readonly Operation[]) {
    this.#operations = [own, ...parts];
    this.#logs = this.#operations.map(readNamed);
    const [ownLog, ...partLogs] = this.#logs;
    this.#outcomes = lastOutcomes(
      inOrder(
        ownLog,
        partLogs.filter((log) => log !== undefined),
      ),
    );
    this.failedCount = this.#outcomes.filter((outcome) => outcome?.mark === "F").length;
    const { first, last } = recordedRange(own.Name) ?? { first: 0, last: Number.POSITIVE_INFINITY };
    this.isComplete = this.#outcomes.filter(hasSucceeded).length > last - first;
    const count = Math.min(last - first + 1, MAX_BATCH_ITEMS);
    for (let at = 0; at < count; at++) if (!hasSucceeded(this.#outcomes[at])) this.#open.set(first + at, at);
  }

  get errors(): readonly ErrorObject[] {
    return this.#outcomes.flatMap((outcome) => (outcome?.mark === "F" && outcome.error ? [outcome.error] : []));
  }

  get indexes(): readonly number[] {
    return [...this.#open.keys()];
  }

  /** The open `waitForCallback`s: the index of the item in the map, and the path inside the item. */
  get waitingForCallbacks(): readonly (readonly [index: number, path: string])[] {
    const isOpen = ({ subType, status }: StoredRecord) => subType === "WaitForCallback" && status === "STARTED";
    return [...this.#open].flatMap(([index, at]) =>
      this.#recordsAt(at)
        .filter(isOpen)
        .map(({ path }) => [index, path] as const),
    );
  }

  /**
   * Decides which records `payloads` keeps. Returns the callbacks and invokes that begin anew. With `onlyCallbacks`,
   * failures are kept, and only a `waitForCallback` without an answer begins anew.
   */
  amend(externals: ReadonlyMap<number, readonly FoundExternal[]>, onlyCallbacks = false): Operation[] {
    return [...this.#open].flatMap(([index, at]) => {
      const outcome = this.#outcomes[at];
      const found = externals.get(index) ?? [];
      const records = this.#recordsAt(at);
      if (onlyCallbacks && records.length === 0) return [];
      const kept = outcome?.mark === "F" ? new Set<string>() : goingOn(records, found, onlyCallbacks);
      this.#kept.set(at, kept);
      return found.filter(({ path }) => !kept.has(path)).map(({ operation }) => operation);
    });
  }

  /**
   * The new payload of each operation of the batch, without the records and the failed outcomes that `amend` did not keep,
   * and whether the operation may be written again.
   */
  payloads(): { id: string; payload: string; isOpen: boolean }[] {
    return this.#operations.map(({ Id: id, Status: status }, at) => {
      const log = this.#logs[at];
      const { parts, fingerprint, names, due } = log ?? {};
      const outcomes = log === undefined ? [] : readOutcomes(log);
      const kept = outcomes.map((outcome, index) => {
        const left = this.#leftOf(outcome, this.#kept.get(index));
        return left && writtenAgain(left, payloadOf);
      });
      const waiting = due?.filter(([index, path]) => this.#kept.get(index)?.has(path) !== false) ?? [];
      const members = {
        // Without `atMs`, the rest of a delay begins when the batch is READY in the new execution.
        ...(waiting.length === 0 ? {} : { due: waiting }),
        ...(parts === undefined ? {} : { parts }),
        ...(fingerprint === undefined ? {} : { fingerprint }),
        ...(names === undefined ? {} : { names }),
      };
      const isOpen = at === 0 || status !== "SUCCEEDED";
      return { id: id as string, payload: packBatch(compact, writeBatch(kept, members)), isOpen };
    });
  }

  #recordsAt(at: number): readonly StoredRecord[] {
    const outcome = this.#outcomes[at];
    return outcome?.mark === "K" ? (outcome.records ?? []) : [];
  }

  #leftOf(outcome: Outcome | undefined, kept: ReadonlySet<string> | undefined): Outcome | undefined {
    if (outcome === undefined || kept === undefined) return outcome;
    const records = outcome.records?.filter(({ path }) => kept.has(path)) ?? [];
    return records.length === 0 ? undefined : { ...outcome, records };
  }
}

/**
 * The paths of the records that an item keeps when it continues. Not kept are a failed operation, the operations inside
 * it, and the operations after it in the same context. If a context around the failed operation has succeeded, its
 * failure drops nothing. After a failed item of an inner map, the other items of this map are kept. Also not kept are the
 * operations inside a `waitForCallback` without an answer: its callback belongs to the old execution, so the submitter
 * must submit another id.
 */
function goingOn(
  records: readonly StoredRecord[],
  externals: readonly FoundExternal[],
  onlyCallbacks: boolean,
): ReadonlySet<string> {
  const all = [
    ...records,
    ...externals.map(({ path, operation: { Status: status } }) => ({
      path,
      status: status === "SUCCEEDED" || status === "STARTED" ? status : "FAILED",
      subType: undefined,
    })),
  ];
  const dropped: ((path: string) => boolean)[] = [];
  for (const { path, status, subType } of all) {
    const isAnswered = (): boolean =>
      externals.some((one) => isInside(one.path, path) && one.operation.Status === "SUCCEEDED");
    if (subType === "WaitForCallback" && status === "STARTED" && !isAnswered()) {
      dropped.push((other) => isInside(other, path));
    }
    if (onlyCallbacks) continue;
    // If a context around the failed operation has succeeded, its result is recorded, and the failure has no effect.
    if (status !== "FAILED" || all.some((other) => other.status === "SUCCEEDED" && isInside(path, other.path)))
      continue;
    dropped.push((other) => other === path || isInside(other, path) || (!isItem(subType) && isAfter(other, path)));
  }
  return new Set(all.map(({ path }) => path).filter((path) => !dropped.some((drops) => drops(path))));
}

const isInside = (path: string, context: string): boolean => path.startsWith(`${context}-`);

/** Whether `path` is after `earlier` in the same context, or inside an operation that is after `earlier`. */
function isAfter(path: string, earlier: string): boolean {
  const at = earlier.lastIndexOf("-") + 1;
  return path.startsWith(earlier.slice(0, at)) && Number.parseInt(path.slice(at), 10) > Number(earlier.slice(at));
}

function hasSucceeded(outcome: Outcome | undefined): boolean {
  return outcome !== undefined && "STUR".includes(outcome.mark);
}

/** Items that were left count as items without a record. @throws DurableError `ERR_PAYLOAD_UNREADABLE` */
function readNamed(operation: Operation): StoredBatch | undefined {
  try {
    const log = readLog(operation);
    return log && { ...log, statuses: log.statuses.replaceAll("-", ".") };
  } catch (error) {
    const message = `The record of batch "${operation.Name}" cannot be read: ${messageOf(error)}. No item was run again.`;
    throw new DurableError("ERR_PAYLOAD_UNREADABLE", message, { cause: error });
  }
}

/** Writes a recorded value as a payload. Only the `typed` codec can write all values that batches may contain. */
function payloadOf(value: unknown): string | undefined {
  return typed.roundTrip(value, Number.POSITIVE_INFINITY).payload;
}
