import { createCodec } from "../codec/codec.ts";
import {
  inOrder,
  lastOutcomes,
  packBatch,
  readOutcomes,
  readStoredBatch,
  type StoredBatch,
  writeBatch,
  writtenAgain,
} from "../codec/outcomes.ts";
import { BATCH_SUBTYPE, partName, recordedRange } from "../core/batch-operation.ts";
import { DurableError } from "../core/errors.ts";
import type { OperationPath } from "../core/ids.ts";
import { comparePaths, findPaths, itemIndex } from "../core/operation-paths.ts";
import type { Operation } from "../core/wire.ts";
import type { Amendment } from "../local/redrive.ts";

/** What a redrive of failed items changes, and how many items that are. */
export interface FailedItems extends Amendment {
  /** Items that have failed, and begin anew. Those that had not ended, or not begun, run as well. */
  readonly failedCount: number;
}

/**
 * For `LocalEngine.redrive`: lets those items of maps and parallels run again that failed.
 *
 * A1  An item that failed has not begun; everything inside it is forgotten, unless it failed because of a map in it: then
 *     that map's items are looked at instead.
 * A2  The map, and each context around it, has not ended: its result will be another one.
 * A3  What stands after the map in the code, and after each context around it, has not begun: it may depend on the result.
 * A4  Items that succeeded stay as they are, and so does what stands before the map.
 *
 * @throws DurableError `ERR_NOTHING_FAILED` when no map has a failed item
 */
export function failedItems(operations: readonly Operation[]): FailedItems {
  const search = new Search(operations);
  if (search.failedCount > 0) return search;
  throw new DurableError(
    "ERR_NOTHING_FAILED",
    "No item of a map or parallel of this execution has failed, so that there is nothing to run again.",
  );
}

class Search implements FailedItems {
  readonly removed = new Set<string>();
  readonly reopened = new Set<string>();
  readonly retried = new Map<string, string>();
  readonly payloads = new Map<string, string>();
  failedCount = 0;
  readonly #childrenOf = new Map<string | undefined, Operation[]>();
  readonly #paths: ReadonlyMap<string, OperationPath>;

  constructor(operations: readonly Operation[]) {
    this.#paths = findPaths(operations);
    for (const operation of operations) {
      if (operation.Type === "EXECUTION") continue;
      const siblings = this.#childrenOf.get(operation.ParentId);
      if (siblings === undefined) this.#childrenOf.set(operation.ParentId, [operation]);
      else siblings.push(operation);
    }
    for (const operation of operations) {
      // Its callback belongs to the old execution, so that its submitter has to hand out another one.
      if (operation.SubType === "WaitForCallback" && !hasEnded(operation)) this.#remove(operation);
    }
    for (const siblings of this.#childrenOf.values()) siblings.sort((a, b) => this.#compare(a, b));
    this.#visit(this.#children(undefined));
  }

  /** Looks at the operations of one context, in the order of the code; true when something in them runs again. */
  #visit(operations: readonly Operation[]): boolean {
    for (const [index, operation] of operations.entries()) {
      const runsAgain = isFanOut(operation) ? this.#fanOut(operation) : this.#visit(this.#children(operation.Id));
      if (!runsAgain) continue;
      if (operation.Type === "CONTEXT") this.#reopen(operation); // A2
      for (const later of operations.slice(index + 1)) this.#remove(later); // A3
      return true;
    }
    return false;
  }

  #fanOut(operation: Operation): boolean {
    const children = this.#children(operation.Id);
    if (children.some(({ SubType }) => SubType === BATCH_SUBTYPE)) return this.#batches(children);
    let runsAgain = false;
    if (children.some(({ SubType }) => SubType === "MapIteration" || SubType === "ParallelBranch")) {
      for (const item of children) if (this.#nestedItem(item)) runsAgain = true;
      return runsAgain;
    }
    return this.#flatItems(operation, children);
  }

  #nestedItem(item: Operation): boolean {
    const inside = this.#children(item.Id);
    if (!this.#visit(inside)) {
      if (item.Status !== "FAILED") return false;
      this.failedCount++;
      for (const operation of inside) this.#remove(operation); // A1
    }
    this.#reopen(item);
    return true;
  }

  /** Items without an operation of their own: what belongs to each is in its path, and how it ended in the result. */
  #flatItems(map: Operation, operations: readonly Operation[]): boolean {
    const mapPath = this.#paths.get(map.Id ?? "");
    const items = new Map<number, Operation[]>();
    for (const operation of operations) {
      const path = this.#paths.get(operation.Id ?? "");
      if (mapPath === undefined || path === undefined) continue;
      const index = itemIndex(mapPath, path);
      const item = items.get(index);
      if (item === undefined) items.set(index, [operation]);
      else item.push(operation);
    }
    const failed =
      failedIndexes(map) ?? new Set([...items].filter(([, item]) => item.some(hasFailed)).map(([at]) => at));
    let runsAgain = false;
    for (const index of new Set([...items.keys(), ...failed])) {
      const item = items.get(index) ?? [];
      if (!this.#visit(item)) {
        if (!failed.has(index)) continue;
        this.failedCount++;
        for (const operation of item) this.#remove(operation); // A1
      }
      runsAgain = true;
    }
    return runsAgain;
  }

  /** Takes out what did not succeed; a batch is tried again unless all of it did. */
  #batches(operations: readonly Operation[]): boolean {
    const byName = new Map(operations.map((operation) => [operation.Name, operation]));
    const batches = operations
      .filter(({ SubType }) => SubType === BATCH_SUBTYPE)
      .map((batch) => new RecordedBatch(batch, [...partsOf(batch, byName)]));
    const failedCount = batches.reduce((sum, batch) => sum + batch.failedCount, 0);
    if (failedCount === 0) return false;
    this.failedCount += failedCount;
    for (const batch of batches) {
      if (batch.isComplete) continue;
      const [own, ...parts] = batch.payloads();
      if (own !== undefined) this.retried.set(own.id, own.payload);
      for (const { id, payload } of parts) this.payloads.set(id, payload);
    }
    return true;
  }

  #reopen(operation: Operation): void {
    if (hasEnded(operation)) this.reopened.add(operation.Id as string);
  }

  #remove(operation: Operation): void {
    this.removed.add(operation.Id as string);
    for (const child of this.#children(operation.Id)) this.#remove(child);
  }

  #children(id: string | undefined): readonly Operation[] {
    return this.#childrenOf.get(id) ?? [];
  }

  #compare(a: Operation, b: Operation): number {
    const left = this.#paths.get(a.Id ?? "");
    const right = this.#paths.get(b.Id ?? "");
    return left === undefined || right === undefined ? 0 : comparePaths(left, right);
  }
}

const isFanOut = ({ SubType: subType }: Operation): boolean => subType === "Map" || subType === "Parallel";
const hasFailed = ({ Status: status }: Operation): boolean => status === "FAILED";
const hasEnded = ({ Status: status }: Operation): boolean => status === "SUCCEEDED" || status === "FAILED";

// It reads every format.
const json = createCodec("json");
const compact = createCodec("compact");
const typed = createCodec("typed");

function* partsOf(batch: Operation, byName: ReadonlyMap<string | undefined, Operation>): Generator<Operation> {
  for (let number = 1; ; number++) {
    const part = byName.get(partName(batch.Name, number));
    if (part === undefined) return;
    yield part;
  }
}

/** What the operations of a batch keep. */
class RecordedBatch {
  readonly failedCount: number;
  /** Whether all items have succeeded. */
  readonly isComplete: boolean;
  readonly #operations: readonly Operation[];
  readonly #logs: readonly (StoredBatch | undefined)[];
  readonly #succeeded: readonly boolean[];

  /** @throws DurableError `ERR_PAYLOAD_UNREADABLE` */
  constructor(own: Operation, parts: readonly Operation[]) {
    this.#operations = [own, ...parts];
    this.#logs = this.#operations.map(({ StepDetails: details }) =>
      details?.Result ? readStoredBatch(json.decode(details.Result)) : undefined,
    );
    const [ownLog, ...partLogs] = this.#logs;
    const outcomes = lastOutcomes(
      inOrder(
        ownLog,
        partLogs.filter((log) => log !== undefined),
      ),
    );
    this.failedCount = outcomes.filter((outcome) => outcome?.mark === "F").length;
    this.#succeeded = outcomes.map((outcome) => outcome !== undefined && "STUR".includes(outcome.mark));
    const range = recordedRange(own.Name);
    this.isComplete = range !== undefined && this.#succeeded.filter(Boolean).length > range.last - range.first;
  }

  /** What is left of each operation's payload without the items that did not succeed: these begin anew. */
  payloads(): { id: string; payload: string }[] {
    return this.#operations.map(({ Id: id }, at) => {
      const log = this.#logs[at];
      const { parts, fingerprint, names } = log ?? {};
      const outcomes = log === undefined ? [] : readOutcomes(log);
      const kept = outcomes.map((outcome, index) =>
        outcome !== undefined && this.#succeeded[index] ? writtenAgain(outcome, payloadOf) : undefined,
      );
      const members = {
        ...(parts === undefined ? {} : { parts }),
        ...(fingerprint === undefined ? {} : { fingerprint }),
        ...(names === undefined ? {} : { names }),
      };
      return { id: id as string, payload: packBatch(compact, writeBatch(kept, members)) };
    });
  }
}

/** The first form kept what the `typed` codec keeps as it is: only that codec writes it again. */
function payloadOf(value: unknown): string | undefined {
  return typed.roundTrip(value, Number.POSITIVE_INFINITY).payload;
}

/** The items that failed, by what is kept of the result; undefined where nobody but the user's serdes can read it. */
function failedIndexes({ ContextDetails: details }: Operation): Set<number> | undefined {
  let value: unknown;
  try {
    value = json.decode(details?.Result);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { all, itemStatuses } = value as { all?: unknown; itemStatuses?: unknown };
  if (typeof itemStatuses === "string") {
    return new Set([...itemStatuses].flatMap((status, index) => (status === "F" ? [index] : [])));
  }
  if (!Array.isArray(all)) return undefined;
  const failed = all.filter((item: { status?: unknown }) => item?.status === "FAILED");
  return new Set(failed.map((item: { index: number }) => item.index));
}
