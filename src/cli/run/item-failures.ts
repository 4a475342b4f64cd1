import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { closeSync, existsSync, openSync, rmSync, writeFileSync } from "node:fs";
import { DurableError, messageOf, toErrorObject } from "../../core/errors.ts";
import { FAN_OUT_CHANNEL, type FanOutAnnouncement } from "../../core/fan-out-announcement.ts";
import { findPaths, itemIndex } from "../../core/operation-paths.ts";
import { type ErrorObject, isFanOut, isItem, type Operation } from "../../core/wire.ts";
import { groupBy } from "../group-by.ts";
import { readBatches } from "../inspect/batch-view.ts";
import { readAnyPayload } from "../inspect/payload-view.ts";

export interface ItemFailure {
  readonly mapId: string;
  readonly map: string | undefined;
  readonly index: number;
  readonly name: string | undefined;
  /** Absent if the item did not run in this process. */
  readonly input?: unknown;
  readonly error: ErrorObject;
}

/** A failure that happened in this process. The failure is perhaps not recorded. */
interface SeenFailure extends ItemFailure {
  readonly input: unknown;
}

/** Collects the failed items of one execution, with their inputs, from `start` to `stop`. */
export class ItemFailures {
  readonly #seen = new Map<string, SeenFailure>();
  #stop: () => void = () => {};

  start(arn: string): void {
    const onBatch = (message: unknown): void => {
      const announcement = message as FanOutAnnouncement;
      if (announcement.executionArn !== arn) return;
      const { operationId: mapId, name: map } = announcement;
      announcement.onFailure = ({ index, error }, name, input) => {
        this.#seen.set(key(mapId, index), { mapId, map, index, name, input, error: toErrorObject(ownErrorOf(error)) });
      };
    };
    subscribe(FAN_OUT_CHANNEL, onBatch);
    this.#stop = () => void unsubscribe(FAN_OUT_CHANNEL, onBatch);
  }

  stop(): void {
    this.#stop();
  }

  /** The failed items of an ended execution, map by map. The failed items of one map are ordered by index. */
  of(operations: readonly Operation[]): ItemFailure[] {
    const { failed, succeeded } = recordedItems(operations);
    for (const [at, seen] of this.#seen) {
      // If the invocation ended before a failure was recorded, the item ran again and perhaps succeeded.
      if (succeeded.has(at)) continue;
      const recorded = failed.get(at);
      failed.set(at, { ...seen, error: recorded?.error ?? seen.error });
    }
    const maps = groupBy(failed.values(), ({ mapId }) => mapId);
    return [...maps.values()].flatMap((items) => items.sort((a, b) => a.index - b.index));
  }
}

/** Throws if the file cannot be written. Leaves no new file, because an empty file would say that no item failed. */
export function checkFailuresFile(file: string | undefined): void {
  if (file === undefined) return;
  try {
    const isNew = !existsSync(file);
    closeSync(openSync(file, "a"));
    if (isNew) rmSync(file);
  } catch (error) {
    throw unwritable(file, error);
  }
}

function unwritable(file: string, error: unknown): DurableError {
  const message = `The failed items cannot be written to ${file}: ${messageOf(error)}.`;
  return new DurableError("ERR_FAILURES_UNWRITABLE", message, { cause: error });
}

/** Writes one line of JSON for each failed item. @throws DurableError `ERR_FAILURES_UNWRITABLE` */
export function writeFailures(file: string, failures: readonly ItemFailure[]): void {
  const lines = failures.map(({ map, mapId, index, name, input, error }) => {
    const { ErrorType: type, ErrorMessage: message, ErrorData: data, StackTrace: stack } = error;
    const known = { map, mapId, index, name };
    try {
      return JSON.stringify({ ...known, input, error: { type, message, data, stack } });
    } catch {
      // The input cannot be written as JSON, so the line has no input.
      return JSON.stringify({ ...known, error: { type, message, data, stack } });
    }
  });
  try {
    writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
  } catch (error) {
    throw unwritable(file, error);
  }
}

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
    if (isItem(subType) && map && mapPath && path) {
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

/** An error in the result of a map. Its `Cause` is the error of the item. */
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

/** The items in a map's result. Empty if the result is missing, only a summary, or written by a user's serdes. */
function itemsOfResult(payload = ""): { index: number; status?: string; error?: ResultError }[] {
  const all = (readAnyPayload(payload).value as { all?: unknown } | null)?.all;
  return Array.isArray(all) ? all.filter((item) => typeof item?.index === "number") : [];
}

function key(mapId: string, index: number): string {
  return `${mapId} ${index}`;
}
