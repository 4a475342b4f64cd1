import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { createCodec } from "../../codec/codec.ts";
import { DurableError, messageOf, toErrorObject } from "../../core/errors.ts";
import { findPaths, itemIndex } from "../../core/operation-paths.ts";
import { type ErrorObject, isFanOut, type Operation } from "../../core/wire.ts";
import { readBatches } from "../inspect/batch-view.ts";
import { BATCH_CHANNEL, type BatchAnnouncement } from "./progress.ts";

/** An item of a map or parallel that has failed. */
export interface ItemFailure {
  readonly mapId: string;
  readonly map: string | undefined;
  readonly index: number;
  readonly name: string | undefined;
  /** Absent where this process did not see the item run. */
  readonly input?: unknown;
  readonly error: ErrorObject;
}

/** A failure that this process saw, before the service had it. */
interface SeenFailure extends ItemFailure {
  readonly input: unknown;
}

/** Follows one execution from `start` to `stop`, and keeps what its failed items were. */
export class ItemFailures {
  readonly #seen = new Map<string, SeenFailure>();
  #stop: () => void = () => {};

  start(arn: string): void {
    const onBatch = (message: unknown): void => {
      const announcement = message as BatchAnnouncement;
      if (announcement.executionArn !== arn) return;
      const { operationId: mapId, name: map } = announcement;
      announcement.onFailure = ({ index, error }, name, input) => {
        this.#seen.set(key(mapId, index), { mapId, map, index, name, input, error: toErrorObject(ownErrorOf(error)) });
      };
    };
    subscribe(BATCH_CHANNEL, onBatch);
    this.#stop = () => void unsubscribe(BATCH_CHANNEL, onBatch);
  }

  /** Stopping twice is allowed. */
  stop(): void {
    this.#stop();
  }

  /** The failed items of an execution that has ended, by map and index: as recorded, with what was seen of them here. */
  of(operations: readonly Operation[]): ItemFailure[] {
    const { failed, succeeded } = recordedItems(operations);
    for (const [at, seen] of this.#seen) {
      // Cut off before it was recorded, an item runs again, and may succeed then.
      if (succeeded.has(at)) continue;
      const recorded = failed.get(at);
      failed.set(at, { ...seen, error: recorded?.error ?? seen.error });
    }
    return [...failed.values()].sort((a, b) => (a.mapId === b.mapId ? a.index - b.index : 0));
  }
}

/**
 * Makes sure, before anything runs, that the file can be written. An existing file stays as it is.
 * @throws DurableError `ERR_FAILURES_UNWRITABLE`
 */
export function checkFailuresFile(file: string | undefined): void {
  if (file === undefined) return;
  try {
    closeSync(openSync(file, "a"));
  } catch (error) {
    throw unwritable(file, error);
  }
}

function unwritable(file: string, error: unknown): DurableError {
  const message = `The failed items cannot be written to ${file}: ${messageOf(error)}.`;
  return new DurableError("ERR_FAILURES_UNWRITABLE", message, { cause: error });
}

/**
 * Writes a line of JSON for each failed item.
 * @throws DurableError `ERR_FAILURES_UNWRITABLE`
 */
export function writeFailures(file: string, failures: readonly ItemFailure[]): void {
  const lines = failures.map(({ map, mapId, index, name, input, error }) => {
    const { ErrorType: type, ErrorMessage: message, ErrorData: data, StackTrace: stack } = error;
    const known = { map, mapId, index, name };
    try {
      return JSON.stringify({ ...known, input, error: { type, message, data, stack } });
    } catch {
      // JSON cannot say what the item was.
      return JSON.stringify({ ...known, error: { type, message, data, stack } });
    }
  });
  try {
    writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
  } catch (error) {
    throw unwritable(file, error);
  }
}

// It reads every format.
const json = createCodec("json");

function recordedItems(operations: readonly Operation[]) {
  const failed = new Map<string, ItemFailure>();
  const succeeded = new Set<string>();
  const byId = new Map(operations.map((operation) => [operation.Id, operation]));
  const paths = findPaths(operations);
  const note = (map: Operation, index: number, error: ErrorObject | undefined, name?: string): void => {
    const mapId = map.Id as string;
    if (error === undefined) succeeded.add(key(mapId, index));
    else failed.set(key(mapId, index), { mapId, map: map.Name, index, name, error });
  };
  for (const operation of operations) {
    const { SubType: subType, ParentId: parentId, Status: status, Name: name, ContextDetails: details } = operation;
    const [map, path] = [byId.get(parentId), paths.get(operation.Id ?? "")];
    const mapPath = paths.get(parentId ?? "");
    if ((subType === "MapIteration" || subType === "ParallelBranch") && map && mapPath && path) {
      if (status === "FAILED") note(map, itemIndex(mapPath, path), details?.Error ?? {}, name);
      else if (status === "SUCCEEDED") note(map, itemIndex(mapPath, path), undefined);
    }
    if (isFanOut(subType)) {
      for (const { index, status: ended, error } of itemsOfResult(details?.Result)) {
        if (ended === "FAILED") note(operation, index, ownError(error));
        else if (ended === "SUCCEEDED") note(operation, index, undefined);
      }
    }
  }
  for (const { operation, items } of readBatches(operations).values()) {
    const map = byId.get(operation.ParentId);
    if (map === undefined) continue;
    for (const { index, status, error } of items) {
      if (status === "FAILED") note(map, index, error ?? {});
      else if (status === "SUCCEEDED") note(map, index, undefined);
    }
  }
  return { failed, succeeded };
}

/** An error as a map's result has it: what the item failed with is inside. */
interface ResultError extends ErrorObject {
  readonly Cause?: ErrorObject;
}

function ownError(error: ResultError = {}): ErrorObject {
  return error.ErrorType === "ChildContextError" && error.Cause !== undefined ? error.Cause : error;
}

function ownErrorOf(error: unknown): unknown {
  const { name, cause } = (error ?? {}) as Partial<Error>;
  return name === "ChildContextError" && cause !== undefined ? cause : error;
}

/** The items in a map's result; none where nobody but the user's serdes can read it, or a summary is all that is kept. */
function itemsOfResult(payload: string | undefined): { index: number; status?: string; error?: ResultError }[] {
  try {
    const { all } = json.decode(payload) as { all?: unknown };
    return Array.isArray(all) ? all.filter((item) => typeof item?.index === "number") : [];
  } catch {
    return [];
  }
}

function key(mapId: string, index: number): string {
  return `${mapId} ${index}`;
}
