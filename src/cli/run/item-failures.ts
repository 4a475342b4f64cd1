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
  /** Absent if the failure happened in another process, or if the runtime announces no maps. */
  readonly input?: unknown;
  /** Undefined if the failure happened in another process, and only the status of the item is recorded. */
  readonly error: ErrorObject | undefined;
}

/** A failure that happened in this process. The failure is perhaps not recorded. */
interface SeenFailure extends ItemFailure {
  readonly input: unknown;
}

/** Collects the inputs of the items of one execution that fail between `start` and `stop`. */
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

  /**
   * The failed items of an ended execution, also of earlier processes. The items of one map are ordered by index. For a
   * FLAT map whose recorded result has no status of each item, the failed items of earlier processes are missing.
   */
  of(operations: readonly Operation[]): ItemFailure[] {
    const { failed, succeeded } = recordedItems(operations);
    for (const [at, seen] of this.#seen) {
      // If an invocation ended before a failure was recorded, the next invocation may have run the item with success.
      if (succeeded.has(at)) continue;
      const recorded = failed.get(at);
      failed.set(at, { ...seen, error: recorded?.error ?? seen.error });
    }
    const maps = groupBy(failed.values(), ({ mapId }) => mapId);
    return [...maps.values()].flatMap((items) => items.sort((a, b) => a.index - b.index));
  }
}

/**
 * Leaves no new file, because an empty file would mean that no item failed.
 * @throws DurableError `ERR_FAILURES_UNWRITABLE`
 */
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

const NOT_RECORDED: ErrorObject = { ErrorMessage: "Only the status of this item is recorded, and not its error." };

/** Replaces the content of the file. @throws DurableError `ERR_FAILURES_UNWRITABLE` */
export function writeFailures(file: string, failures: readonly ItemFailure[]): void {
  const lines = failures.map(({ map, mapId, index, name, input, error }) => {
    const { ErrorType: type, ErrorMessage: message, ErrorData: data, StackTrace: stack } = error ?? NOT_RECORDED;
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
  const noteSuccess = ({ Id }: Operation, index: number): void => void succeeded.add(key(Id as string, index));
  const noteFailure = (map: Operation, index: number, error: ErrorObject | undefined, name?: string): void => {
    const mapId = map.Id as string;
    const at = key(mapId, index);
    if (error !== undefined || !failed.has(at)) failed.set(at, { mapId, map: map.Name, index, name, error });
  };
  for (const operation of operations) {
    const { SubType: subType, ParentId: parentId, Status: status, Name: name, ContextDetails: details } = operation;
    const [map, path] = [byId.get(parentId), paths.get(operation.Id ?? "")];
    const mapPath = paths.get(parentId ?? "");
    if (isItem(subType) && map && mapPath && path) {
      if (status === "FAILED") noteFailure(map, itemIndex(mapPath, path), details?.Error ?? {}, name);
      else if (status === "SUCCEEDED") noteSuccess(map, itemIndex(mapPath, path));
    }
    if (isFanOut(subType)) {
      for (const { index, status: ended, error } of itemsOfResult(details?.Result)) {
        if (ended === "FAILED") noteFailure(operation, index, ownError(error));
        else if (ended === "SUCCEEDED") noteSuccess(operation, index);
      }
    }
  }
  for (const { operation, items } of readBatches(operations).values()) {
    const map = byId.get(operation.ParentId);
    if (map === undefined) continue;
    for (const { index, status, error } of items) {
      if (status === "FAILED") noteFailure(map, index, error ?? {});
      else if (status === "SUCCEEDED") noteSuccess(map, index);
    }
  }
  return { failed, succeeded };
}

/** An error in the result of a map. The `Cause` of a `ChildContextError` is the error of the item. */
interface ResultError extends ErrorObject {
  readonly Cause?: ErrorObject;
}

function ownError(error: ResultError | undefined): ErrorObject | undefined {
  return error?.ErrorType === "ChildContextError" && error.Cause !== undefined ? error.Cause : error;
}

function ownErrorOf(error: unknown): unknown {
  const { name, cause } = (error ?? {}) as Partial<Error>;
  return name === "ChildContextError" && cause !== undefined ? cause : error;
}

interface ResultItem {
  readonly index: number;
  readonly status?: string | undefined;
  readonly error?: ResultError;
}

const STATUSES: Readonly<Record<string, string>> = { S: "SUCCEEDED", F: "FAILED" };

/** The items have no errors if the payload is a summary, and are none if the payload does not tell how they ended. */
function itemsOfResult(payload = ""): ResultItem[] {
  const { all, itemStatuses } = (readAnyPayload(payload).value ?? {}) as { all?: unknown; itemStatuses?: unknown };
  if (typeof itemStatuses === "string") {
    return Array.from(itemStatuses, (mark, index) => ({ index, status: STATUSES[mark] }));
  }
  return Array.isArray(all) ? all.filter((item) => typeof item?.index === "number") : [];
}

function key(mapId: string, index: number): string {
  return `${mapId} ${index}`;
}
